"""The book: the directory as it stands in the database, and the one door through which it changes.

A change is checked as a whole directory, by what checks the file: numbers, roles, limits, circles, paths that end in silence. Then it
is committed with its audit rows, and the next call is decided on the new snapshot when the answer is given.

One thread does all of that, one change after the other. What the event loop sees is the last edition that the thread has finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from b2bua import logs
from b2bua.administration.edition import NO_ENTRIES, Candidate, Edition, file_bodies, file_digest, placed
from b2bua.administration.entries import ORGANISATION, Finding, Op, Put, kept_secrets, masked
from b2bua.administration.merge import Bodies, merge
from b2bua.config import Config
from b2bua.config.canonical import canonical, secrets_to_digests
from b2bua.delegation.model import Directory
from b2bua.errors import ConfigError, Problem
from b2bua.store.ports import AuditQuery, AuditRow, DirectoryStore, Entry, Moved, Written

POLL_SECONDS: Final = 0.5
"""How often another process (`b2bua directory import`, another node) is looked for that has changed the directory."""
ATTEMPTS: Final = 5
"""How often a change is tried when other processes are faster."""
_log = logs.get("directory")
_T = TypeVar("_T")


class Actor(NamedTuple):
    """Who changes something, for the audit."""

    name: str
    """The extension, or the account's name."""
    via: str
    """page, token <name>, file, command, import <id>."""
    group: str = ""
    """The id of the import that this is part of."""


class Refusal(Exception):
    """A change that would leave a directory which must not be served; nothing has changed."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = tuple(findings)


class Conflict(Exception):
    """An entry is not as the change believes: somebody else was faster. `current` is as it is now, None: it is gone."""

    def __init__(self, kind: str, key: str, current: Entry | None) -> None:
        super().__init__(f"{kind} {key} has been changed by somebody else")
        self.kind, self.key, self.current = kind, key, current


class Missing(Exception):
    """There is no such entry."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"there is no {kind} {key}".rstrip())
        self.kind, self.key = kind, key


class Changed(NamedTuple):
    """What has come of a change."""

    revision: int
    entries: tuple[Entry, ...]
    """Those that were put, as they are now."""
    warnings: tuple[Finding, ...] = ()
    """What is allowed and probably not meant, about the entries of the change."""


class Publisher(Protocol):
    """Brings a directory to the calls."""

    def prepare(self, directory: Directory) -> object:
        """What takes long; beside the calls."""
        ...

    def take_over(self, prepared: object) -> None:
        """From the next call on; on the loop."""
        ...


class Book:
    """Read on the event loop, from memory; written by one thread. Make one with `open_book`."""

    def __init__(self, store: DirectoryStore, config: Config, wall: Callable[[], float]) -> None:
        self._store = store
        self._config = config
        self._wall = wall
        self._latest = Edition()  # the thread's
        self._edition = Edition()  # the loop's
        self._thread = ThreadPoolExecutor(1, "directory")
        self._publisher: Publisher | None = None
        self._post: Callable[..., object] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.listeners: list[Callable[[int, frozenset[tuple[str, str]]], None]] = []
        """Told on the loop of each new revision and the (kind, key) of the entries that changed."""

    # -- reading, on the loop

    @property
    def revision(self) -> int:
        return self._edition.revision

    @property
    def directory(self) -> Directory:
        """The snapshot of the last revision, without what phones have set."""
        return self._edition.directory

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What the directory allows and probably does not mean."""
        return self._edition.warnings

    def entries(self, kind: str) -> Mapping[str, Entry]:
        """Every entry of this kind by key, in order. Do not change it."""
        return self._edition.kinds.get(kind, NO_ENTRIES)

    def entry(self, kind: str, key: str) -> Entry | None:
        return self._edition.entry(kind, key)

    def limits(self) -> Mapping[str, int]:
        """assistants_per_executive and executives_per_assistant, as they count now."""
        organisation = self.entry(*ORGANISATION)
        written = organisation.body.get("limits") or {} if organisation else {}
        return {"assistants_per_executive": 10, "executives_per_assistant": 10, **written}

    def broken_cases(self) -> tuple[Finding, ...]:
        """What the what-if cases say against the directory as it is. Blocks for as long as they take."""
        return self._edition.broken_cases(self._config)

    # -- changing

    async def change(self, actor: Actor, ops: Sequence[Op], *, cases: bool = False) -> Changed:
        """All of `ops` or none. With `cases` the what-if cases must come out as well. Visible to the next call when it returns.

        Raises Refusal, Conflict, Missing.
        """
        return await self._run(lambda: self.write(actor, ops, cases=cases))

    async def check(self, ops: Sequence[Op], *, cases: bool = False) -> tuple[Finding, ...]:
        """What speaks against a change, without making it. Raises Conflict and Missing."""
        return (await self._run(lambda: self._candidate(ops, cases))).findings

    async def preview(self, ops: Sequence[Op]) -> Directory:
        """The directory as a change would leave it, without making it. Raises Refusal, Conflict and Missing."""
        candidate = await self._run(lambda: self._candidate(ops, cases=False))
        if candidate.findings:
            raise Refusal(candidate.findings)
        return candidate.edition.directory

    async def audit(self, query: AuditQuery, limit: int = 100) -> list[AuditRow]:
        """The newest first."""
        return await self._run(lambda: self._store.audit(query, limit))

    async def note(self, rows: Sequence[AuditRow]) -> None:
        """Audit rows about what is no entry: an account, a token, a setting."""
        await self._run(lambda: self._store.note(rows))

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # -- life

    def publish_to(self, publisher: Publisher, post: Callable[..., object]) -> None:
        """From now on whatever changes reaches the calls. `post` has the loop do something (`call_soon_threadsafe`)."""
        self._publisher, self._post = publisher, post

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Also what other processes change."""
        self._watch = loop.create_task(self._look_for_others(), name="directory")

    def begin(self, work: Callable[[], None]) -> None:
        """Have the thread do something; it raises nothing."""
        self._thread.submit(work)

    def close(self) -> None:
        """A change under way is finished; nothing is taken after it."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def unwatch(self) -> None:
        """The loop is about to end."""
        if self._watch is not None:
            self._watch.cancel()

    async def _look_for_others(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._run(self._catch_up)
                failing = False
            except Exception as error:  # noqa: BLE001 - the database is away, or holds what must not be served: calls go on as before
                if not failing:
                    _log.error("directory cannot be read", reason=str(error))
                failing = True

    # -- the thread: whatever follows blocks

    def load(self, *, broken: bool = False) -> bool:
        """Everything from the database, at start; False when there is nothing yet. Raises ConfigError when it cannot be served, unless
        `broken` says that a better one is about to be written."""
        revision, entries, _ = self._store.load()
        if not revision:
            return False
        edition = Edition().with_entries(revision, entries).checked_at(self._config, self._wall())
        if edition.findings and not broken:
            raise ConfigError(tuple(Problem("the database", 1, f"{each.kind} {each.key} {each.field}".strip(), each.text) for each in edition.findings))
        self._latest = self._edition = edition
        return True

    def bodies(self) -> Bodies:
        """Every entry's body, as the database has it."""
        self._catch_up()
        return self._latest.bodies()

    def take_in(self, config: Config, *, again: bool = False) -> Sequence[Problem | Finding]:
        """The directory file, where it differs from what was taken in last. Returns what speaks against it; then nothing has changed.

        With `again` the directory is published and its cases are tried also where the file is as it was.
        """
        revision = self._latest.revision
        problems = self._take_in(config)
        if again and not problems and self._latest.revision == revision:
            problems = self._latest.broken_cases(config)
            if not problems:
                self._finish(self._latest, frozenset())
        return problems

    def _take_in(self, config: Config) -> Sequence[Problem | Finding]:
        digest = file_digest(config)
        known, base = self._store.base()
        if digest == known and self._latest.revision:
            return ()
        try:
            file = file_bodies(config)
        except ConfigError as error:
            return error.problems
        if self._latest.kinds.get("users") and not any(kind == "users" for kind, _ in file):
            # As an editor leaves a file half-way through saving; every phone would be lost.
            return [Problem(str(config.directory), 1, "users", "there are none any more; write some, or remove them on the page")]
        merged = merge(base, file, self.bodies())
        for kind, key, field in merged.overruled:
            _log.warning("the file overrules what was changed on the page", kind=kind, key=key, field=field)
        try:
            self.write(Actor("file", "file"), merged.ops, cases=self._latest.revision > 0)
        except Refusal as error:
            return error.findings
        self._store.keep_base(digest, file)
        return ()

    def write(self, actor: Actor, ops: Sequence[Op], *, cases: bool = False) -> Changed:
        """As `change`."""
        for _ in range(ATTEMPTS):
            candidate = self._candidate(ops, cases)
            if candidate.findings:
                raise Refusal(candidate.findings)
            if not candidate.writes:
                break
            audit = [self._audited(actor, each) for each in candidate.writes]
            with suppress(Moved):
                revision = self._store.write(candidate.writes, audit, self._latest.revision)
                self._written(candidate, revision)
                break
        else:
            raise Moved("other processes change the directory all the time")
        put = (self._latest.entry(op.kind, op.key) for op in ops if isinstance(op, Put))
        return Changed(self._latest.revision, tuple(entry for entry in put if entry is not None), candidate.warnings)

    def _written(self, candidate: Candidate, revision: int) -> None:
        made = candidate.edition
        entries = [made.kinds[each.kind][each.key]._replace(revision=revision) for each in candidate.writes if each.body is not None]
        self._finish(made.with_entries(revision, entries), frozenset((each.kind, each.key) for each in candidate.writes))

    def _candidate(self, ops: Sequence[Op], cases: bool) -> Candidate:
        """What the directory would be. Raises Conflict and Missing."""
        self._catch_up()
        writes = self._writes(ops)
        put, removed = placed(self._latest, writes)
        edition = self._latest.with_entries(self._latest.revision, put, removed).checked_at(self._config, self._wall())
        findings = edition.findings
        if cases and not findings:
            findings = self._newly_broken(edition)
        touched = {(each.kind, each.key) for each in writes}
        warnings = tuple(each for each in edition.warnings if (each.kind, each.key) in touched)
        return Candidate(edition, tuple(writes), findings, warnings)

    def _newly_broken(self, edition: Edition) -> tuple[Finding, ...]:
        """The cases that come out otherwise in this edition and did not before: one that the page has broken must not stop a file that has
        nothing to do with it. A file of cases that cannot be read does."""
        broken = edition.broken_cases(self._config)
        known = {(each.key, each.field) for each in self._latest.broken_cases(self._config)} if broken else set()
        return tuple(each for each in broken if (each.key, each.field) not in known or not each.field.startswith("case "))

    def _writes(self, ops: Sequence[Op]) -> list[Written]:
        """What is to be written; later operations see what earlier ones have done."""
        writes: dict[tuple[str, str], Written] = {}
        for op in ops:
            entry, earlier = self._latest.entry(op.kind, op.key), writes.get((op.kind, op.key))
            before = earlier.body if earlier is not None else entry.body if entry is not None else None
            if op.revision is not None and op.revision != (entry.revision if entry is not None else 0):
                raise Conflict(op.kind, op.key, entry)
            if not isinstance(op, Put) and before is None:
                raise Missing(op.kind, op.key)
            body = self._body(op, before) if isinstance(op, Put) else None
            if body != before:
                writes[op.kind, op.key] = Written(op.kind, op.key, body, op.position if isinstance(op, Put) else None)
        return list(writes.values())

    def _body(self, op: Put, before: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """As it is stored: typed, with digests in place of passwords. Secrets that are not mentioned stay."""
        body = canonical(op.kind, kept_secrets(op.body, before))
        return secrets_to_digests(body, self._config.domain, self._lines_of(op.key)) if op.kind == "users" else body

    def _lines_of(self, extension: str) -> Sequence[str]:
        """The delegated lines that the user may register now."""
        if self._latest.checked is None or self._latest.checked.directory is None:
            return ()
        return [each.line for each in self._latest.directory.delegations.get(extension, ())]

    def _audited(self, actor: Actor, written: Written) -> AuditRow:
        entry = self._latest.entry(written.kind, written.key)
        before = None if entry is None else masked(entry.body)
        after = None if written.body is None else masked(written.body)
        if after is not None and before == after:
            after = {**after, "secrets": "changed"}
        action = "removed" if after is None else "created" if before is None else "changed"
        return AuditRow(0, self._wall(), actor.name, actor.via, written.kind, written.key, action, before, after, actor.group)

    def _catch_up(self) -> None:
        """Take over what another process has changed. Raises Refusal when that must not be served."""
        if self._store.revision() == self._latest.revision:
            return
        revision, entries, removed = self._store.load(self._latest.revision)
        edition = self._latest.with_entries(revision, entries, removed).checked_at(self._config, self._wall())
        if edition.findings:
            raise Refusal(edition.findings)
        self._finish(edition, frozenset((*((each.kind, each.key) for each in entries), *removed)))

    def _finish(self, edition: Edition, keys: frozenset[tuple[str, str]]) -> None:
        """The edition is that of the database now, and the loop shall have it."""
        self._latest = edition
        publisher, post = self._publisher, self._post
        if publisher is None or post is None:
            self._edition = edition
            return
        prepared = publisher.prepare(edition.directory)
        with suppress(RuntimeError):  # the loop is closed: the server has stopped, and the next one reads the database
            post(self._take_over, publisher, edition, prepared, keys)

    def _take_over(self, publisher: Publisher, edition: Edition, prepared: object, keys: frozenset[tuple[str, str]]) -> None:
        """On the loop, before whoever has asked for the change goes on."""
        self._edition = edition
        publisher.take_over(prepared)
        for listener in tuple(self.listeners):
            listener(edition.revision, keys)


def open_book(store: DirectoryStore, config: Config, wall: Callable[[], float]) -> Book:
    """The directory as the database has it, with what the file has changed since. Blocks.

    Raises ConfigError when there is nothing that could be served. A file that is refused while the database has a good directory is
    told in the log.
    """
    book = Book(store, config, wall)
    try:
        known = book.load()
        _tell(book.take_in(config), known)
    except BaseException:
        book.close()
        raise
    return book


def _tell(problems: Sequence[Problem | Finding], served: bool) -> None:
    """What is wrong with the file. Raises ConfigError unless there is something to serve all the same."""
    if problems and not served:
        raise ConfigError(tuple(each if isinstance(each, Problem) else Problem("the database", 1, each.field, str(each)) for each in problems))
    for problem in problems:
        _log.error("directory refused", problem=str(problem))
