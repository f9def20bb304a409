"""What a call asks and what is decided: the plain data that crosses between `delegation` and `calls`.

`Facts` goes into :func:`b2bua.delegation.policy.decide`, `RoutePlan` comes out. Both are immutable, hold no SIP message, no
socket and no clock, and print themselves; tuples, because each call makes several. Times are seconds (float). Numbers and extensions are the
decoded user part of a URI.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

CallerKind = Literal["user", "trunk"]
EndpointKind = Literal["user", "number"]
Role = Literal["assistant", "executive", "user", "forward", "outside"]
Action = Literal["ring", "refuse"]
Direction = Literal["incoming", "outgoing", "internal"]


class Caller(NamedTuple):
    """Who calls, as authenticated (digest or trunk address); nothing here was read from a header of a phone."""

    kind: CallerKind
    extension: str | None
    """The user's extension; None for a call from a trunk."""
    line: str | None
    """The executive's extension when the call came over the delegated line ``<assistant>-<executive>``."""
    trunk: str | None
    """The trunk's name; None for a user."""
    number: str
    """What identifies the caller: the extension, or the trunk's asserted/From number ("" when anonymous)."""
    name: str
    """Display name, "" when unknown; for users the name in the directory."""
    anonymous: bool
    """The caller asked for privacy (RFC 3323), or the trunk withheld the number."""


class Facts(NamedTuple):
    """Everything that the decision about one new call may depend on, besides the directory and the time."""

    caller: Caller
    dialled: str
    """The decoded user part of the Request-URI (``%23`` is ``#`` here)."""
    preferred_identity: str | None = None
    """The user part of P-Preferred-Identity (RFC 3325), None without the header."""


class Endpoint(NamedTuple):
    """One thing that rings: all phones of a user, or one outside number over a trunk."""

    kind: EndpointKind
    extension: str | None
    """User. All of the user's phones; with `for_executive` also those of the line ``<extension>-<for_executive>``."""
    number: str | None
    """Outside number, sent over `trunk`."""
    trunk: str | None
    role: Role
    for_executive: str | None
    """The executive for whom an assistant is rung; None for everybody else."""
    seconds: float | None = None
    """Own ring limit, None = the stage's."""
    lasting: bool = False
    """Keeps ringing across stages until the plan's end (an executive rung together with sequential assistants)."""


class Stage(NamedTuple):
    """Endpoints that ring at the same time, for `seconds` (None: no limit of its own)."""

    endpoints: tuple[Endpoint, ...]
    seconds: float | None
    name: str


class Presentation(NamedTuple):
    """The identity that a called party sees: display name and user part; hosts and URI escaping are added by `calls`."""

    name: str
    number: str


class Rule(NamedTuple):
    """One line of the explainer: a rule that was looked at, whether it matched, and why."""

    name: str
    matched: bool
    reason: str


class RoutePlan(NamedTuple):
    """What to do with one call. `action` "ring" has stages or a rollover; "refuse" has `final_status`."""

    action: Action
    stages: tuple[Stage, ...] = ()
    rollover_after: float | None = None
    """Seconds from the start of ringing; None: only when the stages have run out. At once, always, when nobody is left."""
    rollover: tuple[Stage, ...] = ()
    """Rung after the stages; empty = hang up with `final_status`."""
    final_status: int = 480
    """The answer when everything has run out, or the refusal."""
    final_reason: str = ""
    """Reason phrase that goes with `final_status`; "" = the standard one."""
    warning: str = ""
    """Text for a Warning header (RFC 3261 section 20.43), "" = none. Printable, without quotes and backslashes."""
    direction: Direction = "internal"
    executive: str | None = None
    """The executive whose (filtered) call this is."""
    diversion_reason: str = ""
    """Reason of the Diversion (RFC 5806) that the assistants see; "" = no Diversion."""
    on_behalf_of: str | None = None
    """The executive as whom the caller speaks; None: the caller speaks as themselves."""
    actor: str | None = None
    """The assistant who really speaks when `on_behalf_of` is set."""
    called: str = ""
    """Number or extension shown as called in the record."""
    present: Presentation | None = None
    """From identity for every endpoint that is not an assistant."""
    present_assistant: Presentation | None = None
    """From identity for endpoints of role "assistant" (FEATURES A17)."""
    alert_info: str = ""
    """Marker for the assistants' Alert-Info; "" = none."""
    emergency: bool = False
    plain: bool = False
    """A plain call: the called party's own failure status goes back to the caller."""
    trace: tuple[Rule, ...] = ()
    """The rules looked at, in order."""
    asserted: Presentation | None = None
    """Identity for P-Asserted-Identity towards those trusted with it; None: nothing may be asserted (an anonymous caller).
    It differs from `present` when the caller asked for privacy: From is anonymous then, and a trusted trunk is still told."""
    present_outside: Presentation | None = None
    """Identity, From and asserted, for the outside numbers of an inside call (a rollover that forwards to a mobile): there the
    caller is known by number, not by extension. None: as `present` and `asserted` say."""
