"""An import as far as it is: how it is to be done, what came of it, and why it may not go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from b2bua.administration.entries import SECRETS, Op, Put
from b2bua.administration.merge import difference
from b2bua.administration.rows import Reading, Wrong
from b2bua.administration.wishes import Base, Update, Wishes
from b2bua.store.ports import Entry, ImportRow

Mode = Literal["all_or_nothing", "partial"]
State = Literal["reading", "checking", "checked", "refused", "applying", "applied", "failed", "cancelled", "rolled_back"]
"""checked: it could be applied · refused: it has errors, and nothing was changed · failed: it could not be tried to the end."""
OVER: Final = frozenset({"refused", "applied", "failed", "cancelled", "rolled_back"})
MAX_WRONG: Final = 10_000
"""Lines of an error sheet; who has more corrects those first."""
MAX_CHANGES: Final = 1_000
"""Changes that are listed; counted are all."""
_KEPT_ERRORS: Final = 1_000


class Options(NamedTuple):
    """How a sheet is taken in."""

    dry_run: bool = True
    mode: Mode = "all_or_nothing"
    update: Update = "both"
    delete_missing: bool = False
    """Users of whom the sheet says nothing are removed."""


class Change(NamedTuple):
    """What an import does, or would do, to one entry."""

    row: int
    """0: for no row of its own."""
    kind: str
    key: str
    name: str
    action: Literal["created", "changed", "removed"]
    fields: tuple[str, ...]
    """What is changed of it."""


class NoImport(Exception):
    """There is no such import, for this viewer at least."""


class NotNow(Exception):
    """The import is not in a state for that; says in which, and what can be done."""


class Stopped(Exception):
    """Cancelled."""


class TooMany(Exception):
    """Too many imports at once."""


class ChangedSince(Exception):
    """Entries that others have changed since the import: they are not taken back without being asked for."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"{len(names)} entries have been changed since the import")
        self.names = tuple(names)


@dataclass(slots=True, eq=False)
class Import:
    """One import, as far as it is."""

    id: str
    file: str
    account: str
    started: float
    options: Options
    state: State = "reading"
    words: str = ""
    """What came of it, for people."""
    rows: int = 0
    checked: int = 0
    applied: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """created, changed, removed: entries. unchanged, left_out: rows."""
    notes: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    changes: tuple[Change, ...] = ()
    reading: Reading | None = None
    """What was read, until it is applied."""
    ops: tuple[Op, ...] = ()
    wishes: Wishes = field(default_factory=Wishes)
    stop: threading.Event = field(default_factory=threading.Event)
    task: asyncio.Task[None] | None = None

    def beat(self, name: Literal["rows", "checked"]) -> Callable[[int], None]:
        """Counts rows, in whatever thread, and raises Stopped when the import has been cancelled."""

        def tell(done: int) -> None:
            if self.stop.is_set():
                raise Stopped
            setattr(self, name, done)

        return tell


def shown_name(filename: str) -> str:
    """The file's name without folders, and without what a browser should not have sent."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable())[:100] or "unnamed"


def sum_up(made: Import, wrong: list[Wrong], hopeless: bool, base: Base) -> None:
    """In the thread: the counts and lists of what has been tried; in which state it is then, the loop says."""
    made.wrong = tuple(sorted(dict.fromkeys(wrong), key=lambda each: each.row)[:MAX_WRONG])
    if len(wrong) > MAX_WRONG:
        made.notes = (*made.notes, f"Only the first {MAX_WRONG:,} of {len(wrong):,} problems are listed.")
    made.changes, counts = summary(made.ops, base, made.wishes.sources)
    made.counts = {**counts, "unchanged": made.wishes.unchanged, "left_out": len({each.row for each in wrong if each.row > 1})}
    made.checked = made.rows
    made.words = "There are errors; nothing has been changed." if hopeless else ""


def summary(ops: Sequence[Op], base: Base, sources: Mapping[tuple[str, str], Sequence[int]]) -> tuple[tuple[Change, ...], dict[str, int]]:
    """What operations do: the first of them one by one, and how many there are of each kind."""
    counts = {"created": 0, "changed": 0, "removed": 0}
    changes: list[Change] = []
    for op in ops:
        change = _change(op, base[op.kind].get(op.key), sources)
        counts[change.action] += 1
        if len(changes) < MAX_CHANGES:
            changes.append(change)
    return tuple(changes), counts


def _change(op: Op, before: Entry | None, sources: Mapping[tuple[str, str], Sequence[int]]) -> Change:
    row = next(iter(sources.get((op.kind, op.key), ())), 0)
    old, new = before.body if before is not None else None, op.body if isinstance(op, Put) else None
    name = str((new or old or {}).get("name", ""))
    if old is None or new is None:
        return Change(row, op.kind, op.key, name, "removed" if new is None else "created", ())
    hidden = {key: value for key, value in old.items() if key not in SECRETS}
    fields = dict.fromkeys("password" if path.partition(".")[0] in SECRETS else path for path, _, _ in difference(hidden, new))
    return Change(row, op.kind, op.key, name, "changed", tuple(fields))


def row_of(made: Import) -> ImportRow:
    """What the database keeps; the first of `errors` says what file it was."""
    heading: Mapping[str, Any] = {"file": made.file, "mode": made.options.mode, "words": made.words, "rows": made.rows}
    return ImportRow(
        made.id, made.started, made.account, made.state, made.counts, [heading, *(each._asdict() for each in made.wrong[:_KEPT_ERRORS])]
    )
