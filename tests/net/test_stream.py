"""TCP as peers see it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import Any

import pytest

from b2bua.net.connection import StreamFlow
from b2bua.net.limits import Limits
from b2bua.sip.flow import Flow, Target

from .fakes import Peer, Shell, run, sip, until

TCP = "tcp://127.0.0.1:0"
HELLO = sip(b"hello")


def flow_of(shell: Shell, index: int = 0) -> Flow:
    return shell.stack.received[index][0]


@pytest.mark.parametrize("listen", [TCP, "tcp://[::1]:0"])
def test_messages_are_answered_on_the_same_connection(listen: str) -> None:
    async def main() -> None:
        async with Shell(listen) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO + HELLO[:30])
                await phone.read_exactly(b"re:" + HELLO)
                await phone.write(HELLO[30:])
                await phone.read_exactly(b"re:" + HELLO)
                flow = flow_of(shell)
                assert (flow.transport, flow.reliable, flow.closed) == ("TCP", True, False)
                assert flow.remote == phone.address
                assert flow.local == shell.address()
                assert flow_of(shell, 1) is flow
                assert shell.engine.flow_to(Target("TCP", *phone.address)) is flow
            await until(lambda: shell.stack.failed == [flow])
            assert flow.closed

    run(main())


def test_byte_by_byte() -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with await Peer.tcp(shell.address()) as phone:
                phone.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in HELLO + HELLO:
                    await phone.write(bytes([byte]))
                    await asyncio.sleep(0)
                await phone.read_exactly(b"re:" + HELLO + b"re:" + HELLO)

    run(main())


def test_ping_and_pong() -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(b"\r\n\r\n")
                await phone.read_exactly(b"\r\n")
                await phone.write(b"\r\n" + HELLO)
                await phone.read_exactly(b"re:" + HELLO)
                assert len(shell.stack.received) == 1

    run(main())


@pytest.mark.parametrize("bad", [sip(length="many"), sip(length="99999999"), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_unframable_is_shown_once_answered_and_closed(bad: bytes) -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            shell.stack.answer = lambda data: b"400"
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(bad + HELLO * 1_000)
                await phone.read_exactly(b"400")
                assert await phone.read() == b""
                assert [data for _, data in shell.stack.received] == [bad]
                await phone.write(HELLO)
                phone.sock.shutdown(socket.SHUT_WR)
                await until(lambda: shell.engine.connections == 0)
                assert len(shell.stack.received) == 1

    run(main())


@pytest.mark.parametrize(
    "data", [b"x" * 20_000, b"\x16\x03\x01" * 9_000, b"OPTIONS sip:a SIP/2.0\r\nX: " + b"y" * 20_000 + b"\r\n\r\n"]
)
def test_a_huge_header_is_cut_off_without_a_word(data: bytes) -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(data)
                assert await phone.read() == b""
                assert shell.stack.received == []

    run(main())


def test_a_bug_of_the_stack_does_not_end_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(b"BUG sip:a SIP/2.0\r\nl: 0\r\n\r\n" + HELLO)
                await phone.read_exactly(b"re:" + HELLO)

    run(main())
    assert "was dropped" in caplog.text


# Slow, silent and greedy peers


def sweep(shell: Shell, seconds: float) -> None:
    """Look at the deadlines as if `seconds` had passed."""
    shell.engine._streams.sweep(asyncio.get_running_loop().time() + seconds)


def test_slow_loris_is_cut_off_however_busy_it_is() -> None:
    async def main() -> None:
        async with Shell(TCP, limits=Limits(message_seconds=10)) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO + HELLO[:10])
                await phone.read_exactly(b"re:" + HELLO)
                message = shell.engine._streams._message
                begun = message.first()
                heard = shell.engine._streams._idle.first()
                await asyncio.sleep(0.01)
                await phone.write(HELLO[10:11])
                await until(lambda: shell.engine._streams._idle.first() != heard)
                assert message.first() == begun, "a byte more does not buy time"
                sweep(shell, 9.5)
                assert shell.engine.connections == 1
                sweep(shell, 10.1)
                assert await phone.read() == b""
                await until(lambda: shell.stack.failed == [flow_of(shell)])

    run(main())


def test_a_message_that_ends_in_time_frees_the_next_one() -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO[:10])
                await until(lambda: len(shell.engine._streams._message) == 1)
                await phone.write(HELLO[10:])
                await phone.read_exactly(b"re:" + HELLO)
                sweep(shell, 100)
                assert shell.engine.connections == 1

    run(main())


def test_the_sweep_runs_by_itself() -> None:
    async def main() -> None:
        limits = Limits(message_seconds=0.05)
        async with Shell(TCP, limits=limits) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO[:10])
                assert await phone.read() == b""

    run(main())


def test_one_who_never_says_anything_is_cut_off() -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(b"\r\n\r\n")
                await phone.read_exactly(b"\r\n")
                sweep(shell, 59)
                assert shell.engine.connections == 1
                sweep(shell, 61)
                assert await phone.read() == b""

    run(main())


def test_an_idle_connection_is_closed() -> None:
    async def main() -> None:
        async with Shell(TCP, limits=Limits(idle_seconds=900)) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO)
                await phone.read_exactly(b"re:" + HELLO)
                sweep(shell, 899)
                assert shell.engine.connections == 1
                sweep(shell, 901)
                assert await phone.read() == b""

    run(main())


def test_half_closed_peers_get_what_is_answered() -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO + HELLO[:20])
                phone.sock.shutdown(socket.SHUT_WR)
                await phone.read_exactly(b"re:" + HELLO)
                assert await phone.read() == b""
                await until(lambda: shell.stack.failed == [flow_of(shell)])
                assert flow_of(shell).closed
                assert shell.engine.connections == 0

    run(main())


def test_a_half_closed_peer_that_does_not_read_is_cut_off() -> None:
    async def main() -> None:
        async with Shell(TCP, limits=Limits(write_buffer=50_000_000)) as shell:
            shell.stack.answer = lambda data: b"x" * 30_000_000
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO)
                phone.sock.shutdown(socket.SHUT_WR)
                await until(lambda: shell.stack.received and flow_of(shell).closed)
                assert shell.engine.connections == 1
                sweep(shell, 10.1)
                await until(lambda: shell.stack.failed == [flow_of(shell)])
                assert shell.engine.connections == 0

    run(main())


def test_one_who_does_not_read_is_cut_off() -> None:
    async def main() -> None:
        async with Shell(TCP, limits=Limits(write_buffer=100_000)) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO)
                await until(lambda: shell.stack.received)
                flow = flow_of(shell)
                for _ in range(1_000):
                    if flow.closed:
                        break
                    flow.send(b"x" * 50_000)
                    await asyncio.sleep(0)
                assert flow.closed
                await until(lambda: flow in shell.stack.failed)
                assert shell.engine.connections == 0

    run(main())


def test_one_who_does_not_read_cannot_hold_a_closing_connection() -> None:
    async def main() -> None:
        async with Shell(TCP, limits=Limits(write_buffer=50_000_000)) as shell:
            with await Peer.tcp(shell.address()) as phone:
                await phone.write(HELLO)
                await until(lambda: shell.stack.received)
                flow = flow_of(shell)
                flow.send(b"x" * 30_000_000)
                flow.close()
                flow.close()
                assert shell.engine.connections == 1
                sweep(shell, 10.1)
                assert shell.engine.connections == 0

    run(main())


class FakeTransport(asyncio.Transport):
    """A connection of a peer at `address`, without a socket behind it."""

    def __init__(self, address: tuple[str, int] | None) -> None:
        self.address = address
        self.aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": self.address, "sockname": ("127.0.0.1", 5060), "socket": self}.get(name, default)

    def setsockopt(self, *args: int) -> None: ...

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True


def arrive(shell: Shell, host: str, port: int) -> tuple[StreamFlow, FakeTransport]:
    flow = StreamFlow(shell.engine._streams, inbound=True)
    transport = FakeTransport((host, port))
    flow.connection_made(transport)
    return flow, transport


def test_ten_thousand_connections_and_not_one_more() -> None:
    async def main() -> None:
        async with Shell(limits=Limits(connections=10_000)) as shell:
            flows = [arrive(shell, f"10.0.{number // 250}.{number % 250}", 5060)[0] for number in range(10_000)]
            refused, transport = arrive(shell, "10.1.0.1", 5060)
            assert transport.aborted
            assert refused.closed
            refused.connection_lost(None)
            assert shell.engine.connections == 10_000
            flows[0].connection_lost(None)
            assert not arrive(shell, "10.1.0.1", 5060)[1].aborted
            sweep(shell, 61)
            assert shell.engine.connections == 0
            assert not shell.engine._streams._per_host

    run(main())


def test_one_host_has_its_share() -> None:
    async def main() -> None:
        async with Shell(limits=Limits(connections_per_host=3)) as shell:
            mine = [arrive(shell, "10.0.0.1", port)[0] for port in range(1, 4)]
            assert arrive(shell, "10.0.0.1", 4)[1].aborted
            assert not arrive(shell, "10.0.0.2", 4)[1].aborted
            mine[1].connection_lost(None)
            assert not arrive(shell, "10.0.0.1", 5)[1].aborted
            for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:3::1"):
                assert not arrive(shell, host, 1)[1].aborted
            assert arrive(shell, "2001:db8::4", 1)[1].aborted, "an IPv6 host owns a /64"
            assert not arrive(shell, "2001:db8:0:1::1", 1)[1].aborted
            sweep(shell, 61)

    run(main())


def test_a_peer_that_is_gone_before_it_is_accepted() -> None:
    async def main() -> None:
        async with Shell() as shell:
            flow = StreamFlow(shell.engine._streams, inbound=True)
            transport = FakeTransport(None)
            flow.connection_made(transport)
            flow.connection_lost(None)
            assert transport.aborted
            assert shell.engine.connections == 0
            assert shell.stack.failed == []

    run(main())


def test_the_refused_peer_sees_the_end() -> None:
    async def main() -> None:
        async with Shell(TCP, limits=Limits(connections_per_host=1)) as shell:
            with await Peer.tcp(shell.address()) as first:
                await until(lambda: shell.engine.connections == 1)
                with await Peer.tcp(shell.address()) as second:
                    assert await second.read() == b""
                await first.write(HELLO)
                await first.read_exactly(b"re:" + HELLO)

    run(main())


# Connections of ours


def listener(host: str = "127.0.0.1") -> socket.socket:
    sock = socket.create_server((host, 0))
    sock.setblocking(False)
    return sock


def test_what_is_sent_while_connecting_arrives_in_order_and_the_way_back_works() -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with closing(listener()) as server:
                target = Target("TCP", *server.getsockname())
                flow = shell.engine.flow_to(target)
                assert shell.engine.flow_to(target) is flow
                assert shell.engine.flow_to(target, flow) is flow
                assert not flow.closed
                flow.send(b"one")
                flow.send(b"two")
                accepted, source = await asyncio.get_running_loop().sock_accept(server)
                assert flow.local == source, "known before the connection stands"
                assert flow.sent_by == "{}:{}".format(*shell.address())
                with Peer(accepted) as peer:
                    await peer.read_exactly(b"onetwo")
                    flow.send(b"three")
                    await peer.read_exactly(b"three")
                    await peer.write(HELLO)
                    await peer.read_exactly(b"re:" + HELLO)
                    assert flow_of(shell) is flow
                    flow.close()
                    assert shell.engine.flow_to(target) is not flow
                    assert await peer.read() == b""
                await until(lambda: flow in shell.stack.failed)

    run(main())


def test_a_refused_connection_is_reported() -> None:
    async def main() -> None:
        async with Shell(TCP) as shell:
            with closing(listener()) as server:
                target = Target("TCP", *server.getsockname())
            flow = shell.engine.flow_to(target)
            flow.send(b"x")
            await until(lambda: flow in shell.stack.failed)
            assert flow.closed
            assert shell.engine.connections == 0

    run(main())


def test_a_connection_that_does_not_come_about_in_time_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        await loop.create_future()

    async def main() -> None:
        async with Shell(TCP, limits=Limits(connect_seconds=0.01)) as shell:
            with closing(listener()) as server:
                flow = shell.engine.flow_to(Target("TCP", *server.getsockname()))
                flow.send(b"x")
                await until(lambda: shell.stack.failed == [flow])
                assert flow.closed
                flow.send(b"y")
                await until(lambda: shell.stack.failed == [flow, flow])

    monkeypatch.setattr("b2bua.net.stream._writable", never)
    run(main())


def test_what_waits_for_a_connection_is_bounded() -> None:
    async def main() -> None:
        async with Shell(TCP, limits=Limits(write_buffer=100)) as shell:
            with closing(listener()) as server:
                flow = shell.engine.flow_to(Target("TCP", *server.getsockname()))
                flow.send(b"x" * 60)
                flow.send(b"x" * 60)
                await until(lambda: shell.stack.failed == [flow])

    run(main())


def test_a_stop_ends_connections_that_are_being_made() -> None:
    async def main() -> None:
        with closing(listener()) as server:
            async with Shell(TCP) as shell:
                flow = shell.engine.flow_to(Target("TCP", *server.getsockname()))
                flow.send(b"x")
            assert flow.closed

    run(main())


def test_a_stop_lets_answers_leave() -> None:
    async def main() -> None:
        shell = Shell(TCP)
        async with shell:
            phone = await Peer.tcp(shell.address())
            await phone.write(HELLO)
            await until(lambda: shell.stack.received)
            flow_of(shell).send(b"x" * 100_000)
        with phone:
            got = b""
            while piece := await phone.read():
                got += piece
            assert got.endswith(b"x" * 100_000)

    run(main())


def test_it_also_works_on_the_loop_of_the_standard_library() -> None:
    async def main() -> None:
        async with Shell(TCP, "udp://127.0.0.1:0") as shell:
            with await Peer.tcp(shell.address(1)) as phone, Peer.udp() as other:
                await phone.write(HELLO)
                await phone.read_exactly(b"re:" + HELLO)
                other.sock.sendto(b"hello", shell.address(0))
                assert await other.read() == b"re:hello"

    asyncio.run(main())
