"""What a call asks and what is decided: the plain data that crosses between `delegation` and `calls`.

`Facts` goes into :func:`b2bua.delegation.policy.decide`, `RoutePlan` comes out. Both are immutable, hold no SIP message, no
socket and no clock, and print themselves; tuples, because each call makes several. Times are seconds (float). Numbers and extensions are the
decoded user part of a URI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

CallerKind = Literal["user", "trunk"]
EndpointKind = Literal["user", "number", "uri"]
Role = Literal["assistant", "executive", "user", "forward", "outside", "voicemail"]
Devices = Literal["all", "apps", "desk"]
Alert = Literal["", "splash", "silent", "recall", "answer"]
Action = Literal["ring", "refuse", "set", "join"]
Direction = Literal["incoming", "outgoing", "internal"]
SettingKind = Literal["filter", "opt", "divert", "divert_to", "dnd", "call_as", "duty", "callback", "hot_desk"]
"""filter: on/off · opt: out (object: executive) · divert: on/off · divert_to: number · dnd: on/off · call_as: executive · duty: name of
the profile, "" off duty · callback: the assistant who called (subject: executive, object: number) · hot_desk: who has logged in (subject:
the shared phone)"""


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
    unavailable: bool = False
    """No number came with the call, and nobody asked for privacy either; `anonymous` is set then, too."""
    device: str | None = None
    """The shared phone at which the user has logged in (E7); None: at a phone of their own."""


class Facts(NamedTuple):
    """Everything that the decision about one new call may depend on, besides the directory and the time."""

    caller: Caller
    dialled: str
    """The decoded user part of the Request-URI (``%23`` is ``#`` here)."""
    preferred_identity: str | None = None
    """The user part of P-Preferred-Identity (RFC 3325), None without the header."""
    full: Sequence[str] = ()
    """Extensions of queues in which as many callers wait as may."""


class Endpoint(NamedTuple):
    """One thing that rings: phones of a user, one outside number over a trunk, or a URI such as a mailbox."""

    kind: EndpointKind
    extension: str | None
    """User. All of the user's phones; with `for_executive` also those of the line ``<extension>-<for_executive>``."""
    number: str | None
    """number: the outside number, sent over `trunk`. uri: the SIP URI."""
    trunk: str | None
    role: Role
    for_executive: str | None
    """The executive for whom an assistant is rung; None for everybody else."""
    seconds: float | None = None
    """Own ring limit, None = the stage's."""
    lasting: bool = False
    """Keeps ringing across stages until the plan's end (an executive rung together with sequential assistants)."""
    devices: Devices = "all"
    """user: which of the phones (A22)."""
    after: float = 0.0
    """Begins to ring so many seconds after its stage (A22: desk phones after the apps), or as soon as nothing else of the same
    extension rings any more."""
    alert: Alert = ""
    """How the phone shall alert (A7/A8): "splash" is one short ring, limited by `seconds`; "silent" shows the call without a sound;
    "recall" tells whoever had the call that it comes back (C3, C5); "answer" asks the phone to answer by itself (click to dial)."""
    diverted_by: str | None = None
    """The assistant who diverts their filtered calls here (A14)."""
    diversion: str = ""
    """Why the call was forwarded here, as Diversion says it (RFC 5806); "" = not forwarded, or as the plan says."""
    diverting: str = ""
    """Extension of who forwarded it, when `diversion` is set."""
    note: str = ""
    """What whoever sent the call wants the called party to read before answering (C13); "" = nothing. Printable."""


class Stage(NamedTuple):
    """Endpoints that ring at the same time, for `seconds` (None: no limit of its own).

    A stage that nobody answered has ended in one of three ways: somebody was busy or declined, the phones rang out, or none could be
    reached. Where the stages of that way are not empty, they are rung next (a user's own forwarding); otherwise the stage after
    this one is.
    """

    endpoints: tuple[Endpoint, ...]
    seconds: float | None
    name: str
    busy: tuple[Stage, ...] = ()
    no_answer: tuple[Stage, ...] = ()
    unreachable: tuple[Stage, ...] = ()
    hold: float | None = None
    """A stage with a hold begins not before the hold of the earlier stage that had one is over, seconds from the beginning of that
    one, and neither do the rollover and the end: so the rounds of a queue begin at their times, also when everybody is busy (A4).
    0: it waits, and holds up nothing itself. None: no relation."""


class Presentation(NamedTuple):
    """The identity that a called party sees: display name and user part; hosts and URI escaping are added by `calls`."""

    name: str
    number: str


class Setting(NamedTuple):
    """One thing that the server remembers beside the directory, as a phone or a call set it; the key is (kind, subject, object)."""

    kind: SettingKind
    subject: str
    """Whose setting: an extension."""
    object: str = ""
    """Whom it concerns besides: an executive's extension (opt), a caller's number (callback); "" for the other kinds."""
    value: str | None = None
    """None: as the directory says; the setting is forgotten."""
    until: float | None = None
    """Seconds since the epoch after which it counts no more; None: until it is changed."""


class Rule(NamedTuple):
    """One line of the explainer: a rule that was looked at, whether it matched, and why."""

    name: str
    matched: bool
    reason: str


class PresentFor(NamedTuple):
    """What the assistants of one executive see, where a plan rings assistants of more than one."""

    executive: str
    presentation: Presentation


class RoutePlan(NamedTuple):
    """What to do with one call. `action` "ring" has stages or a rollover; "refuse" has `final_status`; "set" is a feature code that
    was obeyed: `settings` are made, the call is answered, shows `confirmation` and ends. "join" concerns another call, which runs,
    rings or is parked: `feature` and `argument` say what is asked (C1-C14), `incall` which call is meant and whether it may be."""

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
    """Text for a Warning header (RFC 3261 section 20.43), "" = none. Printable; whoever writes the header quotes it."""
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
    """From identity for endpoints of role "assistant" that are rung for `executive` (FEATURES A17)."""
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
    settings: tuple[Setting, ...] = ()
    """What the server remembers from now on."""
    confirmation: str = ""
    """What the phone shows for a code that was obeyed: a few words, printable."""
    confidential: bool = False
    """A confidential contact of the executive (A24): assistants see it as private."""
    present_for: tuple[PresentFor, ...] = ()
    """From identity for assistants of other executives than `executive`, to whom a forward leads; the others: `present_assistant`."""
    feature: str = ""
    """join: the feature, a key of `features.DEFAULT_CODES` that is in `features.IN_CALL`, or "conference"; "" for everything else."""
    argument: str = ""
    """join: the extension of a user (pull, barge_in, listen, whisper, barge, pick_up), the slot (park, retrieve) or the room (conference),
    as the directory has it; "" where none was dialled."""
    anchored: bool = False
    """Whether the sound passes through the media engine from the start; the rule "media" in the trace says why."""
    pin_of: str | None = None
    """set: the extension whose PIN must be right before the settings are made (E7); None: no PIN is asked for."""
