"""Who sees which running call, how much of it, and what they may do in it (D2, D4, A24, C9, F3).

Nobody sees a call without a reason: a part in it, the executive's office, or the care for the queue that it came to. An administrator has
none of these by being one. What is hidden is not sent: a page gets what may stand on it.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from b2bua.administration.viewer import Viewer
from b2bua.cluster.bus import CallView, PartyView, RingingView
from b2bua.delegation.callerid import printable
from b2bua.delegation.incall import GIVE_BACK_SECONDS, Subject, may
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Caller, Facts
from b2bua.delegation.situation import Situation
from b2bua.delegation.standing import in_force, off_duty

Json = dict[str, Any]
Level = Literal["whole", "private", "closed"]
"""whole: who calls is shown · private: everything but the contact · closed: only that there is a call."""
PRIVATE: Final = "Private"
ANONYMOUS: Final = "anonymous"
_SEEING: Final = frozenset({"receive", "pick_up_held", "join", "listen", "whisper"})
"""Who has one of these rights for an executive sees the calls that the delegation is about."""
_ENTERING: Final = _SEEING - {"receive"}
"""Who has one of these sees that the executive is in a call of their own, and not with whom (F3)."""
MAX_NOTE: Final = 200


class Eyes(NamedTuple):
    """As whom somebody looks."""

    extension: str | None
    """None: an account without a phone, which has a part in no call."""
    offices: frozenset[str] = frozenset()
    """Groups, queues and services that a manager looks after."""

    @classmethod
    def of(cls, viewer: Viewer) -> Eyes:
        return cls(viewer.extension, viewer.offices)


class Sight(NamedTuple):
    """How much of a call somebody sees."""

    level: Level
    inside: bool
    """Whether they belong to the office whose call it is: others are not told who of it rings, and who speaks for whom."""


def keys_of(call: CallView) -> frozenset[str]:
    """Extensions that a call may concern; whoever is none of these, and works for or looks after none of these, cannot see it."""
    return frozenset(
        {
            *filter(None, (call.executive, call.on_behalf_of, call.parked_by, call.caller.extension)),
            *(each.extension for each in call.parties if each.extension is not None),
            *(each.extension for each in call.ringing if each.extension is not None),
        }
    )


def sight_of(directory: Directory, eyes: Eyes, call: CallView, at: datetime) -> Sight | None:
    """How much of the call these eyes see; None: nothing, not even that it is. `at` is aware."""
    me = eyes.extension
    part = me is not None and _has_part(me, call)
    owners = _owners(call)
    managed = not eyes.offices.isdisjoint(owners)
    inside = managed or (me is not None and (me in owners or me == call.actor or _works_for(directory, me, owners, call, at, _SEEING)))
    if part or inside:
        return Sight(_level(me, call, owners), inside)
    executives = [each.extension for each in call.parties if each.extension is not None and directory.is_executive(each.extension)]
    if me is not None and _works_for(directory, me, executives, call, at, _ENTERING):
        return Sight("closed" if call.locked_by is not None else "private", inside=True)
    return None


def _owners(call: CallView) -> tuple[str, ...]:
    return tuple(each for each in (call.executive, call.on_behalf_of) if each is not None)


def _has_part(me: str, call: CallView) -> bool:
    if me in (call.caller.extension, call.parked_by) or any(each.extension == me for each in call.parties):
        return True
    return any(each.extension == me for each in call.ringing)


def _level(me: str | None, call: CallView, owners: Collection[str | None]) -> Level:
    if call.locked_by is not None and not any(each.extension == me for each in call.parties):
        return "closed"
    hidden = call.confidential and me not in owners and me != call.caller.extension
    return "private" if hidden else "whole"


def _works_for(
    directory: Directory, me: str, executives: Iterable[str], call: CallView, at: datetime, rights: frozenset[str]
) -> bool:
    """Whether a delegation for one of `executives` that counts now, and is about this caller, gives one of `rights`."""
    situation: Situation | None = None
    for executive in executives:
        delegation = directory.delegation(me, executive)
        if delegation is None or rights.isdisjoint(delegation.rights):
            continue
        situation = situation or Situation(Facts(_caller(call), ""), directory, at)
        if in_force(situation, delegation) and delegation.callers.match(situation.caller, situation.key) and not off_duty(situation, me, executive):
            return True
    return False


def _caller(call: CallView) -> Caller:
    """The caller as delegations that are limited to some callers look at them (A24)."""
    extension, hidden = call.caller.extension, call.caller.number in ("", ANONYMOUS)
    return Caller("user" if extension else "trunk", extension, None, None, call.caller.number, call.caller.name, anonymous=hidden)


# --- what they may do ---------------------------------------------------------------------------------------------------------


def subject_of(call: CallView, now: float) -> Subject:
    """The call as `delegation` asks about it."""
    answered = next((each for each in call.parties if each.extension is not None and each.extension == call.answered_by), None)
    return Subject(
        frozenset(each.extension for each in call.parties if each.extension is not None and each.role == "talk"),
        frozenset(each.extension for each in call.ringing if each.extension is not None),
        _caller(call),
        call.executive,
        call.on_behalf_of,
        call.confidential,
        next((each.extension for each in call.parties if each.holding), None),
        call.parked_by,
        call.slot,
        call.locked_by,
        None if answered is None else answered.extension,
        frozenset(each.extension for each in call.parties if each.extension is not None and each.role != "talk"),
        call.called,
        since_answer=0.0 if answered is None else max(0.0, now - answered.since),
    )


def allowed(directory: Directory, actor: str | None, call: CallView, at: datetime) -> tuple[str, ...]:
    """The commands, as the API names them, that `actor` may give in this call now. Buttons stand for these, and for no others.

    `take` is pick-up of what rings, talks or is on hold, and retrieval of what is parked. Whether it may be is asked again when it is done.
    """
    if actor is None or actor not in directory.users:
        return ()
    if call.state == "dialling":
        return ("end",) if actor == call.caller.extension else ()
    subject = subject_of(call, at.timestamp())
    mine = next((each for each in call.parties if each.extension == actor), None)

    def may_not(what: str) -> bool:
        return bool(may(directory, actor, what, subject, at))

    if mine is None:
        return tuple(command for command, feature in _others_call(actor, call) if not may_not(feature))
    if mine.role != "talk":
        return ("end",) if may_not("barge") else ("barge", "end")
    found = [command for command, feature in _own_call(actor, call, mine) if not (feature and may_not(feature))]
    room = directory.rooms.get(call.room or "")
    return (*found, "mute", "remove") if room is not None and actor in room.moderators else tuple(found)


def _others_call(actor: str, call: CallView) -> tuple[tuple[str, str], ...]:
    """Commands for who is not in the call, each with the feature that decides."""
    if call.slot is not None:
        return (("take", "retrieve"),)
    if call.ringing:
        rings = any(each.extension == actor for each in call.ringing)  # their phone rings already
        return () if rings else (("take", "pick_up"),)
    return (("take", "pull"), ("join", "barge_in"), ("listen", "listen"), ("whisper", "whisper"))


def _own_call(actor: str, call: CallView, mine: PartyView) -> Iterable[tuple[str, str]]:
    """Commands for who is in the call; "" where being in it is enough."""
    if call.room is None and call.state in ("talking", "held", "conference"):
        yield ("resume" if mine.holding else "hold"), ""
        yield "push", "push_back"
        yield "give_back", "give_back"
        yield "park", "park"
        yield "transfer", "transfer"
        yield ("unlock" if call.locked_by == actor else "lock"), "lock"
    yield "end", ""


# --- what they are shown ------------------------------------------------------------------------------------------------------


def kind_of(eyes: Eyes, call: CallView, sight: Sight, can: tuple[str, ...]) -> Hashable:
    """The same for all to whom `show` shows the same: what is written once can be sent to each of them."""
    alike = sight == ("whole", True) and all(each.role == "talk" for each in call.parties)
    return (sight, can, None if alike else eyes)


def show(directory: Directory, eyes: Eyes, call: CallView, sight: Sight, can: tuple[str, ...]) -> Json:
    """The call as a page shows it, with what its viewer may do. Times are seconds since the epoch; texts are printable."""
    shown = _Shown(directory, eyes, call, sight)
    body: Json = {
        "id": call.id,
        "level": sight.level,
        "state": call.state,
        "started": call.started,
        "since": call.since,
        "executive": call.executive or (call.on_behalf_of if sight.inside else None),
        "locked": call.locked_by is not None,
        "locked_by": shown.user(call.locked_by),
        "owner": shown.owner(),
        "can": can,
    }
    if sight.level != "closed":
        body.update(_opened(call, sight, shown))
        body["give_back_until"] = _give_back_until(call, eyes.extension) if "give_back" in can else None
    return {**body, "names": _names(directory, body)}


def _opened(call: CallView, sight: Sight, shown: _Shown) -> Json:
    """What is shown of a call besides that it is."""
    inside = sight.inside
    return {
        "caller": shown.party(call.caller),
        "called": shown.called(),
        "on_behalf_of": call.on_behalf_of if inside else None,
        "actor": call.actor if inside else None,
        "parties": [shown.party(each) for each in call.parties if shown.is_told(each)],
        "ringing": [{**each._asdict(), "number": _text(each.number)} for each in call.ringing if shown.rings(each)],
        "answered_by": shown.answered_by(),
        "slot": call.slot if shown.has_parked() else None,
        "parked_by": shown.user(call.parked_by) if shown.has_parked() else None,
        "confidential": call.confidential,
        "note": _text(call.note, MAX_NOTE) if inside and sight.level == "whole" else "",
        "sent_by": call.sent_by if inside else "",
        "room": call.room,
    }


def _give_back_until(call: CallView, me: str | None) -> float | None:
    return next((each.since + GIVE_BACK_SECONDS for each in call.parties if each.extension == me), None)


class _Shown:
    """One call for one kind of viewer."""

    def __init__(self, directory: Directory, eyes: Eyes, call: CallView, sight: Sight) -> None:
        self._directory, self._eyes, self._call, self._sight = directory, eyes, call, sight
        owners = _owners(call) or tuple(each.extension for each in call.parties if each.extension and directory.is_executive(each.extension))
        self._office = {eyes.extension, *owners}.union(*(directory.offices[each].assistants for each in owners if each in directory.offices))

    def is_told(self, party: PartyView) -> bool:
        """Who listens or whispers is told to themselves and to the executive only: to others it would be a warning."""
        return party.role == "talk" or self._eyes.extension in (party.extension, *_owners(self._call))

    def rings(self, each: RingingView) -> bool:
        """Whether to tell that this one is rung: outside the office only to themselves."""
        me = self._eyes.extension
        return each.extension == me if not self._sight.inside else not self._hides(each.extension)

    def party(self, party: PartyView) -> Json:
        shown = party._asdict()
        if self._hides(party.extension):
            return {**shown, "extension": None, "number": "", "name": PRIVATE, "speaks_as": None}
        speaks_as = party.speaks_as or (self._call.on_behalf_of if party.extension is not None and party.extension == self._call.actor else None)
        if speaks_as is not None and not self._sight.inside:
            # The other side sees the executive, and never who really speaks (B12).
            return {**shown, "extension": speaks_as, "number": speaks_as, "name": self._name(speaks_as), "speaks_as": None}
        name = self._name(party.extension) if party.extension is not None else ""
        return {**shown, "number": _text(party.number), "name": name or _text(party.name), "speaks_as": speaks_as}

    def called(self) -> str:
        """The number that was called; not that of a contact who is hidden."""
        called = self._call.called
        user = self._directory.find(called)
        return PRIVATE if self._hides(None if user is None else user.extension) else _text(called)

    def user(self, extension: str | None) -> str | None:
        """An extension; None for one that is hidden."""
        return None if extension is None or self._hides(extension) else extension

    def has_parked(self) -> bool:
        return self._sight.inside or self._call.parked_by == self._eyes.extension

    def answered_by(self) -> str | None:
        """Who answered, an extension or an outside number; outside the office not the one who speaks as the executive."""
        call = self._call
        if call.answered_by is None or self._hides(call.answered_by) or (call.answered_by == call.actor and not self._sight.inside):
            return None
        return _text(call.answered_by)

    def owner(self) -> str | None:
        """Who has the call: whoever parked or holds it, else who answered it, else who talks. None outside the office."""
        call = self._call
        talking = [each.extension for each in call.parties if each.role == "talk" and each.extension is not None]
        found = call.parked_by or next((each.extension for each in call.parties if each.holding), None)
        if found is None and call.answered_by in talking:
            found = call.answered_by
        if found is None and call.state not in ("dialling", "ringing"):
            found = next((each for each in talking if each != call.caller.extension), call.caller.extension)
        return self.user(found or call.actor) if self._sight.inside else None

    def _hides(self, extension: str | None) -> bool:
        """Whether this one is the contact that these eyes may not see; None: somebody from outside."""
        return self._sight.level != "whole" and extension not in self._office

    def _name(self, extension: str) -> str:
        user = self._directory.users.get(extension)
        return _text(user.name) if user is not None else ""


_NAMED: Final = ("called", "executive", "on_behalf_of", "actor", "owner", "answered_by", "parked_by", "locked_by", "sent_by")


def _names(directory: Directory, body: Mapping[str, Any]) -> dict[str, str]:
    """The names of the users whom a call's row mentions by extension."""
    said = {body.get(key) for key in _NAMED}
    said.update(each[key] for each in body.get("ringing", ()) for key in ("extension", "for_executive"))
    said.update(each["speaks_as"] for each in body.get("parties", ()))
    return {each: _text(directory.users[each].name) for each in said if each and each in directory.users}


def _text(text: str, limit: int = 80) -> str:
    """What a peer sent, as a page may show it: no control characters, nothing that turns the direction of what follows, not endless."""
    return printable(text, limit)
