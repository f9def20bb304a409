"""What the rows of a sheet ask for: from values to changes of the directory.

An empty cell leaves what is there, a single hyphen takes it away, and a cell that says what the directory says already changes nothing: so a
file that was exported can be edited and read in again without loss. Pure, and slow for many rows: a thread does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from b2bua.administration import columns as col
from b2bua.administration.columns import Column
from b2bua.administration.entries import SECRETS, Body, Delete, Op, Put, masked
from b2bua.administration.merge import in_order
from b2bua.administration.references import NAMED_AS, PATHS, rewritten
from b2bua.administration.rights import Level, hides
from b2bua.administration.rows import Beat, Line, Wrong
from b2bua.config.canonical import canonical
from b2bua.store.ports import Entry

Update = Literal["both", "create", "update"]
Name = tuple[str, str]
"""Kind and key of an entry."""
Base = Mapping[str, Mapping[str, Entry]]
"""The directory that a sheet is held against: entries by kind and key."""
Sees = Callable[[Entry], Level]
"""How much of an entry whoever asks may see: what is hidden from them, no row of theirs may touch, or its answer would tell."""


@dataclass
class Wishes:
    """The changes that lines ask for."""

    ops: tuple[Op, ...] = ()
    wrong: list[Wrong] = field(default_factory=list)
    sources: dict[Name, list[int]] = field(default_factory=dict)
    """The rows that ask for the change of an entry."""
    lines: Mapping[int, Line] = field(default_factory=dict)
    """By row."""
    unchanged: int = 0
    """Rows that say what the directory says."""


def wish(
    lines: Iterable[Line],
    base: Base,
    update: Update = "both",
    beat: Beat = lambda _: None,
    *,
    remove: Iterable[str] = (),
    sees: Sees = lambda _: "whole",
) -> Wishes:
    """The changes that the lines ask for, and those for users who shall go."""
    work = _Work(base, update, sees)
    for extension in remove:
        work.remove(extension)
    for done, line in enumerate(lines):
        if not done & 0xFF:
            beat(done)
        work.take(line)
    work.finish()
    return work.wishes



class _Work:
    """Collects the bodies that lines ask for."""

    def __init__(self, base: Base, update: Update, sees: Sees) -> None:
        self._base = base
        self._update = update
        self._sees = sees
        self._bodies: dict[Name, dict[str, Any] | None] = {}
        self._lines: dict[int, Line] = {}
        self._asked_of: list[tuple[Line, list[Any]]] = []
        self._gone: set[str] = set()
        self._served: dict[str, list[str]] | None = None
        """By assistant: the executives, once all rows are known."""
        self._lists: dict[str, int] = {}
        """Executives whose assistants a row lists, with that row."""
        self.wishes = Wishes()

    def take(self, line: Line) -> None:
        """One row."""
        refused = self._refused(line.extension)
        if refused:
            self.wishes.wrong.append(Wrong(line.number, col.KEY, line.extension, refused))
            return
        self._lines[line.number] = line
        users = {column: value for column, value in line.values.items() if column.holder == "users"}
        self._edit(("users", line.extension), users, line.number)
        if len(users) < len(line.values):
            self._executive(line, {column: value for column, value in line.values.items() if column.holder == "executives"})

    def _refused(self, extension: str) -> str:
        """Why no row may be about this user; "" when one may."""
        entry = self._base["users"].get(extension)
        if entry is None:
            return "is nobody's extension; correct it, or choose to create users" if self._update == "update" else ""
        if self._update == "create":
            return "is there already; leave this row out, or choose to update users"
        return "" if self._sees(entry) == "whole" else "is not a user of yours: ask an administrator, or leave this row out"

    def remove(self, extension: str) -> None:
        """A user who shall go, with the part as an executive."""
        self._gone.add(extension)
        for kind in ("executives", "users"):
            if extension in self._base[kind]:
                self._bodies[kind, extension] = None

    def _forget_gone(self) -> None:
        """Those who go, in everything that names them; what would mean something else without the name stays, and is refused."""

        def visit(names: str, name: str, _field: str) -> str | None:
            return None if name in self._gone and names in NAMED_AS["users"] else name

        for kind in PATHS if self._gone else ():
            for key, entry in self._base[kind].items():
                before = self._bodies.get((kind, key), entry.body)
                after = None if before is None else rewritten(kind, before, visit)
                if after is not None and after != before:
                    self._body((kind, key), 0)
                    self._bodies[kind, key] = masked(after)

    def finish(self) -> None:
        """Everything that only makes sense when all rows are known."""
        self._forget_gone()
        for line, wanted in self._asked_of:
            self._work_for(line, wanted)
        ops: list[Op] = []
        for name, body in self._bodies.items():
            before = self._base[name[0]].get(name[1])
            if body is None:
                ops.append(Delete(name[0], name[1], before.revision if before else None))  # type: ignore[arg-type]
            elif before is None or masked(before.body) != canonical(name[0], body):
                ops.append(Put(name[0], name[1], body, before.revision if before else 0))  # type: ignore[arg-type]
        self.wishes.ops = in_order(ops)
        touched = {(op.kind, op.key) for op in ops}
        self.wishes.sources = {name: rows for name, rows in self.wishes.sources.items() if name in touched and rows}
        busy = {row for rows in self.wishes.sources.values() for row in rows}
        self.wishes.lines = self._lines
        self.wishes.unchanged = sum(1 for row in self._lines if row not in busy)

    def _say(self, line: Line, column: str, text: str) -> None:
        self.wishes.wrong.append(Wrong(line.number, column, line.cells.get(column, ""), text))

    def _body(self, name: Name, row: int) -> dict[str, Any]:
        """The body of an entry, to be edited for this row (0: for none)."""
        sources = self.wishes.sources.setdefault(name, [])
        if row and row not in sources:
            sources.append(row)
        found = self._bodies.get(name)
        if found is None:
            entry = self._base[name[0]].get(name[1])
            found = masked(entry.body) if entry is not None else {col.KEY: name[1]}
            self._bodies[name] = found
        return found

    def _edit(self, name: Name, values: Mapping[Column, Any], row: int) -> None:
        body = self._body(name, row)
        for column, value in values.items():
            if column.secret:
                body.update({col.PASSWORD: value} if value is not None else dict.fromkeys(SECRETS - {"pin"}))
            elif not _says(column, body, value):
                _set(body, column.path, value)

    def _executive(self, line: Line, values: dict[Column, Any]) -> None:
        """The part of a row that is about the user as an executive, and as an assistant."""
        extension, name = line.extension, ("executives", line.extension)
        is_one = extension in self._base["executives"]
        mark = values.pop(col.columns()[col.EXECUTIVE], "")
        works_for = values.pop(col.columns()[col.ASSISTANT_OF], "")
        filled = [column for column, value in values.items() if value is not None]
        level = self._sees(self._base["executives"][extension]) if is_one else "whole"
        hidden = next((column for column in values if hides(level, "executives", column.path[0])), None)
        if hidden is not None:
            self._say(line, hidden.name, "is not shown to you, and so not yours to change; leave this cell empty")
        elif mark is False and filled and not is_one:
            self._say(line, filled[0].name, f"is written while {col.EXECUTIVE} is false; write true there, or leave this cell empty")
        elif isinstance(mark, str) and mark:
            self._say(line, col.EXECUTIVE, f"is {mark!r}; write true or false")
        elif mark in (False, None) and is_one:
            self._bodies[name] = None
            self.wishes.sources.setdefault(name, []).append(line.number)
        elif mark is True or (filled and mark == "") or (is_one and values):
            self._edit(name, values, line.number)
            if values.get(col.columns()[col.ASSISTANTS]) is not None:
                self._lists[extension] = line.number
        if works_for != "":
            self._asked_of.append((line, works_for or []))

    # -- assistant_of: the same as `assistants`, from the other side

    def _work_for(self, line: Line, wanted: list[Any]) -> None:
        asked = {each if isinstance(each, str) else each[col.KEY]: each for each in wanted}
        now = self._executives_of(line.extension)
        for executive in dict.fromkeys((*asked, *now)):
            if (executive in asked) != (executive in now) and executive in self._lists:
                text = f"and row {self._lists[executive]} ({col.ASSISTANTS} of {executive}) contradict each other; write one of the two"
                self._say(line, col.ASSISTANT_OF, text)
            elif executive in asked and not self._exists(executive):
                self._say(line, col.ASSISTANT_OF, f"names {executive}, who is no executive; write the extension of one")
            elif executive in asked:
                self._join(line, executive, asked[executive])
            else:
                self._leave(line, executive)

    def _executives_of(self, extension: str) -> list[str]:
        if self._served is None:
            self._served = self._all_served()
        return self._served.get(extension, [])

    def _all_served(self) -> dict[str, list[str]]:
        """By assistant, with what the rows have changed."""
        bodies: dict[str, Body | None] = {key: entry.body for key, entry in self._base["executives"].items()}
        bodies.update({name[1]: body for name, body in self._bodies.items() if name[0] == "executives"})
        found: dict[str, list[str]] = {}
        for executive, body in bodies.items():
            for item in (body or {}).get(col.ASSISTANTS) or ():
                found.setdefault(extension_of(item), []).append(executive)
        return found

    def _exists(self, executive: str) -> bool:
        name = ("executives", executive)
        return self._bodies[name] is not None if name in self._bodies else executive in self._base["executives"]

    def _join(self, line: Line, executive: str, wanted: Any) -> None:
        before = [*((self._bodies.get(("executives", executive)) or self._base["executives"][executive].body).get(col.ASSISTANTS) or ())]
        place = next((index for index, item in enumerate(before) if extension_of(item) == line.extension), None)
        options = {} if isinstance(wanted, str) else {key: value for key, value in wanted.items() if key != col.KEY}
        order = options.pop("place", None)
        item: Any = {col.KEY: line.extension, **options} if options else before[place] if place is not None else line.extension
        after = [each for index, each in enumerate(before) if index != place]
        at = order - 1 if isinstance(order, int) and order > 0 else place if place is not None else len(after)
        after.insert(at, item)
        if after != before:
            self._body(("executives", executive), line.number)[col.ASSISTANTS] = after

    def _leave(self, line: Line, executive: str) -> None:
        body = self._body(("executives", executive), line.number)
        body[col.ASSISTANTS] = [each for each in body[col.ASSISTANTS] if extension_of(each) != line.extension]


def extension_of(item: Any) -> str:
    """Whom an entry of a list of assistants, members or agents means."""
    return item if isinstance(item, str) else str(item.get(col.KEY, "")) if isinstance(item, Mapping) else ""


def value_at(body: Mapping[str, Any], path: Sequence[str]) -> Any:
    """What stands there; None for nothing."""
    found: Any = body
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _says(column: Column, body: Mapping[str, Any], value: Any) -> bool:
    """Whether the body says that already, however it is written."""
    now = value_at(body, column.path)
    if value is None or now is None:
        return now is value
    return bool(now == value and type(now) is type(value)) or col.written(column.shape, now) == col.written(column.shape, value)


def _set(body: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put `value` there, None removes it; sections on the way are made anew, for others hold on to the old ones."""
    key, *rest = path
    if not rest:
        if value is None:
            body.pop(key, None)
        else:
            body[key] = value
        return
    section = dict(body[key]) if isinstance(body.get(key), Mapping) else {}
    _set(section, rest, value)
    if section:
        body[key] = section
    else:
        body.pop(key, None)
