"""The stack: what belongs to what, who is believed, where answers go, and that nothing stays behind."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.ids import Identifiers
from b2bua.sip.message import Request, parse_message
from b2bua.sip.transaction import PROCEEDING
from tests.sip.parts import PEER, UDP, FakeFlow, Recorder, Rig, ask, request_bytes, response_bytes, ringing, status_of, statuses

STRANGER = FakeFlow(("198.51.100.66", 5062))


# What belongs to what (RFC 3261 §17.2.3).


def test_the_same_request_again_is_the_same_transaction() -> None:
    rig = Rig()
    taken, _ = ringing(rig)
    assert statuses(rig.receive(request_bytes("INVITE"))) == [100, 180]
    assert statuses(rig.receive(request_bytes("INVITE"))) == [180]
    assert len(taken) == 1
    rig.stack.respond(taken[0], 486, now=rig.now)
    rig.settle()


@pytest.mark.parametrize(
    "change",
    [{"branch": "z9hG4bKother", "call_id": "2"}, {"via": "SIP/2.0/UDP 192.0.2.7:9;branch=z9hG4bKone;rport", "call_id": "2"},
     {"via": "SIP/2.0/UDP 192.0.2.8:5062;branch=z9hG4bKone;rport", "call_id": "2"}],
)  # fmt: skip
def test_branch_and_sent_by_make_a_transaction(change: dict[str, Any]) -> None:
    rig = Rig()
    taken, _ = ringing(rig)
    rig.receive(request_bytes("INVITE"))
    assert statuses(rig.receive(request_bytes("INVITE", **change))) == [100, 180]
    for tx in taken:
        rig.stack.respond(tx, 486, now=rig.now)
    rig.settle()


def test_without_the_cookie_the_fields_of_rfc_2543_count() -> None:
    rig = Rig()
    taken, owner = ringing(rig)
    old = {"via": "SIP/2.0/UDP 192.0.2.7:5062;branch=1"}
    rig.receive(request_bytes("INVITE", **old))
    assert statuses(rig.receive(request_bytes("INVITE", **old))) == [180]
    assert statuses(rig.receive(request_bytes("CANCEL", **old))) == [200, 487]
    assert owner.events == [("cancel", None)]
    rig.receive(request_bytes("ACK", to="<sip:667@acme.test>;tag=x", **old))
    assert taken[0].state == "confirmed"
    rig.settle()


def test_a_merged_request_is_refused() -> None:
    """The same request over two paths (RFC 3261 §8.2.2.2): one call, not two."""
    rig = Rig()
    taken, _ = ringing(rig)
    rig.receive(request_bytes("INVITE"))
    assert statuses(rig.receive(request_bytes("INVITE", branch="z9hG4bKother"))) == [482]
    assert len(taken) == 1
    rig.stack.respond(taken[0], 486, now=rig.now)
    rig.settle()
    assert statuses(rig.receive(request_bytes("INVITE", branch="z9hG4bKother"))) == [100, 180], "later it is a new one"
    rig.stack.respond(taken[1], 486, now=rig.now)
    rig.settle()


@pytest.mark.parametrize("over", ["directly", "a proxy", "a proxy in one line"])
def test_a_loop_is_refused(over: str) -> None:
    rig = Rig()
    taken, _ = ringing(rig)
    ask(rig, "INVITE")
    [ours] = rig.drained()
    via = parse_message(ours).get_all("via")[0].encode()
    proxy = b"SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKproxy;rport"
    back = {"directly": via, "a proxy": proxy + b"\r\nVia: " + via, "a proxy in one line": proxy + b", " + via}[over]
    assert statuses(rig.receive(ours.replace(via, back))) == [482]
    changed = (
        ours.replace(via, back)
        .replace(b"INVITE sip:them@192.0.2.7", b"INVITE sip:else@192.0.2.1")
        .replace(b"z9hG4bKproxy", b"z9hG4bKp2")
    )
    assert statuses(rig.receive(changed.replace(b"Call-ID: ours", b"Call-ID: 2"))) == [100, 180], (
        "with another target it is a spiral"
    )
    rig.stack.respond(taken[0], 486, now=rig.now)
    rig.settle()


# Who is believed.


def test_cancel_counts_from_where_the_invite_came() -> None:
    rig = Rig()
    taken, owner = ringing(rig)
    rig.receive(request_bytes("INVITE"))
    assert statuses(rig.receive(request_bytes("CANCEL"), STRANGER)) == [481]
    assert owner.events == []
    other_port = FakeFlow((PEER[0], 9999))
    assert statuses(rig.receive(request_bytes("CANCEL"), other_port)) == [200, 487]
    assert taken[0].answered
    rig.settle()


def test_cancel_and_its_invite_share_a_to_tag() -> None:
    rig = Rig()
    ringing(rig)
    [_, ringing_bytes] = rig.receive(request_bytes("INVITE"))
    out = [parse_message(data) for data in rig.receive(request_bytes("CANCEL"))]
    assert {message.to.tag for message in out} == {parse_message(ringing_bytes).to.tag}
    rig.settle()


def test_cancel_too_late_and_cancel_of_nothing() -> None:
    rig = Rig()
    taken, owner = ringing(rig)
    rig.receive(request_bytes("INVITE"))
    rig.stack.respond(taken[0], 200, now=rig.now)
    rig.drained()
    assert statuses(rig.receive(request_bytes("CANCEL"))) == [200]
    assert owner.events == [], "an answered call is not cancelled"
    assert statuses(rig.receive(request_bytes("CANCEL", branch="z9hG4bKunknown"))) == [481]
    assert statuses(rig.receive(request_bytes("CANCEL", branch="z9hG4bKunknown2", to="<sip:a@b>;tag=x"))) == [481]
    rig.settle()


def test_a_stranger_cannot_fetch_an_answer_or_stop_one() -> None:
    """A copy or an ACK from elsewhere, with everything guessed right, moves nothing."""
    rig = Rig()
    taken, _ = ringing(rig)
    rig.receive(request_bytes("INVITE"))
    assert rig.receive(request_bytes("INVITE"), STRANGER) == []
    rig.stack.respond(taken[0], 486, now=rig.now)
    rig.drained()
    rig.receive(request_bytes("ACK"), STRANGER)
    assert taken[0].state == "completed"
    rig.receive(request_bytes("ACK"))
    assert taken[0].state == "confirmed"
    rig.settle()


@pytest.mark.parametrize(
    "change",
    [(b"z9hG4bK0-", b"z9hG4bK1-"), (b"Call-ID: ours", b"Call-ID: theirs"), (b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"),
     (b"From:", b"Via: SIP/2.0/UDP elsewhere\r\nFrom:"), (b";rport\r\n", b";rport, SIP/2.0/UDP elsewhere\r\n")],
    ids=["branch", "call-id", "method", "second via", "second via in one line"],
)  # fmt: skip
def test_stray_responses(change: tuple[bytes, bytes]) -> None:
    rig, owner = Rig(), Recorder()
    tx = ask(rig, owner=owner)
    answer = response_bytes(tx.sent, 200)
    rig.drained()
    assert rig.receive(answer.replace(*change, 1)) == []
    assert owner.events == []
    assert rig.stack.counters["stray_response"] == 1
    rig.receive(answer)
    assert owner.events == [("response", 200)]
    rig.run(6.0)
    rig.receive(answer)
    assert rig.stack.counters["stray_response"] == 2, "a closed transaction has no answers"
    assert len(owner.events) == 1
    rig.settle()


# Inspecting requests (RFC 3261 §8.2).


@pytest.mark.parametrize(
    ("method", "status"),
    [("BYE", 481), ("UPDATE", 481), ("PRACK", 481), ("INFO", 481), ("REGISTER", 405), ("SUBSCRIBE", 405), ("NOTIFY", 405), ("PUBLISH", 405),
     ("MESSAGE", 405), ("REFER", 405), ("INVITE", 405), ("NOVEL", 501), ("invite", 501), ("ACK", None), ("CANCEL", 481)],
)  # fmt: skip
def test_methods_nobody_serves(method: str, status: int | None) -> None:
    rig = Rig()
    out = rig.receive(request_bytes(method))
    assert statuses(out) == ([] if status is None else [status])
    if status in (405, 501):
        assert "invite" in parse_message(out[0]).tokens("allow")
    rig.assert_empty()
    assert statuses(rig.receive(request_bytes(method, to="<sip:667@acme.test>;tag=x"))) == ([] if status is None else [481])
    rig.assert_empty()


@pytest.mark.parametrize(
    ("uri", "status"),
    [("sip:a@b", 200), ("sips:a@b", 200), ("tel:+1555", 200), ("http://x/y", 416), ("urn:service:sos", 416), ("sip:a@b?Subject=x", 400),
     ("sip:a@b;method=INVITE", 400), ("sip:", 400), ("nonsense", 400)],
)  # fmt: skip
def test_request_uri(uri: str, status: int) -> None:
    rig = Rig()
    rig.stack.handlers["OPTIONS"] = lambda incoming, flow, now: rig.stack.reject(incoming, flow, 200)
    assert statuses(rig.receive(request_bytes(uri=uri))) == [status]
    rig.assert_empty()


@pytest.mark.parametrize(
    ("headers", "unsupported"),
    [
        ("", None),
        ("Require: 100rel, TIMER\r\n", None),
        ("Require: 100rel, foo\r\nRequire: bar\r\n", {"foo", "bar"}),
        ("Proxy-Require: sec-agree\r\n", {"sec-agree"}),
    ],
)
def test_extensions(headers: str, unsupported: set[str] | None) -> None:
    rig = Rig()
    rig.stack.handlers["OPTIONS"] = lambda incoming, flow, now: rig.stack.reject(incoming, flow, 200)
    [answer] = rig.receive(request_bytes(headers=headers))
    assert status_of(answer) == (200 if unsupported is None else 420)
    assert parse_message(answer).tokens("unsupported") == (unsupported or set())


def test_a_bug_of_a_handler_costs_that_request_a_500() -> None:
    rig = Rig()
    bugs: list[Exception] = []
    rig.stack.on_error = bugs.append

    def before(incoming: Request, flow: Any, now: float) -> None:
        raise KeyError("bug")

    def after(incoming: Request, flow: Any, now: float) -> None:
        rig.stack.accept(incoming, flow, now)
        raise KeyError("bug")

    rig.stack.handlers.update(OPTIONS=before, INVITE=after)
    assert statuses(rig.receive(request_bytes())) == [500]
    assert statuses(rig.receive(request_bytes("INVITE", branch="z9hG4bKtwo"))) == [100, 500]
    assert len(bugs) == 2
    rig.settle()


# Stateless answers.


def test_a_refusal_keeps_nothing_and_is_always_the_same() -> None:
    rig = Rig()
    rig.stack.handlers["REGISTER"] = lambda incoming, flow, now: rig.stack.reject(
        incoming, flow, 401, headers="WWW-Authenticate: Digest x\r\n"
    )
    first = rig.receive(request_bytes("REGISTER"))
    for _ in range(100):
        assert rig.receive(request_bytes("REGISTER")) == first
    assert statuses(first) == [401]
    assert parse_message(first[0]).to.tag, "with a To tag"
    assert rig.receive(request_bytes("ACK", to=parse_message(first[0]).get("to") or "")) == []
    rig.assert_empty()


def test_one_datagram_out_for_one_in() -> None:
    rig = Rig()
    rig.stack.handlers["INVITE"] = lambda incoming, flow, now: rig.stack.reject(incoming, flow, 407)
    for number in range(200):
        out = rig.receive(request_bytes("INVITE", branch=f"z9hG4bK{number}", call_id=str(number)))
        assert statuses(out) == [407]
    rig.assert_empty()


# Identifiers.


def test_identifiers_are_random_enough_and_name_their_owner() -> None:
    ids = Identifiers("n1w2")
    for mint in (ids.tag, ids.branch, ids.call_id):
        minted = [mint() for _ in range(1000)]
        assert len(set(minted)) == 1000
        assert all("n1w2-" in text for text in minted)
        assert all(len(text.rpartition("-")[2]) >= 16 for text in minted), "64 bits in hex"
    with pytest.raises(ValueError, match="owner"):
        Identifiers("bad token")


# Whatever happens, in whatever order: nothing stays behind.

_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["INVITE", "CANCEL", "ACK", "BYE", "OPTIONS", "INFO"]),
            st.integers(1, 3),
            st.sampled_from(["", "tag"]),
            st.booleans(),
        ),
        st.tuples(
            st.sampled_from(["answer", "refuse", "progress", "call", "cancel", "reply", "fail", "wait"]), st.integers(0, 700)
        ),
    ),
    max_size=25,
)


@given(_STEPS)
def test_nothing_stays_behind(steps: list[Any]) -> None:
    rig, owner = Rig(), Recorder()
    taken, _ = ringing(rig)
    stream = FakeFlow(transport="TCP")
    rig.stack.handlers["OPTIONS"] = lambda incoming, flow, now: rig.stack.respond(
        rig.stack.accept(incoming, flow, now), 200, now=now
    )
    calls: list[Any] = []
    for step in steps:
        match step:
            case (method, number, tag, over_tcp) if method.isupper():
                to = "<sip:667@acme.test>" + (";tag=x" if tag else "")
                rig.receive(
                    request_bytes(method, branch=f"z9hG4bK{number}", call_id=str(number), to=to), stream if over_tcp else UDP
                )
            case ("answer" | "refuse" | "progress" as what, number) if taken:
                rig.stack.respond(taken[number % len(taken)], {"answer": 200, "refuse": 486, "progress": 183}[what], now=rig.now)
            case ("call", number):
                calls.append(ask(rig, "INVITE" if number % 2 else "OPTIONS", owner, stream if number % 3 else UDP))
            case ("cancel", number) if calls:
                rig.stack.cancel(calls[number % len(calls)], rig.now)
            case ("reply", number) if calls:
                rig.receive(response_bytes(calls[number % len(calls)].sent, 100 + number % 600))
            case ("fail", _):
                rig.stack.flow_failed(stream, rig.now)
            case ("wait", number):
                rig.run(number / 20)
    for tx in taken:
        rig.stack.respond(tx, 500, now=rig.now)
    for tx in calls:
        if tx.state is PROCEEDING and tx.method == "INVITE":
            rig.stack.cancel(tx, rig.now)
    rig.run(140.0)
    rig.assert_empty()
