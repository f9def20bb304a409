"""Feature codes: those that set something (A12-A14, A19, B4, B6) and those that concern another call (C1-C14).

A code that sets something is obeyed (the plan has the settings and what the phone shows); one that concerns another call has its digits
checked (whether it may be is known only when that call is found). Or it is refused with words that say what is missing or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from b2bua.delegation import hot_desk
from b2bua.delegation.assistants import MAX_HOPS
from b2bua.delegation.callerid import quotable
from b2bua.delegation.features import LOG_IN, LOG_OUT, Dialled
from b2bua.delegation.model import Place
from b2bua.delegation.people import Executive
from b2bua.delegation.plan import Setting
from b2bua.delegation.situation import Refusal, Situation
from b2bua.delegation.speaking import Identity, may_speak_as
from b2bua.delegation.standing import divert_of, in_force, in_office

MOST_NAMED: Final = 5
"""Profiles named in an answer: a phone shows one line."""


class Obeyed(NamedTuple):
    """What a code does."""

    settings: tuple[Setting, ...]
    confirmation: str
    pin_of: str | None = None
    """Whose PIN must be right first."""


Outcome = Obeyed | Refusal


class Asked(NamedTuple):
    """What a code asks of another call: `RoutePlan.feature` and `RoutePlan.argument`."""

    feature: str
    argument: str = ""


def obey(situation: Situation, code: Dialled) -> Outcome:
    """Carry out a code dialled by a user; 404 for a feature that is not there (yet)."""
    feature = _FEATURES.get(code.feature)
    if feature is None:
        return Refusal(404, f"feature code {code.code} is not available")
    return feature(situation, code)


def incomplete(code: Dialled, what: str) -> Refusal:
    """Digits are missing: the answer says which (RFC 3261 section 21.4.22)."""
    return Refusal(484, f"incomplete: dial {code.code} and {what}")


# --- filter on and off (A12) --------------------------------------------------------------------------------------------------


def _filter(situation: Situation, code: Dialled) -> Outcome:
    """An executive's own filter, or with an extension that of an executive whom the caller manages."""
    caller = situation.caller.extension or ""
    wanted = code.argument or situation.caller.line or (caller if situation.directory.is_executive(caller) else "")
    if not wanted:
        if any("manage" in each.rights for each in situation.directory.delegations.get(caller, ())):
            return incomplete(code, "the executive's extension")
        return Refusal(403, "you are no executive: there is no filter to switch")
    executive = _executive(situation, wanted)
    if isinstance(executive, Refusal):
        return executive
    if executive.kind != "executive":
        return Refusal(403, f"{wanted} is a {executive.kind} and has no filter")
    if executive.extension != caller and not _has_right(situation, executive.extension, "manage"):
        return Refusal(403, f"you may not switch the filter of {executive.extension}")
    on = code.feature == "filter_on"
    name = situation.directory.users[executive.extension].name
    return Obeyed((Setting("filter", executive.extension, "", "on" if on else "off"),), f"Filter {'on' if on else 'off'}: {name}")


# --- opt in and out (A13) -----------------------------------------------------------------------------------------------------


def _opt(situation: Situation, code: Dialled) -> Outcome:
    """An assistant takes part for an executive or not, where the delegation has the right `opt`."""
    wanted = code.argument or situation.caller.line
    if not wanted:
        return incomplete(code, "the executive's extension")
    executive = _executive(situation, wanted)
    if isinstance(executive, Refusal):
        return executive
    caller = situation.caller.extension or ""
    if situation.directory.delegation(caller, executive.extension) is None:
        return Refusal(403, f"you are no assistant of {executive.extension}")
    if not _has_right(situation, executive.extension, "opt"):
        return Refusal(403, f"{executive.extension} does not let you opt in and out")
    name = situation.directory.users[executive.extension].name
    out = code.feature == "opt_out"
    return Obeyed(
        (Setting("opt", caller, executive.extension, "out" if out else None),), f"Opted {'out of' if out else 'in for'} {name}"
    )


# --- call as (B4) -------------------------------------------------------------------------------------------------------------


def _call_as_set(situation: Situation, code: Dialled) -> Outcome:
    """From now on calls go out as the executive, until it is cleared or its time is over."""
    wanted = code.argument or situation.caller.line
    if not wanted:
        return incomplete(code, "the executive's extension")
    user = situation.directory.find(wanted)
    if user is None:
        return Refusal(404, f"nobody has the extension {quotable(wanted)}")
    caller = situation.caller.extension or ""
    if user.extension == caller:
        return Refusal(403, "this is your own extension")
    refusal = may_speak_as(situation, Identity(user.extension, "feature code"))
    if refusal:
        return refusal
    seconds = situation.directory.executives[user.extension].on_behalf.sticky_seconds
    until = situation.stamp + seconds if seconds else None
    return Obeyed((Setting("call_as", caller, "", user.extension, until),), f"Calling as {user.name}")


def _call_as_clear(situation: Situation, code: Dialled) -> Outcome:  # noqa: ARG001 - every feature is asked the same way
    return Obeyed((Setting("call_as", situation.caller.extension or ""),), "Calling as yourself")


# --- duty (B6) ----------------------------------------------------------------------------------------------------------------


def _duty_on(situation: Situation, code: Dialled) -> Outcome:
    profiles = situation.directory.profiles.get(situation.caller.extension or "", ())
    if not profiles:
        return Refusal(403, "you have no duty profile")
    choice = " or ".join(f"{each.code} for {each.name}" for each in profiles[:MOST_NAMED])
    if not code.argument:
        return incomplete(code, f"the profile: {choice}")
    profile = next((each for each in profiles if each.code == code.argument), None)
    if profile is None:
        return Refusal(404, f"you have no duty profile {quotable(code.argument)}: dial {choice}")
    return Obeyed((Setting("duty", situation.caller.extension or "", "", profile.name),), f"On duty: {profile.name}")


def _duty_off(situation: Situation, code: Dialled) -> Outcome:  # noqa: ARG001
    if not situation.directory.profiles.get(situation.caller.extension or ""):
        return Refusal(403, "you have no duty profile")
    return Obeyed((Setting("duty", situation.caller.extension or "", "", ""),), "Off duty")


# --- divert (A14) -------------------------------------------------------------------------------------------------------------


def _divert_on(situation: Situation, code: Dialled) -> Outcome:
    """To the number dialled, or without one to the number given before."""
    caller = situation.caller.extension or ""
    if not situation.directory.delegations.get(caller):
        return Refusal(403, "you are nobody's assistant: there is nothing to divert")
    number = code.argument or situation.setting("divert_to", caller) or situation.directory.users[caller].divert.number
    if not number:
        return incomplete(code, "the number")
    target = situation.directory.numbers.resolve(number)
    if target.kind == "emergency":
        return Refusal(403, "calls cannot be diverted to an emergency number")
    if target.kind == "nowhere":
        return Refusal(404, f"nobody has the number {quotable(number)}")
    if target.extension in situation.directory.offices:
        return Refusal(403, f"calls cannot be diverted to {quotable(number)}, whose calls others take")
    if target.extension is not None and _comes_back(situation, caller, target.extension):
        return Refusal(403, f"{quotable(number)} diverts back to you")
    where = (Setting("divert_to", caller, "", target.number),) if code.argument else ()
    return Obeyed((Setting("divert", caller, "", "on"), *where), f"Diverted to {target.number}")


def _comes_back(situation: Situation, caller: str, extension: str) -> bool:
    """Whether a divert from `caller` to `extension` would close a circle."""
    for _ in range(MAX_HOPS + 1):
        if extension == caller:
            return True
        number = divert_of(situation, extension)
        target = situation.directory.numbers.resolve(number).extension if number else None
        if target is None:
            return False
        extension = target
    return True


def _divert_off(situation: Situation, code: Dialled) -> Outcome:  # noqa: ARG001
    caller = situation.caller.extension or ""
    if not situation.directory.delegations.get(caller):
        return Refusal(403, "you are nobody's assistant: there is nothing to divert")
    return Obeyed((Setting("divert", caller, "", "off"),), "Divert off")


# --- do not disturb (A19) -----------------------------------------------------------------------------------------------------


def _dnd(situation: Situation, code: Dialled) -> Outcome:
    on = code.feature == "dnd_on"
    return Obeyed(
        (Setting("dnd", situation.caller.extension or "", "", "on" if on else "off"),), f"Do not disturb {'on' if on else 'off'}"
    )


# --- shared phones (E7) -------------------------------------------------------------------------------------------------------


def _log_in(situation: Situation, code: Dialled) -> Outcome:
    """Somebody logs in on a shared phone, in the place of whoever was there, when their PIN turns out to be right."""
    directory, caller = situation.directory, situation.caller.extension or ""
    if not hot_desk.is_shared(directory.users.get(caller)):
        return Refusal(403, "this is no shared phone: nobody logs in here")
    wanted = hot_desk.log_in(code.argument, directory)
    if not code.argument or (wanted.extension and not wanted.pin):
        return incomplete(code, "your extension, * and your PIN")
    if not wanted.extension:
        return Refusal(403, "nobody with this extension can log in")
    user = directory.users[wanted.extension]
    until = situation.stamp + hot_desk.STAY_SECONDS
    return Obeyed((Setting("hot_desk", caller, "", user.extension, until),), f"Logged in: {user.name}", user.extension)


def _log_out(situation: Situation, code: Dialled) -> Outcome:  # noqa: ARG001
    caller = situation.caller.extension or ""
    if not hot_desk.is_shared(situation.directory.users.get(caller)):
        return Refusal(403, "this is no shared phone: nobody logs out here")
    return Obeyed((Setting("hot_desk", caller),), "Logged out")


# --- another call (C1-C14) ----------------------------------------------------------------------------------------------------


def ask(situation: Situation, code: Dialled) -> Asked | Refusal:
    """What a code of `features.IN_CALL` asks, its digits checked: extensions and slots are there."""
    feature = "pick_up" if code.feature == "pick_up_short" else code.feature
    if feature in _PUSHES and not _assists(situation):
        return Refusal(403, "you are nobody's assistant: there is nobody to send the call to")
    if feature in ("park", "retrieve"):
        return _slot(situation, feature, code.argument)
    if feature in _NAMED:
        return _whose(situation, feature, code)
    return Asked(feature)


_PUSHES: Final = frozenset({"push_back", "push", "push_announced"})
_NAMED: Final[Mapping[str, str]] = {
    "pull": "",
    "barge": "",
    "barge_in": "the extension of who is in the call",
    "listen": "the extension of who is in the call",
    "whisper": "the extension of whom you want to whisper to",
    "pick_up": "the extension that rings",
}
"""Codes that may be followed by an extension, and what is missing without it: "" when nothing is."""


def _assists(situation: Situation) -> bool:
    """Whether the caller works for an executive."""
    delegations = situation.directory.delegations.get(situation.caller.extension or "", ())
    return any(situation.directory.is_executive(each.executive) for each in delegations)


def _whose(situation: Situation, feature: str, code: Dialled) -> Asked | Refusal:
    """A feature for the call of a user; only what rings can be a group's or a service's."""
    if not code.argument:
        return incomplete(code, _NAMED[feature]) if _NAMED[feature] else Asked(feature)
    user = situation.directory.find(code.argument)
    if user is None:
        return Refusal(404, f"nobody has the extension {quotable(code.argument)}")
    if user.kind != "person" and feature != "pick_up":
        return Refusal(403, f"{user.extension} is a {user.kind}: dial {code.code} and the extension of a user")
    if user.extension == situation.caller.extension and feature != "pull":
        return Refusal(403, "this is your own extension")
    return Asked(feature, user.extension)


def _slot(situation: Situation, feature: str, number: str) -> Asked | Refusal:
    if not number:
        return Asked(feature)
    place = situation.directory.places.get(number)
    if place is None or place.feature != "retrieve":
        return Refusal(404, f"there is no park slot {quotable(number)}")
    return own_slot(situation, place) or Asked(feature, number)


def own_slot(situation: Situation, place: Place) -> Refusal | None:
    """Why the caller may not use this slot: an executive's own one is for that office (C4)."""
    if place.executive is None or in_office(situation, situation.caller.extension or "", place.executive):
        return None
    return Refusal(403, f"{place.number} is the park slot of {place.executive}")


# --- common -------------------------------------------------------------------------------------------------------------------


def _executive(situation: Situation, wanted: str) -> Executive | Refusal:
    """The executive, group or service with this extension or number."""
    user = situation.directory.find(wanted)
    executive = situation.directory.executives.get(user.extension) if user else None
    return executive or Refusal(404, f"{quotable(wanted)} is no executive")


def _has_right(situation: Situation, executive: str, right: str) -> bool:
    delegation = situation.directory.delegation(situation.caller.extension or "", executive)
    return delegation is not None and right in delegation.rights and in_force(situation, delegation)


_FEATURES: Final[Mapping[str, Callable[[Situation, Dialled], Outcome]]] = {
    "filter_on": _filter,
    "filter_off": _filter,
    "opt_in": _opt,
    "opt_out": _opt,
    "call_as_set": _call_as_set,
    "call_as_clear": _call_as_clear,
    "duty_on": _duty_on,
    "duty_off": _duty_off,
    "divert_on": _divert_on,
    "divert_off": _divert_off,
    "dnd_on": _dnd,
    "dnd_off": _dnd,
    LOG_IN: _log_in,
    LOG_OUT: _log_out,
}
