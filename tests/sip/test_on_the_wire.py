"""The stack against scripted phones that know nothing of it, over a line that loses, repeats and reorders.

`Machine` is the smallest application there is: it answers each call, and calls whom it is told to.
"""

from typing import Any

import pytest

from b2bua.sip.dialog import Dialog, client_dialog, server_dialog
from b2bua.sip.flow import Flow, Target
from b2bua.sip.ids import Identifiers
from b2bua.sip.message import Request, Response
from b2bua.sip.stack import SipStack
from b2bua.sip.transaction import ClientTransaction, InviteServer, ServerTransaction
from tests.phones import Phone, answers, rejects, rings
from tests.wire import Conditions, Host, Wire

SERVER = ("192.0.2.1", 5060)
PHONE = ("192.0.2.7", 5062)
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
GOOD = Conditions()
BAD = Conditions(loss=0.25, duplicate=0.2, jitter=0.02, reorder=0.2)


class Machine:
    """Answers each call after `after` seconds, never with None; one dialog per call and nothing else kept."""

    def __init__(self, wire: Wire, after: float | None = 1.0) -> None:
        self.host = Host(wire, SERVER)
        self.stack = SipStack(self.host, Identifiers("m", lambda n: wire.random.randbytes(n)))
        self.host.attach(self.stack)
        self.after = after
        self.outcomes: list[str] = []
        self.stack.handlers["INVITE"] = self.invited

    # Called.

    def invited(self, request: Request, flow: Flow, now: float) -> None:
        tx = self.stack.accept(request, flow, now)
        assert isinstance(tx, InviteServer)
        tx.owner = self
        tx.local_tag = self.stack.ids.tag()
        dialog = tx.dialog = server_dialog(request, flow, tx.local_tag, self)
        self.stack.add_dialog(dialog)
        self.stack.respond(tx, 180, headers=self.stack.contact(flow), now=now)
        if self.after is not None:
            self.stack.timers.after(now, self.after, self.answer, tx, dialog)

    def answer(self, now: float, tx: InviteServer, dialog: Dialog) -> None:
        if not tx.answered:
            dialog.confirmed, dialog.pending_ack = True, tx
            self.stack.respond(tx, 200, headers=self.stack.contact(dialog.flow), body=SDP, now=now)

    def on_cancel(self, tx: InviteServer, request: Request, now: float) -> None:
        assert tx.dialog is not None
        self.stack.remove_dialog(tx.dialog)
        self.stack.respond(tx, 487, now=now)
        self.outcomes.append("cancelled")

    def on_request(self, tx: ServerTransaction, request: Request, now: float) -> None:
        dialog = tx.dialog
        assert dialog is not None
        if tx.method == "INVITE":
            assert isinstance(tx, InviteServer)
            dialog.pending_ack = tx
        self.stack.respond(tx, 200, headers=self.stack.contact(dialog.flow), body=SDP if request.body else b"", now=now)
        if tx.method == "BYE":
            self.stack.remove_dialog(dialog)
            self.outcomes.append("hung up")

    def on_ack(self, tx: InviteServer, request: Request, now: float) -> None:
        self.outcomes.append("talking")

    def on_no_ack(self, tx: InviteServer, now: float) -> None:
        assert tx.dialog is not None
        self.stack.remove_dialog(tx.dialog)
        self.outcomes.append("no ack")

    def trusts(self, flow: Flow) -> bool:
        return False

    # Calling.

    def call(self, phone: Phone, now: float, transport: str = "UDP") -> ClientTransaction:
        flow = self.host.flow_to(Target(transport, *phone.at))
        return self.stack.request(
            "INVITE", f"sip:{phone.user}@{phone.host_port}", flow, from_=f"<sip:machine@acme.test>;tag={self.stack.ids.tag()}",
            to=f"<{phone.aor}>", call_id=self.stack.ids.call_id(), cseq=1, owner=self, now=now, headers=self.stack.contact(flow), body=SDP,
        )  # fmt: skip

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if tx.method != "INVITE" or response.status < 200:
            return
        if response.status >= 300:
            self.outcomes.append(str(response.status))
            return
        dialog = client_dialog(response, tx.flow, self)
        dialog.confirmed = True
        self.stack.add_dialog(dialog)
        self.stack.acknowledge(dialog, tx)
        self.outcomes.append("talking")

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        self.outcomes.append(f"failed {status}")

    def counts(self) -> dict[str, Any]:
        stack = self.stack
        return {"servers": len(stack.servers), "clients": len(stack.clients), "dialogs": len(stack.dialogs), "timers": stack.timers.count,
                "merged": len(stack._merged)}  # fmt: skip


def setting(
    seed: int = 1, conditions: Conditions = GOOD, transport: str = "UDP", after: float | None = 1.0
) -> tuple[Wire, Machine, Phone]:
    wire = Wire(seed, conditions)
    return wire, Machine(wire, after), Phone(wire, "676", PHONE, SERVER, transport=transport)


def all_gone(wire: Wire, machine: Machine) -> None:
    wire.run(70.0)
    assert set(machine.counts().values()) == {0}, machine.counts()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_phone_calls(transport: str) -> None:
    wire, machine, phone = setting(transport=transport)
    call = phone.call("667")
    phone.expect(100)
    call.expect_ringing()
    call.expect_up()
    call.hold().expect(200)
    call.info("5").expect(200)
    call.hang_up().expect(200)
    assert machine.outcomes == ["talking", "talking", "hung up"]
    all_gone(wire, machine)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_phone_is_called(transport: str) -> None:
    wire, machine, phone = setting(transport=transport)
    machine.call(phone, wire.now, transport)
    call = phone.expect_call(shows="machine")
    call.answer()
    call.expect_up()
    call.hang_up().expect(200)
    assert machine.outcomes == ["talking", "hung up"]
    all_gone(wire, machine)


@pytest.mark.parametrize("seed", range(25))
def test_calls_over_a_bad_line(seed: int) -> None:
    """Set up, put on hold, ended: a quarter of all datagrams lost, some repeated, some late. Nobody notices but by the clock."""
    wire, machine, phone = setting(seed, BAD)
    call = phone.call("667")
    call.expect_up(within=40)
    wire.run(20.0)
    call.hold().expect(200, within=40)
    wire.run(20.0)
    call.hang_up().expect(200, within=40)
    assert machine.outcomes[0] == "talking"
    assert machine.outcomes.count("hung up") == 1
    all_gone(wire, machine)


@pytest.mark.parametrize("seed", range(25))
def test_being_called_over_a_bad_line(seed: int) -> None:
    wire, machine, phone = setting(seed, BAD)
    phone.behaviour = answers(1.0)
    machine.call(phone, wire.now)
    call = phone.expect_call(within=40)
    call.expect_up(within=40)
    wire.run(20.0)
    call.hang_up().expect(200, within=40)
    assert machine.outcomes == ["talking", "hung up"]
    assert len(phone.calls) == 1, "retransmissions made no second call"
    all_gone(wire, machine)


@pytest.mark.parametrize("after", [0.0, 0.2, 0.5, 0.99, 0.999, 1.0, 1.001, 1.002, 1.01])
def test_cancel_at_any_instant(after: float) -> None:
    """The caller gives up just when the machine answers (after 1 s): it ends, on both sides, one way or the other."""
    wire, machine, phone = setting()
    call = phone.call("667")
    wire.run(after)
    call.cancel()
    wire.run(3.0)
    call.expect_ended()
    assert machine.outcomes[-1] in ("cancelled", "hung up")
    all_gone(wire, machine)


@pytest.mark.parametrize("seed", range(15))
def test_cancel_over_a_bad_line(seed: int) -> None:
    """A lost 100 or 180 stays lost; one of them must do: a provisional response is what CANCEL waits for (RFC 3261 §9.1)."""
    wire, machine, phone = setting(seed, BAD, after=None)
    call = phone.call("667")
    wire.run_until(lambda: phone.log, within=40)
    call.cancel()
    call.expect_ended(487, within=40)
    assert machine.outcomes == ["cancelled"]
    all_gone(wire, machine)


def test_a_lost_ack_is_sent_again() -> None:
    wire, machine, phone = setting()
    wire.drop(lambda packet: packet.start_line.startswith("ACK"), times=3)
    call = phone.call("667")
    call.expect_up(within=10)
    wire.run(10.0)
    assert machine.outcomes == ["talking"]
    call.hang_up().expect(200)
    all_gone(wire, machine)


def test_an_ack_that_never_comes() -> None:
    wire, machine, phone = setting()
    call = phone.call("667")
    wire.run(0.5)
    phone.vanish()
    wire.run(60.0)
    assert call.state != "up"
    assert machine.outcomes == ["no ack"]
    all_gone(wire, machine)


def test_nobody_there() -> None:
    wire, machine, phone = setting()
    phone.vanish()
    machine.call(phone, wire.now)
    wire.run(33.0)
    assert machine.outcomes == ["failed 408"]
    all_gone(wire, machine)


def test_nobody_there_and_the_network_says_so() -> None:
    wire, machine, phone = setting()
    wire.unreachable = True
    phone.vanish()
    for transport in ("UDP", "TCP"):
        machine.call(phone, wire.now, transport)
        wire.run(1.0)
    assert machine.outcomes == ["failed 503", "failed 503"]
    all_gone(wire, machine)


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_a_refusal(status: int) -> None:
    wire, machine, phone = setting(3, BAD)
    phone.behaviour = rejects(status, after=0.5)
    machine.call(phone, wire.now)
    wire.run(40.0)
    assert machine.outcomes == [str(status)]
    assert len(phone.heard("ACK")) == 1
    all_gone(wire, machine)


def test_two_forks_that_answer() -> None:
    """A peer forked and both branches answered: the second 2xx reaches the owner too, and each has its own dialog."""
    wire, machine, phone = setting()
    phone.behaviour = rings
    machine.call(phone, wire.now)
    call = phone.expect_call()
    call.answer(tag="one")
    wire.run(1.0)
    call.answer(tag="two")
    wire.run(5.0)
    assert machine.outcomes == ["talking", "talking"]
    assert {message.to_tag for message in phone.heard("ACK")} == {"one", "two"}
    for dialog in list(machine.stack.dialogs.values()):
        machine.stack.remove_dialog(dialog)
    all_gone(wire, machine)


def test_a_connection_that_breaks_while_it_rings() -> None:
    wire, machine, phone = setting(transport="TCP")
    machine.call(phone, wire.now, "TCP")
    phone.expect_call()
    machine.host.streams[0].peer.close()  # type: ignore[union-attr]
    wire.run(1.0)
    assert machine.outcomes == ["failed 503"]
    all_gone(wire, machine)
