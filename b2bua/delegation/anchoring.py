"""Whether the sound of a call passes through the media engine from the start (`media.mode`).

With `auto` it does where somebody may use a feature during the call by keys: digits are heard, and music and mixing are possible, only there.
Everybody else's sound goes directly; should they need a feature all the same, the call is anchored then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from b2bua.delegation.model import Directory, MediaMode
from b2bua.delegation.plan import Caller, Endpoint, Rule

NAME: Final = "media"
_MODE_DIRECT: Final = Rule(NAME, False, "direct: media.mode is direct")
_MODE_ANCHORED: Final = Rule(NAME, True, "anchored: media.mode is anchored")
_EMERGENCY: Final = Rule(NAME, False, "direct: nothing stands in the way of an emergency call")
_NOBODY: Final = Rule(NAME, False, "direct: nobody in this call uses a feature during calls")
_FEATURE: Final = Rule(NAME, True, "anchored: the feature joins this call to another one")


def media_rule(
    directory: Directory, mode: MediaMode, caller: Caller, executive: str | None, on_behalf_of: str | None, endpoints: Iterable[Endpoint]
) -> Rule:
    """The rule for a call that rings `endpoints`; `executive` and `on_behalf_of` as in the plan."""
    if mode != "auto":
        return _MODE_DIRECT if mode == "direct" else _MODE_ANCHORED
    whose = executive or on_behalf_of
    if whose is not None:
        return directory.media_rules.get(whose, _NOBODY)
    people = directory.in_an_office
    if caller.extension in people:
        return directory.media_rules[caller.extension]
    for endpoint in endpoints:
        if endpoint.extension in people:
            return directory.media_rules[endpoint.extension]
    return _NOBODY


def emergency_rule(mode: MediaMode) -> Rule:
    """The rule for an emergency call (B9)."""
    return _MODE_ANCHORED if mode == "anchored" else _EMERGENCY


def feature_rule(mode: MediaMode) -> Rule:
    """The rule for a dialled feature that concerns another call."""
    return _MODE_DIRECT if mode == "direct" else _FEATURE
