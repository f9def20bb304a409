"""A registrar on a bench: the real stack, fake flows, a clock that the test moves."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import count

from b2bua.delegation.model import Delegation, Directory, Executive, User
from b2bua.registrar.credentials import CredentialTable
from b2bua.registrar.location import Contact, Location, Source
from b2bua.registrar.registrar import Registrar
from b2bua.sip.digest import DigestClient, DigestServer
from b2bua.sip.flow import Flow, Target, host_port
from b2bua.sip.ids import Identifiers
from b2bua.sip.message import Request, Response, parse_message
from b2bua.sip.stack import SipStack
from b2bua.store.ports import StoredBinding

DOMAIN = "acme.test"
WALL = 1_790_000_000.0
_serial = count(1)


@dataclass(eq=False)
class FakeFlow:
    """A way to one peer that remembers nothing but its addresses."""

    remote: tuple[str, int] = ("192.0.2.1", 5060)
    transport: str = "UDP"
    local: tuple[str, int] = ("127.0.0.1", 5060)
    closed: bool = False
    serial: int = field(default_factory=lambda: next(_serial))

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"

    @property
    def sent_by(self) -> str:
        return host_port(*self.local)

    @property
    def key(self) -> Hashable:
        return ("TCP", self.serial) if self.reliable else ("UDP", self.local, self.remote)

    def send(self, data: bytes) -> None:
        raise AssertionError("the bench takes what is sent from the stack")

    def close(self) -> None:
        self.closed = True


class FakeConnector:
    def flow_to(self, target: Target, via: Flow | None = None) -> Flow:
        return FakeFlow((target.host, target.port), target.transport)


class MemoryStore:
    """A `BindingStore` that is a dictionary."""

    def __init__(self, rows: Iterable[StoredBinding] = ()) -> None:
        self.rows = {(row.aor, row.contact): row for row in rows}
        self.saved = 0

    def load(self) -> list[StoredBinding]:
        return list(self.rows.values())

    def save(self, binding: StoredBinding) -> None:
        self.saved += 1
        self.rows[binding.aor, binding.contact] = binding

    def delete(self, aor: str, contact: str) -> None:
        self.rows.pop((aor, contact), None)


def contact(uri: str = "sip:667@192.0.2.1:5060", expires: int = 3600, **changes: object) -> Contact:
    return Contact(uri, "", 1.0, None, None, expires)._replace(**changes)  # type: ignore[arg-type]


def source(flow: Flow | None = None, call_id: str = "c", cseq: int = 1, path: tuple[str, ...] = ()) -> Source:
    return Source(flow or FakeFlow(), call_id, cseq, path)


def directory() -> Directory:
    """667 with the assistants 676 (every right), 677 (may call only) and 678 (neither call nor receive)."""
    rights = {"676": frozenset({"receive", "call"}), "677": frozenset({"call"}), "678": frozenset({"join"})}
    delegations = tuple(Delegation(name, "667", each) for name, each in rights.items())  # type: ignore[arg-type]
    users = [User(name, f"User {name}", f"secret-{name}") for name in ("667", *rights)]
    return Directory.build(domain=DOMAIN, users=users, executives=[Executive("667", delegations=delegations)])


class Bench:
    """One server with its registrar."""

    def __init__(self, *, max_contacts: int = 10, max_bindings: int = 100) -> None:
        self.now = 1000.0
        self.stack = SipStack(FakeConnector(), Identifiers("0"))
        self.store = MemoryStore()
        self.location = Location(self.store, wall=self.wall, max_contacts=max_contacts, max_bindings=max_bindings)
        company = directory()
        is_ours = frozenset({DOMAIN, "127.0.0.1"}).__contains__
        self.digest = DigestServer(DOMAIN, own_host=is_ours)
        credentials = CredentialTable.from_directory(company, DOMAIN)
        self.registrar = Registrar(self.stack, self.location, self.digest, credentials, is_ours=is_ours, wall=self.wall)
        self.stack.handlers["REGISTER"] = self.registrar.handle
        self.flow = FakeFlow()

    def wall(self) -> float:
        return WALL + self.now

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.stack.tick(self.now)
        self.location.sweep(self.now)

    def receive(self, data: bytes, flow: FakeFlow | None = None) -> list[Response]:
        self.stack.receive(flow or self.flow, data, self.now)
        return [message for message in self.sent() if isinstance(message, Response)]

    def sent(self) -> list[Request | Response]:
        return [parse_message(data) for _, data in self.stack.drain()]

    def at_rest(self) -> bool:
        stack = self.stack
        return not (stack.servers or stack.clients or stack.dialogs or stack.timers.count or stack.output)


class Phone:
    """Registers at a bench, answering challenges."""

    def __init__(self, bench: Bench, user: str = "667", password: str = "", flow: FakeFlow | None = None) -> None:
        self.bench = bench
        self.user = user
        self.flow = flow or bench.flow
        self.digest = DigestClient(user, password or f"secret-{user.partition('-')[0]}")
        self.call_id = f"phone-{next(_serial)}"
        self.cseq = 0

    def request(
        self, headers: str = "", *, to: str = "", uri: str = f"sip:{DOMAIN}", vias: str = "", authorization: str = ""
    ) -> bytes:
        self.cseq += 1
        to = to or f"<sip:{self.user}@{DOMAIN}>"
        return (
            f"REGISTER {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.flow.transport} {host_port(*self.flow.remote)};branch=z9hG4bK{next(_serial)};rport\r\n{vias}"
            f"From: {to};tag=f\r\nTo: {to}\r\nCall-ID: {self.call_id}\r\nCSeq: {self.cseq} REGISTER\r\nMax-Forwards: 70\r\n"
            f"{authorization}{headers}Content-Length: 0\r\n\r\n"
        ).encode("utf-8", "surrogateescape")

    def register(self, headers: str = "", **options: str) -> Response:
        """Send a REGISTER with these headers, answer the 401, and return the last response."""
        response = self._send(self.request(headers, **options))
        if response.status == 401:
            value = self.digest.answer(response.get_all("www-authenticate"), "REGISTER", options.get("uri", f"sip:{DOMAIN}"))
            assert value is not None
            response = self._send(self.request(headers, authorization=f"Authorization: {value}\r\n", **options))
        return response

    def add(self, uri: str, rest: str = "", headers: str = "") -> Response:
        return self.register(f"Contact: <{uri}>{rest}\r\n{headers}")

    def _send(self, data: bytes) -> Response:
        responses = self.bench.receive(data, self.flow)
        assert len(responses) == 1
        return responses[0]
