"""The call history on pages and in the API: in the view of who looks, and why a call went where it went (F1, F2, F3, F7).

Everybody sees the calls in which they had a part. An assistant may look at an executive's, and finds those of them in which the assistant
had a part; whoever manages a group, queue or service, at what came to it. A super administrator may look at anybody's, which is audited by
whoever serves it, and without confidential contacts; a user administrator may not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from b2bua.administration.viewer import Viewer
from b2bua.delegation.callerid import printable
from b2bua.delegation.explain import named, nothing_decided, render_text, to_json
from b2bua.delegation.model import Directory
from b2bua.errors import Refused
from b2bua.store.history import PRIVATE, view
from b2bua.store.ports import HistoryReader, HistoryRow, Segment
from b2bua.store.story import tell

Json = dict[str, Any]
_T = TypeVar("_T")
MOST: Final = 200
"""Calls on one page."""
CHUNK: Final = 250
"""Rows read at once: decoding them holds the interpreter for some milliseconds, and calls wait meanwhile."""
MOST_LOOKED_AT: Final = 2000
"""Rows looked through for one page; a search goes on from there with the next."""
MOST_EXPORTED: Final = 20_000
_NOT_YOURS: Final = "Which rules were looked at concerns somebody else's delegation or forwarding, and is not shown."
_HIDDEN: Final = "The contact is confidential: which rules were looked at is not shown."


class Run(Protocol):
    """Runs what blocks in a thread, as `asyncio.to_thread`."""

    def __call__(self, function: Callable[..., _T], /, *args: Any) -> Awaitable[_T]: ...


class Query(NamedTuple):
    """Which calls; an empty field asks for all."""

    whose: str = ""
    """The extension whose history it is; "" one's own."""
    search: str = ""
    """Part of a number or name, whatever its case."""
    outcome: str = ""
    direction: str = ""
    before: tuple[float, str] | None = None
    """Only calls older than this one: where the page before ended."""


class Found(NamedTuple):
    """A page of the history."""

    calls: list[Json]
    """As `store.history.to_json`, with `note`."""
    names: dict[str, str]
    """Of the users whom they mention, by extension."""
    next: tuple[float, str] | None
    """Where to go on; None: there is nothing older."""
    extension: str
    """Whose view it is."""


class Standpoint(NamedTuple):
    """As whom the history is seen."""

    extension: str
    about: str | None = None
    """Only calls for or on behalf of this executive, group or service."""
    audited: bool = False
    """Somebody else looks, by being a super administrator."""


def standpoint(directory: Directory, viewer: Viewer, whose: str) -> Standpoint:
    """Raises `Refused`: 403 for what the viewer has no right to."""
    me = viewer.extension
    if whose in ("", me):
        if me is None:
            raise Refused(403, "this account has no extension and therefore no calls; ask for somebody's with `as`")
        return Standpoint(me)
    if me is not None and (delegation := directory.delegation(me, whose)) is not None and delegation.approval == "approved":
        return Standpoint(me, whose)
    if whose in viewer.offices and whose in directory.executives and not directory.is_executive(whose):
        return Standpoint(whose, whose)
    if viewer.role == "super_admin":
        if whose not in directory.users:
            raise Refused(404, f"nobody has the extension {printable(whose, 40)}")
        return Standpoint(whose, audited=True)
    raise Refused(403, "you may see your own calls, and those that you had for an executive for whom you work")


class Records:
    """The history for people. `directory` is asked for each time; `run` reads in a thread."""

    def __init__(self, reader: HistoryReader, directory: Callable[[], Directory], run: Run) -> None:
        self._reader = reader
        self._directory = directory
        self._run = run
        self._turn = asyncio.Semaphore(2)

    def standpoint(self, viewer: Viewer, whose: str = "") -> Standpoint:
        """As whom the viewer would see it. Raises `Refused`."""
        return standpoint(self._directory(), viewer, whose)

    async def page(self, viewer: Viewer, query: Query, limit: int = 50) -> Found:
        """The newest calls first, at most `limit`; fewer do not mean that there are no more. Raises `Refused`."""
        seen_from = self.standpoint(viewer, query.whose)
        calls: list[Json] = []
        before, looked_at = query.before, 0
        while len(calls) < limit and looked_at < MOST_LOOKED_AT:
            rows = await self._rows(seen_from.extension, before)
            found = self._seen(rows, seen_from, query)
            for number, shown in found:
                calls.append(shown)
                if len(calls) == limit:
                    return self._found(calls, (rows[number].started, rows[number].id), seen_from)
            looked_at += len(rows)
            if len(rows) < CHUNK:
                return self._found(calls, None, seen_from)
            before = (rows[-1].started, rows[-1].id)
        return self._found(calls, before, seen_from)

    async def every(self, viewer: Viewer, query: Query) -> AsyncIterator[Found]:
        """Page after page, `MOST_EXPORTED` calls at most. Raises `Refused`."""
        told = 0
        while told < MOST_EXPORTED:
            found = await self.page(viewer, query, MOST)
            yield found
            told += len(found.calls)
            if found.next is None:
                return
            query = query._replace(before=found.next)

    async def _rows(self, extension: str, before: tuple[float, str] | None) -> list[HistoryRow]:
        async with self._turn:
            return await self._run(self._reader.rows, extension, CHUNK, before)

    def _found(self, calls: list[Json], following: tuple[float, str] | None, seen_from: Standpoint) -> Found:
        return Found(calls, _names(self._directory(), calls), following, seen_from.extension)

    def _seen(self, rows: list[HistoryRow], seen_from: Standpoint, query: Query) -> list[tuple[int, Json]]:
        """The rows that are shown, each with its place."""
        places = {row.id: number for number, row in enumerate(rows)}
        search, directory = query.search.casefold(), self._directory()
        return [
            (places[str(shown["id"])], shown)
            for shown in view(_about(rows, seen_from.about), seen_from.extension, by_another=seen_from.audited)
            if query.outcome in ("", shown["outcome"])
            and query.direction in ("", shown["direction"])
            and (not search or search in _text_of(shown, directory))
        ]

    async def explanation(self, viewer: Viewer, call_id: str, whose: str = "") -> Json | None:
        """Why that call went where it went, and what became of it; None when there is none for the viewer to see. Raises `Refused`.

        `text` is for people; `rules` and `plan` are as `b2bua explain --json` has them, and empty where they are somebody else's.
        """
        seen_from = self.standpoint(viewer, whose)
        async with self._turn:
            rows = await self._run(self._reader.find, call_id)
        rows = [row for row in rows if row.id == call_id]
        found = view(_about(rows, seen_from.about), seen_from.extension, by_another=seen_from.audited)
        return _explained(rows[0], found[0], seen_from, self._directory()) if found else None


def _about(rows: Iterable[HistoryRow], executive: str | None) -> list[HistoryRow]:
    return [row for row in rows if executive is None or executive in (row.executive, row.on_behalf_of)]


# --- names and search ---------------------------------------------------------------------------------------------------------

_PEOPLE: Final = ("caller", "called", "executive", "answered_by", "on_behalf_of", "actor")


def _said(shown: Json) -> set[str]:
    """Every number and extension that a row mentions."""
    said = {shown[key] for key in _PEOPLE}
    for segment in shown["segments"]:
        said.update((segment["party"], segment["speaks_as"], *segment["with"]))
    return {each for each in said if each}


def _names(directory: Directory, calls: Iterable[Json]) -> dict[str, str]:
    """Of extensions; an outside number that is a user's has no name here, as it need not be that user who called."""
    said = set().union(*map(_said, calls))
    return {each: printable(directory.users[each].name) for each in sorted(said) if each in directory.users}


def _text_of(shown: Json, directory: Directory) -> str:
    said = [str(shown[key]) for key in _PEOPLE if shown[key]]
    names = (directory.users[each].name for each in said if each in directory.users)
    return "\n".join((*said, *names, str(shown["caller_name"]), str(shown["note"]))).casefold()


# --- why ----------------------------------------------------------------------------------------------------------------------


def _explained(row: HistoryRow, shown: Json, seen_from: Standpoint, directory: Directory) -> Json:
    zone = directory.time_zone
    at, facts, plan = row.decision or (row.started, None, None)
    when = datetime.fromtimestamp(at, zone)
    told = nothing_decided(when, str(shown["called"]))
    reason = _kept_back(row, shown, seen_from, directory)
    if reason:
        text = reason
    elif facts is None or plan is None:
        text = "No decision is kept with this call."
    else:
        told, text = to_json(facts, plan, when), render_text(facts, plan, when, directory)
    story = tell(_as_shown(row, shown), lambda each: named(each, directory), zone)
    lines = (printable(line, 1000) for line in (*text.split("\n"), "", *story.split("\n")))
    return {"call": shown, "names": _names(directory, [shown]), "text": "\n".join(lines), "rules": told["rules"], "plan": told["plan"], "at": told["at"]}


def _kept_back(row: HistoryRow, shown: Json, seen_from: Standpoint, directory: Directory) -> str:
    """Why the rules are not shown from there, in words; "" when they are.

    They name how an executive's calls are filtered, and where somebody forwards theirs: they are for that office, and for whom was called.
    """
    me = seen_from.extension
    if PRIVATE in (shown["caller"], shown["called"]):
        return _HIDDEN
    offices = [each for each in (row.executive, row.on_behalf_of) if each is not None]
    if me in offices or me == row.actor or any(directory.delegation(me, each) is not None for each in offices):
        return ""
    called = directory.find(row.called)
    if not offices and called is not None and called.extension == me:
        return ""
    made = row.decision is not None and row.decision[1].caller.extension == me and row.decision[2].action != "ring"
    return "" if made or row.direction == "outgoing" else _NOT_YOURS


def _as_shown(row: HistoryRow, shown: Json) -> HistoryRow:
    """The row with what is shown of it only."""
    segments = tuple(
        Segment(each.kind, seen["party"], each.started, each.ended, seen["speaks_as"], tuple(seen["with"]), each.why)
        for each, seen in zip(row.segments, shown["segments"], strict=False)
    )
    return row._replace(
        caller=shown["caller"],
        called=shown["called"],
        answered_by=shown["answered_by"],
        on_behalf_of=shown["on_behalf_of"],
        actor=shown["actor"],
        segments=segments,
    )
