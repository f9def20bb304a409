"""The list of scenarios: functions that fill a `Draft`, each marked with the feature rows it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from scenarios.office import Draft, Mode

MODULES = (
    *("plain", "incoming", "rules", "phones", "forwarding", "groups", "screens", "onbehalf", "codes"),
    *("insidecall", "direct", "parking", "handover", "joining", "refusals", "registering"),
)
"""Where the scenarios are, in the order of the list."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario: its name, the rows of the feature list, what fills its draft, and on which server it is played."""

    name: str
    rows: str
    build: Callable[[Draft], None]
    media: Mode = "auto"

    @property
    def summary(self) -> str:
        """What it shows, in one line."""
        return (self.build.__doc__ or "").strip().splitlines()[0]


_scenarios: list[Scenario] = []


def scenario(rows: str, media: Mode = "auto") -> Callable[[Callable[[Draft], None]], Callable[[Draft], None]]:
    """Puts a function into the list; `rows` names the feature rows ("A5 A23"), or the part of the protocol. `media`: on which server."""

    def register(build: Callable[[Draft], None]) -> Callable[[Draft], None]:
        _scenarios.append(Scenario(build.__name__, rows, build, media))
        return build

    return register


def scenarios() -> list[Scenario]:
    """All of them."""
    for module in MODULES:
        import_module(f"scenarios.{module}")
    names = [each.name for each in _scenarios]
    if len(names) != len(set(names)):
        raise ValueError(f"two scenarios have one name: {sorted(name for name in names if names.count(name) > 1)}")
    return list(_scenarios)


def drafts(net: str) -> list[Draft]:
    """Every scenario, drafted for the loopback network `net` ("127.66")."""
    made = []
    for index, each in enumerate(scenarios(), start=1):
        draft = Draft(index, each.name, net, each.media)
        each.build(draft)
        made.append(draft)
    return made
