"""Whether the sound of a call passes through the media engine from the start (`media.mode`).

With `auto` it does where somebody may use a feature during the call by keys: digits are heard, and music and mixing are possible, only there.
Everybody else's sound goes directly; should they need a feature all the same, the call is anchored then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from b2bua.delegation.model import Directory, MediaMode
from b2bua.delegation.plan import Caller, Endpoint, Facts, RoutePlan, Rule
from b2bua.delegation.stages import every_endpoint

NAME: Final = "media"
_MODE_DIRECT: Final = Rule(NAME, False, "direct: media.mode is direct")
_MODE_ANCHORED: Final = Rule(NAME, True, "anchored: media.mode is anchored")
_EMERGENCY: Final = Rule(NAME, False, "direct: nothing stands in the way of an emergency call")
_NOBODY: Final = Rule(NAME, False, "direct: nobody in this call uses a feature during calls")
_FEATURE: Final = Rule(NAME, True, "anchored: the feature joins this call to another one")
_NO_CALL: Final = Rule(NAME, False, "direct: nobody is called")


class Needed(NamedTuple):
    """The answer, and why, as the rule "media" says it."""

    anchored: bool
    reason: str


def needs_media(facts: Facts, plan: RoutePlan, directory: Directory, mode: MediaMode) -> Needed:
    """Whether the call of `plan` is anchored from the start. `decide` has asked already: `RoutePlan.anchored`."""
    if plan.action == "join":
        found = feature_rule(mode)
    elif plan.action != "ring":
        found = _NO_CALL
    elif plan.emergency:
        found = emergency_rule(mode)
    else:
        endpoints = every_endpoint((*plan.stages, *plan.rollover))
        found = media_rule(directory, mode, facts.caller, plan.executive, plan.on_behalf_of, endpoints)
    return Needed(found.matched, found.reason)


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
