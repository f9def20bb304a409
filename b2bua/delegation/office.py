"""An executive, group or service, worked out for routing when the directory is loaded, so that deciding a call is little work.

A `Seat` is one of its assistants with what rings for them; a `Check` is one criterion of its filter, with the lines of the explainer
that do not depend on the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from b2bua.delegation.callers import Callers
from b2bua.delegation.people import INACTIVE, Criterion, Delegation, Executive, User
from b2bua.delegation.plan import Devices, Endpoint, Role, Rule
from b2bua.delegation.stages import Stages, Turn, assistants_stages

RINGS: Final = "takes calls, and is rung"


class Seat(NamedTuple):
    """An assistant's place in the ring order."""

    name: str
    """For the explainer."""
    delegation: Delegation
    assistant: User
    endpoints: tuple[Endpoint, ...]
    """What rings for them: their phones in the order of A22."""
    conditional: bool
    """Whether it depends on the call or the time, even when phones have set nothing."""
    never: str
    """Why this assistant is never rung, whatever the call; "" when it depends."""


class Check(NamedTuple):
    """A criterion (A10) and what the explainer says of it: `matched`, or the part that did not match."""

    criterion: Criterion
    words: frozenset[str]
    numbers: frozenset[str]
    prefixes: tuple[str, ...]
    dialled: frozenset[str]
    timed: bool
    """Whether a schedule plays a part."""
    matched: Rule
    wrong_callers: Rule
    wrong_dialled: Rule
    wrong_time: Rule


class Run(NamedTuple):
    """Criteria in a row that can be passed over in one step, or none of which can."""

    checks: tuple[Check, ...]
    by_number: bool
    """Whether all of them name callers by number only: then nobody of whom they do not speak is looked at one by one."""
    passed_over: tuple[Rule, ...]
    """What the explainer says then."""


class Criteria(NamedTuple):
    """Criteria in order, and every number and prefix in those that name callers by number only."""

    runs: tuple[Run, ...]
    numbers: frozenset[str]
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Office:
    """Whose calls are taken, by whom, and when."""

    executive: Executive
    user: User
    seats: tuple[Seat, ...]
    """In ring order."""
    assistants: frozenset[str]
    """Their extensions."""
    unconditional: bool
    """Whether the same assistants ring for every call as long as phones have set nothing: `turns`, with `stages` and `lines`."""
    turns: tuple[Turn, ...]
    stages: Stages
    lines: tuple[Rule, ...]
    own_phones: tuple[Endpoint, ...]
    """The executive's own; empty for groups and services."""
    exceptions: Criteria
    """The criteria that say "do not filter" (A11)."""
    criteria: Criteria
    """The others, when the mode is "criteria"; none in the mode "simple"."""


def office(executive: Executive, users: Mapping[str, User]) -> Office:
    """Work out `executive`."""
    filtering = executive.filtering
    user = users[executive.extension]
    seats = tuple(_seat(each, users[each.assistant]) for each in executive.delegations)
    turns = tuple(Turn(each.delegation, each.endpoints) for each in seats if not each.never)
    return Office(
        executive,
        user,
        seats,
        frozenset(each.assistant for each in executive.delegations),
        not any(each.conditional for each in seats),
        turns,
        assistants_stages(executive.alerting, turns, (), executive.maximum_wait),
        tuple(Rule(each.name, not each.never, each.never or RINGS) for each in seats),
        endpoints_of(user, "executive") if executive.kind == "executive" and user.active else (),
        _gathered([_check(each) for each in filtering.criteria if not each.filter]),
        _gathered([_check(each) for each in filtering.criteria if each.filter and filtering.mode == "criteria"]),
    )


def endpoints_of(user: User, role: Role, for_executive: str | None = None) -> tuple[Endpoint, ...]:
    """What rings when `user` is rung: all phones together, or apps and desk phones one after the other (A22)."""
    devices = user.devices
    whole = Endpoint("user", user.extension, None, None, role, for_executive)
    if devices.order == "together":
        return (whole,)
    first: Devices = "apps" if devices.order == "apps_first" else "desk"
    then: Devices = "desk" if devices.order == "apps_first" else "apps"
    if devices.first_seconds <= 0:
        return (whole._replace(devices=then),)
    return (
        whole._replace(devices=first, seconds=devices.first_seconds),
        whole._replace(devices=then, after=devices.first_seconds),
    )


def _seat(delegation: Delegation, assistant: User) -> Seat:
    conditional = (
        not delegation.callers.everybody
        or delegation.begins is not None
        or delegation.ends is not None
        or assistant.dnd
        or assistant.divert.enabled
        or (delegation.respect_hours and assistant.hours is not None)
    )
    name = f"assistant {assistant.shown}"
    return Seat(
        name, delegation, assistant, endpoints_of(assistant, "assistant", delegation.executive), conditional, _never(delegation, assistant)
    )


def _never(delegation: Delegation, assistant: User) -> str:
    if not assistant.active:
        return INACTIVE[assistant.status]
    if "receive" not in delegation.rights:
        return "has no right 'receive'"
    return "" if delegation.approval == "approved" else f"has a delegation that is {delegation.approval}, not approved"


def _check(criterion: Criterion) -> Check:
    name = f"criterion '{criterion.name}'" if criterion.filter else f"exception '{criterion.name}'"
    callers = criterion.callers if criterion.active else Callers(text="nobody")
    hours = [
        *([f"during {criterion.during.name}"] if criterion.during else []),
        *([f"outside {criterion.outside.name}"] if criterion.outside else []),
        *([f"on the holidays of {criterion.holidays.name}"] if criterion.holidays else []),
    ]
    dialled = ", ".join(sorted(criterion.dialled))
    whole = ["calls from " + callers.text, *([f"to {dialled}"] if dialled else []), *hours]
    return Check(
        criterion,
        callers.words,
        callers.numbers,
        callers.prefixes,
        criterion.dialled,
        bool(hours),
        Rule(name, True, f"{'filters' if criterion.filter else 'does not filter'} {' '.join(whole)}"),
        Rule(name, False, f"is for calls from {callers.text}" if criterion.active else "is switched off"),
        Rule(name, False, f"is for calls to {dialled}"),
        Rule(name, False, f"is for calls {' '.join(hours)}"),
    )


def _gathered(checks: list[Check]) -> Criteria:
    """`checks` in order, those without words gathered."""
    runs = [(by_number, tuple(each)) for by_number, each in groupby(checks, key=lambda check: not check.words)]
    named = [each for each in checks if not each.words]
    return Criteria(
        tuple(Run(each, by_number, tuple(check.wrong_callers for check in each)) for by_number, each in runs),
        frozenset().union(*(each.numbers for each in named)),
        tuple(dict.fromkeys(prefix for each in named for prefix in each.prefixes)),
    )
