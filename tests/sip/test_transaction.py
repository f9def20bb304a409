"""The four machines, walked row by row, and their timers on a virtual clock (RFC 3261 §17, RFC 6026).

The expected tables below are written from the RFCs, not read from the code. Whatever (state, event) they do not list must be
absorbed: nothing changes, nothing is sent, nobody is told.
"""

import itertools
from typing import Any, NamedTuple

import pytest

from b2bua.sip import transaction as machines
from b2bua.sip.transaction import (
    ACCEPTED,
    ACK,
    CALLING,
    COMPLETED,
    CONFIRMED,
    FAILURE,
    FINAL,
    LINGER,
    PROCEEDING,
    PROVISIONAL,
    REQUEST,
    RETRANSMIT,
    SUCCESS,
    TERMINATED,
    TIMEOUT,
    TIMER_2XX,
    TRANSPORT_ERROR,
    TRYING,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Transaction,
)
from b2bua.sip.uas import server_key
from tests.sip.parts import (
    TCP,
    UDP,
    FakeFlow,
    Recorder,
    Rig,
    request,
    request_bytes,
    response,
    response_bytes,
)

EVENTS = (REQUEST, ACK, PROVISIONAL, SUCCESS, FAILURE, FINAL, RETRANSMIT, TIMEOUT, LINGER, TIMER_2XX, TRANSPORT_ERROR)
STATES = (CALLING, TRYING, PROCEEDING, ACCEPTED, COMPLETED, CONFIRMED)


class Row(NamedTuple):
    """What an event does: the next state (over a stream, when it differs), what is sent, what the owner is told."""

    state: str
    sends: str = ""
    told: str = ""
    stream: str = ""


INVITE_CLIENT = {
    (CALLING, RETRANSMIT): Row(CALLING, "request"),
    (CALLING, TIMEOUT): Row(TERMINATED, told="408"),
    (CALLING, TRANSPORT_ERROR): Row(TERMINATED, told="503"),
    (CALLING, PROVISIONAL): Row(PROCEEDING, told="response"),
    (CALLING, SUCCESS): Row(ACCEPTED, told="response"),
    (CALLING, FAILURE): Row(COMPLETED, "ACK", "response", stream=TERMINATED),
    (PROCEEDING, PROVISIONAL): Row(PROCEEDING, told="response"),
    (PROCEEDING, SUCCESS): Row(ACCEPTED, told="response"),
    (PROCEEDING, FAILURE): Row(COMPLETED, "ACK", "response", stream=TERMINATED),
    (PROCEEDING, TIMEOUT): Row(TERMINATED, told="408"),
    (PROCEEDING, TRANSPORT_ERROR): Row(TERMINATED, told="503"),
    (ACCEPTED, SUCCESS): Row(ACCEPTED, told="response"),  # the first of another fork; the same again only repeats its ACK
    (ACCEPTED, LINGER): Row(TERMINATED),
    (COMPLETED, FAILURE): Row(COMPLETED, "request"),  # here `sent` is the ACK
    (COMPLETED, LINGER): Row(TERMINATED),
    (COMPLETED, TRANSPORT_ERROR): Row(TERMINATED),
}
NON_INVITE_CLIENT = {
    (TRYING, RETRANSMIT): Row(TRYING, "request"),
    (TRYING, TIMEOUT): Row(TERMINATED, told="408"),
    (TRYING, TRANSPORT_ERROR): Row(TERMINATED, told="503"),
    (TRYING, PROVISIONAL): Row(PROCEEDING, told="response"),
    (TRYING, FINAL): Row(COMPLETED, told="response", stream=TERMINATED),
    (PROCEEDING, RETRANSMIT): Row(PROCEEDING, "request"),
    (PROCEEDING, TIMEOUT): Row(TERMINATED, told="408"),
    (PROCEEDING, TRANSPORT_ERROR): Row(TERMINATED, told="503"),
    (PROCEEDING, PROVISIONAL): Row(PROCEEDING, told="response"),
    (PROCEEDING, FINAL): Row(COMPLETED, told="response", stream=TERMINATED),
    (COMPLETED, LINGER): Row(TERMINATED),
    (COMPLETED, TRANSPORT_ERROR): Row(TERMINATED),
}
INVITE_SERVER = {
    (PROCEEDING, REQUEST): Row(PROCEEDING, "response"),
    (PROCEEDING, PROVISIONAL): Row(PROCEEDING, "response"),
    (PROCEEDING, SUCCESS): Row(ACCEPTED, "response"),
    (PROCEEDING, FAILURE): Row(COMPLETED, "response"),
    (ACCEPTED, TIMER_2XX): Row(ACCEPTED, "response"),
    (ACCEPTED, ACK): Row(ACCEPTED),
    (ACCEPTED, LINGER): Row(TERMINATED, told="no ack"),
    (COMPLETED, REQUEST): Row(COMPLETED, "response"),
    (COMPLETED, RETRANSMIT): Row(COMPLETED, "response"),
    (COMPLETED, ACK): Row(CONFIRMED, stream=TERMINATED),
    (COMPLETED, TIMEOUT): Row(TERMINATED),
    (COMPLETED, TRANSPORT_ERROR): Row(TERMINATED),
    (CONFIRMED, LINGER): Row(TERMINATED),
}
NON_INVITE_SERVER = {
    (TRYING, PROVISIONAL): Row(PROCEEDING, "response"),
    (TRYING, FINAL): Row(COMPLETED, "response", stream=TERMINATED),
    (PROCEEDING, REQUEST): Row(PROCEEDING, "response"),
    (PROCEEDING, PROVISIONAL): Row(PROCEEDING, "response"),
    (PROCEEDING, FINAL): Row(COMPLETED, "response", stream=TERMINATED),
    (COMPLETED, REQUEST): Row(COMPLETED, "response"),
    (COMPLETED, LINGER): Row(TERMINATED),
    (COMPLETED, TRANSPORT_ERROR): Row(TERMINATED),
}
TABLES: dict[type[Transaction], dict[tuple[str, str], Row]] = {
    InviteClient: INVITE_CLIENT,
    NonInviteClient: NON_INVITE_CLIENT,
    InviteServer: INVITE_SERVER,
    NonInviteServer: NON_INVITE_SERVER,
}
WALK = [
    pytest.param(machine, state, event, flow, id=f"{machine.__name__}-{state}-{event}-{flow.transport}")
    for machine, state, event, flow in itertools.product(TABLES, STATES, EVENTS, (UDP, TCP))
]
STATUS = {PROVISIONAL: 180, SUCCESS: 200, FAILURE: 486, FINAL: 200}


def placed(machine: type[Transaction], state: str, flow: FakeFlow) -> tuple[Rig, Any, Recorder]:
    """A machine in a state, as if it had come there by itself."""
    rig, owner = Rig(), Recorder()
    method = "INVITE" if machine in (InviteClient, InviteServer) else "OPTIONS"
    tx: Any
    if machine in (InviteClient, NonInviteClient):
        tx = machine(rig.stack, "z9hG4bKours", method, flow, state)  # type: ignore[arg-type]
        tx.sent = request_bytes(method, branch="z9hG4bKours")
        rig.stack.clients[tx.key] = tx
    else:
        incoming = request(method)
        key = server_key(incoming, method)
        tx = machine(rig.stack, key, incoming, flow, state)  # type: ignore[arg-type, call-arg]
        tx.sent = response_bytes(request_bytes(method), 200)
        rig.stack.servers[key] = tx
    tx.owner = owner
    tx.interval = 0.5
    return rig, tx, owner


def expected_send(rig: Rig, tx: Any, sends: str, sent_before: bytes, flow: FakeFlow) -> list[tuple[Any, bytes]]:
    return [] if not sends else [(flow, tx.sent if sends == "ACK" else sent_before)]


@pytest.mark.parametrize(("machine", "state", "event", "flow"), WALK)
def test_walk(machine: type[Transaction], state: str, event: str, flow: FakeFlow) -> None:
    row = TABLES[machine].get((state, event))
    rig, tx, owner = placed(machine, state, flow)
    before = tx.sent
    if hasattr(tx, "response") and event in STATUS:
        tx.response = response(before, STATUS[event])
    assert tx.fire(event, rig.now) is (row is not None)
    if row is None:
        assert tx.state is state
        assert rig.stack.drain() == []
        assert owner.events == []
        assert rig.stack.timers.count == 0
        return
    assert tx.state is (row.stream if row.stream and flow.reliable else row.state)
    assert rig.stack.drain() == expected_send(rig, tx, row.sends, before, flow)
    if row.sends == "ACK":
        assert tx.sent.startswith(b"ACK ")
    told = [str(detail) if what == "failure" else what for what, detail in owner.events]
    assert told == ([row.told] if row.told else [])
    if tx.state is TERMINATED:
        assert not rig.stack.clients
        assert not rig.stack.servers
        assert rig.stack.timers.count == 0
        assert tx.owner is None


@pytest.mark.parametrize("machine", TABLES)
def test_no_table_has_a_row_of_its_own(machine: type[Transaction]) -> None:
    assert set(machine.TABLE) == set(TABLES[machine])
    assert {event for _, event in machine.TABLE} <= set(EVENTS)
    assert not hasattr(machines, "FORGOTTEN")


@pytest.mark.parametrize("machine", TABLES)
def test_every_state_has_a_way_out(machine: type[Transaction]) -> None:
    """From each state that a machine can reach, TERMINATED can be reached by timers alone or by its owner's deadline."""
    states = {state for state, _ in machine.TABLE}
    reached = {next_state for (_, event), (next_state, _) in machine.TABLE.items() if event in (TIMEOUT, LINGER)}
    assert TERMINATED in reached
    leaving = {state for (state, _), (next_state, _) in machine.TABLE.items() if next_state is not state}
    assert states == leaving
