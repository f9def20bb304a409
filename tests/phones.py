"""Scripted phones and trunks on the fake wire, independent of b2bua.sip.

A `Phone` does by itself what every phone does (retransmit, acknowledge, answer a challenge, answer BYE and OPTIONS) and leaves
to the test what a person does (call, ring, answer, hold, hang up). Everything received is in `log`. Expectations let time pass
until what they expect happens, and fail with the phone's own transcript. A trunk is a phone without a password that takes
calls for any user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.phone_call import PhoneCall
from tests.phone_transactions import GIVE_UP, Answer, Attempt, Way
from tests.plain_sip import Sip, address_of, algorithm_of, digest_answer, param, split, uri_of, write
from tests.wire import Address, Stream, Wire

SOON = 3.0
"""How long an expectation waits unless it says otherwise, seconds."""

Behaviour = Callable[[PhoneCall], None]
Hook = Callable[[PhoneCall | None, Sip], int | None]


def rings(call: PhoneCall) -> None:
    """What a phone does by default: it rings until somebody acts."""
    call.ring()


def stays_silent(call: PhoneCall) -> None:
    """Not even a 100: everything is left to the test."""


def answers(after: float = 1.0) -> Behaviour:
    """Ring, then answer by itself."""

    def behave(call: PhoneCall) -> None:
        call.ring()
        call.phone.wire.after(after, lambda: call.answer() if call.state == "ringing" else None)

    return behave


def rejects(status: int, after: float = 0.0) -> Behaviour:
    """Refuse by itself; ring before when it takes a while."""

    def behave(call: PhoneCall) -> None:
        if not after:
            call.reject(status)
            return
        call.ring()
        call.phone.wire.after(after, lambda: call.reject(status) if call.state == "ringing" else None)

    return behave


@dataclass(slots=True)
class Heard:
    """One message received. `repeat`: a retransmission; `read`: an expectation has taken it."""

    at: float
    message: Sip
    source: Address
    repeat: bool = False
    read: bool = False

    def __str__(self) -> str:
        return f"{self.at:9.3f} {self.message.start}{'  (again)' if self.repeat else ''}"


class Phone:
    """One user agent. `at` is its address, `server` where it sends what has no better way."""

    def __init__(
        self,
        wire: Wire,
        user: str,
        at: Address,
        server: Address = ("127.0.0.1", 5060),
        *,
        domain: str = "acme.test",
        password: str = "",
        login: str = "",
        display: str = "",
        transport: str = "UDP",
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        reliable: bool = False,
    ) -> None:
        self.wire, self.user, self.at, self.server, self.domain = wire, user, at, server, domain
        self.password, self.login, self.display = password, login or user, display
        self.transport, self.algorithms, self.reliable = transport, algorithms, reliable
        self.behaviour: Behaviour = rings
        self.hooks: dict[str, Hook] = {}
        """By method: asked first about each request; the status to answer with, 0 for no answer, None for the usual."""
        self.log: list[Heard] = []
        self.sent: list[Sip] = []
        self.calls: list[PhoneCall] = []
        self.registered = False
        self._count = 0
        self._attempts: dict[tuple[str, str], Attempt] = {}
        self._answers: dict[tuple[str, str], Answer] = {}
        self._acks: dict[tuple[str, str], tuple[bytes, Way]] = {}
        self._streams: dict[Address, Stream] = {}
        self._register_id = self.new_id("reg")
        self._register_seq = 0
        wire.bind(at, lambda data, source: self._receive(data, source, "UDP"))
        wire.listen(at, self._take_stream)

    # Names.

    def new_id(self, kind: str) -> str:
        """Unique on the wire, and the same in each run."""
        self._count += 1
        return f"{kind}-{self.user.strip('+#') or 'x'}-{self.at[0].replace(':', '.')}-{self.at[1]}-{self._count}"

    @property
    def host_port(self) -> str:
        return f"[{self.at[0]}]:{self.at[1]}" if ":" in self.at[0] else f"{self.at[0]}:{self.at[1]}"

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{self.host_port}{';transport=tcp' if self.transport == 'TCP' else ''}>"

    def via(self, branch: str = "", transport: str = "") -> str:
        return (
            f"Via: SIP/2.0/{transport or self.transport} {self.host_port};branch={branch or 'z9hG4bK' + self.new_id('b')};rport"
        )

    def way_to(self, uri: str) -> Way:
        """Where a request for a URI goes: its own address when it is a literal, else the server."""
        found = address_of(uri)
        return ((found[0], found[1]), found[2]) if found is not None else (self.server, self.transport)

    # Sending.

    def transmit(self, data: bytes, way: Way) -> None:
        address, transport = way
        self.sent.append(Sip(data))
        if transport == "UDP":
            self.wire.send(self.at, address, data)
            return
        stream = self._streams.get(address)
        if stream is None or stream.closed:
            stream = self.wire.connect(self.at[0], address)
            self._take_stream(stream)
        stream.send(data)

    def send_raw(self, data: bytes | str, to: Address | None = None) -> None:
        """Bytes as they are, from this phone's address; a text gets CRLF line ends."""
        if isinstance(data, str):
            data = data.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8", "surrogateescape")
        self.transmit(data, (to or self.server, self.transport))

    def attempt(self, data: bytes, way: Way | None = None, on_response: Callable[[Sip], None] | None = None) -> Attempt:
        """Send a whole request as a transaction of this phone."""
        made = Attempt(self, data, way or (self.server, self.transport), on_response)
        self._attempts[made.request.branch, made.request.method] = made
        return made.start()

    def request(self, method: str, uri: str = "", headers: Iterable[str] = (), body: bytes = b"", **changes: str) -> Attempt:
        """A request outside of dialogs, unauthenticated. `changes` replace from_, to, call_id or cseq."""
        uri = uri or f"sip:{self.domain}"
        number = changes.get("cseq", "1")
        lines = [
            self.via(),
            f"From: {changes.get('from_', f'<{self.aor}>;tag=' + self.new_id('t'))}",
            f"To: {changes.get('to', f'<{uri}>')}",
            f"Call-ID: {changes.get('call_id', self.new_id('c'))}",
            f"CSeq: {number} {method}",
            "Max-Forwards: 70",
            f"Contact: {self.contact}",
            *headers,
        ]
        return self.attempt(write(f"{method} {uri} SIP/2.0", lines, body))

    def ack_failure(self, attempt: Attempt, response: Sip) -> None:
        """The ACK that belongs to a 3xx to 6xx."""
        request = attempt.request
        lines = [f"Via: {request.all('via')[0]}", *(f"Route: {route}" for route in request.all("route"))]
        lines += [f"From: {request.get('from')}", f"To: {response.get('to')}", f"Call-ID: {request.call_id}"]
        lines += [f"CSeq: {request.cseq[0]} ACK", "Max-Forwards: 70"]
        data = write(f"ACK {request.uri} SIP/2.0", lines)
        self._acks[request.branch, "INVITE"] = (data, attempt.way)
        self.transmit(data, attempt.way)

    def credentials(self, response: Sip, method: str, uri: str) -> str:
        """The header line that answers a 401 or 407 with the strongest algorithm this phone has, "" when it has none."""
        name, line = (
            ("www-authenticate", "Authorization") if response.status == 401 else ("proxy-authenticate", "Proxy-Authorization")
        )
        offered = {algorithm_of(challenge): challenge for challenge in reversed(response.all(name))}
        for algorithm in self.algorithms:
            if algorithm in offered and self.password:
                value = digest_answer(offered[algorithm], method, uri, self.login, self.password, cnonce=self.new_id("cn"))
                return f"{line}: {value}"
        return ""

    # Receiving.

    def _take_stream(self, stream: Stream) -> None:
        self._streams[stream.remote] = stream
        stream.on_data = lambda at, data: self._receive(data, at.remote, "TCP")

    def _receive(self, data: bytes, source: Address, transport: str) -> None:
        if not data.strip(b"\r\n\0"):
            return
        message = Sip(data)
        heard = Heard(self.wire.now, message, source)
        self.log.append(heard)
        if message.is_request:
            self._receive_request(heard, (source, transport))
        else:
            self._receive_response(heard)

    def _receive_response(self, heard: Heard) -> None:
        response = heard.message
        key = (response.branch, response.cseq[1])
        attempt = self._attempts.get(key)
        if attempt is None:
            return
        first = attempt.final is None
        heard.repeat = not attempt.take(response)
        if response.cseq[1] == "INVITE" and response.status >= 300:
            if first:
                self.ack_failure(attempt, response)
            elif key in self._acks:
                self.transmit(*self._acks[key])
        if attempt.on_response is not None and (first or (response.cseq[1] == "INVITE" and 200 <= response.status < 300)):
            attempt.on_response(response)

    def _receive_request(self, heard: Heard, way: Way) -> None:
        request = heard.message
        if request.method == "ACK":
            answer = self._answers.get((request.branch, "INVITE"))
            if answer is not None:
                answer.settled = True
            call = self.call_of(request)
            if call is not None:
                heard.repeat = call.on_ack(request)
            return
        key = (request.branch, request.method)
        known = self._answers.get(key)
        if known is not None:
            heard.repeat = True
            if known.data:
                self.transmit(known.data, way)
            return
        answer = self._answers[key] = Answer(self, request, way)
        call = self.call_of(request)
        hook = self.hooks.get(request.method)
        status = hook(call, request) if hook is not None else None
        if status is not None:
            if status:
                self.reply(answer, status)
        elif request.method == "CANCEL":
            self._on_cancel(answer, self._answers.get((request.branch, "INVITE")))
        elif call is not None:
            call.on_request(answer)
        elif request.to_tag:
            self.reply(answer, 481)
        elif request.method == "INVITE":
            call = PhoneCall(self, incoming=answer)
            self.calls.append(call)
            self.behaviour(call)
        else:
            self.reply(answer, 200 if request.method in ("OPTIONS", "NOTIFY", "MESSAGE") else 405)

    def _on_cancel(self, cancel: Answer, invite: Answer | None) -> None:
        self.reply(cancel, 200 if invite is not None else 481)
        call = next((c for c in self.calls if c.invite_answer is invite), None) if invite is not None else None
        if call is not None:
            call.on_cancel(cancel.request)

    def reply(
        self, answer: Answer, status: int, headers: Iterable[str] = (), body: bytes = b"", *, tag: str = "", insist: bool = False
    ) -> None:
        """Respond to a request, with a To tag where it has none."""
        request = answer.request
        to = request.get("to")
        if not request.to_tag and status > 100:
            to += f";tag={tag or self.new_id('t')}"
        lines = [f"Via: {via}" for via in request.all("via")]
        lines += [f"Record-Route: {route}" for route in request.all("record-route")]
        lines += [
            f"From: {request.get('from')}",
            f"To: {to}",
            f"Call-ID: {request.call_id}",
            f"CSeq: {request.get('cseq')}",
            *headers,
        ]
        insist = insist or (status >= 300 and request.method == "INVITE" and answer.way[1] == "UDP")
        answer.send(write(f"SIP/2.0 {status} {REASONS.get(status, 'Because')}", lines, body), insist=insist)

    def call_of(self, message: Sip) -> PhoneCall | None:
        """The call whose dialog a request of the peer is in."""
        return next((c for c in self.calls if c.call_id == message.call_id and c.local_tag == message.to_tag), None)

    def vanish(self) -> None:
        """The cable is pulled: nothing arrives any more and nobody says good-bye."""
        self.wire.unbind(self.at)
        self.wire.unlisten(self.at)

    # What a person does.

    def register(self, expires: int = 3600, *, status: int = 200, contact: str = "", headers: Iterable[str] = ()) -> Sip:
        """Register, answering the challenge; want this status in the end."""
        self._register_seq += 1
        response = self._register(expires, contact, list(headers))
        if response.status == 401:
            line = self.credentials(response, "REGISTER", f"sip:{self.domain}")
            if line:
                self._register_seq += 1
                response = self._register(expires, contact, [line, *headers])
        assert response.status == status, f"REGISTER got {response.status}, not {status}\n{self.transcript()}"
        self.registered = status == 200 and expires > 0
        return response

    def _register(self, expires: int, contact: str, headers: list[str]) -> Sip:
        lines = [self.via(), f"From: <{self.aor}>;tag={self._register_id}", f"To: <{self.aor}>", f"Call-ID: {self._register_id}"]
        lines += [
            f"CSeq: {self._register_seq} REGISTER",
            "Max-Forwards: 70",
            f"Contact: {contact or self.contact}",
            f"Expires: {expires}",
        ]
        attempt = self.attempt(write(f"REGISTER sip:{self.domain} SIP/2.0", [*lines, *headers]))
        self.wire.run_until(lambda: attempt.done, GIVE_UP + 1)
        assert attempt.final is not None, f"REGISTER got no answer\n{self.transcript()}"
        return attempt.final

    def unregister(self) -> Sip:
        return self.register(0)

    def call(self, to: str, headers: Iterable[str] = (), *, sdp: bool = True, reliable: bool | None = None) -> PhoneCall:
        """Dial: a number of the own domain or a whole URI. Returns at once."""
        uri = to if to.startswith(("sip:", "sips:", "tel:")) else f"sip:{to}@{self.domain}"
        made = PhoneCall(self)
        self.calls.append(made)
        made.dial(uri, list(headers), sdp=sdp, reliable=self.reliable if reliable is None else reliable)
        return made

    # What a person notices.

    def expect_call(self, within: float = SOON, *, shows: tuple[str, str] | str | None = None) -> PhoneCall:
        """A call comes in (and has not been expected before). `shows` is the number on the display, or name and number."""

        def fresh() -> PhoneCall | None:
            return next((c for c in self.calls if c.incoming and not c.expected), None)

        self.wire.run_until(fresh, within)
        call = fresh()
        assert call is not None, f"no call came to {self.user} within {within} s\n{self.transcript()}"
        call.expected = True
        if shows is not None:
            seen = call.caller if isinstance(shows, tuple) else call.caller[1]
            assert seen == shows, f"the display of {self.user} shows {call.caller}, not {shows}"
        return call

    def expect_no_call(self, during: float = SOON) -> None:
        self.wire.run(during)
        fresh = [c for c in self.calls if c.incoming and not c.expected]
        assert not fresh, f"{self.user} was called\n{self.transcript()}"

    def expect(self, what: str | int, within: float = SOON) -> Sip:
        """The next unread request of a method, or response of a status."""

        def found() -> Heard | None:
            fits = (h for h in self.log if not h.read and not h.repeat)
            return next((h for h in fits if what == (h.message.status if isinstance(what, int) else h.message.method)), None)

        self.wire.run_until(found, within)
        heard = found()
        assert heard is not None, f"{self.user} got no {what} within {within} s\n{self.transcript()}"
        heard.read = True
        return heard.message

    def expect_nothing(self, during: float = SOON) -> None:
        """Nothing new arrives."""
        before = len(self.log)
        self.wire.run(during)
        assert len(self.log) == before, f"{self.user} heard something\n{self.transcript()}"

    def heard(self, what: str | int) -> list[Sip]:
        """Everything received of a method or status, retransmissions left out."""
        fits = [h.message for h in self.log if not h.repeat]
        return [m for m in fits if what == (m.status if isinstance(what, int) else m.method)]

    def transcript(self) -> str:
        return "\n".join([f"--- heard by {self.user} at {self.host_port}:", *map(str, self.log[-40:])])


class Trunk(Phone):
    """A carrier's gateway: no password, takes calls for any number, speaks for any number."""

    def call_from(self, number: str, to: str, headers: Iterable[str] = (), *, display: str = "", sdp: bool = True) -> PhoneCall:
        """A call from outside: `number` calls one of the organisation's numbers."""
        made = PhoneCall(self)
        self.calls.append(made)
        made.local_text = f'"{display}" <sip:{number}@{self.host_port}>' if display else f"<sip:{number}@{self.host_port}>"
        made.dial(f"sip:{to}@{self.domain}", list(headers), sdp=sdp, reliable=self.reliable)
        return made


REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK", 202: "Accepted",
    302: "Moved Temporarily", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
    491: "Request Pending", 500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline",
}  # fmt: skip

__all__ = [
    "Attempt",
    "Heard",
    "Phone",
    "PhoneCall",
    "Sip",
    "Trunk",
    "answers",
    "param",
    "rejects",
    "rings",
    "split",
    "stays_silent",
    "uri_of",
]
