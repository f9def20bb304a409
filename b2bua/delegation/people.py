"""Who there is and what was agreed: users, executives, delegations, and how an executive's calls shall ring.

Plain immutable settings, already checked and with every default filled in (times in seconds). FEATURES.md names the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Final, Literal

from b2bua.delegation.callers import ANYBODY, Callers
from b2bua.delegation.digests import Digests
from b2bua.delegation.organisation import NOTHING_MANAGED, Manages, UserRole
from b2bua.delegation.schedule import Schedule

Right = Literal["receive", "call", "pick_up_held", "join", "listen", "whisper", "manage", "opt"]
"""A right that a delegation can give (B5)."""
DEFAULT_RIGHTS: Final[frozenset[Right]] = frozenset({"receive", "call", "pick_up_held", "join", "opt"})

SECONDS_PER_RING: Final = 6.0
"""Ring times may be written as a number of rings (A6)."""

DEFAULT_RING_SECONDS: Final = 30.0

DEFAULT_NO_ANSWER_SECONDS: Final = 20.0
DEFAULT_RECALL_SECONDS: Final = 20.0
DEFAULT_SLOTS: Final = tuple(str(slot) for slot in range(701, 751))
SPLASH_SECONDS: Final = 2.0
"""One short ring (A7/A8): the first burst of most phones."""

UserKind = Literal["person", "group", "service"]
UserType = Literal["person", "limited", "forwarding", "shared"]
"""person · limited: a room or a lobby (E6) · forwarding: only an extension that forwards all calls, without phones (E11) · shared: a phone
that belongs to nobody until somebody logs in on it (E7)."""
UserStatus = Literal["enabled", "invited", "not_activated", "disabled", "unassigned", "inventory"]
"""How far a user is (E5); only an enabled one has phones."""
ExecutiveKind = Literal["executive", "group", "service"]
DeviceOrder = Literal["together", "apps_first", "desk_first"]
FilterMode = Literal["simple", "criteria"]
FilterType = Literal["all", "internal", "external"]
AlertingMode = Literal["ring_all", "sequential"]
ExecutivePhones = Literal["none", "first", "together", "splash", "silent"]
Approval = Literal["approved", "pending", "declined"]
Disclosure = Literal["executive", "assistant", "self"]
"""As whom an assistant on behalf is shown (B10): as the executive, as "Assistant for Executive" with the executive's number, as oneself."""
NameMode = Literal["originator_executive", "executive_originator", "originator", "executive", "custom"]
NumberMode = Literal["originator", "executive", "custom"]
RolloverAction = Literal["hangup", "executive", "forward", "voicemail", "no_answer"]
MediaMode = Literal["auto", "anchored", "direct"]
"""Where sound flows: as each call needs it, always through the media engine, never."""
PickUp = Literal["group", "location", "organisation"]
"""Whose ringing phones a user may pick up besides those of the own office (C10): of the own groups, also of the own location, all."""


@dataclass(frozen=True, slots=True)
class DeviceRings:
    """In which order a user's phones ring (A22): the first kind rings for `first_seconds` (0: not at all), then the other."""

    order: DeviceOrder = "together"
    first_seconds: float = 3 * SECONDS_PER_RING


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What happens to a call that rings the user's own phones (A15). Each target is an extension, an outside number or a SIP URI."""

    always: str | None = None
    busy: str | None = None
    no_answer: str | None = None
    unreachable: str | None = None
    no_answer_seconds: float = DEFAULT_NO_ANSWER_SECONDS


@dataclass(frozen=True, slots=True)
class Divert:
    """Where an assistant diverts filtered calls (A14)."""

    enabled: bool = False
    number: str | None = None
    """Extension or outside number; may be set while the divert is off."""


NO_DIGESTS: Final[Mapping[str, Digests]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class User:
    """One extension with its phones; a group or service has an extension and numbers, but no phones and no password."""

    extension: str
    name: str
    password: str = field(default="", repr=False)
    """Digest secret of the user and of the user's delegated lines; never printed. "": there is none, or only its `digests`."""
    numbers: tuple[str, ...] = ()
    """Outside numbers (DIDs); the first is the main number."""
    location: str | None = None
    contacts: tuple[str, ...] = ()
    """Permanent contact URIs, rung beside those that register."""
    kind: UserKind = "person"
    time_zone: tzinfo = UTC
    hours: Schedule | None = None
    """Own working hours; they count where a delegation has `respect_hours` (A18)."""
    devices: DeviceRings = DeviceRings()
    forwarding: Forwarding = Forwarding()
    divert: Divert = Divert()
    dnd: bool = False
    """Do not disturb, unless a phone says otherwise (A19)."""
    digests: Mapping[str, Digests] = field(default_factory=lambda: NO_DIGESTS, repr=False, hash=False)
    """By account name: the extension, and delegated lines. What is here counts, whatever the password."""
    type: UserType = "person"
    status: UserStatus = "enabled"
    email: str | None = None
    role: UserRole = "user"
    manages: Manages = NOTHING_MANAGED
    cost_centre: str | None = None
    emergency_location: str | None = None
    """Where help is to go; None: where the site says."""
    self_service: bool = True
    """Whether the user may change the own settings on the page."""

    @property
    def active(self) -> bool:
        """Whether the user can have phones and accounts: enabled, and no extension that only forwards. Limited ones need no activation."""
        if self.type == "limited":
            return self.status in _WITHOUT_ACTIVATION
        return self.status == "enabled" and self.type != "forwarding"

    @property
    def shown(self) -> str:
        """``Olivia Boss (667)``, for the explainer and the linter."""
        return f"{self.name} ({self.extension})"

    @property
    def main_number(self) -> str:
        """What the outside sees as this user's number: the first number, or the extension when there is none."""
        return self.numbers[0] if self.numbers else self.extension


_WITHOUT_ACTIVATION: Final = frozenset({"enabled", "invited", "not_activated"})
INACTIVE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "invited": "has been invited and is not activated yet",
        "not_activated": "is not activated yet",
        "disabled": "is disabled",
        "unassigned": "is assigned to nobody",
        "inventory": "is in the inventory only",
        "enabled": "has no phones, and only forwards",
    }
)
"""Why nobody rings at a user who is not `active`, by the status."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """An assistant of an executive, with the rights of this pair."""

    assistant: str
    executive: str
    rights: frozenset[Right] = DEFAULT_RIGHTS
    ring_seconds: float | None = None
    """This assistant's ring time in sequential alerting; None = the alerting's."""
    callers: Callers = ANYBODY
    """Whose calls this assistant takes (A24)."""
    respect_hours: bool = False
    """Outside the assistant's own working hours they are not rung (A18)."""
    begins: datetime | None = None
    """Time-boxed cover (A25): aware; from this instant on."""
    ends: datetime | None = None
    """Until just before this instant."""
    approval: Approval = "approved"
    """Only an approved delegation counts (A25)."""

    @property
    def line(self) -> str:
        """Account name of the delegated line (B2): ``<assistant>-<executive>``."""
        return f"{self.assistant}-{self.executive}"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One rule of the filter (A10): it matches a call when everything that it names does."""

    name: str
    filter: bool = True
    """False: do not filter (A11), which wins over everything else."""
    callers: Callers = ANYBODY
    dialled: frozenset[str] = frozenset()
    """Look-up keys (`number_key`) of the numbers that were called; empty: whichever."""
    during: Schedule | None = None
    outside: Schedule | None = None
    """Matches outside the hours of this schedule."""
    holidays: Schedule | None = None
    """Matches on the holidays of this schedule."""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Filtering:
    """Which calls to the executive go to the assistants (A9-A11, A20)."""

    enabled: bool = True
    type: FilterType = "all"
    """simple: which calls."""
    executives_pass: bool = False
    """Other executives reach this executive directly."""
    mode: FilterMode = "simple"
    criteria: tuple[Criterion, ...] = ()
    """criteria: a call that one of these matches is filtered. In both modes a call that a "do not filter" one matches is not."""


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
    splash_seconds: float = SPLASH_SECONDS


@dataclass(frozen=True, slots=True)
class Rollover:
    """What happens when nobody answers (A15)."""

    after_seconds: float | None = None
    """From the start of ringing; None = when the ring plan has run out."""
    action: RolloverAction = "hangup"
    forward: str | None = None
    """forward: extension or outside number. voicemail: the SIP URI of the mailbox. Else None."""
    written: bool = True
    """Whether the action was written out; silence at the end of a path is allowed only then (A21)."""


@dataclass(frozen=True, slots=True)
class NumberClass:
    """A class of destinations: the members of a caller group, called by number."""

    name: str
    numbers: Callers
    disclosure: Disclosure


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """As whom the assistants are shown, by class of destination (B7, B10)."""

    outside: Disclosure = "executive"
    inside: Disclosure = "self"
    classes: tuple[NumberClass, ...] = ()
    """Looked at before `outside` and `inside`; the first that has the number counts."""
    sticky_seconds: float = 0.0
    """After so long a sticky "call as" ends by itself (B4); 0: it stays until cleared."""
    callback_seconds: float = 0.0
    """For so long a call back from a number called on behalf goes to the assistant who called first (B11); 0: never."""


@dataclass(frozen=True, slots=True)
class Executive:
    """Whose calls assistants take: an executive, or a group or service, whose members and agents are its assistants.

    A group's members have the right `receive`; a service's agents also `call`, as their direction says (B6).
    """

    extension: str
    caller_id: str | None = None
    """Number shown for calls on behalf (B3); None = the user's main number."""
    filtering: Filtering = Filtering()
    alerting: Alerting = Alerting()
    rollover: Rollover = Rollover()
    on_behalf: OnBehalf = OnBehalf()
    delegations: tuple[Delegation, ...] = ()
    """In ring order."""
    kind: ExecutiveKind = "executive"
    time_zone: tzinfo = UTC
    """Of the schedules in the filter and of the time boxes."""
    confidential: Callers | None = None
    """Contacts that ring the executive only (A24)."""
    maximum_wait: float = 0.0
    """Queue: the members are rung in rounds until so many seconds have passed; 0: one round (A4)."""
    capacity: int | None = None
    """Queue: so many callers may wait, and the next one goes to the rollover at once (E10); None: any number."""
    managers: tuple[str, ...] = ()
    """Group, queue, service: extensions of users who manage it (E10)."""
    may_be_impersonated: bool = True
    """A service that is not enabled cannot be spoken for (B6)."""
    slot: str | None = None
    """The executive's own park slot (C4)."""
    recall_seconds: float = DEFAULT_RECALL_SECONDS
    """How long the executive's phones ring for a call that an assistant sends back (C5)."""
    join_tone: bool = True
    """Whether everybody hears a tone when somebody joins the executive's call (C7)."""


@dataclass(frozen=True, slots=True)
class DutyProfile:
    """What an agent is responsible for while the profile is active (B6)."""

    name: str
    code: str
    """The digits that a phone dials after the duty code."""
    agents: frozenset[str]
    responsible_for: frozenset[str]
    """Extensions of executives, services and groups."""
    active: bool = True
    """Whether it is active for its agents until they choose another by phone."""


@dataclass(frozen=True, slots=True)
class Parking:
    """Park slots that everybody may use (C3)."""

    slots: tuple[str, ...] = DEFAULT_SLOTS
    """In the order in which they are filled."""
    recall_seconds: float = 45.0
    """After so long the call comes back to whoever parked it."""
    ring_seconds: float = 30.0
    """How long it rings there, and wherever else a call comes back."""


@dataclass(frozen=True, slots=True)
class Room:
    """A conference room (C12)."""

    number: str
    """What users dial."""
    name: str
    moderators: frozenset[str] = frozenset()
    """Extensions; they may mute and remove others."""
    pin: str | None = field(default=None, repr=False)
    """Digits that everybody but the moderators is asked for."""
    numbers: tuple[str, ...] = ()
    """Outside numbers that lead here, for callers from trunks."""


@dataclass(frozen=True, slots=True)
class TrunkRoute:
    """What the decision needs to know of a trunk; addresses and credentials belong to the server configuration."""

    name: str
    numbers: tuple[str, ...] = ()
    """Regular expressions of the outside numbers that go there, matched with :func:`re.search`."""
    emergency: bool = False
    host: str = ""
    """HOST or HOST:PORT of the next hop, in small letters, without the usual port: who is no administrator may name it as a target, too."""


@dataclass(frozen=True, slots=True)
class Account:
    """A digest user: an extension, or a delegated line with the assistant's password."""

    name: str
    extension: str
    line: str | None
    """The executive's extension for a delegated line, else None."""
    password: str = field(repr=False)
    digests: Digests | None = field(default=None, repr=False)
    """Instead of the password, where only they are known."""


def account_of(user: User, delegation: Delegation | None = None) -> Account | None:
    """The account of `user`, or that of the line of a delegation in which they are the assistant; None when there is none.

    A line whose digests are not known has no account, unless there is the password itself.
    """
    name = user.extension if delegation is None else delegation.line
    digests = user.digests.get(name)
    if not user.active or (digests is None and not user.password):
        return None
    return Account(name, user.extension, None if delegation is None else delegation.executive, user.password, digests)


def accounts_of(user: User, delegations: tuple[Delegation, ...]) -> Iterator[Account]:
    """The accounts that `user` may register: the extension, then one line per delegation in which they are the assistant."""
    for delegation in (None, *delegations):
        account = account_of(user, delegation)
        if account is not None:
            yield account
