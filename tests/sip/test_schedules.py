"""Timers A to M over virtual time, and what two decisions at once must not do (RFC 3261 §17, RFC 6026)."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from b2bua.sip.transaction import ACK, PROCEEDING, TERMINATED
from tests.sip.parts import TCP, UDP, FakeFlow, Recorder, Rig, method_of, request_bytes, response_bytes, status_of

# Schedules. The wheel rounds each deadline up (20 ms, 320 ms from 4 s on), so intervals are never shorter than the RFC's and
# hardly longer; with the clock on a round second those below 4 s are exact.

TIMER_A = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
"""The intervals of an INVITE: 64·T1 end between the seventh copy and the eighth."""
TIMER_E = [0.5, 1.0, 2.0, *[4.0] * 7]
"""The intervals of everything else that is repeated."""
FINE, COARSE = 0.021, 0.321


def on_schedule(at: list[float], intervals: list[float], first: float = 0.0) -> None:
    """The copies came at these intervals; the last one may have been cut off by rounding."""
    assert at[0] == first
    assert len(intervals) <= len(at) <= len(intervals) + 1
    for got, want in zip([later - sooner for sooner, later in itertools.pairwise(at)], intervals, strict=False):
        assert want - 1e-6 <= got <= want + (FINE if want < 4.0 else COARSE)


def ask(rig: Rig, method: str, owner: Recorder, flow: FakeFlow = UDP, **parts: Any) -> Any:
    given = {"from_": "<sip:us@acme.test>;tag=ours", "to": "<sip:them@acme.test>", "call_id": "ours", "cseq": 1} | parts
    return rig.stack.request(method, "sip:them@192.0.2.7", flow, owner=owner, now=rig.now, **given)


def serve(rig: Rig, method: str, owner: Recorder, flow: FakeFlow = UDP) -> Any:
    """A server transaction for a request that just came in."""
    taken: list[Any] = []

    def handler(incoming: Any, over: Any, now: float) -> None:
        tx = rig.stack.accept(incoming, over, now)
        tx.owner = owner
        taken.append(tx)

    rig.stack.handlers[method] = handler
    rig.receive(request_bytes(method), flow)
    return taken[0]


def times(out: list[tuple[float, bytes]], wanted: str) -> list[float]:
    return [at for at, data in out if method_of(data) == wanted]


def test_timers_a_and_b() -> None:
    rig, owner = Rig(), Recorder()
    ask(rig, "INVITE", owner)
    on_schedule(times(rig.run(31.99), "INVITE"), TIMER_A)
    assert owner.events == []
    assert len(rig.run(COARSE)) <= 1
    assert owner.events == [("failure", 408)]
    rig.settle()


def test_timer_a_stops_with_a_provisional_response_and_b_with_it() -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "INVITE", owner)
    assert len(rig.run(2.0)) == 3
    rig.receive(response_bytes(tx.sent, 180))
    assert rig.run(600.0) == []
    assert owner.events == [("response", 180)]
    rig.stack.cancel(tx, rig.now)
    rig.run(64.0)
    assert owner.events[-1] == ("failure", 408), "a CANCEL that nobody minds ends the INVITE after 64·T1"
    rig.settle()


@pytest.mark.parametrize("flow", [UDP, TCP], ids=["UDP", "TCP"])
def test_timer_d(flow: FakeFlow) -> None:
    """After a 486: the ACK is repeated for each copy for at least 32 s over UDP, and the transaction is gone at once over TCP."""
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "INVITE", owner, flow)
    busy = response_bytes(rig.run(0.0)[0][1], 486)
    [ack] = rig.receive(busy, flow)
    assert method_of(ack) == "ACK"
    if flow.reliable:
        rig.assert_empty()
        assert rig.receive(busy, flow) == []
        return
    rig.run(31.9)
    assert rig.receive(busy) == [ack]
    rig.run(0.1 + COARSE)
    assert rig.receive(busy) == []
    rig.assert_empty()
    assert owner.events == [("response", 486)]
    assert tx.state is TERMINATED


@pytest.mark.parametrize("flow", [UDP, TCP], ids=["UDP", "TCP"])
def test_timers_e_and_f(flow: FakeFlow) -> None:
    rig, owner = Rig(), Recorder()
    ask(rig, "OPTIONS", owner, flow)
    at = times(rig.run(31.99), "OPTIONS")
    assert at == [0.0] if flow.reliable else on_schedule(at, TIMER_E) is None
    rig.run(COARSE)
    assert owner.events == [("failure", 408)]
    rig.settle()


def test_timer_e_goes_to_t2_once_somebody_is_at_it() -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "OPTIONS", owner)
    rig.run(0.6)
    rig.receive(response_bytes(tx.sent, 100, tag=""))
    at = [round(when + 0.6, 6) for when in times(rig.run(20.0), "OPTIONS")]
    on_schedule(at, [4.0] * 4, first=1.5)
    rig.run(12.0)
    assert owner.events == [("response", 100), ("failure", 408)]
    rig.settle()


@pytest.mark.parametrize(("flow", "lingers"), [(UDP, 5.0), (TCP, 0.0)], ids=["UDP", "TCP"])
def test_timer_k(flow: FakeFlow, lingers: float) -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "OPTIONS", owner, flow)
    answer = response_bytes(tx.sent, 200)
    rig.receive(answer, flow)
    assert len(rig.stack.clients) == (1 if lingers else 0)
    rig.receive(answer, flow)
    rig.run(max(lingers - 0.01, 0.0))
    assert len(rig.stack.clients) == (1 if lingers else 0)
    rig.run(0.01 + COARSE)
    rig.assert_empty()
    assert owner.events == [("response", 200)]


@pytest.mark.parametrize("flow", [UDP, TCP], ids=["UDP", "TCP"])
def test_timers_g_and_h(flow: FakeFlow) -> None:
    """A 486 that is never acknowledged: repeated up to T2 apart over UDP, once over TCP, forgotten after 64·T1."""
    rig = Rig()
    tx = serve(rig, "INVITE", Recorder(), flow)
    rig.stack.respond(tx, 486, now=rig.now)
    at = times(rig.run(31.99), "486")
    assert at == [0.0] if flow.reliable else on_schedule(at, TIMER_E) is None
    assert len(rig.stack.servers) == 1
    rig.run(COARSE)
    rig.assert_empty()


@pytest.mark.parametrize(("flow", "lingers"), [(UDP, 5.0), (TCP, 0.0)], ids=["UDP", "TCP"])
def test_timer_i(flow: FakeFlow, lingers: float) -> None:
    rig = Rig()
    tx = serve(rig, "INVITE", Recorder(), flow)
    rig.stack.respond(tx, 486, now=rig.now)
    rig.run(0.6)
    rig.receive(request_bytes("ACK"), flow)
    assert [data for _, data in rig.run(max(lingers - 0.2, 0.0))] == []
    assert len(rig.stack.servers) == (1 if lingers else 0)
    rig.run(0.2 + COARSE)
    rig.assert_empty()


@pytest.mark.parametrize(("flow", "lingers"), [(UDP, 32.0), (TCP, 0.0)], ids=["UDP", "TCP"])
def test_timer_j(flow: FakeFlow, lingers: float) -> None:
    rig = Rig()
    tx = serve(rig, "OPTIONS", Recorder(), flow)
    assert rig.receive(request_bytes("OPTIONS"), flow) == [], "while it is being worked at, a copy is absorbed"
    rig.stack.respond(tx, 200, now=rig.now)
    [answer] = rig.drained()
    if lingers:
        rig.run(31.9)
        assert rig.receive(request_bytes("OPTIONS"), flow) == [answer]
        assert len(rig.stack.servers) == 1
        rig.run(0.1 + COARSE)
    rig.assert_empty()


# RFC 6026: the Accepted states.


@pytest.mark.parametrize("flow", [UDP, TCP], ids=["UDP", "TCP"])
def test_2xx_is_repeated_until_its_ack_whatever_the_transport(flow: FakeFlow) -> None:
    rig, owner = Rig(), Recorder()
    tx = serve(rig, "INVITE", owner, flow)
    rig.stack.respond(tx, 200, now=rig.now)
    on_schedule(times(rig.run(31.99), "200"), TIMER_E)
    assert owner.events == []
    rig.run(COARSE)
    assert owner.events == [("no ack", None)]
    rig.assert_empty()


def test_timer_l_absorbs_the_invite_again() -> None:
    rig, owner = Rig(), Recorder()
    tx = serve(rig, "INVITE", owner)
    rig.stack.respond(tx, 200, now=rig.now)
    rig.drained()
    tx.fire(ACK, rig.now)
    assert rig.receive(request_bytes("INVITE")) == []
    assert rig.run(31.9) == []
    assert rig.receive(request_bytes("INVITE")) == []
    assert len(rig.stack.servers) == 1
    rig.run(0.1 + COARSE)
    rig.assert_empty()
    assert owner.events == []


def test_timer_m_takes_2xx_of_other_forks() -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "INVITE", owner)
    sent = tx.sent
    rig.receive(response_bytes(sent, 200, tag="one"))
    rig.run(31.9)
    rig.receive(response_bytes(sent, 200, tag="two"))
    rig.receive(response_bytes(sent, 486, tag="three"))
    rig.receive(response_bytes(sent, 180, tag="four"))
    assert owner.events == [("response", 200), ("response", 200)]
    rig.run(0.1 + COARSE)
    rig.receive(response_bytes(sent, 200, tag="five"))
    assert len(owner.events) == 2
    assert rig.stack.counters["stray_response"] == 1
    rig.settle()


# What two decisions at once must not do.


def test_only_the_first_final_response_counts() -> None:
    rig = Rig()
    tx = serve(rig, "INVITE", Recorder())
    rig.drained()
    for status in (487, 200, 180):
        rig.stack.respond(tx, status, now=rig.now)
    assert [status_of(data) for data in rig.drained()] == [487]
    assert tx.answered
    rig.settle()


def test_provisional_responses_are_repeated_for_the_request_again() -> None:
    rig = Rig()
    tx = serve(rig, "INVITE", Recorder())
    assert [status_of(data) for data in rig.receive(request_bytes("INVITE"))] == [100]
    rig.stack.respond(tx, 180, now=rig.now)
    [ringing] = rig.drained()
    assert rig.receive(request_bytes("INVITE")) == [ringing]
    rig.stack.respond(tx, 480, now=rig.now)
    rig.settle()


@pytest.mark.parametrize("status", [180, 200, 486])
def test_a_transaction_answered_twice_at_once_tells_once(status: int) -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "OPTIONS", owner)
    for _ in range(3):
        rig.receive(response_bytes(tx.sent, max(status, 200)))
    assert len(owner.events) == 1
    rig.settle()


@pytest.mark.parametrize("transport", [UDP, TCP], ids=["UDP", "TCP"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
@pytest.mark.parametrize("fails_by", ["timeout", "transport", "response"])
def test_a_bug_of_the_owner_leaves_nothing_behind(method: str, fails_by: str, transport: FakeFlow) -> None:
    rig = Rig()
    bugs: list[Exception] = []
    rig.stack.on_error = rig.stack.timers.on_error = bugs.append

    def bug(*_: Any) -> None:
        raise KeyError("bug")

    tx = ask(rig, method, Recorder(bug), transport)
    acts: dict[str, Callable[[], object]] = {
        "timeout": lambda: rig.run(40.0),
        "transport": lambda: rig.stack.flow_failed(transport, rig.now),
        "response": lambda: rig.receive(response_bytes(tx.sent, 486), transport),
    }
    acts[fails_by]()
    assert len(bugs) == 1
    rig.settle()


def test_an_owner_may_cancel_from_within() -> None:
    """CANCEL is sent out of the very callback that reports the 180."""
    rig = Rig()

    def cancel(what: str, tx: Any, *_: Any) -> None:
        rig.stack.cancel(tx, rig.now)

    tx = ask(rig, "INVITE", Recorder(cancel))
    rig.drained()
    [cancelled] = rig.receive(response_bytes(tx.sent, 180))
    assert method_of(cancelled) == "CANCEL"
    assert tx.state is PROCEEDING
    rig.receive(response_bytes(cancelled, 200))
    [ack] = rig.receive(response_bytes(tx.sent, 487))
    assert method_of(ack) == "ACK"
    rig.settle()


@pytest.mark.parametrize("offset", [0.003, 0.0137, 0.019999])
def test_off_the_grid_no_timer_is_early(offset: float) -> None:
    rig, owner = Rig(), Recorder()
    rig.now += offset
    ask(rig, "INVITE", owner)
    at = times(rig.run(33.0), "INVITE")
    on_schedule(at, TIMER_A)
    rig.settle()
