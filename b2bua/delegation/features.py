"""Feature codes: what a plain desk phone dials to reach a feature (FEATURES.md, B2 and the rows with a ``*`` or ``#`` code).

A code starts with ``*`` or ``#`` so that it can never be mistaken for an extension or a number. Every code can be renumbered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple


class FeatureCode(NamedTuple):
    """A code as shipped: what is dialled, whether something follows it, and what it is for."""

    code: str
    takes_argument: bool
    purpose: str


CALL_AS: Final = "call_as"
CALL_DISCLOSED: Final = "call_disclosed"
CALL_AS_SELF: Final = "call_as_self"
LOG_IN: Final = "log_in"
LOG_OUT: Final = "log_out"

DEFAULT_CODES: Final[Mapping[str, FeatureCode]] = MappingProxyType(
    {
        CALL_AS: FeatureCode("#64", True, "call on behalf: #64<executive>*<number>"),
        "call_disclosed": FeatureCode("#73", True, 'call as "Assistant for Executive": #73<executive>*<number>'),
        "call_as_self": FeatureCode("#74", True, "call as oneself, whatever was chosen: #74<number>"),
        "call_as_set": FeatureCode("#67", True, "call as an executive from now on: #67<executive>"),
        "call_as_clear": FeatureCode("#68", False, "call as oneself again"),
        "filter_on": FeatureCode("#61", True, "filtering on; #61<executive> for an assistant who manages"),
        "filter_off": FeatureCode("#62", True, "filtering off; #62<executive> for an assistant who manages"),
        "opt_in": FeatureCode("#65", True, "opt in for an executive: #65<executive>"),
        "opt_out": FeatureCode("#66", True, "opt out for an executive: #66<executive>"),
        "duty_on": FeatureCode("#69", True, "on duty with a profile: #69<code of the profile>"),
        "duty_off": FeatureCode("#60", False, "off duty"),
        "divert_on": FeatureCode("#71", True, "divert filtered calls: #71<number>, or #71 alone to the number given before"),
        "divert_off": FeatureCode("#72", False, "take filtered calls oneself again"),
        "dnd_on": FeatureCode("*78", False, "do not disturb"),
        "dnd_off": FeatureCode("*79", False, "calls ring again"),
        "push_back": FeatureCode("##20", False, "transfer the call back to the executive"),
        "push": FeatureCode("#63", False, "transfer the held call to the executive"),
        "push_announced": FeatureCode("*86", False, "transfer the call to the executive, and speak to them first"),
        "pull": FeatureCode("*11", True, "pick up a held call, or pull a call"),
        "barge_in": FeatureCode("*15", True, "join a call as a conference"),
        "park": FeatureCode("*68", True, "park a call: *68 in the next free slot, or *68<slot>"),
        "retrieve": FeatureCode("*88", True, "retrieve a parked call: *88<slot>, or *88 alone for one's own"),
        "listen": FeatureCode("*80", True, "listen to a call"),
        "whisper": FeatureCode("*81", True, "whisper to one party of a call"),
        "barge": FeatureCode("*82", True, "go from listening to joining"),
        "pick_up": FeatureCode("*97", True, "directed pick-up"),
        "pick_up_short": FeatureCode("**", True, "directed pick-up"),
        "pick_up_group": FeatureCode("*98", False, "group pick-up"),
        "lock": FeatureCode("*83", False, "make the call private: nobody else may pick it up, listen or join"),
        "unlock": FeatureCode("*84", False, "end that"),
        "give_back": FeatureCode("*85", False, "return a call that was just answered to ringing"),
        LOG_IN: FeatureCode("*90", True, "log in on a shared phone: *90<extension>*<PIN>"),
        LOG_OUT: FeatureCode("*91", False, "log out from a shared phone"),
    }
)
"""Every code by its configuration key. All are reserved; those whose feature is not there yet are answered with 404."""

OWN_CALL: Final = frozenset({"push_back", "push", "push_announced", "park", "lock", "unlock", "give_back"})
"""Features for the call that one is in. Dialled as a new call, they mean the one that the phone has put on hold."""
OTHERS_CALL: Final = frozenset({"pull", "barge_in", "retrieve", "listen", "whisper", "barge", "pick_up", "pick_up_group"})
"""Features that lead into a call that others have, that rings or that is parked."""
IN_CALL: Final = OWN_CALL | OTHERS_CALL | {"pick_up_short"}
"""Codes that concern another call than the one that is dialled (C1-C14); `pick_up_short` is another code of `pick_up`."""
CONFERENCE: Final = "conference"
"""The feature of dialling a conference room, which has a number and no code (C12)."""
NEEDS_MIXER: Final = frozenset({"barge_in", "listen", "whisper", "barge", "push_announced", CONFERENCE})
"""Features in which more than two hear each other: without the media engine there are none."""


class Dialled(NamedTuple):
    """A dialled string that begins with a feature code."""

    feature: str
    code: str
    argument: str
    """What follows the code, "" for nothing."""


@dataclass(frozen=True, slots=True)
class CallAs:
    """The argument of ``#64`` and ``#73``: as whom, and whom to call."""

    executive: str
    number: str


class FeatureCodes:
    """The codes in use. Immutable after construction; `match` costs one look at the first character for ordinary numbers."""

    __slots__ = ("_by_length", "codes")

    def __init__(self, renumbered: Mapping[str, str] = MappingProxyType({})) -> None:
        """`renumbered` maps configuration keys of `DEFAULT_CODES` to the code to use instead; already checked by `conflicts`."""
        self.codes: Mapping[str, str] = MappingProxyType(
            {feature: renumbered.get(feature, shipped.code) for feature, shipped in DEFAULT_CODES.items()}
        )
        self._by_length = tuple(sorted(((code, feature) for feature, code in self.codes.items()), key=lambda item: -len(item[0])))

    def match(self, dialled: str) -> Dialled | None:
        """The longest code that `dialled` begins with; None when it is no feature code."""
        if dialled[:1] not in ("*", "#"):
            return None
        for code, feature in self._by_length:
            if dialled == code or (dialled.startswith(code) and DEFAULT_CODES[feature].takes_argument):
                return Dialled(feature, code, dialled[len(code) :])
        return None


    def behind(self, dialled: str) -> str:
        """The number behind every code in front of it that only says as whom to call, however many there are; `dialled` without one."""
        found = self.match(dialled)
        while found is not None and found.feature in (CALL_AS, CALL_DISCLOSED, CALL_AS_SELF):
            dialled = found.argument if found.feature == CALL_AS_SELF else parse_call_as(found.argument).number
            found = self.match(dialled)
        return dialled


def parse_call_as(argument: str) -> CallAs:
    """``<executive>*<number>``; what is missing is ""."""
    executive, _, number = argument.partition("*")
    return CallAs(executive, number)


def conflicts(renumbered: Mapping[str, str]) -> dict[str, str]:
    """Why the codes in `renumbered` cannot be used: configuration key to what is wrong; empty when all is well."""
    in_use = {feature: renumbered.get(feature, shipped.code) for feature, shipped in DEFAULT_CODES.items()}
    found: dict[str, str] = {}
    for feature in renumbered:
        for other, code in in_use.items():
            if other != feature and (reason := _clash(feature, in_use[feature], other, code)):
                found.setdefault(feature, reason)
    return found


def _clash(feature: str, code: str, other: str, other_code: str) -> str:
    if code == other_code:
        return f"{code} is already the code of {other}; write another code"
    if DEFAULT_CODES[feature].takes_argument and other_code.startswith(code):
        return f"{code} hides {other_code} ({other}); write a code that no other code begins with"
    if DEFAULT_CODES[other].takes_argument and code.startswith(other_code):
        return f"{code} begins with {other_code} ({other}); write a code that does not"
    return ""
