"""The fake wire and the scripted phones themselves: what the other tests stand on."""

import pytest

from b2bua.sip.flow import Target
from tests.phones import Phone, Trunk, answers, rejects
from tests.wire import Conditions, Host, Wire

ALICE, BOB = ("127.0.0.10", 5060), ("127.0.0.20", 5060)


def pair(wire: Wire, transport: str = "UDP") -> tuple[Phone, Phone]:
    """Two phones that call each other without a server."""
    return (
        Phone(wire, "alice", ALICE, BOB, transport=transport, display="Alice A."),
        Phone(wire, "bob", BOB, ALICE, transport=transport),
    )


def test_the_clock_jumps_and_alarms_come_in_order() -> None:
    wire = Wire()
    heard: list[str] = []
    wire.after(20.0, lambda: heard.append("later"))
    wire.after(10.0, lambda: heard.append("sooner"))
    wire.after(5.0, lambda: heard.append("never")).cancel()
    wire.run(30.0)
    assert heard == ["sooner", "later"]
    assert wire.now == 1030.0


def test_the_same_seed_gives_the_same_run() -> None:
    def run(seed: int) -> list[tuple[float, int]]:
        wire = Wire(seed, Conditions(loss=0.3, duplicate=0.3, jitter=0.05, reorder=0.2))
        arrived: list[tuple[float, int]] = []
        wire.bind(BOB, lambda data, source: arrived.append((wire.now, data[0])))
        for number in range(50):
            wire.send(ALICE, BOB, bytes([number]))
        wire.run(1.0)
        return arrived

    first = run(7)
    assert run(7) == first
    assert run(8) != first
    numbers = [number for _, number in first]
    assert len(set(numbers)) < 50, "some are lost"
    assert len(set(numbers)) < len(numbers), "some come twice"
    assert numbers != sorted(numbers), "some overtake others"


def test_a_stream_keeps_order_and_reports_its_end() -> None:
    wire = Wire(1, Conditions(loss=0.5))
    got: list[bytes] = []
    ends: list[str] = []
    servers = []
    wire.listen(BOB, servers.append)
    stream = wire.connect(ALICE[0], BOB)
    stream.on_close = lambda _: ends.append("closed")
    stream.send(b"1")
    stream.send(b"2")
    wire.run_until(lambda: servers)
    servers[0].on_data = lambda _, data: got.append(data)
    wire.run(1.0)
    assert got == [b"1", b"2"]
    servers[0].close()
    wire.run(1.0)
    assert ends == ["closed"]


def test_nobody_listens() -> None:
    wire = Wire()
    ends: list[float] = []
    refused, silent = wire.connect(ALICE[0], BOB), None
    refused.on_close = lambda _: ends.append(wire.now)
    wire.cut("127.0.0.99")
    silent = wire.connect(ALICE[0], ("127.0.0.99", 5060))
    silent.on_close = lambda _: ends.append(wire.now)
    wire.run(10.0)
    assert [round(when - 1000.0, 3) for when in ends] == [0.002, 4.0]


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_call_between_two_phones(transport: str) -> None:
    wire = Wire()
    alice, bob = pair(wire, transport)
    mine = alice.call("bob")
    theirs = bob.expect_call(shows=("Alice A.", "alice"))
    mine.expect_ringing()
    theirs.answer()
    mine.expect_up()
    theirs.expect_up()
    assert mine.hears(theirs)
    assert theirs.hears(mine)
    mine.hold().expect(200)
    assert not mine.hears(theirs)
    assert theirs.hears(mine), "who holds may play music"
    theirs.info("5").expect(200)
    mine.resume().expect(200)
    assert mine.hears(theirs)
    theirs.hang_up().expect(200)
    mine.expect_ended()
    assert mine.ended_by == "them"


def test_cancel_reject_and_a_trunk_that_forks() -> None:
    wire = Wire()
    alice, bob = pair(wire)
    mine = alice.call("bob")
    theirs = bob.expect_call()
    mine.cancel()
    mine.expect_ended(487)
    theirs.expect_ended(487)
    bob.behaviour = rejects(486, after=1.0)
    alice.call("bob").expect_ended(486)
    trunk = Trunk(wire, "trunk", ("127.0.0.30", 5060), ALICE)
    alice.server = trunk.at
    mine = alice.call("+15551234567")
    theirs = trunk.expect_call()
    theirs.ring(183, tag="one", sdp=True)
    theirs.ring(180, tag="two", reliable=True)
    wire.run(0.1)
    assert {"one", "two"} < set(mine.early)
    trunk.expect("PRACK")
    theirs.answer(tag="two")
    mine.expect_up()
    assert mine.remote_tag == "two"


@pytest.mark.parametrize("seed", range(10))
def test_a_call_survives_a_bad_line(seed: int) -> None:
    wire = Wire(seed, Conditions(loss=0.3, duplicate=0.2, jitter=0.02, reorder=0.2))
    alice, bob = pair(wire)
    bob.behaviour = answers(2.0)
    mine = alice.call("bob")
    mine.expect_up(within=40)
    theirs = bob.expect_call()
    theirs.expect_up(within=40)
    attempt = mine.hang_up()
    theirs.expect_ended(within=40)
    attempt.expect(200, within=40)
    assert len(bob.calls) == 1


def test_a_host_reports_what_it_cannot_reach() -> None:
    failed: list[tuple[str, int]] = []

    class Deaf:
        def receive(self, flow: object, data: bytes, now: float) -> None: ...
        def tick(self, now: float) -> None: ...
        def next_deadline(self) -> float | None:
            return None

        def drain(self) -> list[tuple[object, bytes]]:
            return []

        def flow_failed(self, flow: object, now: float) -> None:
            failed.append(flow.remote)  # type: ignore[attr-defined]

    wire = Wire()
    wire.unreachable = True
    host = Host(wire)
    host.attach(Deaf())  # type: ignore[arg-type]
    flow = host.flow_to(Target("UDP", *BOB))
    assert host.flow_to(Target("UDP", *BOB)) is flow
    flow.send(b"hello")
    host.flow_to(Target("TCP", *BOB)).send(b"hello")
    wire.run(1.0)
    assert failed == [BOB, BOB]
