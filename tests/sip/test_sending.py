"""Where the stack sends: answers back to where a request came from, large requests over TCP, CANCEL and ACK after their INVITE."""

from typing import Any

import pytest

from b2bua.sip.flow import Target
from b2bua.sip.message import Request, parse_message
from b2bua.sip.transaction import TERMINATED
from tests.sip.parts import PEER, UDP, FakeFlow, Recorder, Rig, ask, request_bytes, response_bytes, ringing

# Where answers go (RFC 3261 §18.2, RFC 3581).


def answered(via: str, flow: FakeFlow = UDP, method: str = "OPTIONS") -> tuple[Any, str, Rig]:
    """The flow that the answer went out by, its top Via, and the rig."""
    rig = Rig()
    rig.stack.handlers["OPTIONS"] = lambda incoming, over, now: rig.stack.reject(incoming, over, 200)
    [data] = rig.receive(request_bytes(method, via=via), flow)
    [(_, out, _)] = rig.sent
    return out, parse_message(data).get_all("via")[0], rig


@pytest.mark.parametrize(
    ("via", "port", "top"),
    [
        ("SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKa", 5062, "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKa"),
        ("SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa", 5060, "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa"),
        ("SIP/2.0/UDP 10.0.0.9:6000;branch=z9hG4bKa", 6000, "SIP/2.0/UDP 10.0.0.9:6000;branch=z9hG4bKa;received=192.0.2.7"),
        ("SIP/2.0/UDP phone.lan;branch=z9hG4bKa", 5060, "SIP/2.0/UDP phone.lan;branch=z9hG4bKa;received=192.0.2.7"),
        (
            "SIP/2.0/UDP 10.0.0.9:6000;rport;branch=z9hG4bKa",
            5062,
            "SIP/2.0/UDP 10.0.0.9:6000;rport=5062;received=192.0.2.7;branch=z9hG4bKa",
        ),
        (
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKa ; RPORT",
            5062,
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKa ; RPORT=5062;received=192.0.2.7",
        ),
        (
            "SIP/2.0/UDP h;rport=1;received=198.51.100.1;branch=z9hG4bKa",
            5062,
            "SIP/2.0/UDP h;branch=z9hG4bKa;rport=5062;received=192.0.2.7",
        ),
        ("SIP/2.0/UDP 192.0.2.7:5062;received=198.51.100.1;branch=z9hG4bKa", 5062, "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKa"),
        (
            "SIP/2.0/UDP 192.0.2.7:5062;maddr=198.51.100.1;branch=z9hG4bKa",
            5062,
            "SIP/2.0/UDP 192.0.2.7:5062;maddr=198.51.100.1;branch=z9hG4bKa",
        ),
        (
            "SIP/2.0/UDP h;rportal=1;branch=z9hG4bKa;rport",
            5062,
            "SIP/2.0/UDP h;rportal=1;branch=z9hG4bKa;rport=5062;received=192.0.2.7",
        ),
    ],
)
def test_answers_over_udp_go_to_the_source(via: str, port: int, top: str) -> None:
    """Its host always; its port with rport, else the one of the Via. What the Via claims (maddr, received) sends nothing anywhere."""
    out, seen, rig = answered(via)
    assert (out.transport, out.remote) == ("UDP", ("192.0.2.7", port))
    assert seen == top
    rig.assert_empty()


def test_ipv6() -> None:
    flow = FakeFlow(("2001:db8::7", 5062), local=("2001:db8::1", 5060))
    assert (
        answered("SIP/2.0/UDP [2001:DB8:0:0::7]:5062;branch=z9hG4bKa", flow)[1]
        == "SIP/2.0/UDP [2001:DB8:0:0::7]:5062;branch=z9hG4bKa"
    )
    out, seen, _ = answered("SIP/2.0/UDP [::1]:5062;branch=z9hG4bKa;rport", flow)
    assert out is flow
    assert seen == "SIP/2.0/UDP [::1]:5062;branch=z9hG4bKa;rport=5062;received=2001:db8::7"
    rewritten = answered("SIP/2.0/UDP [::1];received=[::9];branch=z9hG4bKa", flow)[1]
    assert rewritten == "SIP/2.0/UDP [::1];branch=z9hG4bKa;received=2001:db8::7"


def test_answers_over_a_stream_go_back_on_it() -> None:
    flow = FakeFlow(("192.0.2.7", 43210), "TCP")
    assert answered("SIP/2.0/TCP 192.0.2.7:5062;branch=z9hG4bKa", flow)[0] is flow
    flow.close()
    out, _, rig = answered("SIP/2.0/TCP 192.0.2.7:5062;branch=z9hG4bKa", flow)
    assert (out.transport, out.remote) == ("TCP", ("192.0.2.7", 5062)), "a closed one is opened anew (RFC 3261 §18.2.2)"
    assert rig.connector.asked == [Target("TCP", "192.0.2.7", 5062)]


def test_a_response_copies_what_it_must() -> None:
    rig = Rig()
    taken, _ = ringing(rig)
    headers = "Via: SIP/2.0/TCP two;branch=2, SIP/2.0/UDP three\r\nRecord-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>,<sip:p3;lr>\r\nTimestamp: 54\r\n"
    via = "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKone;rport, SIP/2.0/UDP one-b"
    hundred, ring = map(parse_message, rig.receive(request_bytes("INVITE", via=via, headers=headers)))
    assert [v.split(";")[0] for v in ring.values("via")] == [
        "SIP/2.0/UDP 192.0.2.7:5062",
        "SIP/2.0/UDP one-b",
        "SIP/2.0/TCP two",
        "SIP/2.0/UDP three",
    ]
    assert ring.get_all("record-route") == ["<sip:p1;lr>", "<sip:p2;lr>,<sip:p3;lr>"]
    assert (ring.get("timestamp"), ring.from_.tag, ring.call_id, ring.cseq) == ("54", "theirs", "call-1", 1)
    assert (hundred.to.tag, bool(ring.to.tag)) == ("", True)
    rig.stack.respond(taken[0], 486, now=rig.now)
    assert parse_message(rig.drained()[0]).get_all("record-route") == []
    rig.settle()


def test_several_early_dialogs_of_one_invite() -> None:
    rig = Rig()
    taken, _ = ringing(rig)
    rig.receive(request_bytes("INVITE"))
    rig.stack.respond(taken[0], 183, now=rig.now, tag="fork-b", headers="X-A: b\r\n", body=b"v=0\r\n")
    [data] = rig.drained()
    message = parse_message(data)
    assert (message.to.tag, message.get("content-type"), message.body) == ("fork-b", "application/sdp", b"v=0\r\n")
    rig.stack.respond(taken[0], 486, now=rig.now)
    rig.settle()


# Large requests (RFC 3261 §18.1.1).

LARGE = {"body": b"x" * 1400}


def test_a_large_request_goes_over_tcp() -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "INVITE", owner, **LARGE)
    [data] = rig.drained()
    [(_, flow, _)] = rig.sent
    assert (flow.transport, flow.remote) == ("TCP", PEER)
    assert data.split(b"\r\n")[1].startswith(b"Via: SIP/2.0/TCP ")
    rig.receive(response_bytes(data, 486), flow)  # type: ignore[arg-type]
    assert owner.events == [("response", 486)]
    assert tx.state is TERMINATED
    rig.settle()


def test_exactly_1300_bytes_stay_a_datagram() -> None:
    rig = Rig()
    size = len(ask(rig, body=b"xx" * 50).sent) - 100
    for extra, transport in ((0, "UDP"), (1, "TCP")):
        tx = ask(rig, body=b"x" * (1300 - size - 1 + extra))
        assert len(tx.sent) == 1300 + extra
        assert tx.flow.transport == transport
    rig.settle()


@pytest.mark.parametrize("how", ["refused", "no streams"])
def test_without_tcp_it_is_the_datagram_after_all(how: str) -> None:
    rig, owner = Rig(), Recorder()
    rig.connector.streams = how == "refused"
    tx = ask(rig, "INVITE", owner, **LARGE)
    if how == "refused":
        rig.drained()
        rig.stack.flow_failed(tx.flow, rig.now)
    out = rig.run(4.0)
    assert [at for at, _ in out] == [0.0, 0.5, 1.5, 3.5], "with the retransmissions of a datagram"
    assert out[0][1].split(b"\r\n")[1].startswith(b"Via: SIP/2.0/UDP ")
    assert tx.flow is UDP
    rig.receive(response_bytes(tx.sent, 180))
    rig.stack.cancel(tx, rig.now)
    [cancel] = rig.drained()
    assert parse_message(cancel).get_all("via") == parse_message(tx.sent).get_all("via")
    assert owner.events == [("response", 180)]
    rig.receive(response_bytes(cancel, 200))
    rig.receive(response_bytes(tx.sent, 487))
    rig.settle()


def test_a_peer_without_tcp_is_not_asked_again_for_a_while() -> None:
    rig = Rig()
    rig.stack.flow_failed(ask(rig, **LARGE).flow, rig.now)
    asked = len(rig.connector.asked)
    assert ask(rig, **LARGE).flow is UDP
    assert len(rig.connector.asked) == asked
    rig.run(601.0)
    rig.connector.made.clear()
    assert ask(rig, **LARGE).flow.transport == "TCP"
    rig.settle()


def test_the_memory_of_peers_without_tcp_is_bounded() -> None:
    rig = Rig()
    rig.stack._no_stream = {("192.0.2.1", port): 1e9 for port in range(10_001)}
    ask(rig, **LARGE)
    assert len(rig.stack._no_stream) <= 1
    rig.settle()


# When a transport fails (RFC 3261 §17.1.4).


def test_a_failed_flow_fails_its_requests_now_and_no_others() -> None:
    rig, on_tcp, on_udp = Rig(), Recorder(), Recorder()
    flow = FakeFlow(transport="TCP")
    heard: list[Any] = []
    rig.stack.flow_listeners.append(heard.append)
    ask(rig, "INVITE", on_tcp, flow)
    ask(rig, "OPTIONS", on_tcp, flow)
    ask(rig, "OPTIONS", on_udp)
    rig.stack.flow_failed(flow, rig.now)
    assert on_tcp.events == [("failure", 503), ("failure", 503)]
    assert on_udp.events == []
    assert heard == [flow]
    rig.settle()


# CANCEL of ours (RFC 3261 §9.1).


def test_our_cancel() -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "INVITE", owner, route="Route: <sip:p;lr>\r\n", headers="X-Secret: y\r\n")
    [invite] = rig.drained()
    rig.stack.cancel(tx, rig.now)
    assert rig.drained() == [], "not before a provisional response"
    rig.receive(response_bytes(invite, 100, tag=""))
    rig.stack.cancel(tx, rig.now, "Reason: SIP;cause=200\r\n")
    rig.stack.cancel(tx, rig.now)
    [cancel] = rig.drained()
    asked, sent = parse_message(invite), parse_message(cancel)
    assert isinstance(sent, Request)
    assert (sent.method, sent.uri) == ("CANCEL", "sip:them@192.0.2.7")
    for name in ("via", "route", "from", "to", "call-id"):
        assert sent.get_all(name) == asked.get_all(name)
    assert (sent.cseq, sent.get("reason"), sent.get("x-secret")) == (1, "SIP;cause=200", None)
    rig.receive(response_bytes(cancel, 200))
    assert owner.events == [("response", 100)], "what becomes of the CANCEL is nobody's business"
    [ack] = rig.receive(response_bytes(invite, 487))
    assert parse_message(ack).get_all("via") == asked.get_all("via")
    assert parse_message(ack).get_all("route") == ["<sip:p;lr>"]
    assert parse_message(ack).to.tag == "theirs"
    rig.settle()


def test_a_2xx_that_crosses_our_cancel_is_still_delivered() -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, "INVITE", owner)
    rig.receive(response_bytes(tx.sent, 180))
    rig.stack.cancel(tx, rig.now)
    rig.receive(response_bytes(tx.sent, 200))
    assert owner.events == [("response", 180), ("response", 200)]
    rig.settle()
