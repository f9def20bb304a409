"""What the other rooms need of a store, and the plain rows they exchange with it.

Times are seconds of the wall clock since the epoch (UTC); texts may hold anything a peer sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from b2bua.delegation.plan import Direction, Setting
from b2bua.store.decisions import Decision

Outcome = Literal["answered", "missed", "cancelled", "busy", "refused", "failed"]
"""How an attempt ended; docs/history.md explains each word."""
SegmentKind = Literal["ring", "talk", "hold", "park", "listen", "whisper"]


class Segment(NamedTuple):
    """A stretch of a call with one called party (FEATURES.md F4)."""

    kind: SegmentKind
    party: str
    """Who rang or spoke with the caller: an extension or an outside number."""
    started: float
    ended: float | None
    speaks_as: str | None = None
    """On behalf: the extension of the executive as whom the row's `actor` speaks to `party`."""
    with_: Sequence[str] = ()
    """With whom: extensions and outside numbers; for `park` the slot."""
    why: str = ""
    """Why it began: "answered", "held", "sent to the executive" …; docs/history.md has the list."""


class Quality(NamedTuple):
    """What the server received of a party's sound while it passed through the media engine."""

    party: str
    received: int
    """Packets."""
    sent: int
    lost: int
    jitter_ms: float
    silent_seconds: float
    """How long altogether nothing came though some was due."""
    foreign: int
    """Packets from elsewhere, which were dropped."""


class HistoryRow(NamedTuple):
    """One attempt to call, from INVITE to its end. Never changed once recorded."""

    id: str
    started: float
    answered: float | None
    ended: float
    direction: Direction
    caller: str
    """Number or extension shown to the called party; on behalf: the executive's caller ID."""
    called: str
    executive: str | None
    """The executive whose (filtered) call this is."""
    answered_by: str | None
    """Extension, or the outside number that answered."""
    on_behalf_of: str | None
    actor: str | None
    """The assistant who really speaks, for a call on behalf."""
    outcome: Outcome
    segments: Sequence[Segment] = ()
    status: int = 0
    """Last SIP status the caller got."""
    parties: Sequence[str] = ()
    """Extensions that took part: the caller's, the called one's, on whose behalf, and all that rang. Only these can see the row."""
    call_ids: Sequence[str] = ()
    """SIP Call-IDs of all legs."""
    decision: Decision | None = None
    """Why it went where it went; None when nothing was decided, and for rows from before decisions were kept."""
    quality: Sequence[Quality] = ()
    """One entry for each party whose sound came to the server."""


class HistorySink(Protocol):
    """Takes finished calls; returns at once."""

    def record(self, row: HistoryRow) -> None:
        """Keep `row`. Never raises and never waits for a disk."""
        ...


class HistoryReader(Protocol):
    """Finished calls, newest first."""

    def rows(self, extension: str | None = None, limit: int = 1000) -> list[HistoryRow]:
        """The newest `limit` rows; with `extension` only those in which it took part."""
        ...

    def find(self, prefix: str) -> list[HistoryRow]:
        """The calls whose id begins with `prefix`, a few at most."""
        ...


class StoredBinding(NamedTuple):
    """One registered contact (RFC 3261 §10.3) as it survives a restart."""

    aor: str
    """The account: extension or delegated line."""
    contact: str
    """Contact URI exactly as registered."""
    params: str
    """Contact parameters, rendered with leading semicolons, without expires."""
    q: float
    instance: str | None
    reg_id: int | None
    expires: float
    """Wall-clock time."""
    transport: str
    remote_host: str
    remote_port: int
    local_host: str
    local_port: int
    path: Sequence[str]
    call_id: str
    cseq: int
    user_agent: str


class BindingStore(Protocol):
    """Keeps registrations over a restart; `save` and `delete` return at once."""

    def load(self) -> Iterable[StoredBinding]:
        """Every stored binding, expired ones included."""
        ...

    def save(self, binding: StoredBinding) -> None:
        """Keep `binding`, in place of one with the same `aor` and `contact`."""
        ...

    def delete(self, aor: str, contact: str) -> None:
        """Forget that binding."""
        ...


class StateStore(Protocol):
    """Keeps over a restart what phones have set; `save` returns at once."""

    def load(self) -> Sequence[Setting]:
        """Every stored setting, those whose time is over included."""
        ...

    def save(self, settings: Sequence[Setting]) -> None:
        """Keep `settings`, each in place of the one with the same kind, subject and object; a value of None deletes that one."""
        ...


class CallStore(Protocol):
    """Keeps running calls over the end of the process; `save` and `delete` return at once."""

    def load(self) -> Iterable[tuple[str, str]]:
        """Every call that was kept and not deleted: its id and its snapshot."""
        ...

    def save(self, call_id: str, snapshot: str) -> None:
        """Keep `snapshot` (one line of ASCII), in place of an earlier one of this call."""
        ...

    def delete(self, call_id: str) -> None:
        """The call is over."""
        ...
