"""Which call a feature during a call means, and which park slot (C1-C14). Who may is decided in `rights`.

A code names at most an extension or a slot; what it means depends on the calls that there are. Whoever carries a feature out hands in a
`Subject` for each, and gets the place of the one that is meant, or a refusal in words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from b2bua.delegation.callerid import quotable
from b2bua.delegation.features import OWN_CALL
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Caller, Facts
from b2bua.delegation.rights import GIVE_BACK_SECONDS, OTHER_SIDE, Subject, executive_for, is_answered, may, same_side, works_for
from b2bua.delegation.situation import Refusal, Situation
from b2bua.delegation.standing import in_office

__all__ = ["GIVE_BACK_SECONDS", "OTHER_SIDE", "Subject", "choose", "executive_for", "may", "same_side", "slot_for", "works_for"]

_PARKER: Final = Facts(Caller("trunk", None, None, None, "", "", anonymous=True), "")


class _Wish(NamedTuple):
    """A feature that somebody asks for, and the calls that there are."""

    directory: Directory
    actor: str
    feature: str
    subjects: Sequence[Subject]
    at: datetime

    def where(self, test: Callable[[Subject], bool]) -> list[int]:
        """The calls for which `test` is true, those that have been as they are for the longest time first."""
        found = [index for index, subject in enumerate(self.subjects) if test(subject)]
        return sorted(found, key=lambda index: -self.subjects[index].seconds)

    def allowed(self, indexes: Iterable[int]) -> list[int]:
        """Those that the actor may have."""
        return [index for index in indexes if not may(self.directory, self.actor, self.feature, self.subjects[index], self.at)]

    def first(self, indexes: Sequence[int], none: str) -> int | Refusal:
        """The first that the actor may have; else why not the first of them, or that there is `none`."""
        found = self.allowed(indexes)
        if found:
            return found[0]
        if not indexes:
            return Refusal(404, none)
        return Refusal(403, may(self.directory, self.actor, self.feature, self.subjects[indexes[0]], self.at))


def choose(
    directory: Directory, actor: str, feature: str, argument: str, subjects: Sequence[Subject], at: datetime
) -> int | Refusal:
    """Which of `subjects` a dialled code means, by its place among them: `feature` and `argument` are the plan's. `at` is aware.

    A refusal is 404 when there is no such call, 403 with the reason when it may not be, 484 when there are several and an extension
    would tell. KeyError for a feature that is none of `features.IN_CALL`.
    """
    wish = _Wish(directory, actor, feature, subjects, at)
    return _own(wish) if feature in OWN_CALL else _CHOICES[feature](wish, argument)


def _own(wish: _Wish) -> int | Refusal:
    """The call that the actor put on hold last, in order to dial; else the one that they talk in, from another phone."""
    actor, feature = wish.actor, wish.feature
    if feature == "give_back":
        return wish.first(wish.where(lambda each: each.answered_by == actor)[::-1], "you have answered no call")
    if feature == "unlock":
        return wish.first(wish.where(lambda each: each.locked_by == actor)[::-1], "you have locked no call")
    held = wish.where(lambda each: each.holder == actor and each.slot is None)[::-1]
    talking = wish.where(lambda each: actor in each.parties and each.holder != actor and each.slot is None and is_answered(each))[::-1]
    return wish.first((*held, *talking), "you are in no call")


def _pull(wish: _Wish, argument: str) -> int | Refusal:
    """The held call that has waited longest; else the own call from another phone, else the only one that may be pulled (C1, C2, C6)."""
    actor = wish.actor
    if argument:
        held = wish.where(lambda each: each.holder == argument)
        talking = wish.where(lambda each: argument in each.parties and each.holder != argument and is_answered(each))
        return wish.first((*held, *talking), f"{argument} has no call")
    held = wish.where(lambda each: each.holder not in (None, actor))
    own = wish.where(lambda each: (actor in each.parties or each.holder == actor) and is_answered(each))
    found = wish.allowed((*held, *(each for each in own if each not in held)))
    if found:
        return found[0]
    talking = wish.allowed(wish.where(lambda each: bool(each.parties)))
    if len(talking) > 1:
        code = wish.directory.codes.codes["pull"]
        return Refusal(484, f"there are {len(talking)} calls: dial {code} and the extension of who has it")
    return talking[0] if talking else Refusal(404, "there is no held call")


def _enter(wish: _Wish, argument: str) -> int | Refusal:
    """The call of the user `argument`: the one that talks before those on hold, the latest before the earlier ones (C7, C8)."""
    if not argument:  # *82: from listening to joining
        return wish.first(wish.where(lambda each: wish.actor in each.listeners)[::-1], "you listen to no call")
    found = wish.where(lambda each: argument in each.parties and is_answered(each))[::-1]
    found.sort(key=lambda index: wish.subjects[index].holder is not None)
    return wish.first(found, f"{argument} is in no call")


def _retrieve(wish: _Wish, argument: str) -> int | Refusal:
    """What is parked in the slot; without one what the actor has parked, or what waits in the slot of the own office (C3, C4)."""
    if argument:
        return wish.first(wish.where(lambda each: each.slot == argument), f"slot {quotable(argument)} is empty")
    mine = wish.where(lambda each: each.slot is not None and each.parked_by == wish.actor)
    own_slots = _own_slots(wish.directory, wish.actor, wish.at)
    ours = wish.where(lambda each: each.slot in own_slots)
    code = wish.directory.codes.codes["retrieve"]
    return wish.first((*mine, *(each for each in ours if each not in mine)), f"you have parked no call: dial {code} and the slot")


def _pick_up(wish: _Wish, argument: str) -> int | Refusal:
    """What rings at the extension, or was dialled to it: what has rung longest (C10)."""
    ringing = wish.where(lambda each: bool(each.ringing) and (argument in each.ringing or _is_for(wish.directory, argument, each)))
    return wish.first(ringing, f"{argument} does not ring")


def _is_for(directory: Directory, extension: str, subject: Subject) -> bool:
    """Whether this extension was called, or is whose call it is."""
    called = subject.called or ""
    return extension in (subject.executive, called, directory.numbers.owner_of(called))


def _pick_up_group(wish: _Wish, argument: str) -> int | Refusal:  # noqa: ARG001 - every feature is asked the same way
    ringing = wish.allowed(wish.where(lambda each: bool(each.ringing)))
    return ringing[0] if ringing else Refusal(404, "nobody rings whose calls you may pick up")


_CHOICES: Final[Mapping[str, Callable[[_Wish, str], int | Refusal]]] = {
    "pull": _pull,
    "barge_in": _enter,
    "barge": _enter,
    "listen": _enter,
    "whisper": _enter,
    "retrieve": _retrieve,
    "pick_up": _pick_up,
    "pick_up_group": _pick_up_group,
}
"""Every feature of `features.OTHERS_CALL`."""


# --- park slots (C3, C4) ------------------------------------------------------------------------------------------------------


def slot_for(
    directory: Directory, actor: str, argument: str, subject: Subject, occupied: Collection[str], at: datetime
) -> str | Refusal:
    """Where `actor` parks the call: in the slot `argument`; without one in the executive's own when it is free, else in the next free one.

    403 when the call may not be parked, or not there; 404 when there is no such slot; 486 when it is occupied, or all are: a call never
    joins another in a slot. `at` is aware.
    """
    reason = may(directory, actor, "park", subject, at)
    if reason:
        return Refusal(403, reason)
    own = _own_slots(directory, actor, at)
    if argument:
        place = directory.places.get(argument)
        if place is None or place.feature != "retrieve":
            return Refusal(404, f"there is no park slot {quotable(argument)}")
        if place.executive is not None and argument not in own:
            return Refusal(403, f"{argument} is the park slot of {place.executive}")
        return Refusal(486, f"slot {argument} is occupied") if argument in occupied else argument
    executives = (subject.executive, subject.on_behalf_of, *sorted(subject.parties))
    fixed = [slot for slot, executive in own.items() if executive in executives]
    public = [slot for slot in directory.parking.slots if slot in directory.places and directory.places[slot].executive is None]
    free = next((slot for slot in (*fixed, *public) if slot not in occupied), None)
    return free or Refusal(486, "every park slot is occupied")


def _own_slots(directory: Directory, actor: str, at: datetime) -> dict[str, str]:
    """The executives' own slots that `actor` may use, each with whose it is."""
    situation = Situation(_PARKER, directory, at)
    bosses = [actor, *(each.executive for each in directory.delegations.get(actor, ()))]
    slots = {each: directory.executives[each].slot for each in bosses if each in directory.executives}
    return {slot: boss for boss, slot in slots.items() if slot is not None and in_office(situation, actor, boss)}
