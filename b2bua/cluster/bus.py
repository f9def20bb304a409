"""What goes on, as plain data: calls, phones, what has been set, the directory. Published on the event loop, told at once.

Whoever shows it to people (`administration.live`) says who may see what; nothing here is filtered.
Times are seconds of the wall clock since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from b2bua import logs

CallState = Literal["dialling", "ringing", "talking", "held", "parked", "conference"]
"""dialling: the phone of who has clicked to dial rings · ringing: somebody is rung for the caller · held: somebody holds it ·
parked: it is in a slot, also while it rings back · conference: three or more hear each other."""
PartyRole = Literal["talk", "listen", "whisper"]


class PartyView(NamedTuple):
    """One who is in a call."""

    extension: str | None
    """None: from outside."""
    number: str
    """The extension, or the outside number; "anonymous" when it is withheld."""
    name: str
    role: PartyRole = "talk"
    holding: bool = False
    """Has put the others on hold."""
    muted: bool = False
    speaks_as: str | None = None
    """On behalf: the executive's extension."""
    since: float = 0.0


class RingingView(NamedTuple):
    """Somebody who is rung for a call."""

    extension: str | None
    number: str
    for_executive: str | None = None


class CallView(NamedTuple):
    """A running call as the server sees it."""

    id: str
    state: CallState
    started: float
    since: float
    """When `state` began."""
    caller: PartyView
    """Who called; in a call that was clicked to dial: who clicked."""
    called: str
    """The number that was called, as the plan shows it."""
    executive: str | None
    """Whose filtered call it is."""
    on_behalf_of: str | None
    actor: str | None
    """On behalf: the assistant who speaks as the executive."""
    parties: tuple[PartyView, ...] = ()
    """Who is in it: nobody but the caller while it rings."""
    ringing: tuple[RingingView, ...] = ()
    answered_by: str | None = None
    slot: str | None = None
    parked_by: str | None = None
    locked_by: str | None = None
    confidential: bool = False
    """The contact is hidden from assistants (A24)."""
    note: str = ""
    """The hand-over note (C13)."""
    sent_by: str = ""
    """The assistant who has sent the call to the executive."""
    room: str | None = None
    """The conference room that this is."""


class CallChanged(NamedTuple):
    """A call began, or changed."""

    call: CallView


class CallEnded(NamedTuple):
    """A call is over."""

    id: str
    outcome: str
    answered_by: str | None


class PhonesChanged(NamedTuple):
    """The phones of an account (extension or delegated line) have come or gone."""

    account: str
    phones: int


class SettingsChanged(NamedTuple):
    """Somebody has set something by phone or page, or its time is over."""

    subjects: frozenset[str]


class DirectoryChanged(NamedTuple):
    """There is another directory. `keys` are the (kind, key) of the entries that changed; empty: any may have."""

    revision: int
    keys: frozenset[tuple[str, str]] = frozenset()


Event = CallChanged | CallEnded | PhonesChanged | SettingsChanged | DirectoryChanged
Listener = Callable[[Event], None]
_log = logs.get("bus")


class Bus:
    """Tells every listener every event, in order, in the caller's own turn. A listener that raises is told of in the log, and the
    others hear the event all the same."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def __bool__(self) -> bool:
        """Whether anybody listens: views need not be made for nobody."""
        return bool(self._listeners)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear every event from now on; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - what shows a call must not end it
                _log.error("bug", exc_info=error)
