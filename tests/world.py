"""A whole server on the fake wire: `Core` with a configuration and a directory made in code, phones and trunks around it.

`World.settle` ends what still runs, lets 64·T1 pass, and wants nothing to be left: no call in which one party waits for another
that has gone, every count of `/health` at zero, no exception that a bug let out, no message of the server that is malformed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from b2bua.calls.call import Call
from b2bua.config import Config
from b2bua.config.schema import Report
from b2bua.config.server import read_server
from b2bua.config.yamltree import Map
from b2bua.core import Core
from b2bua.delegation.model import (
    DEFAULT_RIGHTS,
    Alerting,
    Delegation,
    Directory,
    Executive,
    Filtering,
    OnBehalf,
    Rollover,
    User,
)
from b2bua.sip.flow import Target
from b2bua.sip.ids import Identifiers
from b2bua.sip.values import Uri
from b2bua.store.ports import HistoryRow, StateStore, StoredBinding
from tests.fake_media import FakeMedia
from tests.fake_rewriter import FakeRewriter
from tests.phones import Phone, PhoneCall, Sip, Trunk
from tests.wire import START, Address, Alarm, Conditions, Host, Packet, Wire

DOMAIN = "acme.test"
SERVER: Address = ("127.0.0.1", 5060)
CARRIER: Address = ("127.0.0.2", 5090)
STRANGER: Address = ("127.0.0.3", 5090)
T1_64 = 32.0
EPOCH = 1_790_000_000.0
NUMBER = "+15551234567"
"""An outside number that the trusted carrier takes."""
FAR_NUMBER = "+4930123456"
"""An outside number that the untrusted trunk takes."""

USERS = (
    User("667", "Olivia Boss", "boss-667", ("+6221500667", "+6221500600"), "HQ"),
    User("668", "Victor Chief", "victor-668", ("+6221500668",), "HQ"),
    User("676", "Sam Secretary", "sam-676", ("+6221500676",), "HQ"),
    User("677", "Ana Aide", "ana-677", (), "HQ"),
    User("678", "Tom Deputy", "tom-678", ("+6221500678",), "HQ"),
    User("600", "Reception", "reception-600", ("+6221500601",), "HQ"),
    User("601", "Lee Colleague", "lee-601", ("+6221500602",), "HQ"),
    User("602", "Mia Colleague", "mia-602"),
)
TRUNKS: list[dict[str, Any]] = [
    {
        "name": "far",
        "uri": "sip:127.0.0.3:5090",
        "addresses": ["127.0.0.3"],
        "trusted": False,
        "numbers": [r"^\+49"],
    },
    {
        "name": "carrier",
        "uri": "sip:127.0.0.2:5090",
        "addresses": ["127.0.0.2"],
        "trusted": True,
        "numbers": [r"^\+?[0-9]{6,15}$"],
        "emergency": True,
    },
]
_HEADER = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+: ?[^\r\n]*")
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"'
"""A quoted-string (RFC 3261 section 25.1)."""
_WITH_TEXT = {
    "warning": re.compile(rf"[0-9]{{3}} [A-Za-z0-9.:\[\]-]+ {_QUOTED}"),
    "reason": re.compile(rf"[A-Za-z0-9.]+(?:;cause=[0-9]+|;text={_QUOTED})*"),
    "p-asserted-identity": re.compile(rf"(?:{_QUOTED} )?<[^<>\"\s]+>"),
}
"""Headers in which the server writes text that is not all its own (RFC 3261 section 20.43, RFC 3326, RFC 3325)."""
_BROKEN_TEXT = re.compile("[\x80-\x9f\u2028\u2029\udc80-\udcff]")
_NEEDED = {"via", "from", "to", "call-id", "cseq"}


def executive(
    extension: str = "667",
    *assistants: str | Delegation,
    caller_id: str | None = "+6221500600",
    alerting: Alerting | None = None,
    rollover: Rollover | None = None,
    filtering: Filtering | None = None,
    on_behalf: OnBehalf | None = None,
) -> Executive:
    """An executive; assistants with the default rights unless given as delegations. Without any: Sam (676) and Ana (677)."""
    delegations = tuple(
        each if isinstance(each, Delegation) else Delegation(each, extension, DEFAULT_RIGHTS)
        for each in assistants or ("676", "677")
    )
    return Executive(
        extension,
        caller_id,
        filtering or Filtering(),
        alerting or Alerting(),
        rollover or Rollover(),
        on_behalf or OnBehalf(),
        delegations,
    )


def configuration(**changes: Any) -> Config:
    """A server configuration as if read from a file. `changes` replace keys of the file."""
    tree = Map(1)
    tree.update({"domain": DOMAIN, "listen": ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"], "trunks": TRUNKS, **changes})
    report = Report("test.yaml", tree)
    config = read_server(tree, Path("test.yaml"), report)
    assert not report.problems, report.problems
    return config


def directory(config: Config, *executives: Executive, users: Iterable[User] = USERS) -> Directory:
    """Olivia (667) with Sam (676) and Ana (677), unless other executives are given."""
    return Directory.build(
        domain=config.domain,
        users=users,
        executives=executives or (executive(),),
        trunks=config.routes,
        emergency=config.emergency,
        feature_codes=config.feature_codes,
        organisation="Acme",
    )


class History(list[HistoryRow]):
    """The finished calls."""

    def record(self, row: HistoryRow) -> None:
        self.append(row)


class Snapshots(dict[str, str]):
    """The calls that are kept over a restart."""

    def load(self) -> list[tuple[str, str]]:
        return list(self.items())

    def save(self, call_id: str, snapshot: str) -> None:
        assert "\n" not in snapshot and snapshot.isascii()
        self[call_id] = snapshot

    def delete(self, call_id: str) -> None:
        del self[call_id]


class Bindings(dict[tuple[str, str], StoredBinding]):
    """The registrations that are kept over a restart."""

    def load(self) -> list[StoredBinding]:
        return list(self.values())

    def save(self, binding: StoredBinding) -> None:
        self[binding.aor, binding.contact] = binding

    def delete(self, aor: str, contact: str) -> None:
        self.pop((aor, contact), None)


class Node:
    """What the host drives: the stack, and once a second the housekeeping when a test wants it."""

    def __init__(self, core: Core) -> None:
        self._stack = core.stack
        self.receive = core.stack.receive
        self.tick = core.stack.tick
        self.next_deadline = core.stack.next_deadline
        self.drain = core.stack.drain
        self.flow_failed = core.stack.flow_failed


class World:
    """One server and everybody around it. `bugs` are exceptions that reached the stack's or the index's safety net."""

    def __init__(
        self,
        *executives: Executive,
        seed: int = 1,
        users: Iterable[User] = USERS,
        config: Config | None = None,
        addresses: Sequence[Address] = (),
        state: StateStore | None = None,
        organisation: Directory | None = None,
        starts: float = EPOCH + START,
        media: FakeMedia | None = None,
        rewriter: FakeRewriter | None = None,
    ) -> None:
        """`organisation` is used in place of `executives` and `users`; `starts` is what the wall clock shows at first."""
        self.wire = Wire(seed)
        self.host = Host(self.wire, *(addresses or (SERVER,)))
        self.config = config or configuration()
        self.history = History()
        self.bugs: list[Exception] = []
        self.passwords: dict[str, str] = {}
        """What people have typed into their phones, where the directory knows digests only."""
        self.dns: dict[str, list[Target]] = {}
        """Where host names lead; IP literals need no entry."""
        self.media = media
        self.rewriter = rewriter
        if rewriter is not None:
            rewriter.after = self.after
        self.snapshots = Snapshots()
        self.bindings = Bindings()
        self._seed = seed
        self._starts = starts
        self.core = self._core(organisation or directory(self.config, *executives, users=users), state)
        self.parties: list[Phone] = []
        self.patience = T1_64 + 1.0
        """How long after the last hang-up everything must be gone, seconds."""
        self._carrier: Trunk | None = None
        self._far: Trunk | None = None

    def _core(self, organisation: Directory, state: StateStore | None) -> Core:
        core = Core(
            self.config,
            organisation,
            resolve=self._resolve,
            history=self.history,
            bindings=self.bindings,
            state=state,
            wall=lambda: self._starts - START + self.wire.now,
            connector=self.host,
            ids=Identifiers(self.config.node, random.Random(self._seed).randbytes),
            media=self.media,
            rewriter=self.rewriter,
            snapshots=self.snapshots,
        )
        core.stack.on_error = core.stack.timers.on_error = self.bugs.append
        core.calls.crashed = self._crashed  # type: ignore[method-assign]
        self.host.attach(Node(core))
        return core

    def kill(self) -> None:
        """The server dies, and says nothing to anybody. The media engine goes on."""
        self.host.node = None
        self.core.calls.ended = lambda call: None  # type: ignore[method-assign]  # what Python does when it frees a dead server counts not
        if self.media is not None:
            self.media = self.media.survive()
        if self.rewriter is not None:
            self.rewriter = self.rewriter.survive()
        for stream in list(self.host.streams):
            stream.close()

    def revive(self) -> None:
        """A new server in its place, which knows what was kept."""
        self._seed += 1
        self.core = self._core(self.core.directory, None)
        self.core.stack.now = self.wire.now
        self.core.location.restore(
            lambda row: self.host.udp_flow((row.local_host, row.local_port), (row.remote_host, row.remote_port)), self.wire.now
        )
        self.core.calls.keeping.restore(lambda transport, local, remote: self.host.flow_to(Target(transport, *remote)))

    def after(self, seconds: float, what: Callable[[], None]) -> Alarm:
        """Something of an engine that happens at that time: the stack is told first what the time is, as in the server."""

        def happen() -> None:
            self.core.stack.tick(self.wire.now)
            what()

        return self.wire.after(seconds, happen)

    def _crashed(self, call: Call, error: Exception) -> None:
        self.bugs.append(error)

    def _resolve(self, uri: Uri, done: Callable[[Sequence[Target]], None]) -> None:
        found = self.dns.get(uri.host)
        done(found if found is not None else [Target(uri.transport or "UDP", uri.host, uri.port or 5060)])

    # Who is there.

    def _join(self, phone: Phone) -> None:
        self.parties.append(phone)

    def phone(
        self, account: str, *, register: bool = True, at: Address | None = None, transport: str = "UDP", reliable: bool = False
    ) -> Phone:
        """A phone of an account (an extension or a delegated line), registered."""
        user = self.core.directory.users[account.partition("-")[0]]
        at = at or (f"127.0.1.{len(self.parties) + 1}", 5060)
        phone = Phone(
            self.wire, account, at, SERVER, password=self.passwords.get(user.extension, user.password), display=user.name, transport=transport, reliable=reliable
        )
        self._join(phone)
        if register:
            phone.register()
        return phone

    def phones(self, *accounts: str) -> list[Phone]:
        return [self.phone(account) for account in accounts]

    @property
    def carrier(self) -> Trunk:
        """The trusted trunk."""
        if self._carrier is None:
            self._carrier = Trunk(self.wire, "carrier", CARRIER, SERVER)
            self._join(self._carrier)
        return self._carrier

    @property
    def far(self) -> Trunk:
        """The untrusted trunk."""
        if self._far is None:
            self._far = Trunk(self.wire, "far", STRANGER, SERVER)
            self._join(self._far)
        return self._far

    def weather(self, **conditions: float) -> None:
        """Loss, duplicates, reordering and delays from now on."""
        self.wire.conditions = replace(Conditions(), **conditions)

    # What happens.

    def run(self, seconds: float) -> None:
        self.wire.run(seconds)

    def talk(self, *parties: Phone, number: str = "") -> tuple[PhoneCall, PhoneCall]:
        """Both ends of an answered call of the first party to the second."""
        caller, called = parties
        mine = caller.call(number or called.user)
        theirs = called.expect_call()
        theirs.ring()
        theirs.answer()
        mine.expect_up()
        theirs.expect_up()
        return mine, theirs

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        """What a phone hears through the media engine: the names of `others`, and of sounds ("music")."""
        assert self.media is not None and listener.remote_sdp is not None
        return self.media.hears(
            bytes(listener.remote_sdp), {name: bytes(call.remote_sdp) for name, call in others.items() if call.remote_sdp is not None}
        )

    def press(self, call: PhoneCall, digits: str) -> None:
        """Keys at a phone, as telephone events in its sound."""
        assert self.media is not None and call.remote_sdp is not None
        self.media.press(bytes(call.remote_sdp), digits)
        self.run(0.01)

    def sent_to(self, party: Phone) -> list[Packet]:
        """What has arrived at a party."""
        return [packet for packet in self.wire.trace if packet.destination == party.at]

    def requests_to(self, party: Phone, method: str) -> list[Sip]:
        """The requests of the server to a party, retransmissions left out."""
        seen: dict[str, Sip] = {}
        for packet in self.sent_to(party):
            message = Sip(packet.data)
            if message.method == method:
                seen.setdefault(message.branch, message)
        return list(seen.values())

    # What must hold.

    @property
    def health(self) -> dict[str, Any]:
        return self.core.health()

    def at_rest(self) -> dict[str, int]:
        """The counts of `/health` that are not zero, registrations left out."""
        return {name: n for name, n in self.health.items() if isinstance(n, int) and n and name != "registrations"}

    def live(self) -> list[PhoneCall]:
        """Calls that some present party still believes in."""
        present = [
            party for party in self.parties if party.at in self.wire._sockets and self.wire.reachable(party.at[0], SERVER[0])
        ]
        return [call for party in present for call in party.calls if call.state != "ended"]

    def balanced(self) -> None:
        """Nobody is left in a call that the other has left: each talking party has one that talks with it."""
        up = [call for call in self.live() if call.state == "up"]
        talking = sum(len(call.conversation.parties) for call in self.core.calls.calls.values() if call.conversation is not None)
        assert len(up) == talking, self.report("a party is left alone")

    def hang_up_all(self, step: float = 1.0) -> None:
        """Callers give up, whoever talks hangs up, one after the other."""
        for call in self.live():
            if call.state == "up":
                call.hang_up()
                self.run(step)
            elif not call.incoming and call.state in ("calling", "ringing"):
                call.cancel()
                self.run(step)

    def settle(self, patience: float | None = None) -> None:
        """End everything; after 64·T1 nothing is left, at the server or at the phones."""
        self.hang_up_all()
        self.run(self.patience if patience is None else patience)
        assert not self.bugs, self.bugs
        left = [call for call in self.live() if call.state != "trying"]
        assert not left, self.report(f"still in a call: {[f'{call.phone.user} {call.state}' for call in left]}")
        assert not self.at_rest(), self.report(f"left over: {self.at_rest()}")
        assert self.rewriter is None or not self.rewriter.calls, f"still relayed: {self.rewriter.calls}"
        assert self.media is None or not (self.media.listened or self.media.contexts), "the media engine still has to do with a call"
        assert not self.snapshots, f"still kept: {list(self.snapshots)}"
        self.well_formed()

    def well_formed(self) -> None:
        """Every message of the server is one: header lines, the headers that all need, the right Content-Length."""
        for packet in self.wire.trace:
            if packet.source in self.host.addresses or packet.source[0] == SERVER[0]:
                flaw = _flaw(packet.data)
                assert flaw is None, f"{flaw} in\n{packet.data.decode('utf-8', 'replace')}"

    def report(self, what: str) -> str:
        return f"{what}\n{self.wire.transcript()}"


def _flaw(data: bytes) -> str | None:
    if not data.strip(b"\r\n"):
        return None
    head, end, body = data.partition(b"\r\n\r\n")
    text = head.decode("utf-8", "surrogateescape")
    if not end or "\n" in text.replace("\r\n", "") or "\r" in text.replace("\r\n", ""):
        return "line ends"
    for line in text.split("\r\n")[1:]:
        if not _HEADER.fullmatch(line):
            return f"line {line!r}"
    message = Sip(data)
    for name, form in _WITH_TEXT.items():
        for value in message.all(name):
            if not form.fullmatch(value) or _BROKEN_TEXT.search(value):
                return f"{name} {value!r}"
    needed = _NEEDED | ({"max-forwards"} if message.is_request else set())
    missing = needed - {name for name, _ in message.headers}
    if missing and message.status not in (400, 505):  # what was broken in the request cannot be copied into the answer
        return f"missing {missing}"
    for single in ("from", "to", "call-id", "cseq", "content-length", "max-forwards", "content-type"):
        if len(message.all(single)) > 1:
            return f"{single} twice"
    return None if message.get("content-length") == str(len(body)) else "Content-Length"


__all__ = [
    "CARRIER",
    "DOMAIN",
    "FAR_NUMBER",
    "NUMBER",
    "SERVER",
    "STRANGER",
    "T1_64",
    "Alerting",
    "Delegation",
    "Filtering",
    "OnBehalf",
    "Rollover",
    "World",
    "configuration",
    "directory",
    "executive",
]
