"""A party of a conversation: a leg that has been answered, and what the others may know and hear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from b2bua.delegation.plan import Presentation
from b2bua.media.engine import Termination
from b2bua.sip import description
from b2bua.sip.description import MIXABLE, TELEPHONE_EVENT, Format
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.leg import Leg
    from b2bua.delegation.keypad import Keypad

Lobby = Literal["", "pin", "host"]
"""Why somebody is not in the conference yet: the PIN has not been entered, or no moderator has come."""
Aside = Literal["", "asked", "announcing", "told"]
"""Apart from the others, while a call is handed over (C13): the executive who is asked whether they take it, or the assistant who
announces it and the executive who is told."""
Role = Literal["talk", "listen", "whisper"]
"""talk: heard by everybody · listen: heard by nobody · whisper: heard by one party (C8)"""


class Party:
    """One of those who are in the call. `extension` is None for outside parties."""

    __slots__ = ("leg", "extension", "shown", "role", "target", "muted", "speaks_as", "for_executive", "keypad", "since", "put_on_hold", "aside", "waits", "keyed", "misses", "crossed")

    def __init__(
        self, leg: Leg, extension: str | None, shown: Presentation, *, role: Role = "talk", for_executive: str | None = None, since: float = 0.0
    ) -> None:
        self.leg = leg
        self.extension = extension
        self.shown = shown
        """The identity that the others are shown."""
        self.role: Role = role
        self.target: str | None = None
        """whisper: the extension of the only one who hears it."""
        self.muted = False
        self.waits: Lobby = ""
        """Before a conference: it hears nobody and nobody hears it."""
        self.keyed = ""
        """Keys of a PIN or of a conference command that is not complete."""
        self.misses = 0
        """Wrong PINs."""
        self.crossed = False
        """Whether the key that it pressed last has reached the others by itself."""
        self.aside: Aside = ""
        """Those aside hear one another, and nobody of the rest."""
        self.put_on_hold = False
        """It holds by command, whatever its phone says."""
        self.speaks_as: str | None = None
        """On behalf: the executive's extension."""
        self.for_executive = for_executive
        self.keypad: Keypad | None = None
        self.since = since

    @property
    def name(self) -> str:
        """Who it is for the record: the extension or outside number."""
        return self.extension or self.leg.party

    @property
    def anchored(self) -> bool:
        return self.leg.anchor is not None

    @property
    def holding(self) -> bool:
        """Whether it has put the others on hold: it wants to hear nobody."""
        if self.put_on_hold:
            return True
        told = self.leg.remote_sdp
        if b"sendonly" not in told and b"inactive" not in told and b"0.0.0.0" not in told:  # as nearly always
            return False
        stream = self.audio()
        return stream is not None and (stream.direction in ("sendonly", "inactive") or stream.host == "0.0.0.0")  # noqa: S104

    def audio(self) -> description.Stream | None:
        """The party's own description of its sound."""
        try:
            return description.audio(description.parse(self.leg.remote_sdp)) if self.leg.remote_sdp else None
        except SipError:
            return None

    def termination(self) -> Termination | None:
        """As the engine knows it; None while there is nothing to know, or what it has described cannot be used."""
        anchor = self.leg.anchor
        try:
            return anchor.termination() if anchor is not None else None
        except SipError:
            return None

    def formats(self) -> tuple[Format, ...]:
        """What has been agreed with it, by its own payload types, best first; what the engine can mix before all is agreed."""
        known = self.termination()
        streams = known.streams if known is not None else ()
        return streams[0].receives if streams else (*MIXABLE, TELEPHONE_EVENT)

    @property
    def sends_mixable(self) -> bool:
        """Whether the engine understands all that it may send: more than two can hear it."""
        known = self.termination()
        streams = known.streams if known is not None else ()
        return not streams or all(description.is_mixable(each) or each.encoding in ("TELEPHONE-EVENT", "CN") for each in streams[0].sends)

    @property
    def mixable(self) -> bool:
        """Whether the engine can make sound for it."""
        return any(description.is_mixable(each) for each in self.formats())
