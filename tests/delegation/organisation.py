"""A small organisation for the tests of the decision, and short ways to ask for a call in it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from b2bua.delegation.callers import Callers
from b2bua.delegation.model import Delegation, Directory, Executive, Right, TrunkRoute, User
from b2bua.delegation.plan import Caller, Facts, RoutePlan, Setting
from b2bua.delegation.policy import decide
from b2bua.delegation.state import State

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""A Monday."""

USERS = (
    User("667", "Olivia Boss", "secret-667", ("+6221500667", "+6221500600"), "HQ"),
    User("668", "Victor Chief", "secret-668", ("+6221500668",)),
    User("676", "Sam Secretary", "secret-676", ("+6221500676",), "HQ"),
    User("677", "Ana Aide", "secret-677"),
    User("678", "Tom Deputy", "secret-678", ("+6221500678",)),
    User("600", "Reception", "secret-600", ("+6221500601",)),
    User("601", "Lee Colleague", "secret-601", ("+6221500602", "+6221500603")),
)
TRUNKS = (
    TrunkRoute("carrier", (r"^\+?[0-9]{6,15}$",)),
    TrunkRoute("short", (r"^0[0-9]{2}$", r"^\+?[0-9]{6,15}$")),
)


def assistants(executive: str, *extensions: str | tuple[str, set[Right]]) -> tuple[Delegation, ...]:
    """Delegations with the default rights, or with the given ones."""
    return tuple(
        Delegation(each, executive) if isinstance(each, str) else Delegation(each[0], executive, frozenset(each[1]))
        for each in extensions
    )


def directory(*executives: Executive, **changes: Any) -> Directory:
    """Olivia (667) with Sam and Ana, unless other executives are given."""
    settings: dict[str, Any] = {
        "domain": "acme.test",
        "users": USERS,
        "executives": executives or (Executive("667", "+6221500600", delegations=assistants("667", "676", "677")),),
        "trunks": TRUNKS,
        "emergency": ("112", "911"),
    }
    return Directory.build(**settings | changes)


def user(extension: str, line: str | None = None, *, anonymous: bool = False) -> Caller:
    name = next((each.name for each in USERS if each.extension == extension), "")
    return Caller("user", extension, line, None, extension, name, anonymous)


def outside(number: str = "+15551234567", name: str = "", *, anonymous: bool = False) -> Caller:
    return Caller("trunk", None, None, "carrier", "" if anonymous else number, name, anonymous)


def call(
    caller: Caller | str,
    dialled: str,
    where: Directory | None = None,
    preferred: str | None = None,
    *,
    at: datetime = NOW,
    state: Sequence[Setting] = (),
) -> RoutePlan:
    """The plan for a call; a caller given as text is a user. `state`: what phones have set."""
    who = user(caller) if isinstance(caller, str) else caller
    found = where or directory()
    return decide(Facts(who, dialled, preferred), found.with_state(State.of(state)) if state else found, at)


def callers_of(*entries: str, text: str = "") -> Callers:
    """Callers as the configuration reads them: what is a user's extension means that user."""
    return Callers.of(*entries, users={each.extension for each in USERS}, text=text)


def changed(extension: str, **changes: Any) -> tuple[User, ...]:
    """The users, one of them with other settings."""
    return tuple(replace(each, **changes) if each.extension == extension else each for each in USERS)


def rule(plan: RoutePlan, name: str) -> tuple[bool, str]:
    """Whether the rule of that name matched, and why."""
    return next((each.matched, each.reason) for each in plan.trace if each.name == name)


def ringing(plan: RoutePlan) -> list[list[str]]:
    """Who rings, stage after stage."""
    return [[each.extension or f"{each.number}@{each.trunk}" for each in stage.endpoints] for stage in plan.stages]


def seconds(plan: RoutePlan) -> list[float | None]:
    """How long each stage rings."""
    return [stage.seconds for stage in plan.stages]
