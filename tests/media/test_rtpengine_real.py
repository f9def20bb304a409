"""Debian's rtpengine in user space: real packets through it, keys seen, ports closed, killed and started again.

Each test is a coroutine on uvloop, as in the server; phones are UDP sockets.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest
import uvloop

from b2bua.media.engine import Address, Digit, MediaEvent
from b2bua.media.rewriter import Rewritten
from b2bua.media.rtpengine import OpenRtpengine, open_rtpengine
from tests.support.network import bound, network, wait_for

pytestmark = pytest.mark.needs("rtpengine")

T = TypeVar("T")
NG, LOG = 2223, 2226
TELEPHONE_EVENT = 101
NTP = 2_208_988_800  # 1900 to 1970, seconds


class Process:
    """One rtpengine."""

    def __init__(self, ip: str, folder: Path) -> None:
        self.ip = ip
        self._log = folder / "rtpengine.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [
            "rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=5", "--table=-1", "--num-threads=1",
            f"--interface={self.ip}", f"--listen-ng={self.ip}:{NG}", f"--dtmf-log-dest={self.ip}:{LOG}",
            "--port-min=41000", "--port-max=41199",
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        wait_for(lambda: bound(self.ip, NG), "rtpengine to listen")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(5)


class Phone:
    """A party: an RTP socket and the RTCP socket above it."""

    def __init__(self, ip: str) -> None:
        self.ip = ip
        self.rtp, self.rtcp = self._sockets()
        self.port = self.rtp.getsockname()[1]
        self.ssrc = int.from_bytes(socket.inet_aton(ip)) ^ self.port << 8
        self._sequence = self._timestamp = 0
        self.to = (ip, 0)
        """Where the description that it got says."""
        self.got: list[bytes] = []

    def _sockets(self) -> tuple[socket.socket, socket.socket]:
        for port in range(4000, 5000, 2):
            if not bound(self.ip, port):
                pair = tuple(socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
                for number, each in enumerate(pair):
                    each.bind((self.ip, port + number))
                    each.setblocking(False)
                return pair[0], pair[1]
        raise AssertionError("no port")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.rtp.close()
        self.rtcp.close()

    def description(self, direction: str = "sendrecv", version: int = 1) -> bytes:
        return (
            f"v=0\r\no=- 7 {version} IN IP4 {self.ip}\r\ns=-\r\nc=IN IP4 {self.ip}\r\nt=0 0\r\nm=audio {self.port} RTP/AVP 0 101\r\n"
            f"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na={direction}\r\n"
        ).encode()

    def takes(self, body: bytes) -> None:
        """Send from now on to where this description says."""
        lines = body.decode().split("\r\n")
        host = next(line for line in lines if line.startswith("c=")).split()[-1]
        self.to = (host, int(next(line for line in lines if line.startswith("m=audio")).split()[1]))

    def say(self, what: bytes, packets: int = 1) -> None:
        for _ in range(packets):
            self._send(0, what.ljust(160, b"\xff"), self._timestamp)
            self._timestamp += 160

    def press(self, code: int, ends: int = 3) -> None:
        """A key for 120 ms (RFC 4733 section 2.5)."""
        for number in range(1, 6):
            self._send(TELEPHONE_EVENT, struct.pack("!BBH", code, 10, 160 * number), self._timestamp)
        for _ in range(ends):
            self._send(TELEPHONE_EVENT, struct.pack("!BBH", code, 0x80 | 10, 960), self._timestamp)
        self._timestamp += 960

    def _send(self, kind: int, payload: bytes, timestamp: int) -> None:
        self._sequence += 1
        self.rtp.sendto(struct.pack("!BBHII", 0x80, kind, self._sequence, timestamp, self.ssrc) + payload, self.to)

    def heard(self, what: bytes) -> int:
        """Packets with this sound, altogether."""
        try:
            while True:
                self.got.append(self.rtp.recv(2000))
        except BlockingIOError:
            return sum(packet[12:].startswith(what) for packet in self.got)

    def report(self, about: Phone, lost: int, jitter: int) -> None:
        """A sender report with a report block (RFC 3550 section 6.4.1) on what came from `about`, whose last report we have had."""
        middle, delay = 0, 0
        try:
            middle = struct.unpack("!I", self.rtcp.recv(2000)[10:14])[0]
        except BlockingIOError:
            pass
        else:
            delay = 3277  # 50 ms in 1/65536 s
        now = time.time() + NTP
        head = struct.pack("!BBHIIIIII", 0x81, 200, 12, self.ssrc, int(now), int(now % 1 * 2**32), self._timestamp, 9, 1548)
        block = struct.pack("!IIIIII", about.ssrc, lost, 100, jitter, middle, delay)
        self.rtcp.sendto(head + block, (self.to[0], self.to[1] + 1))


class Call:
    """A call over a real rtpengine."""

    def __init__(self, opened: OpenRtpengine, name: str = "call-1") -> None:
        self.told: list[MediaEvent] = []
        self.relay = opened.engine.relay(name, self.told.append)

    async def offer(self, body: bytes, source: str, target: str) -> Rewritten:
        return await waited(lambda done: self.relay.offer(body, source, target, done))

    async def answer(self, body: bytes, source: str, target: str) -> Rewritten:
        return await waited(lambda done: self.relay.answer(body, source, target, done))

    async def close(self) -> dict[str, Any]:
        counted = await waited(self.relay.close)
        return {each.termination: each for each in counted}

    async def connect(self, offerer: Phone, answerer: Phone, source: str = "anna", target: str = "bert") -> None:
        """Offer and answer; both send to rtpengine from then on."""
        offered = await self.offer(offerer.description(), source, target)
        assert offered.body is not None
        answerer.takes(offered.body)
        answered = await self.answer(answerer.description(), target, source)
        assert answered.body is not None
        offerer.takes(answered.body)

    def keys(self) -> list[tuple[str, str]]:
        return [(event.termination, event.digit) for event in self.told if isinstance(event, Digit)]


async def waited(ask: Callable[[Callable[[T], None]], None]) -> T:
    answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    ask(answer.set_result)
    return await asyncio.wait_for(answer, 5)


async def until(condition: Callable[[], Any], what: str, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:g} s still waiting for {what}"
        await asyncio.sleep(0.01)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with network() as net:
        running = Process(f"{net}.7.1", tmp_path)
        try:
            yield running
        finally:
            running.kill()


Scenario = Callable[[OpenRtpengine, Phone, Phone, Phone], Coroutine[Any, Any, None]]


def run(process: Process, scenario: Scenario) -> None:
    """Run it with an open engine and three phones: anna, bert, and one more."""

    async def with_engine() -> None:
        opened = await open_rtpengine(Address(process.ip, NG), Address(process.ip, LOG))
        try:
            assert opened.engine.available
            net = process.ip.rpartition(".")[0]
            with Phone(f"{net}.2") as anna, Phone(f"{net}.3") as bert, Phone(f"{net}.4") as other:
                await scenario(opened, anna, bert, other)
        finally:
            opened.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(with_engine())


def ports(ip: str) -> list[int]:
    return [port for port in range(41000, 41200) if bound(ip, port)]


def test_a_call_with_keys_and_reports_leaves_no_port(process: Process) -> None:
    async def scenario(opened: OpenRtpengine, anna: Phone, bert: Phone, other: Phone) -> None:
        call = Call(opened)
        await call.connect(anna, bert)
        assert anna.to[0] == bert.to[0] == process.ip
        assert len(ports(process.ip)) >= 4
        anna.say(b"from anna", 10)
        bert.say(b"from bert", 7)
        await until(lambda: bert.heard(b"from anna") == 10 and anna.heard(b"from bert") == 7, "both to hear each other")
        anna.press(11)
        await until(lambda: call.keys(), "the first key")
        anna.press(11)
        anna.press(2)
        bert.press(0, ends=1)
        await until(lambda: len(call.keys()) == 4, "all keys")
        assert call.keys() == [("anna", "#"), ("anna", "#"), ("anna", "2"), ("bert", "0")]
        await until(lambda: bert.heard(bytes([11, 0x80 | 10])) == 6, "keys to cross as they are")
        for _ in range(2):
            anna.report(bert, lost=4, jitter=80)
            await asyncio.sleep(0.05)
            bert.report(anna, lost=3, jitter=160)  # rtpengine needs the delay of both ways before it keeps a report
            await asyncio.sleep(0.05)
        counted = await call.close()
        assert (counted["anna"].received, counted["anna"].sent) == (34, 13)
        assert (counted["bert"].received, counted["bert"].sent) == (13, 34)
        assert (counted["bert"].lost, counted["bert"].jitter_ms) == (4, 10.0), "as anna has reported"
        await until(lambda: not ports(process.ip), "the ports to close")

    run(process, scenario)


def test_the_branch_that_lost_is_not_heard(process: Process) -> None:
    async def scenario(opened: OpenRtpengine, anna: Phone, bert: Phone, carl: Phone) -> None:
        call = Call(opened)
        for phone, name in ((bert, "bert"), (carl, "carl")):
            offered = await call.offer(anna.description(), "anna", name)
            assert offered.body is not None
            phone.takes(offered.body)
        assert bert.to != carl.to
        await call.answer(bert.description(), "bert", "anna")  # early media
        answered = await call.answer(carl.description(), "carl", "anna")
        assert answered.body is not None
        anna.takes(answered.body)
        call.relay.forget("bert")
        await until(lambda: not bound(*bert.to), "bert's port to close")
        bert.say(b"from bert", 5)
        carl.say(b"from carl", 5)
        anna.say(b"from anna", 5)
        await until(lambda: anna.heard(b"from carl") == 5 and carl.heard(b"from anna") == 5, "anna and carl to talk")
        assert anna.heard(b"from bert") == 0 and bert.heard(b"from anna") == 0
        await call.close()
        await until(lambda: not ports(process.ip), "the ports to close")

    run(process, scenario)


def test_reinvites_of_both_sides_keep_the_ports_and_the_direction(process: Process) -> None:
    async def scenario(opened: OpenRtpengine, anna: Phone, bert: Phone, other: Phone) -> None:
        call = Call(opened)
        await call.connect(anna, bert)
        were = anna.to, bert.to
        held = await call.offer(anna.description("sendonly", 2), "anna", "bert")
        assert held.body is not None and b"a=sendonly" in held.body
        answered = await call.answer(bert.description("recvonly", 2), "bert", "anna")
        assert answered.body is not None and b"a=recvonly" in answered.body
        await call.connect(bert, anna, "bert", "anna")
        assert (anna.to, bert.to) == were
        anna.say(b"again", 3)
        await until(lambda: bert.heard(b"again") == 3, "sound after the re-INVITE")
        await call.close()

    run(process, scenario)


def test_a_new_party_in_place_of_the_old_one(process: Process) -> None:
    """After a transfer: the same call, another leg."""

    async def scenario(opened: OpenRtpengine, anna: Phone, bert: Phone, carl: Phone) -> None:
        call = Call(opened)
        await call.connect(anna, bert)
        await call.connect(carl, anna, "carl", "anna")
        call.relay.forget("bert")
        await until(lambda: not bound(*bert.to), "bert's port to close")
        anna.say(b"hello carl", 3)
        carl.say(b"hello anna", 3)
        await until(lambda: carl.heard(b"hello carl") == 3 and anna.heard(b"hello anna") == 3, "anna and carl to talk")
        await call.close()
        await until(lambda: not ports(process.ip), "the ports to close")

    run(process, scenario)


def test_packets_from_elsewhere_are_dropped_and_counted(process: Process) -> None:
    async def scenario(opened: OpenRtpengine, anna: Phone, bert: Phone, stranger: Phone) -> None:
        call = Call(opened)
        await call.connect(anna, bert)
        stranger.to = bert.to

        def learnt() -> bool:  # for three seconds rtpengine is still learning, and takes what comes
            bert.say(b"from bert")
            stranger.say(b"noise")
            anna.heard(b"")
            return b"".join(packet[12:21] for packet in anna.got[-20:]).count(b"noise") == 0 and len(anna.got) > 100

        await until(learnt, "the stranger to be locked out", 8)
        anna.say(b"from anna", 3)
        await until(lambda: bert.heard(b"from anna") == 3, "anna to be heard by bert")
        assert stranger.heard(b"") == 0
        assert (await call.close())["bert"].foreign > 5

    run(process, scenario)


def test_descriptions_that_are_none_are_refused(process: Process) -> None:
    async def scenario(opened: OpenRtpengine, anna: Phone, bert: Phone, other: Phone) -> None:
        for number, body in enumerate((b"hello", b"", b"v=0\r\n", b"v=0\r\nm=audio x RTP/AVP 0\r\n", b"\x00" * 500)):
            call = Call(opened, f"call-{number}")
            refused = await call.offer(body, "anna", "bert")
            assert refused.body is None and refused.status in (488, 503), (body, refused)
            await call.close()
        assert opened.engine.available
        await until(lambda: not ports(process.ip), "no port to be open")

    run(process, scenario)


def test_out_of_ports_refuses_new_calls_and_leaves_the_others(process: Process) -> None:
    async def scenario(opened: OpenRtpengine, anna: Phone, bert: Phone, other: Phone) -> None:
        first = Call(opened, "first")
        await first.connect(anna, bert)
        calls = [Call(opened, f"call-{number}") for number in range(60)]
        answers = [await call.offer(other.description(), "anna", "bert") for call in calls]
        refused = [answer for answer in answers if answer.body is None]
        assert refused and {(answer.status, answer.reason) for answer in refused} == {(503, "Media Engine Unavailable")}
        anna.say(b"still here", 3)
        await until(lambda: bert.heard(b"still here") == 3, "the first call to go on")
        for call in (first, *calls):
            await call.close()
        await until(lambda: not ports(process.ip), "the ports to close")

    run(process, scenario)


def test_killed_and_started_again(process: Process) -> None:
    async def scenario(opened: OpenRtpengine, anna: Phone, bert: Phone, other: Phone) -> None:
        call = Call(opened)
        await call.connect(anna, bert)
        process.kill()
        began = time.monotonic()
        refused = await Call(opened, "new").offer(anna.description(), "anna", "bert")
        assert (refused.status, refused.reason) == (503, "Media Engine Unavailable")
        assert time.monotonic() - began < 2.1
        assert not opened.engine.available
        began = time.monotonic()
        assert (await Call(opened, "newer").offer(anna.description(), "anna", "bert")).status == 503
        assert time.monotonic() - began < 0.1
        await asyncio.to_thread(process.start)
        await until(lambda: opened.engine.available, "it to be found", 2.5)
        await call.connect(anna, bert)  # a re-INVITE
        anna.say(b"healed", 3)
        await until(lambda: bert.heard(b"healed") == 3, "sound after the re-INVITE")
        await call.close()

    run(process, scenario)
