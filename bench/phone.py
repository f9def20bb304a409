"""A scripted phone on a real socket: calls and is called over UDP, and speaks and hears by a `Sound` in each call.

It knows as much SIP (RFC 3261) as the measured calls need, on a wire that loses nothing: it repeats no request.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Sequence

from bench.sound import EVENT_TYPE, Address, Sound

WAIT_SECONDS = 5.0


class Message:
    """A request or a response."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.start, *lines = head.decode().split("\r\n")
        self.headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    @property
    def status(self) -> int:
        """0: a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Of the request, or of what is responded to."""
        return self.get("cseq").split()[1] if self.status else self.start.split()[0]

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")


class Call:
    """A call of a phone, from its side."""

    def __init__(self, phone: "Phone", call_id: str, sound: Sound) -> None:
        self.phone, self.id, self.sound = phone, call_id, sound
        self.tag = secrets.token_hex(4)
        self.local, self.remote, self.target, self.sequence = "", "", "", 0
        self.invite: Message | None = None
        self.came = 0.0
        """When its INVITE came (`time.perf_counter`)."""
        self.up = asyncio.Event()
        self.ended = asyncio.Event()

    def ring(self) -> None:
        assert self.invite is not None
        self.phone.respond(self.invite, "180 Ringing", self)

    def answer(self) -> None:
        """It is up when the ACK has come."""
        assert self.invite is not None
        self.sound.speak(self.invite.body)
        self.phone.respond(self.invite, "200 OK", self, self.phone.description(self.sound))

    async def hang_up(self) -> None:
        """Unless the other side has."""
        if not self.ended.is_set():
            self.end()
            await self.phone.ask(self, "BYE")

    def end(self) -> None:
        self.ended.set()
        self.sound.close()
        self.phone.calls.pop(self.id, None)


class Phone(asyncio.DatagramProtocol):
    """One user's phone at `at`. `calls`: those that are not over, by Call-ID; `ringing`: INVITEs that nobody has looked at."""

    def __init__(self, user: str, at: Address, server: Address, hertz: int, password: str = "") -> None:
        self.user, self.at, self.server, self.hertz, self.password = user, at, server, hertz, password
        self.calls: dict[str, Call] = {}
        self.ringing: asyncio.Queue[Call] = asyncio.Queue()
        self._answers: dict[tuple[str, str], asyncio.Queue[Message]] = {}
        self._said: dict[str, bytes] = {}
        """The last response in each transaction, for requests that are repeated."""
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=self.at)

    def close(self) -> None:
        for call in tuple(self.calls.values()):
            call.end()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    async def new_call(self, call_id: str) -> Call:
        _, sound = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Sound(self.hertz), local_addr=(self.at[0], 0))
        call = self.calls[call_id] = Call(self, call_id, sound)
        return call

    # What it says

    async def call(self, number: str) -> Call:
        """Returns when it is answered. Raises OSError with the response when it is refused, TimeoutError."""
        call = await self.new_call(secrets.token_hex(8))
        host = self.server[0]
        call.local, call.remote = f"<sip:{self.user}@{host}>;tag={call.tag}", f"<sip:{number}@{host}>"
        call.target = f"sip:{number}@{host}"
        body = self.description(call.sound)
        call.came = time.perf_counter()
        answer = await self.ask(call, "INVITE", body)
        if answer.status in (401, 407) and self.password:
            answer = await self.ask(call, "INVITE", body, self._credentials(answer, "INVITE", call.target))
        if answer.status != 200:
            call.end()
            raise OSError(f"{number} is refused: {answer.start}")
        return call

    async def ask(self, call: Call, method: str, body: bytes = b"", *more: str) -> Message:
        """Send a request in the call and wait for the final response; an INVITE's is acknowledged."""
        call.sequence += 1
        queue = self._answers[call.id, f"{call.sequence} {method}"] = asyncio.Queue()
        sequence, branch = call.sequence, secrets.token_hex(8)
        self._send(self._request(call, method, sequence, branch, body, more), self.server)
        async with asyncio.timeout(WAIT_SECONDS):
            while (answer := await queue.get()).status < 200:
                pass
        del self._answers[call.id, f"{sequence} {method}"]
        if method == "INVITE":
            self._acknowledge(call, answer, sequence, branch)
        return answer

    def respond(self, request: Message, status: str, call: Call | None = None, body: bytes = b"") -> None:
        to = request.get("to")
        if call is not None and "tag=" not in to:
            to += f";tag={call.tag}"
        lines = [f"SIP/2.0 {status}", *(f"Via: {each}" for each in request.all("via")), f"From: {request.get('from')}", f"To: {to}"]
        lines += [f"Call-ID: {request.get('call-id')}", f"CSeq: {request.get('cseq')}", f"Contact: {self._contact}"]
        data = _with_body(lines, body)
        self._said[_transaction(request)] = data
        self._send(data, self.server)

    def description(self, sound: Sound) -> bytes:
        host = self.at[0]
        codecs = f"a=rtpmap:0 PCMU/8000\r\na=rtpmap:{EVENT_TYPE} telephone-event/8000\r\na=fmtp:{EVENT_TYPE} 0-16\r\na=sendrecv\r\n"
        media = f"m=audio {sound.port} RTP/AVP 0 {EVENT_TYPE}\r\n{codecs}"
        return f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n{media}".encode()

    @property
    def _contact(self) -> str:
        return f"<sip:{self.user}@{self.at[0]}:{self.at[1]}>"

    def _request(self, call: Call, method: str, sequence: int, branch: str, body: bytes, more: Sequence[str]) -> bytes:
        lines = [f"{method} {call.target} SIP/2.0", f"Via: SIP/2.0/UDP {self.at[0]}:{self.at[1]};branch=z9hG4bK{branch};rport"]
        lines += ["Max-Forwards: 70", f"From: {call.local}", f"To: {call.remote}", f"Call-ID: {call.id}", f"CSeq: {sequence} {method}"]
        return _with_body([*lines, f"Contact: {self._contact}", *more], body)

    def _acknowledge(self, call: Call, answer: Message, sequence: int, branch: str) -> None:
        if answer.status == 200:
            call.remote = answer.get("to")
            target = re.search(r"sip:[^>;\s]+", answer.get("contact"))
            call.target = target[0] if target else call.target
            branch = secrets.token_hex(8)
        data = self._request(call, "ACK", sequence, branch, b"", ()).replace(f"To: {call.remote}".encode(), f"To: {answer.get('to')}".encode())
        self._send(data, self.server)
        if answer.status == 200:
            call.sound.speak(answer.body)
            call.up.set()

    def _credentials(self, challenge: Message, method: str, uri: str) -> str:
        """MD5, with qop or without (RFC 2617)."""
        name = "WWW-Authenticate" if challenge.status == 401 else "Proxy-Authenticate"
        asked = next(each for each in challenge.all(name.lower()) if "MD5" in each or "algorithm" not in each)
        asks = {key: a or b for key, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', asked)}
        ha1, ha2 = _md5(f"{self.user}:{asks['realm']}:{self.password}"), _md5(f"{method}:{uri}")
        given = f'username="{self.user}", realm="{asks["realm"]}", nonce="{asks["nonce"]}", uri="{uri}", algorithm=MD5'
        counted = ":00000001:bench:auth" if "qop" in asks else ""
        given += f', response="{_md5(ha1 + ":" + asks["nonce"] + counted + ":" + ha2)}"'
        if counted:
            given += ', qop=auth, nc=00000001, cnonce="bench"'
        if "opaque" in asks:
            given += f', opaque="{asks["opaque"]}"'
        header = "Authorization" if challenge.status == 401 else "Proxy-Authorization"
        return f"{header}: Digest {given}"

    def _send(self, data: bytes, to: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(data, to)

    # What it is told

    def datagram_received(self, data: bytes, addr: Address) -> None:
        came = time.perf_counter()
        message = Message(data)
        if message.status:
            queue = self._answers.get((message.get("call-id"), message.get("cseq")))
            if queue is not None:
                queue.put_nowait(message)
            return
        call = self.calls.get(message.get("call-id"))
        if message.method == "ACK":
            if call is not None:
                call.up.set()
        elif (said := self._said.get(_transaction(message))) is not None:
            self._send(said, addr)
        elif message.method == "INVITE" and call is None:
            self.respond(message, "100 Trying")
            asyncio.get_running_loop().create_task(self._called(message, came))
        else:
            self._told(message, call)

    async def _called(self, invite: Message, came: float) -> None:
        call = await self.new_call(invite.get("call-id"))
        call.invite, call.came = invite, came
        call.local, call.remote = f"{invite.get('to')};tag={call.tag}", invite.get("from")
        target = re.search(r"sip:[^>;\s]+", invite.get("contact"))
        call.target = target[0] if target else ""
        self.ringing.put_nowait(call)

    def _told(self, request: Message, call: Call | None) -> None:
        if call is None and request.method != "OPTIONS":
            self.respond(request, "481 Call Does Not Exist")
            return
        described = call is not None and request.method in ("INVITE", "UPDATE") and request.body
        if call is not None and request.body and described:
            call.sound.speak(request.body)
        self.respond(request, "200 OK", call, self.description(call.sound) if call is not None and described else b"")
        if call is not None and request.method == "BYE":
            call.end()
        elif call is not None and request.method == "CANCEL" and call.invite is not None:
            self.respond(call.invite, "487 Request Terminated", call)
            call.end()


def _with_body(lines: Sequence[str], body: bytes) -> bytes:
    typed = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*lines, *typed, f"Content-Length: {len(body)}", "", ""]).encode() + body


def _transaction(request: Message) -> str:
    return f"{request.get('via')} {request.get('cseq')}"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
