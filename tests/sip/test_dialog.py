"""Dialogs: who speaks in them, where their requests go, and what refreshes them (RFC 3261 §12)."""

from typing import Any

import pytest

from b2bua.sip.dialog import Dialog, client_dialog, refresh_client_dialog, server_dialog
from b2bua.sip.message import parse_message
from b2bua.sip.values import SipError
from tests.sip.parts import UDP, FakeFlow, Recorder, Rig, method_of, request, request_bytes, response, response_bytes, status_of

LOOSE = "<sip:proxy1.example;lr>"
LOOSER = "<sip:proxy2.example;lr>"
STRICT = "<sip:strict.example>"


def invite(**parts: Any) -> Any:
    return request("INVITE", **parts)


def test_uas_dialog() -> None:
    dialog = server_dialog(invite(cseq=7, headers=f"Record-Route: {LOOSE}, {LOOSER}\r\n"), UDP, "ours", None)
    assert dialog.key == ("call-1", "ours", "theirs")
    assert (dialog.local_text, dialog.remote_text) == ("<sip:667@acme.test>;tag=ours", "<sip:676@acme.test>;tag=theirs")
    assert (dialog.local_seq, dialog.remote_seq) == (0, 7)
    assert dialog.remote_target == "sip:676@192.0.2.7:5062"
    assert dialog.route_set == (LOOSE, LOOSER), "as they stand, for a UAS"
    assert dialog.host == UDP.remote[0]


def test_uac_dialog() -> None:
    sent = request_bytes("INVITE", cseq=3)
    dialog = client_dialog(
        response(sent, 180, tag="far", headers=f"Record-Route: {LOOSE}\r\nRecord-Route: {LOOSER}\r\n"), UDP, None
    )
    assert dialog.key == ("call-1", "theirs", "far")
    assert dialog.local_seq == 3
    assert dialog.route_set == (LOOSER, LOOSE), "in reverse, for a UAC"
    assert dialog.remote_target == "sip:667@192.0.2.7:5062"


def test_the_2xx_has_the_last_word_on_routes_and_target() -> None:
    sent = request_bytes("INVITE")
    dialog = client_dialog(response(sent, 180, headers=f"Record-Route: {LOOSE}\r\n", contact="<sip:early@h>"), UDP, None)
    refresh_client_dialog(dialog, response(sent, 200, headers=f"Record-Route: {LOOSER}\r\n", contact="<sip:final@h>"))
    assert (dialog.route_set, dialog.remote_target) == ((LOOSER,), "sip:final@h")
    dialog.confirmed = True
    refresh_client_dialog(dialog, response(sent, 200, contact="<sip:refreshed@h>"))
    assert (dialog.route_set, dialog.remote_target) == ((LOOSER,), "sip:refreshed@h"), "a re-INVITE changes the target only"
    refresh_client_dialog(dialog, response(sent, 200, contact=""))
    assert dialog.remote_target == "sip:refreshed@h"


@pytest.mark.parametrize(
    ("routes", "uri", "lines", "hop"),
    [
        ((), "sip:target@h", "", "sip:target@h"),
        ((LOOSE,), "sip:target@h", f"Route: {LOOSE}\r\n", "sip:proxy1.example;lr"),
        ((LOOSE, STRICT), "sip:target@h", f"Route: {LOOSE}\r\nRoute: {STRICT}\r\n", "sip:proxy1.example;lr"),
        ((STRICT,), "sip:strict.example", "Route: <sip:target@h>\r\n", "sip:strict.example"),
        ((STRICT, LOOSE), "sip:strict.example", f"Route: {LOOSE}\r\nRoute: <sip:target@h>\r\n", "sip:strict.example"),
    ],
)
def test_loose_and_strict_routing(routes: tuple[str, ...], uri: str, lines: str, hop: str) -> None:
    """RFC 3261 §12.2.1.1; §16.12.1 has the examples."""
    dialog = Dialog("c", "l", "r", UDP, None)
    dialog.remote_target, dialog.route_set = "sip:target@h", routes
    assert dialog.request_target() == (uri, lines)
    assert dialog.next_hop() == hop


@pytest.mark.parametrize("contact", ["", "*", "<mailto:a@b>", "<sip:a@b", "<sip:a@b>, <sip:c@d>", "<tel:+1555>"])
def test_a_dialog_needs_a_usable_contact(contact: str) -> None:
    with pytest.raises(SipError) as caught:
        server_dialog(invite(contact=contact), UDP, "ours", None)
    assert caught.value.status == 400


@pytest.mark.parametrize("route", ["nonsense", "<sip:", "<http://h>", '"open <sip:h;lr>', "<>"])
def test_a_route_that_could_never_be_used_makes_no_dialog(route: str) -> None:
    """Else each later request of the dialog would stumble over it."""
    with pytest.raises(SipError):
        server_dialog(invite(headers=f"Record-Route: {route}\r\n"), UDP, "ours", None)
    with pytest.raises(SipError):
        client_dialog(response(request_bytes("INVITE"), 180, headers=f"Record-Route: {route}\r\n"), UDP, None)


# In the stack.


class Call:
    """A dialog in a stack, entered as UAS, with an owner that answers everything 200."""

    def __init__(self, flow: FakeFlow = UDP, answer: int = 200, **parts: Any) -> None:
        self.rig = Rig()
        self.owner = Recorder(self.act)
        self.answer = answer
        self.flow = flow
        self.last: Any = None
        self.dialog = server_dialog(invite(**parts), flow, "ours", self.owner)
        self.dialog.confirmed = True
        self.rig.stack.add_dialog(self.dialog)

    def act(self, what: str, *args: Any) -> None:
        self.last = args[0]
        if what == "request" and self.answer:
            self.rig.stack.respond(args[0], self.answer, now=self.rig.now)

    def send(self, method: str, cseq: int, flow: FakeFlow | None = None, **parts: Any) -> list[int]:
        """An in-dialog request of the peer; the statuses of what it gets (100s left out)."""
        given = {"to": "<sip:667@acme.test>;tag=ours", "branch": f"z9hG4bK{method}{cseq}"} | parts
        out = self.rig.receive(request_bytes(method, cseq=cseq, **given), flow or self.flow)
        return [status_of(data) for data in out if status_of(data) != 100]

    def end(self) -> None:
        self.rig.stack.remove_dialog(self.dialog)
        self.rig.settle()


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "PRACK", "INFO", "OPTIONS", "INVITE"])
def test_requests_reach_the_owner(method: str) -> None:
    call = Call()
    assert call.send(method, 2) == [200]
    assert call.owner.events == [("request", method)]
    assert call.dialog.remote_seq == 2
    call.end()


def test_the_order_of_cseq_counts() -> None:
    call = Call(cseq=10)
    assert call.send("INFO", 12) == [200]
    for late in (12, 11, 1):
        assert call.send("INFO", late, branch=f"z9hG4bKlate{late}") == [500]
    assert call.send("INFO", 13) == [200]
    assert len(call.owner.events) == 2
    call.end()


def test_a_retransmission_is_answered_by_the_transaction_not_by_cseq() -> None:
    call = Call()
    assert call.send("INFO", 2) == [200]
    assert call.send("INFO", 2) == [200]
    assert call.owner.events == [("request", "INFO")]
    call.end()


@pytest.mark.parametrize(
    ("change", "value"),
    [("call_id", "other"), ("to", "<sip:667@acme.test>;tag=guess"), ("from_", "<sip:676@acme.test>;tag=guess")],
)
def test_another_key_is_another_dialog(change: str, value: str) -> None:
    call = Call()
    assert call.send("BYE", 2, **{change: value}) == [481]
    assert call.owner.events == []
    call.end()


def test_a_stranger_with_the_right_tags_has_no_say() -> None:
    """In-dialog requests count only over the flow or from the host that the dialog lives on."""
    call = Call()
    stranger = FakeFlow(("198.51.100.66", 5062))
    for method in ("BYE", "INVITE", "UPDATE", "INFO"):
        assert call.send(method, 2, stranger) == [481]
    assert call.owner.events == []
    assert call.dialog.remote_seq == 1
    assert call.send("BYE", 2, FakeFlow(("192.0.2.7", 9999))) == [200], "another port of the same host"
    call.owner.vouches = True
    assert call.send("INFO", 3, stranger) == [200], "its owner may vouch for a host"
    call.end()


def test_unknown_methods_and_extensions_in_a_dialog() -> None:
    call = Call()
    assert call.send("MESSAGE", 2) == [405]
    assert call.send("NOVEL", 3) == [501]
    assert call.send("INFO", 4, headers="Require: nonsense\r\n") == [420]
    assert call.owner.events == []
    call.end()


def test_ack_reaches_the_owner_once() -> None:
    call = Call()
    call.send("INVITE", 2)
    call.dialog.pending_ack = call.last
    ack = {"to": "<sip:667@acme.test>;tag=ours"}
    stranger = FakeFlow(("198.51.100.66", 5062))
    call.send("ACK", 2, stranger, branch="z9hG4bKack", **ack)
    call.send("ACK", 1, branch="z9hG4bKother", **ack)
    assert ("ack", 2) not in call.owner.events
    call.send("ACK", 2, branch="z9hG4bKack", **ack)
    call.send("ACK", 2, branch="z9hG4bKack", **ack)
    assert call.owner.events == [("request", "INVITE"), ("ack", 2)]
    assert call.dialog.pending_ack is None
    assert [data for _, data in call.rig.run(31.0)] == [], "the 2xx is not repeated after its ACK"
    call.end()


def test_a_2xx_never_acknowledged_is_reported() -> None:
    call = Call()
    call.send("INVITE", 2)
    call.dialog.pending_ack = call.last
    call.rig.run(33.0)
    assert call.owner.events[-1] == ("no ack", None)
    assert call.dialog.pending_ack is None
    call.end()


def test_our_requests_in_a_dialog() -> None:
    call = Call(cseq=50, headers=f"Record-Route: {LOOSE}\r\n")
    stack = call.rig.stack
    for cseq in (1, 2):
        tx = stack.request_in(call.dialog, "INFO", owner=call.owner, now=call.rig.now)
        [data] = call.rig.drained()
        sent = parse_message(data)
        assert (sent.cseq, sent.call_id, sent.from_.tag, sent.to.tag) == (cseq, "call-1", "ours", "theirs")
        assert sent.get_all("route") == [LOOSE]
        assert tx.dialog is call.dialog
        call.rig.receive(response_bytes(data, 200))
    assert call.owner.events == [("response", 200), ("response", 200)]
    call.end()


def test_the_ack_of_a_2xx_is_repeated_by_the_transaction() -> None:
    call = Call()
    tx: Any = call.rig.stack.request_in(call.dialog, "INVITE", owner=call.owner, now=call.rig.now)
    [sent] = call.rig.drained()
    ok = response_bytes(sent, 200, tag="")
    assert call.rig.receive(ok) == []
    call.rig.stack.acknowledge(call.dialog, tx)
    [ack] = call.rig.drained()
    assert method_of(ack) == "ACK"
    assert parse_message(ack).cseq == parse_message(sent).cseq
    assert parse_message(ack).via.branch != parse_message(sent).via.branch
    for _ in range(3):
        assert call.rig.receive(ok) == [ack]
    assert call.owner.events == [("response", 200)]
    call.end()


# Where the requests of a dialog go.


@pytest.mark.parametrize(
    ("contact", "over", "roams", "to"),
    [
        ("<sip:676@192.0.2.7:5062>", "UDP", False, None),
        ("<sip:676@192.0.2.7:6000>", "UDP", False, ("UDP", "192.0.2.7", 6000)),
        ("<sip:676@192.0.2.7:6000;transport=tcp>", "UDP", False, ("TCP", "192.0.2.7", 6000)),
        ("<sip:676@10.0.0.5:5060>", "UDP", False, None),
        ("<sip:676@10.0.0.5:5060>", "UDP", True, ("UDP", "10.0.0.5", 5060)),
        ("<sip:676@internal.example>", "UDP", True, None),
        ("<sip:676@192.0.2.7:6000>", "TCP", False, None),
    ],
)
def test_where_a_request_goes(contact: str, over: str, roams: bool, to: tuple[str, str, int] | None) -> None:
    """A phone behind NAT writes an address that is not its own; a stream is used while it is open."""
    call = Call(FakeFlow(transport=over), contact=contact)
    call.dialog.roams = roams
    call.rig.stack.request_in(call.dialog, "INFO", owner=call.owner, now=call.rig.now)
    call.rig.drained()
    [(_, flow, _)] = call.rig.sent
    if to is None:
        assert flow is call.flow
    else:
        assert (flow.transport, *flow.remote) == to
    call.end()


def test_a_closed_stream_is_replaced() -> None:
    call = Call(FakeFlow(transport="TCP"), contact="<sip:676@192.0.2.7:6000;transport=tcp>")
    call.flow.close()
    call.rig.stack.request_in(call.dialog, "INFO", owner=call.owner, now=call.rig.now)
    call.rig.drained()
    [(_, flow, _)] = call.rig.sent
    assert (flow.transport, flow.remote) == ("TCP", ("192.0.2.7", 6000))
    call.end()
