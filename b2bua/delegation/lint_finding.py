"""What the linter says, and where it belongs: the plain data that its parts have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from b2bua.delegation.model import Directory
from b2bua.delegation.people import ExecutiveKind

Severity = Literal["error", "warning"]
"""error: some call would be lost or go round in a circle. warning: it works, and is probably not meant."""
Kind = Literal["users", "executives", "groups", "services", "duty_profiles"]
"""The lists of the directory."""
Key = tuple[str | int, ...]

KIND_OF: Final[dict[ExecutiveKind, Kind]] = {"executive": "executives", "group": "groups", "service": "services"}
PEOPLE_OF: Final[dict[ExecutiveKind, str]] = {"executive": "assistants", "group": "members", "service": "agents"}
"""Under which key the delegations stand."""
SHOWN: Final = 3
"""So many of a list are named."""


class Finding(NamedTuple):
    """One thing that is wrong, or looks so."""

    severity: Severity
    kind: Kind
    """In which list it stands."""
    extension: str
    """Whose entry it is; the name of a duty profile."""
    key: Key
    """The place within the entry, such as ``("rollover", "action")``; the index of an assistant is that of the delegation."""
    text: str
    """What is wrong, what to write instead."""


def listed(items: Sequence[str], shown: int = SHOWN) -> str:
    """``a, b, c and 4 more``."""
    more = len(items) - shown
    return ", ".join(items) if more <= 0 else f"{', '.join(items[:shown])} and {more} more"


def named(directory: Directory, extension: str) -> str:
    """``Olivia Boss (667)``."""
    return directory.users[extension].shown
