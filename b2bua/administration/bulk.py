"""Many users at once, without a file: edit, remove, export (E4).

A bulk edit is an import whose rows all say the same; it is tried first, confirmed by its count, and rolled back like one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Final, NamedTuple

from b2bua.administration import columns as col
from b2bua.administration import rights
from b2bua.administration.columns import Column
from b2bua.administration.import_state import Change, summary
from b2bua.administration.imports import Imports
from b2bua.administration.rows import Line, Wrong
from b2bua.administration.sheets import Format, write_sheet
from b2bua.administration.viewer import Viewer
from b2bua.administration.wishes import Base, Wishes, value_at, wish
from b2bua.errors import Refused
from b2bua.store.ports import Entry

FILTERS: Final[Mapping[str, tuple[str, str]]] = {
    "site": ("location", ""),
    "cost_centre": ("cost_centre", ""),
    "status": ("status", "enabled"),
    "type": ("type", "person"),
    "role": ("role", "user"),
}
"""What users are chosen by: the field, and what no value means."""
SEARCH: Final = "search"
"""A part of the extension, the name or the e-mail address."""


class Selection(NamedTuple):
    """Which users: by extension, or all that a filter lets through."""

    extensions: tuple[str, ...] = ()
    filter: Mapping[str, str] = {}


class Tried(NamedTuple):
    """What a bulk edit would do, or has done."""

    users: int
    """How many were chosen: what has to be confirmed."""
    counts: Mapping[str, int]
    changes: tuple[Change, ...]
    wrong: tuple[Wrong, ...]
    import_id: str = ""
    """For the rollback, once it is done."""


class Unconfirmed(Exception):
    """The number that was confirmed is not how many users are meant."""

    def __init__(self, users: int) -> None:
        super().__init__(f"{users} users are meant")
        self.users = users


def chosen(selection: Selection, imports: Imports, viewer: Viewer) -> list[str]:
    """The extensions that are meant, of users whom the viewer may change. Raises Refused."""
    if viewer.role == "user":
        raise Refused(403, "to change several users you need to be the manager of a site, or the role user_admin")
    users, sees = imports.book.entries("users"), imports.sees(viewer)
    if bool(selection.extensions) == bool(selection.filter):
        raise Refused(422, f"choose users either by extensions or by a filter of {', '.join((*FILTERS, SEARCH))}")
    if selection.filter:
        unknown = sorted(selection.filter.keys() - FILTERS.keys() - {SEARCH})
        if unknown:
            raise Refused(422, f"{', '.join(unknown)}: there is no such filter; choose by {', '.join((*FILTERS, SEARCH))}")
        return [key for key, entry in users.items() if sees(entry) == "whole" and passes(entry, selection.filter)]
    gone = [each for each in selection.extensions if each not in users or sees(users[each]) != "whole"]
    if gone:
        raise Refused(422, f"{', '.join(gone[:10])}: {'these are' if len(gone) > 1 else 'this is'} no user of yours; choose again")
    return list(dict.fromkeys(selection.extensions))


def passes(entry: Entry, wanted: Mapping[str, str]) -> bool:
    """Whether a user is one of those that the filter means."""
    word = wanted.get(SEARCH, "").casefold()
    texts = (entry.key, str(entry.body.get("name", "")), str(entry.body.get("email") or ""))
    if word and not any(word in text.casefold() for text in texts):
        return False
    return all(str(entry.body.get(FILTERS[key][0]) or FILTERS[key][1]) == value for key, value in wanted.items() if key != SEARCH)


async def edit(
    imports: Imports, viewer: Viewer, selection: Selection, changes: Mapping[str, Any], *, dry_run: bool = True, confirm: int | None = None
) -> Tried:
    """Set the same of all of them; null takes away. Raises Refused, Unconfirmed, and what `Imports.commit` raises."""
    values = _values(changes)
    extensions = chosen(selection, imports, viewer)
    lines = [Line(row, extension, values, {}) for row, extension in enumerate(extensions, 1)]
    base, sees = imports.base(), imports.sees(viewer)
    wishes = await imports.run(lambda: wish(lines, base, "update", sees=sees))
    return await _carry_out(imports, viewer, "bulk edit", extensions, wishes, base, None if dry_run else confirm, dry_run)


async def remove(imports: Imports, viewer: Viewer, selection: Selection, *, dry_run: bool = True, confirm: int | None = None) -> Tried:
    """Remove all of them, and their names from the lists of assistants, members, agents and managers. Raises as `edit`."""
    extensions = chosen(selection, imports, viewer)
    if viewer.extension in extensions:
        raise Refused(422, f"{viewer.extension} is you: nobody removes themselves; leave it out")
    base, sees = imports.base(), imports.sees(viewer)
    wishes = await imports.run(lambda: wish((), base, remove=extensions, sees=sees))
    return await _carry_out(imports, viewer, "bulk removal", extensions, wishes, base, None if dry_run else confirm, dry_run)


async def _carry_out(
    imports: Imports, viewer: Viewer, name: str, extensions: Sequence[str], wishes: Wishes, base: Base, confirm: int | None, dry_run: bool
) -> Tried:
    wrong = [*wishes.wrong, *await imports.permitted(viewer, wishes)]
    wrong += await imports.findings(viewer, wishes)
    wrong = [_named(each, extensions) for each in wrong]
    changes, counts = await imports.run(lambda: summary(wishes.ops, base, {}))
    tried = Tried(len(extensions), counts, changes, tuple(wrong))
    if wrong or dry_run:
        return tried
    if confirm != len(extensions):
        raise Unconfirmed(len(extensions))
    made = await imports.commit(viewer, name, wishes.ops, counts)
    return tried._replace(import_id=made.id)


def _named(wrong: Wrong, extensions: Sequence[str]) -> Wrong:
    """There are no rows here: who is meant is said by extension."""
    return wrong if not wrong.row else wrong._replace(row=0, value=extensions[wrong.row - 1])


def _values(changes: Mapping[str, Any]) -> dict[Column, Any]:
    found: dict[Column, Any] = {}
    for name, value in changes.items():
        column = col.known().get(name.lower())
        if column is None:
            raise Refused(422, f"{name}: there is no such column; write one such as location, cost_centre or forwarding.no_answer")
        if column.name == col.KEY or column.secret:
            raise Refused(422, f"{name} cannot be the same for several users")
        found[column] = value
    if not found:
        raise Refused(422, "there is nothing to set; write {\"set\": {\"location\": \"HQ\"}}")
    return found


# --- export -------------------------------------------------------------------------------------------------------------------


async def export_users(imports: Imports, viewer: Viewer, format_: Format, wanted: Mapping[str, str]) -> IO[bytes]:
    """The users that the viewer may see whole, as a sheet that can be edited and imported; without passwords. The caller closes it.

    Raises Refused and Unreadable.
    """
    if viewer.role == "user":
        raise Refused(403, "to export users you need to be the manager of a site, or the role user_admin")
    unknown = sorted(wanted.keys() - FILTERS.keys() - {SEARCH})
    if unknown:
        raise Refused(422, f"{', '.join(unknown)}: there is no such filter; choose by {', '.join((*FILTERS, SEARCH))}")
    columns = col.exported()
    names = [column.name for column in columns]
    rows = _rows(imports, viewer, wanted, columns)
    return await imports.run(lambda: write_sheet(format_, names, rows))


def _rows(imports: Imports, viewer: Viewer, wanted: Mapping[str, str], columns: Sequence[Column]) -> Iterator[list[str]]:
    """Read in the thread, from the directory as it is now."""
    users, executives, book = imports.book.entries("users"), imports.book.entries("executives"), imports.book
    for key, entry in users.items():
        if rights.level_of(viewer, entry, book) != "whole" or not passes(entry, wanted):
            continue
        boss = executives.get(key)
        bodies = {"users": rights.shown(viewer, entry, book), "executives": rights.shown(viewer, boss, book) if boss is not None else {}}
        yield [_cell(column, bodies[column.holder], boss is not None) for column in columns]


def _cell(column: Column, body: Mapping[str, Any], is_executive: bool) -> str:
    if column.name == col.EXECUTIVE:
        return "true" if is_executive else "false"
    return col.written(column.shape, value_at(body, column.path))


async def error_sheet(imports: Imports, wrong: Sequence[Wrong], format_: Format) -> IO[bytes]:
    """What is wrong with an import, as a sheet. The caller closes it."""
    rows = [[str(each.row) if each.row else "", each.column, each.value, each.text] for each in wrong]
    return await imports.run(lambda: write_sheet(format_, ["row", "column", "value", "problem"], rows, name="problems"))
