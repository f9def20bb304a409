"""The simulator: what would become of a call, asked on the page; and the what-if cases that are kept of the answers (F7).

The answer is made by the function that routes calls, on the directory as it is, with what phones have set, or on one with changes that
are not saved yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from math import inf, isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

from b2bua.administration import rights
from b2bua.administration.book import Actor, Book, Missing, Refusal
from b2bua.administration.cases import CannotWrite, CasesFile, Kept, add, read_file, remove
from b2bua.administration.entries import Finding, Op, Put
from b2bua.administration.ports import Switchboard
from b2bua.administration.standpoint import concerning, entry_of, narrowed, needed, open_to, scope, switches
from b2bua.administration.timeline import Timeline, timeline
from b2bua.administration.viewer import Viewer
from b2bua.config.schema import Report
from b2bua.config.values import instant, parse_moment, parse_zone
from b2bua.config.whatif_state import read_state
from b2bua.config.yamltree import Map
from b2bua.delegation.explain import facts_for, named, render_text, to_json
from b2bua.delegation.hot_desk import without_pin
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Facts, RoutePlan
from b2bua.delegation.policy import decide
from b2bua.delegation.whatif import run_case, summary
from b2bua.store.ports import AuditQuery, AuditRow

FILE_NAME: Final = "what-if.yaml"
"""In the state folder, where the server's configuration names no file of cases."""
OPEN_END: Final = 30.0
"""How long something that rings until the caller hangs up is drawn beyond the rest, in seconds."""
_KIND: Final = "simulation"
_ALWAYS: Final = ("ring", "rollover", "end")
"""What a kept case compares in any case, besides whatever else the plan says."""


class NotAllowed(Exception):
    """The viewer may not ask this; the text says what they may."""


class Question(NamedTuple):
    """One call that somebody asks about. Texts are as people write them."""

    caller: str
    """As for `facts_for`: an extension, a delegated line, an outside number, anonymous or unavailable."""
    dialled: str
    at: str = ""
    """A date, or date and time, ISO 8601; "" now."""
    time_zone: str = ""
    """Of `at`; "" the organisation's."""
    identity: str | None = None
    privacy: bool = False
    state: Mapping[str, Any] | None = None
    """What phones have set, as in a what-if case; None: as it is now."""
    ops: tuple[Op, ...] = ()
    """Changes of the directory that are not saved."""


class Decided(NamedTuple):
    """The answer, not in words yet."""

    facts: Facts
    plan: RoutePlan
    at: datetime
    directory: Directory
    subjects: tuple[str, ...]
    """Whose settings may play a part, as far as they are shown."""


class Simulator:
    """On the event loop; files are read and written beside it, one change at a time."""

    def __init__(self, book: Book, switchboard: Switchboard) -> None:
        self._book = book
        self._switchboard = switchboard
        self._lock = asyncio.Lock()

    # -- one call

    async def simulate(self, viewer: Viewer, question: Question) -> dict[str, Any]:
        """What would become of the call, as JSON-able data. Raises Refusal, NotAllowed; with `ops` also Conflict, Missing and Refused."""
        decided = await self._decide(viewer, question)
        return await asyncio.to_thread(_answer, decided)

    async def _decide(self, viewer: Viewer, question: Question) -> Decided:
        directory = self._switchboard.directory
        if question.ops:
            ops = rights.check(viewer, [self._with_hidden(viewer, op) for op in question.ops], self._book)
            directory = (await self._book.preview(ops)).with_state(directory.state)
        # Beside the loop: among ten thousand users it takes a while to find out who was meant by a name that is nobody's.
        return await asyncio.to_thread(self._decided, viewer, question, directory)

    def _with_hidden(self, viewer: Viewer, op: Op) -> Op:
        """With the fields that are hidden from who asks, as they are. Raises Refused."""
        entry = self._book.entry(op.kind, op.key)
        return op if entry is None or not isinstance(op, Put) else op._replace(body=rights.restored(viewer, entry, op.body, self._book))

    def _decided(self, viewer: Viewer, question: Question, directory: Directory) -> Decided:
        directory = open_to(viewer, directory)
        report = Report("", Map(1))
        zone = _zone(question.time_zone, directory.time_zone, report)
        at = self._time(question.at, zone, report)
        if question.state is not None:
            directory = directory.with_state(read_state(question.state, ("state",), directory.time_zone, directory, report))
        facts = _facts(question, directory, report)
        if report.problems or facts is None:
            raise Refusal([Finding(_KIND, "", each.key, each.text) for each in report.problems])
        asked = scope(viewer, question.caller, facts.dialled, directory)
        if asked == "nothing":
            raise NotAllowed(_allowed(viewer, directory))
        if asked == "whole":
            plan = decide(facts, directory, at)
            return Decided(facts, plan, at, directory, _subjects(facts, plan, at, directory))
        shown = narrowed(viewer, facts, directory, at)
        subjects = (facts.caller.extension, shown.on_behalf_of if shown.on_behalf_of in viewer.manages else None)
        return Decided(facts, shown, at, directory, tuple(each for each in subjects if each is not None and each in directory.users))

    def _time(self, written: str, zone: tzinfo, report: Report) -> datetime:
        if not written:
            return self._switchboard.now().astimezone(zone)
        try:
            moment = parse_moment(written)
        except ValueError as error:
            report.error(("at",), str(error))
            return self._switchboard.now()
        return instant(moment, zone).astimezone(zone)

    # -- cases

    @property
    def path(self) -> Path:
        """The file of the cases."""
        config = self._switchboard.config
        return config.what_if or config.state / FILE_NAME

    async def cases(self, viewer: Viewer) -> dict[str, Any]:
        """The cases about whom the viewer may ask, each with what comes of it on the directory as it is."""
        directory = self._book.directory
        return await asyncio.to_thread(self._cases, viewer, directory)

    def _cases(self, viewer: Viewer, directory: Directory) -> dict[str, Any]:
        file = read_file(self.path, directory)
        shown = [each for each in file.cases if _may_see(viewer, each, directory)]
        cases = [_case(each, directory) for each in shown]
        return {
            "cases": cases,
            "passed": sum(each["result"] == "passed" for each in cases),
            "failed": sum(each["result"] == "failed" for each in cases),
            "broken": sum(each["result"] == "broken" for each in cases),
            "file": str(file.path.name) if not viewer.administers else str(file.path),
            "guards": self._switchboard.config.what_if is not None,
            "problems": [str(each) for each in file.problems] if viewer.administers else [],
        }

    async def keep(self, viewer: Viewer, actor: Actor, name: str, question: Question, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Keep the question with its present answer as a case: the `keys` of the summary, None for those that say anything.

        Raises Refusal, NotAllowed and CannotWrite.
        """
        if question.ops:
            raise CannotWrite("save the changes first: a case is about the directory as it is")
        decided = await self._decide(viewer, question)
        if not _may_keep(viewer, decided.facts.dialled, decided.directory):
            raise NotAllowed("a case is kept by the executive whom it is about, or by an administrator")
        entry = await asyncio.to_thread(_entry, name, question, decided, keys)
        async with self._lock:
            kept, result = await asyncio.to_thread(add, self.path, entry, self._book.directory)
        await self._note(actor, kept, "created")
        return _case(kept, self._book.directory, result)

    async def remove(self, viewer: Viewer, actor: Actor, case_id: str) -> None:
        """Take a case out: whoever is no administrator their own only, for cases guard the whole organisation. Raises Missing, NotAllowed,
        CannotWrite."""
        directory = self._book.directory
        file: CasesFile = await asyncio.to_thread(read_file, self.path, directory)
        found = next((each for each in file.cases if each.id == case_id and _may_see(viewer, each, directory)), None)
        if found is None:
            raise Missing("what_if", case_id)
        if not viewer.administers and not await self._has_kept(actor, found):
            raise NotAllowed("this case was kept by somebody else; an administrator may remove it")
        async with self._lock:
            kept = await asyncio.to_thread(remove, self.path, case_id, directory)
        if kept is None:
            raise Missing("what_if", case_id)
        await self._note(actor, kept, "removed")

    async def _has_kept(self, actor: Actor, case: Kept) -> bool:
        """Whether the newest case of this name that was kept on the page is this one, and the actor's."""
        rows = await self._book.audit(AuditQuery(kind="what_if", key=str(case.raw.get("name", ""))), 1)
        return bool(rows) and (rows[0].action, rows[0].actor, rows[0].after) == ("created", actor.name, case.raw)

    async def _note(self, actor: Actor, kept: Kept, action: str) -> None:
        made = action == "created"
        row = AuditRow(
            0, self._switchboard.now().timestamp(), actor.name, actor.via, "what_if", str(kept.raw.get("name", "")), action,
            None if made else kept.raw, kept.raw if made else None, actor.group,
        )  # fmt: skip
        await self._book.note([row])


# --- rights ---------------------------------------------------------------------------------------------------------------------


def _may_keep(viewer: Viewer, dialled: str, directory: Directory) -> bool:
    """Administrators, and executives about calls to themselves. What a case says depends on the confidential contacts: whoever is not shown
    them would find them out by what can be kept."""
    called = directory.find(dialled)
    return viewer.administers or (called is not None and called.extension == viewer.extension)


def _allowed(viewer: Viewer, directory: Directory) -> str:
    if not viewer.manages:
        return "only administrators, and those who manage an executive, may ask what would become of a call"
    whom = ", ".join(named(each, directory) for each in sorted(viewer.manages))
    return f"you may ask about calls to whom you manage: {whom}"


def _may_see(viewer: Viewer, kept: Kept, directory: Directory) -> bool:
    if viewer.administers:
        return True
    if kept.case is None or scope(viewer, str(kept.raw.get("from", "")), kept.case.facts.dialled, directory) != "whole":
        return False
    called = directory.find(kept.case.facts.dialled)
    own = called is not None and called.extension == viewer.extension
    return own or not decide(kept.case.facts, directory.with_state(kept.case.state), kept.case.at).confidential


# --- the question ---------------------------------------------------------------------------------------------------------------


def _zone(name: str, default: tzinfo, report: Report) -> tzinfo:
    try:
        return parse_zone(name) if name else default
    except ValueError as error:
        report.error(("time_zone",), str(error))
        return default


def _facts(question: Question, directory: Directory, report: Report) -> Facts | None:
    if not question.dialled.strip():
        report.error(("dialled",), "is missing; write what is dialled: an extension, a number or a feature code")
        return None
    try:
        facts = facts_for(question.caller, question.dialled.strip(), directory, question.identity or None)
    except ValueError as error:
        report.error(("caller",), str(error))
        return None
    facts = facts._replace(dialled=without_pin(facts.dialled, directory)[0])
    if not question.privacy:
        return facts
    caller = facts.caller._replace(anonymous=True)
    return facts._replace(caller=caller if caller.kind == "user" else caller._replace(number="", name=""))


def _subjects(facts: Facts, plan: RoutePlan, at: datetime, directory: Directory) -> tuple[str, ...]:
    """Whose settings may play a part: the executive, the assistants, the caller, who rings."""
    called = directory.find(facts.dialled)
    bosses = [each for each in (plan.executive, plan.on_behalf_of, called.extension if called else None) if each in directory.executives]
    people = [each.assistant for boss in bosses for each in directory.executives[boss or ""].delegations]
    rung = [each.extension for stage in (*plan.stages, *plan.rollover) for each in stage.endpoints]
    found = dict.fromkeys([*bosses, *people, facts.caller.extension, called.extension if called else None, *rung])
    found |= dict.fromkeys(phone for each in tuple(found) if each for phone in directory.state.at_desks(each, at.timestamp()))
    return tuple(each for each in found if each and each in directory.users)


# --- the answer -----------------------------------------------------------------------------------------------------------------


def _answer(decided: Decided) -> dict[str, Any]:
    facts, plan, at, directory, subjects = decided
    return {
        **to_json(facts, plan, at),
        "text": render_text(facts, plan, at, directory),
        "summary": summary(plan, at.tzinfo or directory.time_zone),
        "timeline": _drawn(timeline(plan), directory),
        "end": _end(plan),
        "state": entry_of(concerning(facts, directory.state, subjects, at.timestamp())),
        "switches": switches(facts, directory, at, subjects),
        "time_zone": str(at.tzinfo),
    }


def _end(plan: RoutePlan) -> dict[str, Any]:
    """How it ends when nobody answers, for a line below the drawing."""
    words = {
        "refuse": f"The call is refused with {plan.final_status}.",
        "set": f"The phone shows “{plan.confirmation}”." if plan.confirmation else "It is set, and the call ends.",
        "join": "The call joins another one.",
        "ring": "Then the caller hears what the called party answered." if plan.plain else f"Then the call ends with {plan.final_status}.",
    }
    return {"action": plan.action, "status": plan.final_status, "text": words[plan.action]}


def _drawn(drawing: Timeline, directory: Directory) -> dict[str, Any]:
    latest = max((time for bar in drawing.bars for time in (bar.start, bar.end) if isfinite(time)), default=0.0)
    seconds = drawing.end if isfinite(drawing.end) else latest + OPEN_END
    return {
        "seconds": seconds,
        "open": drawing.end == inf,
        "phases": [{**each._asdict(), "end": _finite(each.end)} for each in drawing.phases],
        "bars": [
            {
                "name": _called(bar.endpoint.extension, bar.endpoint.number, directory),
                "extension": bar.endpoint.extension,
                "number": bar.endpoint.number,
                "kind": bar.endpoint.kind,
                "role": bar.endpoint.role,
                "for_executive": bar.endpoint.for_executive,
                "devices": bar.endpoint.devices,
                "alert": bar.endpoint.alert,
                "diverted_by": bar.endpoint.diverted_by and named(bar.endpoint.diverted_by, directory),
                "start": bar.start,
                "end": _finite(bar.end),
                "phase": bar.phase,
            }
            for bar in drawing.bars
        ],
    }


def _finite(time: float) -> float | None:
    return time if isfinite(time) else None


def _called(extension: str | None, number: str | None, directory: Directory) -> str:
    user = directory.users.get(extension or "")
    return user.name if user else extension or number or ""


def _case(kept: Kept, directory: Directory, known: Any = ...) -> dict[str, Any]:
    """A case and what comes of it."""
    raw = kept.raw
    found: dict[str, Any] = {
        "id": kept.id,
        "line": kept.line,
        "name": raw.get("name", ""),
        "row": raw.get("row", ""),
        "from": raw.get("from", ""),
        "to": raw.get("to", ""),
        "at": kept.case.at.isoformat() if kept.case else raw.get("at"),
        "identity": raw.get("identity"),
        "privacy": raw.get("privacy", False) in (True, "true", "yes", "on"),
        "state": raw.get("state") or {},
        "expect": raw.get("expect") or {},
    }
    if kept.case is None:
        return {**found, "result": "broken", "differences": [], "text": "something is wrong with how it is written"}
    result = run_case(kept.case, directory) if known is ... else known
    differences = [] if result is None else [{"key": each.key, "expected": each.expected, "got": each.got} for each in result.differences]
    return {**found, "result": "failed" if result else "passed", "differences": differences, "text": str(result) if result else ""}


# --- a case to keep -------------------------------------------------------------------------------------------------------------


def _entry(name: str, question: Question, decided: Decided, keys: Sequence[str] | None) -> dict[str, Any]:
    """The case as it is written to the file."""
    facts, plan, at, directory, subjects = decided
    zone = directory.time_zone
    shown = summary(plan, zone)
    wanted = [key for key, value in shown.items() if key in _ALWAYS or _says_anything(key, value)] if keys is None else keys
    unknown = [key for key in wanted if key not in shown]
    if unknown or not wanted:
        text = f"{unknown[0]!r} is nothing that can be compared" if unknown else "is empty; choose what to compare"
        raise Refusal([Finding(_KIND, "", "keys", text)])
    if not name.strip():
        raise Refusal([Finding(_KIND, "", "name", "is missing; write what the case shows, in a few words")])
    state = entry_of(needed(facts, directory, at, concerning(facts, directory.state, subjects, at.timestamp())))
    return {
        "name": name.strip(),
        "from": question.caller.strip(),
        "to": facts.dialled,
        "at": _wall(at.astimezone(zone)),
        **({"identity": question.identity} if question.identity else {}),
        **({"privacy": True} if question.privacy else {}),
        **({"state": state} if state else {}),
        "expect": {key: shown[key] for key in wanted},
    }


def _says_anything(key: str, value: object) -> bool:
    return value not in (None, "", (), False) and key not in ("media", "asserted")


def _wall(at: datetime) -> str:
    """On the wall of the organisation; with its offset where the wall clock shows the time twice."""
    twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    return at.isoformat(timespec="seconds" if at.second else "minutes") if twice else f"{at:%Y-%m-%dT%H:%M}"
