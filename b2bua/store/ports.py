"""What the other rooms need of a store, and the plain rows they exchange with it.

Times are seconds of the wall clock since the epoch (UTC); texts may hold anything a peer sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol

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

    def rows(self, extension: str | None = None, limit: int = 1000, before: tuple[float, str] | None = None) -> list[HistoryRow]:
        """The newest `limit` rows; with `extension` only those in which it took part, with `before` (`started` and `id` of a row) older ones."""
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


# --- the organisation: the directory and who may sign in, in a database of their own (SQLite or PostgreSQL) ----------------------


class Entry(NamedTuple):
    """One entry of the directory."""

    kind: str
    """A key of the directory file, such as "users", or "organisation"."""
    key: str
    position: int
    """Its place among those of its kind."""
    revision: int
    """Of the change that made it as it is; the database counts changes."""
    body: Mapping[str, Any]
    """The entry as the file has it, JSON."""


class Written(NamedTuple):
    """One entry to be written: `body` None removes it. `position` None: it keeps its place, or comes last."""

    kind: str
    key: str
    body: Mapping[str, Any] | None
    position: int | None = None


class AuditRow(NamedTuple):
    """One administrative change (F5)."""

    id: int
    at: float
    actor: str
    """Who: an extension, or the name of an account that has none."""
    via: str
    """How: page, token <name>, file, command, import <id>."""
    kind: str
    """Of the entry; or account, token, import, setting."""
    key: str
    action: str
    """created, changed, removed; for accounts what was done."""
    before: Mapping[str, Any] | None
    """Without secrets."""
    after: Mapping[str, Any] | None
    group: str = ""
    """The import that it was part of."""


class AuditQuery(NamedTuple):
    """Which rows; an empty field asks for all."""

    kind: str = ""
    key: str = ""
    actor: str = ""
    group: str = ""
    before_id: int = 0
    """Only older rows: for the next page."""
    via: str = ""
    after_id: int = 0
    """Only newer rows: what has come since."""


SECRET_KEYS: Final = frozenset({"password", "digest", "pin", "secret"})
"""The fields of a body whose values no audit row may hold."""
HIDDEN: Final = "***"


def without_secrets(body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The body for the audit: where a secret stands, it says only that there is one."""
    return None if body is None else {key: HIDDEN if _secret(key, value) else _plain(value) for key, value in body.items()}


def _secret(key: object, value: object) -> bool:
    return str(key).lower() in SECRET_KEYS and bool(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


class DirectoryStore(Protocol):
    """The directory in a database. Every method blocks; one thread uses it. Every method, here and of the other stores of the
    organisation, raises `Unavailable`."""

    def revision(self) -> int:
        """How many changes there have been, 0: none. Cheap: it is asked twice a second."""
        ...

    def load(self, since: int = 0) -> tuple[int, list[Entry], list[tuple[str, str]]]:
        """The revision, every entry changed after `since`, and the (kind, key) of those removed after it."""
        ...

    def write(self, writes: Sequence[Written], audit: Sequence[AuditRow], expected: int) -> int:
        """All of it in one transaction; the new revision, which every written entry has. `audit` ids are given by the database.

        Entries with an audit row of a group are kept as they were before, for `ImportStore.undo`. Without `writes` the revision stays.
        Raises `Moved` when the directory has another revision than `expected`: nothing was written then.
        """
        ...

    def base(self) -> tuple[str, dict[tuple[str, str], Mapping[str, Any]]]:
        """The directory file that was taken in last: a digest of it ("" for none), and its entries."""
        ...

    def keep_base(self, digest: str, entries: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        """Remember the file that has been taken in."""
        ...

    def audit(self, query: AuditQuery, limit: int) -> list[AuditRow]:
        """The newest rows first."""
        ...

    def note(self, rows: Sequence[AuditRow]) -> None:
        """Audit rows about something that is no entry."""
        ...


class Moved(Exception):
    """Somebody else has changed the directory meanwhile."""


class Unavailable(OSError):
    """The organisation's database is away, or did not answer in time; it is tried anew at the next call.

    Nothing was written.
    """


class Undecided(Unavailable):
    """The same, but the connection broke while a commit was on its way: the change may have been made; `revision()` tells afterwards."""


class ImportRow(NamedTuple):
    """One import of a spreadsheet, or one bulk edit. Its `id` is the `group` of the audit rows of its changes."""

    id: str
    started: float
    actor: str
    state: str
    """checking, checked, applying, applied, cancelled, failed, rolled_back: the words of `administration.imports`."""
    counts: Mapping[str, int]
    """How many rows: created, changed, unchanged, refused …"""
    errors: Sequence[Mapping[str, Any]]
    """JSON: what is wrong with which row."""


class UndoRow(NamedTuple):
    """An entry as it was before an import changed it, secrets included."""

    kind: str
    key: str
    body: Mapping[str, Any] | None
    """None: it did not exist."""
    position: int
    revision: int
    """That the import gave it: with another one, somebody has changed it since."""


class ImportStore(Protocol):
    """Imports, and what is needed to take one back. Every method blocks; one thread uses it."""

    def save_import(self, row: ImportRow) -> None: ...
    def find_import(self, import_id: str) -> ImportRow | None: ...
    def imports(self, limit: int) -> list[ImportRow]:
        """The newest first."""
        ...

    def undo(self, import_id: str) -> list[UndoRow]:
        """Every entry that `DirectoryStore.write` changed with audit rows of this group, as it was before the first change."""
        ...

    def delete_import(self, import_id: str) -> None:
        """Forget an import and what would undo it; the audit stays."""
        ...


class AccountRow(NamedTuple):
    """Who may sign in on the page. Users have one from when they are invited; the first administrator has no extension."""

    name: str
    """The extension, or "admin"."""
    password: str
    """An argon2 hash; "" while there is none."""
    must_change: bool
    pin: str = ""
    """An argon2 hash of the PIN for shared phones; "" for none."""
    invitation: str = ""
    """SHA-256 of the activation link's secret; "" for none."""
    invited_until: float = 0.0
    disabled: bool = False
    signed_in: float = 0.0
    """When last; 0: never."""
    changed: float = 0.0
    """When the password was set last: older sessions are over."""
    pin_must_change: bool = False


class SessionRow(NamedTuple):
    """A signed-in browser."""

    id: str
    """SHA-256 of what the cookie holds."""
    account: str
    created: float
    seen: float
    agent: str
    """The browser's name, as it says."""


class TokenRow(NamedTuple):
    """A program's way in."""

    id: str
    """Shown in lists."""
    secret: str
    """SHA-256 of the token."""
    account: str
    name: str
    created: float
    expires: float
    """0: never."""
    used: float
    scope: str = "write"
    """read or write."""


class Newest(NamedTuple):
    """How many sessions and tokens there are, and when the last of each was made: another answer, and one has come or gone."""

    sessions: int = 0
    session_made: float = 0.0
    tokens: int = 0
    token_made: float = 0.0


class AccountStore(Protocol):
    """Accounts, sessions and tokens. Every method blocks; one thread uses it."""

    def account(self, name: str) -> AccountRow | None: ...
    def accounts(self) -> list[AccountRow]: ...
    def save_account(self, row: AccountRow) -> None: ...
    def delete_account(self, name: str) -> None: ...
    def by_invitation(self, digest: str) -> AccountRow | None: ...
    def sessions(self) -> list[SessionRow]: ...
    def save_session(self, row: SessionRow) -> None: ...
    def delete_session(self, session_id: str) -> None: ...
    def tokens(self) -> list[TokenRow]: ...
    def save_token(self, row: TokenRow) -> None: ...
    def delete_token(self, token_id: str) -> None: ...
    def newest(self) -> Newest: ...
    def session_used(self, session_id: str, at: float) -> None:
        """One that has ended meanwhile does not come back by that; the same for `token_used`."""
        ...

    def token_used(self, token_id: str, at: float) -> None: ...
