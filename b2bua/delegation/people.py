"""Who there is and what was agreed: users, executives, delegations, and how an executive's calls shall ring.

Plain immutable settings, already checked and with every default filled in (times in seconds). FEATURES.md names the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

Right = Literal["receive", "call", "pick_up_held", "join", "listen", "whisper", "manage", "opt"]
"""A right that a delegation can give (B5)."""
DEFAULT_RIGHTS: Final[frozenset[Right]] = frozenset({"receive", "call", "pick_up_held", "join", "opt"})

SECONDS_PER_RING: Final = 6.0
"""Ring times may be written as a number of rings (A6)."""

DEFAULT_RING_SECONDS: Final = 30.0

FilterType = Literal["all", "internal", "external"]
AlertingMode = Literal["ring_all", "sequential"]
ExecutivePhones = Literal["none", "first", "together"]
NameMode = Literal["originator_executive", "executive_originator", "originator", "executive", "custom"]
NumberMode = Literal["originator", "executive", "custom"]
RolloverAction = Literal["hangup", "executive", "forward"]


@dataclass(frozen=True, slots=True)
class User:
    """One extension with its phones."""

    extension: str
    name: str
    password: str = field(repr=False)
    """Digest secret of the user and of the user's delegated lines; never printed."""
    numbers: tuple[str, ...] = ()
    """Outside numbers (DIDs); the first is the main number."""
    location: str | None = None
    contacts: tuple[str, ...] = ()
    """Permanent contact URIs, rung beside those that register."""

    @property
    def main_number(self) -> str:
        """What the outside sees as this user's number: the first number, or the extension when there is none."""
        return self.numbers[0] if self.numbers else self.extension


@dataclass(frozen=True, slots=True)
class Delegation:
    """An assistant of an executive, with the rights of this pair."""

    assistant: str
    executive: str
    rights: frozenset[Right] = DEFAULT_RIGHTS
    ring_seconds: float | None = None
    """This assistant's ring time in sequential alerting; None = the alerting's."""

    @property
    def line(self) -> str:
        """Account name of the delegated line (B2): ``<assistant>-<executive>``."""
        return f"{self.assistant}-{self.executive}"


@dataclass(frozen=True, slots=True)
class Filtering:
    """Which calls to the executive go to the assistants (A9, A20)."""

    enabled: bool = True
    type: FilterType = "all"
    executives_pass: bool = False
    """Other executives reach this executive directly."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """How the assistants' phones ring and what they show (A5-A7, A16, A17)."""

    mode: AlertingMode = "ring_all"
    ring_seconds: float = DEFAULT_RING_SECONDS
    """ring_all: the total; sequential: per assistant."""
    executive: ExecutivePhones = "none"
    executive_seconds: float | None = None
    """How long the executive rings when `executive` is "first"; None = `ring_seconds`."""
    minimum_seconds: float = 0.0
    name: NameMode = "originator_executive"
    custom_name: str = ""
    name_prefix: str = ""
    number: NumberMode = "originator"
    custom_number: str = ""


@dataclass(frozen=True, slots=True)
class Rollover:
    """What happens when nobody answers (A15)."""

    after_seconds: float | None = None
    """From the start of ringing; None = when the ring plan has run out."""
    action: RolloverAction = "hangup"
    forward: str | None = None
    """Extension or outside number; set exactly when `action` is "forward"."""


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """To which classes of destination the executive's identity applies (B7)."""

    outside: bool = True
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Executive:
    """An executive's side of the delegation."""

    extension: str
    caller_id: str | None = None
    """Number shown for calls on behalf (B3); None = the user's main number."""
    filtering: Filtering = Filtering()
    alerting: Alerting = Alerting()
    rollover: Rollover = Rollover()
    on_behalf: OnBehalf = OnBehalf()
    delegations: tuple[Delegation, ...] = ()
    """In ring order."""


@dataclass(frozen=True, slots=True)
class TrunkRoute:
    """What the decision needs to know of a trunk; addresses and credentials belong to the server configuration."""

    name: str
    numbers: tuple[str, ...] = ()
    """Regular expressions of the outside numbers that go there, matched with :func:`re.search`."""
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """A digest user: an extension, or a delegated line with the assistant's password."""

    name: str
    extension: str
    line: str | None
    """The executive's extension for a delegated line, else None."""
    password: str = field(repr=False)


def accounts_of(user: User, delegations: tuple[Delegation, ...]) -> Iterator[Account]:
    """The accounts that `user` may register: the extension, then one line per delegation in which they are the assistant."""
    yield Account(user.extension, user.extension, None, user.password)
    for delegation in delegations:
        yield Account(delegation.line, user.extension, delegation.executive, user.password)
