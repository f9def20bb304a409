"""UDP as peers see it."""

from __future__ import annotations

import errno
import random
import struct

import pytest

from b2bua.net.limits import Limits
from b2bua.net.stun import MAGIC
from b2bua.net.udp import UdpFlow, UdpSocket
from b2bua.sip.flow import Target

from .fakes import Peer, Shell, run, until

LISTEN = {"127.0.0.1": "udp://127.0.0.1:0", "::1": "udp://[::1]:0"}


@pytest.mark.parametrize("host", LISTEN)
def test_an_answer_comes_from_the_listening_socket(host: str) -> None:
    async def main() -> None:
        async with Shell(LISTEN[host]) as shell:
            with Peer.udp(host) as phone:
                phone.sock.sendto(b"hello", shell.address())
                phone.sock.setblocking(True)
                await until(lambda: shell.stack.received)
                data, source = phone.sock.recvfrom(100)
                phone.sock.setblocking(False)
                assert data == b"re:hello"
                assert source[:2] == shell.address()
                flow = shell.stack.received[0][0]
                assert (flow.transport, flow.reliable, flow.closed) == ("UDP", False, False)
                assert flow.remote == phone.address
                assert flow.local == shell.address()
                again = shell.engine.flow_to(Target("UDP", *phone.address))
                assert again is flow

    run(main())


def test_a_burst_is_answered_in_order() -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0") as shell:
            with Peer.udp(buffer=4 << 20) as phone:
                for number in range(500):
                    phone.sock.sendto(b"number %d" % number, shell.address())
                for number in range(500):
                    assert await phone.read() == b"re:number %d" % number

    run(main())


def test_the_largest_datagram_passes_whole() -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0") as shell:
            shell.stack.answer = lambda data: b"%d" % len(data)
            with Peer.udp() as phone:
                phone.sock.sendto(b"x" * 65_507, shell.address())
                assert await phone.read() == b"65507"

    run(main())


@pytest.mark.parametrize("keep_alive", [b"", b"\0", b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"\0" * 19, b"\1\1" + b"\0" * 18])
def test_keep_alives_are_taken_without_a_word(keep_alive: bytes) -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0") as shell:
            with Peer.udp() as phone:
                phone.sock.sendto(keep_alive, shell.address())
                phone.sock.sendto(b"hello", shell.address())
                assert await phone.read() == b"re:hello"
                assert len(shell.stack.received) == 1

    run(main())


@pytest.mark.parametrize(("host", "family", "size"), [("127.0.0.1", 1, 4), ("::1", 2, 16)])
def test_a_stun_binding_request_is_answered_with_the_source_address(host: str, family: int, size: int) -> None:
    async def main() -> None:
        async with Shell(LISTEN[host]) as shell:
            with Peer.udp(host) as phone:
                transaction = bytes(range(12))
                phone.sock.sendto(b"\0\1\0\0" + MAGIC + transaction, shell.address())
                answer = await phone.read()
                assert answer[:2] == b"\1\1"
                assert answer[4:20] == MAGIC + transaction
                kind, length, zero, got_family, port = struct.unpack_from("!HHBBH", answer, 20)
                assert (kind, length, zero, got_family) == (0x20, 4 + size, 0, family)
                assert port ^ 0x2112 == phone.address[1]
                unmasked = bytes(a ^ b for a, b in zip(answer[28:], MAGIC + transaction, strict=False))
                assert unmasked == (bytes([127, 0, 0, 1]) if size == 4 else bytes(15) + b"\1")
                assert len(answer) == 28 + size
                assert shell.stack.received == []

    run(main())


def test_garbage_reaches_the_stack_and_nothing_breaks() -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0") as shell:
            shell.stack.answer = lambda data: data if data == b"still here" else None
            with Peer.udp() as phone:
                dice = random.Random(1)
                for _ in range(200):
                    phone.sock.sendto(dice.randbytes(dice.randrange(0, 1_500)), shell.address())
                phone.sock.sendto(b"still here", shell.address())
                assert await phone.read() == b"still here"

    run(main())


def test_remembered_addresses_are_bounded() -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0", limits=Limits(udp_flows=10)) as shell:
            socket = udp(shell)
            flows = [socket.flow_to("127.0.0.1", 1_000 + number) for number in range(25)]
            assert len(socket._flows) <= 10
            assert len({flow.key for flow in flows}) == 25
            again = socket.flow_to("127.0.0.1", 1_000)
            assert again is not flows[0]
            assert again.key == flows[0].key

    run(main())


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EPERM])
def test_what_the_socket_refuses_is_a_failed_flow(number: int) -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0") as shell:

            def refuse(data: bytes, address: object) -> int:
                raise OSError(number, "refused")

            udp(shell).sendto = refuse  # type: ignore[assignment]
            flow = shell.engine.flow_to(Target("UDP", "127.0.0.1", 9))
            flow.send(b"x")
            flow.send(b"y")
            assert shell.stack.failed == [], "never from inside the sending"
            await until(lambda: shell.stack.failed)
            assert shell.stack.failed == [flow]

    run(main())


def test_port_zero_and_too_large_a_datagram_do_not_raise() -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0") as shell:
            for flow in (
                shell.engine.flow_to(Target("UDP", "127.0.0.1", 0)),
                shell.engine.flow_to(Target("UDP", "127.0.0.1", 99_999)),
            ):
                flow.send(b"x" * 70_000)
            await until(lambda: len(shell.stack.failed) == 2)

    run(main())


def test_a_full_send_buffer_makes_datagrams_wait_within_limits() -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0", limits=Limits(udp_queue=100)) as shell:
            with Peer.udp() as phone:
                socket = udp(shell)

                def full(data: bytes, address: object) -> int:
                    raise BlockingIOError(errno.EAGAIN, "full")

                socket.sendto = full  # type: ignore[assignment]
                flow = shell.engine.flow_to(Target("UDP", *phone.address))
                flow.send(b"waits")
                assert await phone.read() == b"waits"
                socket._queued = lambda: 100  # type: ignore[method-assign]
                flow.send(b"lost")
                socket._queued = lambda: 0  # type: ignore[method-assign]
                flow.send(b"comes")
                assert await phone.read() == b"comes"
                assert shell.stack.failed == []

    run(main())


@pytest.mark.parametrize("host", LISTEN)
def test_nobody_listening_does_not_disturb(host: str) -> None:
    async def main() -> None:
        async with Shell(LISTEN[host]) as shell:
            with Peer.udp(host) as gone:
                nowhere = shell.engine.flow_to(Target("UDP", *gone.address))
            nowhere.send(b"anyone?")
            with Peer.udp(host) as phone:
                for _ in range(3):
                    phone.sock.sendto(b"hello", shell.address())
                    assert await phone.read() == b"re:hello"
                    nowhere.send(b"anyone?")

    run(main())


def udp(shell: Shell) -> UdpSocket:
    flow = shell.engine.flow_to(Target("UDP", "127.0.0.1", 65_000))
    assert isinstance(flow, UdpFlow)
    return flow.socket
