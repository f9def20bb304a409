"""The location service (RFC 3261 §10): which contacts an account can be reached at, in memory, kept in a store.

Accounts are named as digest knows them: an extension (`667`) or a delegated line (`676-667`).  `now` is monotonic; the wall
clock only dates what is stored, so a stepped clock ends no registration.  Nothing here holds a timer: the application calls
`sweep` about once a second, and a binding may stay that much too long.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from math import ceil, inf
from typing import Final, NamedTuple

from b2bua.errors import Refused
from b2bua.registrar.uris import same_uri
from b2bua.sip.flow import Flow
from b2bua.sip.values import NameAddr, SipError, Uri
from b2bua.store.ports import BindingStore, StoredBinding

MAX_CONTACTS: Final = 10
MAX_BINDINGS: Final = 100_000
RETRY_AFTER: Final = 60


class Contact(NamedTuple):
    """One contact of a REGISTER, as asked for."""

    uri: str
    """Exactly as written, escaped headers included."""
    params: str
    """The other contact parameters, with leading semicolons: what is not understood stays with the contact."""
    q: float
    instance: str | None
    """`+sip.instance` without its quotes (RFC 5626 §4.1)."""
    reg_id: int | None
    expires: int
    """Seconds; 0 removes."""


class Source(NamedTuple):
    """Where a REGISTER came from, and its place in the order of registrations."""

    flow: Flow
    call_id: str
    cseq: int
    path: tuple[str, ...] = ()
    """Path values, to be the Route of requests (RFC 3327)."""
    user_agent: str = ""


class Binding:
    """One way to reach an account. Never changed: a refresh makes a new one."""

    __slots__ = (
        "aor", "contact", "params", "q", "instance", "reg_id", "expires_at", "registered_at",
        "flow", "transport", "remote", "local", "path", "call_id", "cseq", "user_agent",
    )  # fmt: skip

    def __init__(self, aor: str, contact: Contact, expires_at: float, registered_at: float, source: Source | None) -> None:
        self.aor = aor
        self.contact = contact.uri
        self.params = contact.params
        self.q = contact.q
        self.instance = contact.instance
        self.reg_id = contact.reg_id
        self.expires_at = expires_at
        """Monotonic; infinite for a permanent contact."""
        self.registered_at = registered_at
        self.flow: Flow | None = None
        """The way it came by, over which requests must go (NAT, RFC 5626); None: resolve the contact."""
        self.transport, self.remote, self.local = "", ("", 0), ("", 0)
        self.path: tuple[str, ...] = ()
        self.call_id, self.cseq, self.user_agent = "", 0, ""
        if source is not None:
            flow = source.flow
            self.flow = flow
            self.transport, self.remote, self.local = flow.transport, flow.remote, flow.local
            self.path, self.call_id, self.cseq, self.user_agent = source.path, source.call_id, source.cseq, source.user_agent

    @property
    def uri(self) -> Uri:
        """The contact URI, parsed."""
        return Uri.parse(self.contact)

    @property
    def permanent(self) -> bool:
        """From the directory, not from a REGISTER."""
        return self.expires_at == inf

    @property
    def behind_nat(self) -> bool:
        """Whether the contact names another place than the one it came from; not told of a contact behind an edge proxy."""
        uri = self.uri
        return not self.path and (uri.host, uri.port or 5060) != self.remote

    @property
    def connectable(self) -> bool:
        """Whether it can be reached without the flow it came over: where it named, itself or by Path, the place it came from."""
        if not self.path:
            return not self.behind_nat
        try:
            return NameAddr.parse(self.path[0]).uri.host == self.remote[0]
        except SipError:
            return False

    def remaining(self, now: float) -> int:
        """Seconds until it expires, at least 0."""
        return max(0, round(self.expires_at - now))

    def replaced_by(self, contact: Contact) -> bool:
        """Whether `contact` is this binding again (RFC 3261 §10.3 step 7, RFC 5626 §6): same URI, or same instance and flow number."""
        if contact.instance is not None and contact.instance == self.instance:
            if contact.reg_id == self.reg_id:
                return True
            if contact.reg_id is not None and self.reg_id is not None:
                return False  # two flows of one phone, perhaps with the same URI
        return contact.uri == self.contact or same_uri(Uri.parse(contact.uri), self.uri)


Bindings = tuple[Binding, ...]


def _order(binding: Binding) -> tuple[float, float]:
    return (-binding.q, -binding.registered_at)


class Location:
    """All bindings. `contacts` is one dictionary look-up; updates are all or nothing."""

    def __init__(
        self,
        store: BindingStore | None = None,
        *,
        wall: Callable[[], float],
        max_contacts: int = MAX_CONTACTS,
        max_bindings: int = MAX_BINDINGS,
    ) -> None:
        self._store = store
        self._wall = wall
        self._max_contacts = max_contacts
        self._max_bindings = max_bindings
        self._registered: dict[str, Bindings] = {}
        self._permanent: dict[str, Bindings] = {}
        self._by_flow: dict[Hashable, set[str]] = {}
        self._due: dict[int, set[str]] = {}
        self._filed: dict[str, int] = {}  # each account stands once in _due, at its first expiry or before it
        self._swept = 0
        self._listeners: list[Callable[[str], None]] = []
        self.count = 0
        """Registered bindings, permanent ones not counted."""

    def contacts(self, aor: str) -> Bindings:
        """Every binding of the account, highest q first, then the most recent; permanent ones last."""
        registered = self._registered.get(aor, ())
        permanent = self._permanent.get(aor)
        if permanent is None:
            return registered
        return (*registered, *permanent) if registered else permanent

    def registered(self, aor: str) -> Bindings:
        """The bindings that came by REGISTER."""
        return self._registered.get(aor, ())

    def accounts(self) -> list[str]:
        """The accounts that have a registered binding."""
        return list(self._registered)

    def accounts_on(self, flow_key: Hashable) -> tuple[str, ...]:
        """The accounts that are reached over the flow with that key."""
        return tuple(self._by_flow.get(flow_key, ()))

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener(aor)` whenever a binding comes, goes or changes its flow; a mere refresh is no change."""
        self._listeners.append(listener)

    # -- updates

    def update(self, aor: str, contacts: Sequence[Contact], source: Source, now: float) -> Bindings:
        """Apply the contacts of one REGISTER, all of them or none, and return what the account has then.

        Raises `Refused`: 500 when the request is older than one seen, 403 and 503 when a limit is reached.
        """
        before = self._registered.get(aor, ())
        kept = list(before)
        added: list[Binding] = []
        for contact in contacts:
            for old in before:
                if old in kept and old.replaced_by(contact):
                    _check_order(old, source)
                    kept.remove(old)
            # the same contact twice in one request: the last one counts
            added = [each for each in added if each.contact != contact.uri]
            if contact.expires > 0:
                added.append(Binding(aor, contact, now + contact.expires, now, source))
        self._check_limits(len(before), len(kept) + len(added))
        if len(added) == 1 and not kept:
            after: Bindings = (added[0],)
        else:
            after = tuple(sorted((*added, *kept), key=_order))
        self._replace(aor, before, after)
        return after

    def remove_all(self, aor: str, source: Source) -> None:
        """`Contact: *` (RFC 3261 §10.2.2). Raises `Refused(500)` when the request is older than one seen."""
        before = self._registered.get(aor, ())
        for binding in before:
            _check_order(binding, source)
        self._replace(aor, before, ())

    def remove(self, binding: Binding) -> None:
        """Drop one binding, when it is still there."""
        before = self._registered.get(binding.aor, ())
        if binding in before:
            self._replace(binding.aor, before, tuple(each for each in before if each is not binding))

    def flow_closed(self, flow: Flow) -> None:
        """A connection closed or a peer went silent: whatever was reached over it is gone."""
        for aor in tuple(self._by_flow.get(flow.key, ())):
            before = self._registered.get(aor, ())
            self._replace(aor, before, tuple(each for each in before if each.flow is None or each.flow.key != flow.key))

    def retain(self, known: Callable[[str], bool]) -> None:
        """Drop the bindings of accounts that a new directory no longer knows."""
        for aor in [each for each in self._registered if not known(each)]:
            self._replace(aor, self._registered[aor], ())

    def set_permanent(self, contacts: Mapping[str, Iterable[str]]) -> None:
        """Replace all permanent contacts: account to contact URIs."""
        before = self._permanent
        now = self._permanent = {aor: _permanent(aor, tuple(uris), before.get(aor, ())) for aor, uris in contacts.items() if uris}
        for aor in [each for each in before.keys() | now.keys() if before.get(each) is not now.get(each)]:
            self._changed(aor)

    # -- time

    def sweep(self, now: float) -> int:
        """Drop what has expired; how many bindings that were. Call it about once a second."""
        second = int(now)
        if second - self._swept > len(self._due):
            due = sorted(each for each in self._due if each <= second)
        else:
            due = [each for each in range(self._swept + 1, second + 1) if each in self._due]
        self._swept = second
        gone = 0
        for each in due:
            for aor in self._due.pop(each):
                del self._filed[aor]
                before = self._registered.get(aor, ())
                after = tuple(binding for binding in before if binding.expires_at > now)
                if len(after) < len(before):
                    gone += len(before) - len(after)
                    self._replace(aor, before, after)
                else:
                    self._file(aor, after)
        return gone

    def _file(self, aor: str, bindings: Bindings) -> None:
        """Make sure that `sweep` looks at the account when its first binding expires; looking earlier does no harm."""
        if not bindings:
            return
        second = ceil(min(binding.expires_at for binding in bindings))
        filed = self._filed.get(aor)
        if filed is not None and filed <= second:
            return
        if filed is not None:
            self._due[filed].discard(aor)
        second = max(second, self._swept + 1)
        self._filed[aor] = second
        self._due.setdefault(second, set()).add(aor)

    # -- the store

    def restore(self, flow_of: Callable[[StoredBinding], Flow | None], now: float) -> int:
        """Take in what the store has kept; how many bindings are alive again.

        `flow_of` rebuilds the way to a UDP binding from its stored addresses.  A connection did not survive: a TCP
        binding stays only where its contact can be connected to, that is, not behind NAT.
        """
        if self._store is None:
            return 0
        wall = self._wall()
        for row in self._store.load():
            before = self._registered.get(row.aor, ())
            if any(each.contact == row.contact for each in before):
                continue  # that phone was faster: the sockets are open already
            binding = _revive(row, now + row.expires - wall, now)
            flow = flow_of(row) if row.transport == "UDP" else None
            binding.flow = None if flow is None or flow.closed else flow
            dead = row.expires <= wall or (binding.flow is None and not binding.connectable)
            if dead or self.count >= self._max_bindings:
                self._store.delete(row.aor, row.contact)
                continue
            self._put(row.aor, before, tuple(sorted((*before, binding), key=_order)))
            self._changed(row.aor)
        return self.count

    def _save(self, binding: Binding) -> None:
        if self._store is not None:
            wall_expiry = self._wall() + binding.expires_at - binding.registered_at
            self._store.save(
                StoredBinding(
                    binding.aor, binding.contact, binding.params, binding.q, binding.instance, binding.reg_id, wall_expiry,
                    binding.transport, *binding.remote, *binding.local, binding.path, binding.call_id, binding.cseq,
                    binding.user_agent,
                )
            )  # fmt: skip

    # -- the bookkeeping; every change of a registered binding passes here

    def _check_limits(self, before: int, after: int) -> None:
        if after > before and after > self._max_contacts:
            raise Refused(403, "Too Many Contacts")
        if after > before and self.count - before + after > self._max_bindings:
            raise Refused(503, "Too Many Registrations")

    def _replace(self, aor: str, before: Bindings, after: Bindings) -> None:
        self._put(aor, before, after)
        for binding in after:
            if binding not in before:
                self._save(binding)
        if self._store is not None:
            stays = {binding.contact for binding in after}
            for binding in before:
                if binding.contact not in stays:
                    self._store.delete(aor, binding.contact)
        if _ways(before) != _ways(after):
            self._changed(aor)

    def _put(self, aor: str, before: Bindings, after: Bindings) -> None:
        if after:
            self._registered[aor] = after
        else:
            self._registered.pop(aor, None)
        self.count += len(after) - len(before)
        self._index(aor, before, after)
        self._file(aor, after)

    def _index(self, aor: str, before: Bindings, after: Bindings) -> None:
        old = {binding.flow.key for binding in before if binding.flow is not None}
        new = {binding.flow.key for binding in after if binding.flow is not None}
        for key in old - new:
            accounts = self._by_flow[key]
            accounts.discard(aor)
            if not accounts:
                del self._by_flow[key]
        for key in new - old:
            self._by_flow.setdefault(key, set()).add(aor)

    def _changed(self, aor: str) -> None:
        for listener in self._listeners:
            listener(aor)


def _permanent(aor: str, uris: tuple[str, ...], before: Bindings) -> Bindings:
    """The bindings that these contacts have already, or new ones."""
    if tuple([each.contact for each in before]) == uris:
        return before
    return tuple([Binding(aor, Contact(uri, "", 1.0, None, None, 0), inf, 0.0, None) for uri in uris])


def _check_order(binding: Binding, source: Source) -> None:
    """RFC 3261 §10.3 step 7: within one Call-ID an older request, or the same again, changes nothing."""
    if source.call_id == binding.call_id and source.cseq <= binding.cseq:
        raise Refused(500, "Request Out Of Order")


def _ways(bindings: Bindings) -> set[tuple[str, Hashable]]:
    return {(binding.contact, None if binding.flow is None else binding.flow.key) for binding in bindings}


def _revive(row: StoredBinding, expires_at: float, now: float) -> Binding:
    contact = Contact(row.contact, row.params, row.q, row.instance, row.reg_id, 0)
    binding = Binding(row.aor, contact, expires_at, now, None)
    binding.transport = row.transport
    binding.remote, binding.local = (row.remote_host, row.remote_port), (row.local_host, row.local_port)
    binding.path, binding.call_id, binding.cseq, binding.user_agent = tuple(row.path), row.call_id, row.cseq, row.user_agent
    return binding
