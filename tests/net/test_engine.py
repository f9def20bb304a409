"""The shell: timer, failures, choice of the socket, start and stop."""

from __future__ import annotations

import asyncio
import logging

import pytest

from b2bua.net.engine import TIMER_SPACING, Engine
from b2bua.sip.flow import Connector, Target

from .fakes import FakeStack, Peer, Shell, run, until

V4 = "udp://127.0.0.1:0"


def test_the_engine_is_a_connector() -> None:
    async def main() -> None:
        connector: Connector = Engine(FakeStack(), asyncio.get_running_loop())
        assert connector.flow_to(Target("UDP", "127.0.0.1", 5060)).closed

    run(main())


def test_timers_run_when_due() -> None:
    async def main() -> None:
        async with Shell(V4) as shell:
            loop, stack = asyncio.get_running_loop(), shell.stack
            due = loop.time() + 0.03
            stack.deadlines = [due]
            shell.engine.run_soon()
            await until(lambda: stack.ticks)
            assert stack.ticks == [now for now in stack.ticks if now >= due]

    run(main())


def test_an_earlier_timer_replaces_a_later_one_and_a_later_one_waits() -> None:
    async def main() -> None:
        async with Shell(V4) as shell:
            loop, stack = asyncio.get_running_loop(), shell.stack
            for seconds in (30.0, 60.0, 0.02):
                stack.deadlines.append(loop.time() + seconds)
                shell.engine.flush()
            await until(lambda: stack.ticks)
            assert len(stack.deadlines) == 2

    run(main())


def test_a_timer_that_is_due_runs_with_the_next_message() -> None:
    async def main() -> None:
        async with Shell(V4) as shell:
            shell.stack.deadlines = [asyncio.get_running_loop().time() - 1]
            shell.engine.flush()
            assert len(shell.stack.ticks) == 1

    run(main())


def test_a_timer_that_is_always_due_does_not_hold_the_loop() -> None:
    async def main() -> None:
        async with Shell(V4) as shell:
            stack = shell.stack
            stack.next_deadline = lambda: 0.0  # type: ignore[method-assign]
            shell.engine.flush()
            before = len(stack.ticks)
            await asyncio.sleep(4 * TIMER_SPACING)
            assert before < len(stack.ticks) <= before + 6 * before

    run(main())


def test_run_soon_flushes_once() -> None:
    async def main() -> None:
        async with Shell(V4) as shell, Phone() as phone:
            flow = shell.engine.flow_to(Target("UDP", *phone.address))
            shell.stack.output.append((flow, b"later"))
            shell.engine.run_soon()
            shell.engine.run_soon()
            assert shell.stack.output
            assert await phone.read() == b"later"

    run(main())


def test_a_bug_costs_one_message(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Shell(V4, "tcp://127.0.0.1:0") as shell, Phone() as phone:
            phone.sock.sendto(b"BUG here", shell.address(0))
            phone.sock.sendto(b"hello", shell.address(0))
            assert await phone.read() == b"re:hello"

    with caplog.at_level(logging.CRITICAL, "b2bua.net.engine"):
        run(main())


def test_sockets_are_chosen_by_family_and_reach() -> None:
    async def main() -> None:
        async with Shell("udp://0.0.0.0:0", V4, "udp://127.0.0.1:0", "udp://[::1]:0") as shell:
            engine = shell.engine
            ports = [listen.port for listen in engine.listens]
            to = engine.flow_to
            first = to(Target("UDP", "127.0.0.9", 5060))
            assert first.local == ("127.0.0.1", ports[1])
            assert to(Target("UDP", "127.0.0.9", 5060)) is first
            assert to(Target("UDP", "::1", 5060)).local == ("::1", ports[3])
            other = shell.engine._udp[2].flow_to("127.0.0.5", 5060)
            assert to(Target("UDP", "127.0.0.9", 5060), other).local == ("127.0.0.1", ports[2]), "the socket of via"
            assert to(Target("UDP", "::1", 5060), other).local == ("::1", ports[3]), "via of another family"
            assert first.sent_by == f"127.0.0.1:{ports[1]}"
            assert to(Target("UDP", "::1", 5060)).sent_by == f"[::1]:{ports[3]}"

    run(main())


def test_a_wildcard_socket_shows_the_address_that_is_routed() -> None:
    async def main() -> None:
        async with Shell("udp://0.0.0.0:0") as shell:
            port = shell.engine.listens[0].port
            flow = shell.engine.flow_to(Target("UDP", "127.0.0.9", 5060))
            assert flow.sent_by == f"127.0.0.1:{port}"
            assert flow.local == ("127.0.0.1", port)

    run(main())


@pytest.mark.parametrize(
    "target",
    [
        Target("UDP", "::1", 5060),
        Target("TCP", "127.0.0.1", 5060),
        Target("TLS", "127.0.0.1", 5061),
        Target("UDP", "example.com", 5060),
    ],
)
def test_where_no_socket_leads_each_send_is_reported(target: Target) -> None:
    async def main() -> None:
        async with Shell(V4) as shell:
            flow = shell.engine.flow_to(target)
            assert flow.closed
            flow.send(b"x")
            flow.close()
            await until(lambda: shell.stack.failed == [flow])

    run(main())


def test_output_of_a_reported_failure_is_sent() -> None:
    async def main() -> None:
        async with Shell(V4) as shell, Phone() as phone:
            good = shell.engine.flow_to(Target("UDP", *phone.address))
            shell.stack.on_failed = lambda flow: shell.stack.output.append((good, b"next target"))
            shell.engine.flow_to(Target("TLS", "127.0.0.1", 1)).send(b"x")
            assert await phone.read() == b"next target"

    run(main())


@pytest.mark.parametrize(
    ("advertise", "v4", "v6"),
    [
        ("203.0.113.5", "203.0.113.5:{}", "[::1]:{}"),
        ("203.0.113.5:5999", "203.0.113.5:5999", "[::1]:{}"),
        ("2001:db8::5", "127.0.0.1:{}", "[2001:db8::5]:{}"),
        ("sip.example.com", "sip.example.com:{}", "sip.example.com:{}"),
    ],
)
def test_advertised_address(advertise: str, v4: str, v6: str) -> None:
    async def main() -> None:
        async with Shell(V4, "udp://[::1]:0", advertise=advertise) as shell:
            ports = [listen.port for listen in shell.engine.listens]
            assert shell.engine.flow_to(Target("UDP", "127.0.0.1", 9)).sent_by == v4.format(ports[0])
            assert shell.engine.flow_to(Target("UDP", "::1", 9)).sent_by == v6.format(ports[1])

    run(main())


def test_when_one_address_cannot_be_opened_none_stays_open() -> None:
    async def main() -> None:
        async with Shell("tcp://127.0.0.1:0", V4) as taken:
            engine = Engine(FakeStack(), asyncio.get_running_loop())
            for index, scheme in ((0, "udp"), (1, "tcp")):
                host, port = taken.address(index)
                with pytest.raises(OSError, match=r"in use"):
                    await engine.start([V4, "tcp://127.0.0.1:0", f"{scheme}://{host}:{port}"])
                assert engine.listens == []
            with pytest.raises(ValueError, match="no IP address"):
                await engine.start(["udp://nowhere:1"])

    run(main())


def test_stop_sends_what_is_due_and_then_nothing_reaches_the_stack() -> None:
    async def main() -> None:
        with Peer.udp() as phone:
            shell = Shell(V4)
            async with shell:
                flow = shell.engine.flow_to(Target("UDP", *phone.address))
                shell.stack.output.append((flow, b"goodbye"))
                shell.stack.deadlines = [asyncio.get_running_loop().time() + 0.01]
                shell.engine.run_soon()
            assert await phone.read() == b"goodbye"
            assert flow.closed
            flow.send(b"late")
            shell.engine.flush()
            shell.engine.run_soon()
            await asyncio.sleep(0.03)
            assert shell.stack.failed == shell.stack.ticks == shell.stack.received == []

    run(main())


class Phone(Peer):
    """A UDP peer usable in `async with`."""

    def __init__(self) -> None:
        super().__init__(Peer.udp().sock)

    async def __aenter__(self) -> Phone:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.sock.close()
