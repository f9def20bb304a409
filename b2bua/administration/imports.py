"""Imports of spreadsheets (E4): read, tried, applied as one change, and taken back as one.

Each is a task that reads and checks in a thread beside the calls, and may be cancelled until it is committed. What undoes it is written with
it, in the same transaction, so it can be taken back long after.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

from b2bua import logs
from b2bua.administration import rights, sip_passwords
from b2bua.administration.blame import blame
from b2bua.administration.book import Actor, Book, Conflict, Missing, Refusal
from b2bua.administration.entries import KINDS, SECRETS, Delete, Finding, Op, Put
from b2bua.administration.import_state import (
    MAX_WRONG,
    OVER,
    ChangedSince,
    Import,
    NoImport,
    NotNow,
    Options,
    State,
    Stopped,
    TooMany,
    row_of,
    shown_name,
    sum_up,
)
from b2bua.administration.merge import in_order
from b2bua.administration.rows import Line, Reading, Wrong, read_lines
from b2bua.administration.sheets import Unreadable, read_sheet
from b2bua.administration.viewer import Viewer
from b2bua.administration.wishes import Base, Wishes, wish
from b2bua.errors import Refused
from b2bua.store.ports import Entry, ImportRow, ImportStore, Moved, Unavailable, UndoRow

DEADLINE_SECONDS: Final = 300.0
MAX_OPEN: Final = 5
"""Imports that may wait or run at once."""
MAX_KEPT: Final = 20
"""Imports whose errors and changes are kept in memory; all others are known by what the database says of them."""
MAX_ROUNDS: Final = 10
"""partial: how often rows are left out and the rest is checked again."""
_ELSEWHERE: Final = "this would break an entry that you may not see; ask an administrator"
_log = logs.get("imports")
_T = TypeVar("_T")


class Imports:
    """All imports. On the event loop; one thread of its own does what takes long. `wall`: seconds since the epoch."""

    def __init__(self, book: Book, store: ImportStore, wall: Callable[[], float]) -> None:
        self.book = book
        self._store = store
        self._wall = wall
        self._thread = ThreadPoolExecutor(1, "imports")
        self._turn = asyncio.Lock()
        self._known: dict[str, Import] = {}

    def cancel_all(self) -> None:
        """Nothing that runs shall go on; what is being committed is finished by the book."""
        for each in self._known.values():
            each.stop.set()
            if each.task is not None:
                each.task.cancel()

    def close(self) -> None:
        """Release the thread, when what it does is done. Blocks."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do something slow beside the calls."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # -- beginning

    def start(self, viewer: Viewer, filename: str, data: bytes, options: Options) -> Import:
        """Begin an import; it goes on by itself. Raises Refused and TooMany."""
        if viewer.role == "user":
            raise Refused(403, "to import users you need to be the manager of a site, or the role user_admin")
        if viewer.read_only:
            raise Refused(403, "this token may only read; make one with the scope write")
        if options.delete_missing and options.mode == "partial":
            raise Refused(422, "users that are missing in the file can be removed only with all_or_nothing: a row that is left out is not missing")
        if sum(1 for each in self._known.values() if each.task is not None and not each.task.done()) >= MAX_OPEN:
            raise TooMany(f"{MAX_OPEN} imports are running: wait until one has finished")
        made = Import(secrets.token_hex(8), shown_name(filename), viewer.account, self._wall(), options)
        self._known[made.id] = made
        self._forget_old()
        made.task = asyncio.create_task(self._go(made, lambda: self._begin(made, viewer, data)), name=f"import {made.id}")
        return made

    def _forget_old(self) -> None:
        idle = [each for each in self._known.values() if each.task is None or each.task.done()]
        for each in idle[: max(0, len(self._known) - MAX_KEPT)]:
            del self._known[each.id]

    async def _go(self, made: Import, work: Callable[[], Any]) -> None:
        """Do it, and write down how it ended."""
        try:
            async with self._turn:
                await work()
        except Stopped:
            made.state, made.words = "cancelled", "Cancelled; nothing has been changed."
        except TimeoutError:
            made.state, made.words = "failed", f"This took longer than {DEADLINE_SECONDS:.0f} s, and nothing has been changed; split the file."
        except (Unreadable, Refused) as error:
            made.state, made.words = "refused", error.reason if isinstance(error, Refused) else str(error)
            made.wrong = (Wrong(0, "", "", made.words),)
        except Unavailable as error:
            certain = "nothing has been changed" if made.state != "applying" else "whether this was applied, the list says when it is back"
            made.state, made.words = "failed", f"The database does not answer ({error}); {certain}."
        except asyncio.CancelledError:
            made.state = "cancelled"
            raise
        except Exception as error:  # noqa: BLE001 - told, and this import is over
            _log.error("bug", id=made.id, exc_info=error)
            made.state, made.words = "failed", "The server failed; its log says why."
        finally:
            made.stop.set()  # whatever is still in the thread ends at its next row
        if made.state in OVER:
            made.reading, made.ops, made.wishes = None, (), Wishes()
            await self._write_down(made)

    async def _write_down(self, made: Import) -> None:
        if made.options.dry_run and made.state != "applied":
            return  # nothing came of it: what was tried is nobody's business tomorrow
        try:
            await self.run(lambda: self._store.save_import(row_of(made)))
        except (Unavailable, RuntimeError) as error:
            _log.warning("import not kept", id=made.id, reason=str(error))

    async def _begin(self, made: Import, viewer: Viewer, data: bytes) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            made.reading = await self.run(lambda: self._read(made, data))
            hopeless = await self._try(made, viewer)
        if hopeless:
            made.state = "refused"
        elif made.options.dry_run:
            made.state = "checked"
        else:
            await self._commit(made, viewer)

    def _read(self, made: Import, data: bytes) -> Reading:
        """In the thread."""
        if made.stop.is_set():
            raise Stopped
        sheet = read_sheet(data, made.beat("rows"))
        made.notes, made.rows = sheet.notes, len(sheet.rows)
        return read_lines(sheet, made.beat("checked"))

    # -- trying

    async def _try(self, made: Import, viewer: Viewer) -> bool:
        """What would come of it; partial: without the rows that have errors. Whether it is to be refused: the state goes on from
        `checking` at the caller's, for one that is being applied is never `checked`."""
        assert made.reading is not None
        made.state, made.checked = "checking", 0
        lines, wrong = list(made.reading.lines), list(made.reading.wrong)
        if made.reading.spoilt:
            everything = sorted((*lines, *made.reading.spoilt), key=lambda line: line.number)
            if made.options.mode == "all_or_nothing":
                lines = everything
            else:
                wrong += await self._of_spoilt(made, viewer, made.reading, everything)
        for _ in range(MAX_ROUNDS):
            found = [] if made.reading.hopeless else await self._round(made, viewer, lines)
            wrong += found
            bad = {each.row for each in found}
            if made.options.mode == "all_or_nothing" or not bad or 0 in bad:
                break
            lines = [line for line in lines if line.number not in bad]
        else:
            wrong.append(Wrong(0, "", "", f"leaving out rows led to new errors {MAX_ROUNDS} times; correct those that are listed"))
            bad = {0}
        hopeless = made.reading.hopeless or (made.options.mode == "all_or_nothing" and bool(wrong)) or 0 in bad
        await self.run(lambda: sum_up(made, wrong, hopeless, self.base()))
        return hopeless

    async def _of_spoilt(self, made: Import, viewer: Viewer, reading: Reading, lines: Sequence[Line]) -> list[Wrong]:
        """partial: what else is wrong with rows that are left out anyway."""
        rows = {line.number for line in reading.spoilt}
        return [each for each in await self._round(made, viewer, lines) if each.row in rows]

    async def _round(self, made: Import, viewer: Viewer, lines: Sequence[Line]) -> list[Wrong]:
        assert made.reading is not None
        missing = self._missing(viewer, made.reading) if made.options.delete_missing else ()
        base, sees = self.base(), self.sees(viewer)
        made.wishes = await self.run(lambda: wish(lines, base, made.options.update, made.beat("checked"), remove=missing, sees=sees))
        wrong = [*made.wishes.wrong, *await self.permitted(viewer, made.wishes)]
        made.ops = made.wishes.ops
        if made.stop.is_set():
            raise Stopped
        bad = {each.row for each in wrong} | {line.number for line in made.reading.spoilt}
        found = await self.findings(viewer, made.wishes)
        # partial: what comes of rows that are left out is no fault of the others
        wrong += found if not wrong or made.options.mode == "all_or_nothing" else [each for each in found if each.row in bad]
        if made.stop.is_set():
            raise Stopped
        told = {(each.row, each.column) for each in made.reading.wrong}
        return [each for each in wrong if (each.row, each.column) not in told]  # a cell that cannot be read is not missing, too

    def base(self) -> Base:
        """The directory as it is."""
        return {kind: self.book.entries(kind) for kind in KINDS}

    def sees(self, viewer: Viewer) -> Callable[[Entry], rights.Level]:
        """How much of each entry this viewer may see."""
        return lambda entry: rights.level_of(viewer, entry, self.book)

    def _missing(self, viewer: Viewer, reading: Reading) -> tuple[str, ...]:
        """The users of this viewer of whom no row speaks; never the viewer."""
        spoken = {line.extension for line in (*reading.lines, *reading.spoilt)}
        sees = self.sees(viewer)
        return tuple(
            key for key, entry in self.book.entries("users").items() if key not in spoken and key != viewer.extension and sees(entry) == "whole"
        )

    async def permitted(self, viewer: Viewer, wishes: Wishes) -> list[Wrong]:
        """What the viewer may not do; the operations become those that they may do (a new assistant who must accept first)."""
        wrong: list[Wrong] = []

        def look() -> tuple[Op, ...]:
            found: list[Op] = []
            for op in wishes.ops:
                try:
                    found += rights.check(viewer, (op,), self.book)
                except Refused as error:
                    wrong.extend(_refused(op, error, wishes))
            wrong.extend(line for each in sip_passwords.unsuitable(wishes.ops) for line in blame(each, wishes))
            return tuple(found)

        allowed = await self.run(look)
        if not wrong:
            wishes.ops = allowed
        return wrong

    async def findings(self, viewer: Viewer, wishes: Wishes) -> list[Wrong]:
        """What speaks against the directory as it would be; of entries that the viewer may not see only that there is something."""
        if not wishes.ops:
            return []
        try:
            found = await self.book.check(wishes.ops)
        except (Conflict, Missing) as error:
            return [Wrong(0, "", f"{error.kind} {error.key}", "has been changed by somebody else just now; try again")]
        return await self.run(lambda: [wrong for finding in found[:MAX_WRONG] for wrong in blame(self._visible(viewer, finding), wishes)])

    def _visible(self, viewer: Viewer, finding: Finding) -> Finding:
        entry = self.book.entry(finding.kind, finding.key)
        if entry is None or rights.level_of(viewer, entry, self.book) in ("whole", "private"):
            return finding
        return Finding(finding.kind, "", "", _ELSEWHERE)

    # -- applying

    def apply(self, viewer: Viewer, import_id: str) -> Import:
        """Apply what has been tried; it goes on by itself. Raises NoImport, NotNow and Refused."""
        made = self.find(viewer, import_id)
        if made.state != "checked" or made.reading is None:
            raise NotNow(f"the import is {made.state}: only one that is checked can be applied")
        if viewer.read_only:
            raise Refused(403, "this token may only read; make one with the scope write")
        made.state, made.stop, made.options = "applying", threading.Event(), made.options._replace(dry_run=False)
        made.task = asyncio.create_task(self._go(made, lambda: self._again(made, viewer)), name=f"import {made.id}")
        return made

    async def _again(self, made: Import, viewer: Viewer) -> None:
        """Look once more, for others go on working; what is applied is what was shown."""
        shown = _effect(made)
        async with asyncio.timeout(DEADLINE_SECONDS):
            hopeless = await self._try(made, viewer)
        if hopeless:
            made.state = "refused"
        elif _effect(made) != shown:
            made.words = "The directory has been changed meanwhile, and so has what this import would do: look at it again, then apply."
            made.options = made.options._replace(dry_run=True)
            made.state = "checked"
        else:
            await self._commit(made, viewer)

    async def _commit(self, made: Import, viewer: Viewer) -> None:
        made.state = "applying"
        if made.ops:
            await self.run(lambda: self._store.save_import(row_of(made)))
            try:
                await self.book.change(Actor(viewer.account, f"import {made.id}", made.id), made.ops)
            except Refusal as error:
                made.state, made.wrong = "refused", tuple(wrong for each in error.findings for wrong in blame(self._visible(viewer, each), made.wishes))
                made.words = "Nothing has been changed."
                return
            except (Conflict, Missing, Moved) as error:
                why = str(error) or "the directory has been changed by somebody else"
                made.state, made.words = "refused", f"{why}: nothing has been changed; import the file again."
                return
        made.state, made.applied, made.words = "applied", made.rows, ""
        _log.info("import applied", id=made.id, by=viewer.account, **made.counts)

    async def commit(self, viewer: Viewer, name: str, ops: Sequence[Op], counts: Mapping[str, int]) -> Import:
        """Apply what has been tried elsewhere, as an import without a file, which can be rolled back. Raises Refusal, Conflict, Missing
        and Unavailable."""
        made = Import(secrets.token_hex(8), name, viewer.account, self._wall(), Options(dry_run=False), "applying", counts=dict(counts))
        await self.run(lambda: self._store.save_import(row_of(made)))
        await self.book.change(Actor(viewer.account, f"import {made.id}", made.id), ops)
        made.state = "applied"
        await self._write_down(made)
        _log.info("import applied", id=made.id, by=viewer.account, **counts)
        return made

    # -- ending

    def cancel(self, viewer: Viewer, import_id: str) -> Import:
        """End an import that has not been applied. Raises NoImport and NotNow."""
        made = self.find(viewer, import_id)
        if made.state == "applying":
            raise NotNow("the import is being applied; it can be rolled back afterwards")
        if made.state in OVER:
            raise NotNow(f"the import is {made.state} already")
        made.stop.set()
        if made.state == "checked":
            made.state, made.words, made.reading, made.ops = "cancelled", "Cancelled; nothing has been changed.", None, ()
        return made

    async def rollback(self, viewer: Viewer, import_id: str, *, force: bool = False) -> dict[str, int]:
        """Everything as it was before the import; how many entries were restored and removed. What others have changed since stays and is
        told, unless `force`. Raises NoImport, NotNow, ChangedSince, Refused, Refusal, Conflict and Missing."""
        past = await self.find_past(viewer, import_id)
        if past.state != "applied":
            raise NotNow(f"the import is {past.state}: only one that is applied can be rolled back")
        undo = await self.run(lambda: self._store.undo(import_id))
        since = [(each.kind, each.key) for each in undo if _moved(each, self.book.entry(each.kind, each.key))]
        if since and not force:
            raise ChangedSince(since)
        ops = in_order([op for each in undo if (op := _back(each, self.book.entry(each.kind, each.key))) is not None])
        allowed = rights.check(viewer, ops, self.book)
        if allowed:
            await self.book.change(Actor(viewer.account, f"rollback {import_id}"), allowed)
        _log.info("import rolled back", id=import_id, by=viewer.account, entries=len(allowed))
        await self._mark_rolled_back(past)
        removed = sum(1 for op in allowed if isinstance(op, Delete))
        return {"restored": len(allowed) - removed, "removed": removed}

    async def _mark_rolled_back(self, past: ImportRow) -> None:
        known = self._known.get(past.id)
        if known is not None:
            known.state = "rolled_back"
        with suppress(Unavailable):
            await self.run(lambda: self._store.save_import(past._replace(state="rolled_back")))

    # -- looking

    def find(self, viewer: Viewer, import_id: str) -> Import:
        """One that is in memory. Raises NoImport."""
        made = self._known.get(import_id)
        if made is None or not _may_look(viewer, made.account):
            raise NoImport
        return made

    def recent(self, viewer: Viewer) -> list[Import]:
        """Those in memory, the newest first."""
        return [each for each in reversed(self._known.values()) if _may_look(viewer, each.account)]

    async def past(self, viewer: Viewer, limit: int = 50) -> list[ImportRow]:
        """Those that have been applied, or should have been; the newest first."""
        rows = await self.run(lambda: self._store.imports(limit))
        return [await self._settled(row) for row in rows if _may_look(viewer, row.actor)]

    async def problems(self, viewer: Viewer, import_id: str) -> Sequence[Wrong]:
        """What was wrong with an import. Raises NoImport."""
        try:
            return self.find(viewer, import_id).wrong
        except NoImport:
            past = await self.find_past(viewer, import_id)
            return [Wrong(**each) for each in past.errors[1:]]

    async def find_past(self, viewer: Viewer, import_id: str) -> ImportRow:
        """One that has been applied, or should have been. Raises NoImport."""
        row = await self.run(lambda: self._store.find_import(import_id))
        if row is None or not _may_look(viewer, row.actor):
            raise NoImport
        return await self._settled(row)

    async def _settled(self, row: ImportRow) -> ImportRow:
        """An import that the end of the process or of a connection has interrupted was applied, or not: what would undo it says which."""
        known = self._known.get(row.id)
        if row.state not in ("applying", "failed") or (known is not None and known.state == "applying"):
            return row
        undo = await self.run(lambda: self._store.undo(row.id))
        state: State = "applied" if undo else "failed"
        if known is not None:
            known.state = state
        return row._replace(state=state)


def _may_look(viewer: Viewer, account: str) -> bool:
    return viewer.administers or viewer.account == account


def _effect(made: Import) -> object:
    """What of an import was shown, and what it would do."""
    return made.counts, made.changes, [op._replace(revision=None) for op in made.ops]


def _refused(op: Op, error: Refused, wishes: Wishes) -> list[Wrong]:
    rows = wishes.sources.get((op.kind, op.key), ())
    found = [Wrong(row, "", "", error.reason) for row in rows]
    return found or [Wrong(0, "", f"{op.kind} {op.key}", error.reason)]


def _moved(undo: UndoRow, entry: Entry | None) -> bool:
    """Whether somebody has changed the entry since; one that the import removed and that is still gone has not."""
    return entry is not None and entry.revision != undo.revision


def _back(undo: UndoRow, entry: Entry | None) -> Op | None:
    """What restores an entry; None when it is gone as it was before. Secrets that it did not have are taken away again."""
    if undo.body is None:
        return None if entry is None else Delete(undo.kind, undo.key, entry.revision)  # type: ignore[arg-type]
    fresh = {} if entry is None else {key: None for key in SECRETS if key in entry.body}
    return Put(undo.kind, undo.key, {**fresh, **undo.body}, 0 if entry is None else entry.revision)  # type: ignore[arg-type]
