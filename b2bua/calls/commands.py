"""What people may ask of a running call: the one set of words that keys, REFER, the page and the API are turned into.

A `Command` names its actor, by extension; whether that person may do it is decided where it is carried out. `Outcome` is the answer.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

JoinKind = Literal["take", "join", "listen", "whisper"]


class Outcome(NamedTuple):
    """How a command ended: a SIP status (2xx: done), and words for whoever asked."""

    status: int
    words: str = ""

    @property
    def done(self) -> bool:
        return 200 <= self.status < 300


class Hold(NamedTuple):
    """The others hear music until `Resume`, whatever the actor's phone says."""

    actor: str


class Resume(NamedTuple):
    """End `Hold`."""

    actor: str


class PushBack(NamedTuple):
    """Send the call to the executive (C5). `note` is shown to the executive; `announced`: the actor stays and speaks to the
    executive first (C13)."""

    actor: str
    note: str = ""
    announced: bool = False


class Park(NamedTuple):
    """Park the call (C3). `slot` "": the next free one."""

    actor: str
    slot: str = ""


class Transfer(NamedTuple):
    """Send the other party to `target`, a number as it is dialled (C15)."""

    actor: str
    target: str


class GiveBack(NamedTuple):
    """Return a call that was just answered to ringing (C14)."""

    actor: str


class Lock(NamedTuple):
    """Make the call private: nobody else may pick it up, listen or join (C9); `on` False ends that."""

    actor: str
    on: bool = True


class Take(NamedTuple):
    """Ring the actor's phones and let them in: `take` in the place of who holds or has parked the call, or as another party (C1-C8)."""

    actor: str
    kind: JoinKind
    target: str = ""
    """Whose place it is, or to whom the actor whispers: an extension in the call; "" where only one can be meant."""


class Mute(NamedTuple):
    """A moderator silences a party of a conference (C12)."""

    actor: str
    party: str
    on: bool = True


class Remove(NamedTuple):
    """A moderator removes a party of a conference (C12)."""

    actor: str
    party: str


class BargeIn(NamedTuple):
    """Go from listening or whispering to joining (`*82`)."""

    actor: str


class End(NamedTuple):
    """Hang up the actor's part of the call."""

    actor: str


Command = Hold | Resume | PushBack | Park | Transfer | GiveBack | Lock | Take | Mute | Remove | BargeIn | End


def dialled(feature: str, argument: str, actor: str) -> Command | None:
    """What a feature code means, pressed during a call or dialled for it; None for one that asks nothing of a running call."""
    if feature in ("push_back", "push", "push_announced"):
        return PushBack(actor, announced=feature == "push_announced")
    if feature == "park":
        return Park(actor, argument)
    if feature in ("lock", "unlock"):
        return Lock(actor, on=feature == "lock")
    if feature == "give_back":
        return GiveBack(actor)
    return BargeIn(actor) if feature == "barge" else None
