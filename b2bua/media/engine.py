"""The port to the media engine: what call control asks of whatever carries the sound, in the words of H.248.

A `Termination` is one party's place in the engine: a local port per stream, and where that party wants to receive. A `Context` joins
terminations: as a relay (two, packet for packet) or by what each member hears (a mix) and what is played to it. A context is always
given whole: `set` makes it so, whatever it was before, so that nothing depends on the order of changes and a restarted engine or a
restarted server just gives everything again. Nothing here waits: `set` takes effect within a millisecond or two, and what happens is
told by events. The SDP of a party is made by call control from the ports that it has reserved here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

from b2bua.sip.description import Format

Ability = Literal["relay", "mix", "play", "digits"]
Digits = Literal["pass", "take"]


class EngineError(Exception):
    """The engine cannot take another call; the text says why. For the caller it is a 503."""


class Address(NamedTuple):
    """Where packets go or come from: an IP literal without brackets, a UDP port."""

    host: str
    port: int


class Stream(NamedTuple):
    """One stream (m-line) of a termination. RTCP has the port above each RTP port, unless `remote_rtcp` says otherwise."""

    kind: str
    """"audio", "video", or another kind whose packets are relayed as they are ("image")."""
    port: int
    """Our RTP port (even)."""
    remote: Address | None
    """Where the party's description wants its packets; None: it is not sent anything (0.0.0.0, port 0, not known yet)."""
    remote_rtcp: Address | None
    sources: tuple[str, ...]
    """Hosts that its packets may come from. The first packet from one of them fixes address and port of the source, and packets go
    there from then on (symmetric RTP, RFC 4961), until `remote` changes. Anything else is dropped and counted. Before that first
    packet, packets are sent to `remote` only if its host is the first of `sources` (whom signalling vouches for): a description
    that names a third party makes us send nothing to it."""
    sends: tuple[Format, ...]
    """What the party sends us, by the payload types in our description to it, telephone-event included."""
    receives: tuple[Format, ...]
    """What it wants to receive, by its payload types, best first. Sound that the engine makes is encoded in the first it can encode."""
    to_party: bool = True
    """Whether it wants to receive at all (False: its description is sendonly or inactive)."""
    from_party: bool = True
    """Whether it may send (False: recvonly, inactive); what comes all the same is dropped."""


class Termination(NamedTuple):
    """One party's place in the engine. The id names it for as long as its leg lives, whatever context it is in."""

    id: str
    host: str
    """Our address: its ports are opened there."""
    streams: tuple[Stream, ...]
    digits: Digits = "pass"
    """"pass": telephone events (RFC 4733) cross as they are. "take": they are taken out of the stream and reported as `Digit`.
    In a mix they are always taken and reported."""
    inband: bool = False
    """Listen for DTMF tones in its sound, and report them: it knows no telephone-event. Needs G.711 or G.722."""


class Play(NamedTuple):
    """Sounds for one member, one after the other, by name: see `prompts`."""

    id: str
    """Told by `Played` when it is over. A `Play` with the id of the one that is running goes on; another id begins anew."""
    sounds: tuple[str, ...]
    loop: bool = False
    over: bool = False
    """True: mixed into what the member hears anyway. False: instead of it."""


class Context(NamedTuple):
    """Terminations that have to do with each other. A member that neither hears anybody nor has a play gets silence: no packets.

    A termination that is in another context leaves that one.
    """

    id: str
    terminations: tuple[Termination, ...]
    relay: bool = False
    """Two members whose packets cross untouched, stream by stream, payload types translated by name where they differ. `hears` is
    empty then. A member with a `Play` gets that instead of (or, `over`, mixed with) what the other sends."""
    hears: Mapping[str, tuple[str, ...]] = {}
    """A mix: member to those whose sound it gets. Full conference: everybody all the others. Listen-only: in nobody's tuple."""
    plays: Mapping[str, Play] = {}


class Statistics(NamedTuple):
    """What one termination received from its party (RFC 3550 §6.4.1, A.3, A.8), and what was sent to it; all streams together."""

    termination: str
    received: int
    sent: int
    lost: int
    """Packets that never came, by sequence numbers."""
    jitter_ms: float
    """Interarrival jitter at the end, of the audio stream."""
    silent_seconds: float
    """How long altogether no packet came for more than a second while some were due."""
    foreign: int
    """Packets dropped because they came from elsewhere."""


class Digit(NamedTuple):
    """A party pressed a key. Told when the key goes down, once."""

    termination: str
    digit: str
    """0-9, *, #, A-D."""
    inband: bool = False


class Played(NamedTuple):
    """A `Play` without loop is over."""

    termination: str
    play: str


class Silent(NamedTuple):
    """No packet of any kind from this party for so long, though some were due."""

    termination: str
    seconds: float


class PortLost(NamedTuple):
    """The engine could not open a port of this termination: another program has it. It is not handed out again."""

    termination: str
    port: int


MediaEvent = Digit | Played | Silent | PortLost
Listener = Callable[[MediaEvent], None]


class MediaEngine(Protocol):
    """What carries the sound. No call waits for it, and losing it ends no call that runs."""

    @property
    def abilities(self) -> frozenset[Ability]: ...

    @property
    def ports_in_use(self) -> int:
        """UDP ports that are reserved, RTCP ones included."""
        ...

    @property
    def available(self) -> bool:
        """False while the engine is dead or being restarted: new calls that need it are refused."""
        ...

    def reserve(self, streams: int) -> tuple[int, ...]:
        """That many RTP ports, each with the RTCP port above it. Raises `EngineError` when there are none left or the engine is gone."""
        ...

    def release(self, ports: tuple[int, ...]) -> None:
        """Ports that no context uses any more. They are handed out again last of all."""
        ...

    def claim(self, ports: tuple[int, ...]) -> None:
        """Ports that were reserved before the server was restarted are in use still."""
        ...

    def set(self, context: Context) -> None:
        """Make it so. Terminations that were in the context with this id and are not in it any more are closed."""
        ...

    def drop(self, context: str, done: Callable[[tuple[Statistics, ...]], None]) -> None:
        """Close every termination that is in it. `done` is called once, soon, with what they counted (also those closed earlier out of
        this context); with () when the engine is gone or there is no such context."""
        ...

    def send_digits(self, termination: str, digits: str) -> None:
        """Let a party hear keys: as telephone events where it knows them, else as tones in its sound."""
        ...

    def listen(self, termination: str, listener: Listener | None) -> None:
        """Who is told what happens at a termination; None: nobody any more."""
        ...
