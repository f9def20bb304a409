"""What rings while a party of a running call waits with music: push, recall, transfer, give back (C3, C5, C14, C15).

Each is a plan as for a new call, which the same fork carries out: its first stages are where the call shall go, then it comes back to
whoever sent it away, then it goes where the executive's unanswered calls go. A rollover that hangs up is for calls that nobody has
answered yet; who was talking to somebody is first rung through to the whole office once more. When a plan that rings runs out, nobody is
there: the waiting party is told so, and let go with `final_status`.

A plan of action "refuse" means that nothing has happened: the call stays as it is, and who asked is told `final_status` and `warning`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, NamedTuple

from b2bua.delegation import speaking
from b2bua.delegation.anchoring import feature_rule
from b2bua.delegation.assistants import where_rung, who_rings
from b2bua.delegation.callerid import quotable
from b2bua.delegation.features import CONFERENCE
from b2bua.delegation.model import Directory
from b2bua.delegation.office import Office, endpoints_of
from b2bua.delegation.people import INACTIVE
from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, Role, RoutePlan, Stage
from b2bua.delegation.planning import Shown, confidential, refused, ring
from b2bua.delegation.policy import decide
from b2bua.delegation.ringplan import mark, outside, ring_target, ring_user, rollover_stages, spare
from b2bua.delegation.screening import passes
from b2bua.delegation.situation import Refusal, Situation
from b2bua.delegation.stages import PLAIN_RING_SECONDS, Stages, once, without
from b2bua.delegation.standing import divert_of, on_dnd

TRANSFER_SECONDS: Final = 45.0
"""How long a plain user or an outside number rings for a transferred call before it comes back."""
DEFLECTED: Final = "deflection"
"""Why the call comes, as Diversion says it (RFC 5806): somebody sent it on."""


class Waiting(NamedTuple):
    """The party that waits, and what is known of the call that it is in."""

    caller: Caller
    """Who waits, as the facts of a call by this party would say: a user, or ``Caller("trunk", None, None, trunk, number, name, ...)`` for
    an outside party, also one that was called."""
    executive: str | None = None
    """Whose call it is: `RoutePlan.executive` or `on_behalf_of`."""
    confidential: bool = False
    """`RoutePlan.confidential`."""
    present: Presentation | None = None
    """As whom phones inside have seen the party until now (a caller on behalf); None: as `caller` says."""
    present_outside: Presentation | None = None
    """The same for outside numbers."""


class _Move:
    """A handover under way: whom it concerns, and the lines of the explainer so far."""

    __slots__ = ("_rung", "directory", "office", "situation", "waiting")

    def __init__(self, directory: Directory, waiting: Waiting, dialled: str, at: datetime) -> None:
        self.directory = directory
        self.waiting = waiting
        self.situation = Situation(Facts(waiting.caller, dialled), directory, at)
        self.office: Office | None = directory.offices.get(waiting.executive or "")
        self._rung: Stages = ()  # where the call comes back to

    def plan(self, stages: Stages, rollover: Stages, called: str) -> RoutePlan:
        """The stages as a plan; nobody rings who waits, and everybody sees who waits."""
        situation, waiting = self.situation, self.waiting
        stages, rollover = (spare(each, waiting.caller.extension, situation.key) for each in (stages, rollover))
        identity = waiting.present or speaking.shown_inside(situation, None)
        media = feature_rule(self.directory.media_mode)
        plan = ring(situation, Shown(called, identity, None), stages, rollover=rollover, office=self.office, media=media)
        plan = plan._replace(plain=False)
        if waiting.present_outside is not None and plan.present_outside is not None:
            plan = plan._replace(present_outside=waiting.present_outside)
        return confidential(plan, self.office) if waiting.confidential and self.office is not None else plan

    def refuse(self, status: int, text: str) -> RoutePlan:
        return refused(self.situation, Refusal(status, text))

    # --- where a call comes back to ---

    def back(self, extension: str, name: str = "recall") -> Stages:
        """Whoever sent the call away rings: all of their phones, on do-not-disturb, too; an assistant who diverts, where they divert."""
        if extension not in self.directory.users:
            return ()
        endpoints = self._where(extension)
        self.situation.note("recall", True, f"comes back to {self.situation.named(extension)}")
        again = tuple(each._replace(alert="recall", after=0.0, seconds=None) for each in endpoints)
        stages: Stages = (Stage(again, self.directory.parking.ring_seconds, name),)
        self._rung += stages
        return mark(stages, self.office.executive.extension, "no-answer") if self.office is not None else stages

    def _where(self, extension: str) -> tuple[Endpoint, ...]:
        office, user = self.office, self.directory.users[extension]
        if office is None:
            return (Endpoint("user", extension, None, None, "user", None),)
        if extension == office.executive.extension:
            return (Endpoint("user", extension, None, None, "executive", None),)
        seat = next((each for each in office.seats if each.assistant.extension == extension), None)
        if seat is None:
            return (Endpoint("user", user.extension, None, None, "user", None),)
        if divert_of(self.situation, extension) is not None:
            return where_rung(self.situation, seat)
        return (Endpoint("user", extension, None, None, "assistant", office.executive.extension),)

    def last(self, extension: str) -> Stages:
        """Where the call goes when it came back to `extension` in vain."""
        office = self.office
        if office is None:
            target = self.directory.users[extension].forwarding.no_answer if extension in self.directory.users else None
            return mark(ring_target(self.situation, target, "forward", (extension,)), extension, "no-answer") if target else ()
        if self.waiting.confidential:
            return self._executive_only(office)
        return without(rollover_stages(self.situation, office, ()), self._rung) or self._everybody(office)

    def _executive_only(self, office: Office) -> Stages:
        """A confidential contact rings the executive, and goes where the executive's own forwarding leads (A24)."""
        stages = ring_user(self.situation, office.user, "executive")
        return tuple(_at_most(each, office.executive.alerting.ring_seconds) for each in stages)

    def _everybody(self, office: Office) -> Stages:
        """Who was talking to somebody is not hung up on as long as anybody of the office may take the call."""
        own = () if on_dnd(self.situation, office.user) else office.own_phones
        endpoints = once((*(each for turn in who_rings(self.situation, office) for each in turn.endpoints), *own))
        return (Stage(endpoints, office.executive.alerting.ring_seconds, "everybody"),) if endpoints else ()


def _at_most(stage: Stage, seconds: float) -> Stage:
    return stage._replace(seconds=min(seconds, stage.seconds or seconds))


# --- push (C5) and recall (C3, C5) --------------------------------------------------------------------------------------------


def push_back(directory: Directory, executive: str, actor: str, waiting: Waiting, at: datetime) -> RoutePlan:
    """To the executive for their recall time, then back to `actor`, then the rollover (C5). `executive` is one; KeyError else.

    Refused with 480 while the executive does not want to be disturbed, and with 486 when it is the executive who waits.
    """
    move = _Move(directory, waiting._replace(executive=executive), executive, at)
    office = directory.offices[executive]
    if waiting.caller.extension == executive:
        return move.refuse(486, f"{executive} is in this call")
    if not office.user.active:
        return move.refuse(480, f"{executive} {INACTIVE[office.user.status]}")
    if on_dnd(move.situation, office.user):
        return move.refuse(480, f"{executive} does not want to be disturbed")
    endpoints = _executive_now(move, office)
    move.situation.note("push", True, f"{move.situation.named(actor)} sends the call to {office.user.shown}")
    stages = mark((Stage(endpoints, office.executive.recall_seconds, "push"),), actor, DEFLECTED)
    return move.plan((*stages, *move.back(actor)), move.last(actor), executive)


def _executive_now(move: _Move, office: Office) -> tuple[Endpoint, ...]:
    """The executive's phones, or where the executive is: a forward of all calls to a mobile or to another user is followed.

    One to a mailbox, a group or an own assistant is not: it is meant for callers, and this call comes from an assistant.
    """
    own, situation = (Endpoint("user", office.user.extension, None, None, "executive", None),), move.situation
    target = office.user.forwarding.always
    if target is None or target.startswith(("sip:", "sips:")):
        return own
    found = situation.directory.numbers.resolve(target)
    if found.kind == "outside" and found.trunk is not None:
        endpoints: tuple[Endpoint, ...] = (outside(found.number, found.trunk, "forward"),)
    elif found.extension is None or found.extension in (*office.assistants, *situation.directory.offices, move.waiting.caller.extension):
        return own
    else:
        endpoints = endpoints_of(situation.directory.users[found.extension], "forward")
    situation.note("forward always", True, f"{office.user.shown} forwards all calls to {quotable(target)}")
    return tuple(each._replace(diverting=office.user.extension, diversion="unconditional") for each in endpoints)


def recall(directory: Directory, actor: str, waiting: Waiting, at: datetime) -> RoutePlan:
    """Back to `actor`, then the rollover: the executive said "later", or nobody has retrieved the call from its slot in
    `directory.parking.recall_seconds` (C3)."""
    move = _Move(directory, waiting, actor, at)
    return move.plan(move.back(actor), move.last(actor), actor)


# --- transfer (C15) -----------------------------------------------------------------------------------------------------------


def transfer(directory: Directory, transferor: Caller, dialled: str, waiting: Waiting, at: datetime) -> RoutePlan:
    """To `dialled` if `transferor` may call it, then back to them, then the rollover (C15).

    Whether the call may go there is asked as for a call by the transferor. To an executive it goes as a call of the waiting party would:
    through the filter, unless the transferor passes it. Action "join" when the target is a park slot ("park"), a conference room, or
    one of the codes that send the call elsewhere (`push_back`, `push`, `park`).
    """
    asked = decide(Facts(transferor, dialled), directory, at)
    move = _Move(directory, waiting, dialled, at)
    move.situation.trace.extend(asked.trace)
    if asked.action == "join":
        return _to_feature(move, asked)
    if asked.action == "refuse":
        return asked
    if asked.action == "set" or asked.emergency:
        what = "an emergency number" if asked.emergency else "a feature code"
        return move.refuse(403, f"a call cannot be transferred to {what}")
    back = transferor.extension or ""
    stages = spare(_target(move, transferor, asked), waiting.caller.extension, move.situation.key)
    if not stages:
        return move.refuse(480, "nobody takes calls for this number now")
    return move.plan((*_sent_on(stages, back, waiting.executive), *move.back(back)), move.last(back), asked.called)


def _to_feature(move: _Move, asked: RoutePlan) -> RoutePlan:
    """A slot that would be retrieved from when it is called is parked in when a call is sent there."""
    if asked.feature == "retrieve" and asked.argument:
        return asked._replace(feature="park")
    if asked.feature in (CONFERENCE, "push_back", "push", "park"):
        return asked
    return move.refuse(403, "a call cannot be transferred to this feature code")


def _target(move: _Move, transferor: Caller, asked: RoutePlan) -> Stages:
    """Whom the call rings, for the waiting party."""
    situation, directory = move.situation, move.directory
    target = directory.numbers.resolve(asked.called)
    role: Role = "outside" if target.kind == "outside" else "user"
    office = directory.offices.get(target.extension or "")
    if office is not None and passes(Situation(Facts(transferor, asked.called), directory, situation.now), office):
        stages = ring_user(situation, office.user, role)
    else:
        stages = ring_target(situation, asked.called, role, (transferor.extension or "",))
    return tuple(_at_most(each, TRANSFER_SECONDS) if each.seconds == PLAIN_RING_SECONDS else each for each in stages)


def _sent_on(stages: Stages, transferor: str, executive: str | None) -> Stages:
    """Who sent the call on, towards outside numbers the executive for whom they did: nobody there is told of an assistant (B12)."""
    return tuple(
        stage._replace(endpoints=tuple(each if each.diversion else _by(each, transferor, executive) for each in stage.endpoints))
        for stage in stages
    )


def _by(endpoint: Endpoint, transferor: str, executive: str | None) -> Endpoint:
    who = executive or transferor if endpoint.kind == "number" else transferor
    return endpoint._replace(diverting=who, diversion=DEFLECTED)


# --- give back (C14) ----------------------------------------------------------------------------------------------------------


def give_back(directory: Directory, decided: RoutePlan, gave_back: Collection[str], waiting: Waiting, at: datetime) -> RoutePlan:
    """`decided` once more without those who gave the call back; they ring again when nobody else is left or answers (C14)."""
    move = _Move(directory, waiting._replace(executive=decided.executive or waiting.executive), decided.called, at)
    stages = _those(decided.stages, lambda each: _is_here(directory, each) and each.extension not in gave_back and each.diverted_by not in gave_back)
    for extension in gave_back:
        move.situation.note("give back", True, f"{move.situation.named(extension)} gave the call back")
        stages = (*stages, *move.back(extension))
    rollover = _those(decided.rollover, lambda each: _is_here(directory, each)) or move.last(next(iter(gave_back), ""))
    plan = move.plan(stages, rollover, decided.called)
    return plan._replace(rollover_after=decided.rollover_after or None)


def _is_here(directory: Directory, endpoint: Endpoint) -> bool:
    """Whether the directory still knows who is rung, and for whom: it may be another one than that of the decision."""
    return (endpoint.extension is None or endpoint.extension in directory.users) and (
        endpoint.for_executive is None or endpoint.for_executive in directory.offices
    )


def _those(stages: Stages, wanted: Callable[[Endpoint], bool]) -> Stages:
    """`stages` without the endpoints that are not wanted."""
    kept: list[Stage] = []
    hold = None
    for stage in stages:
        hold = hold if stage.hold is None else stage.hold
        left = tuple(each for each in stage.endpoints if wanted(each))
        if left:
            busy, no_answer, unreachable = (_those(each, wanted) for each in (stage.busy, stage.no_answer, stage.unreachable))
            # the round of a queue begins with who rings first
            kept.append(stage._replace(endpoints=left, hold=hold, busy=busy, no_answer=no_answer, unreachable=unreachable))
            hold = None
    return tuple(kept)
