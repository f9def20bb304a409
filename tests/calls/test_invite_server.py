"""The caller's INVITE: provisional responses, reliable ones, the answer, the refusal, CANCEL, BYE, lost ACKs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.phones import PhoneCall, Trunk, rejects, stays_silent
from tests.world import NUMBER, World

ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO"


def sdp_of(party: PhoneCall, **changes: Any) -> bytes:
    return bytes(party.local_sdp._replace(**changes))


def statuses(call: PhoneCall) -> list[int]:
    return [r.status for r in call.responses if r.status != 407]


def outgoing(world: World, *, reliable: bool = False) -> tuple[PhoneCall, PhoneCall]:
    """Lee calls out; the call at the trunk, where nothing but 100 has been said yet."""
    lee = world.phone("601", reliable=reliable)
    world.carrier.behaviour = stays_silent
    mine = lee.call(NUMBER, [ALLOW])
    return mine, world.carrier.expect_call()


# Early media and several early dialogs.


def test_early_media(world: World) -> None:
    mine, theirs = outgoing(world)
    theirs.ring(183, sdp=True)
    world.run(0.1)
    assert mine.remote_sdp is not None and mine.remote_sdp.port == theirs.local_sdp.port
    theirs.ring(180)
    mine.expect_ringing()
    theirs.answer()
    mine.expect_up()
    assert {r.to_tag for r in mine.responses if r.status > 100 and r.status != 407} == {mine.remote_tag}


def test_early_media_of_one_of_several_phones_reaches_nobody(world: World) -> None:
    sam, _ana, lee = world.phones("676", "677", "601")
    sam.behaviour = lambda call: call.ring(183, sdp=True)
    mine = lee.call("667")
    sam.expect_call()
    world.run(0.1)
    assert mine.remote_sdp is None
    assert statuses(mine) == [100, 180]


def test_a_trunk_that_forks_makes_several_early_dialogs_at_the_caller_too(world: World) -> None:
    """RFC 3261 §12.1: descriptions of different early dialogs come with different To tags."""
    mine, theirs = outgoing(world)
    theirs.local_sdp = theirs.local_sdp._replace(port=40_000)
    theirs.ring(183, tag="one", sdp=True)
    theirs.local_sdp = theirs.local_sdp._replace(port=40_002)
    theirs.ring(183, tag="two", sdp=True)
    world.run(0.1)
    ports = {r.to_tag: r.sdp.port for r in mine.early.values() if r.sdp}
    assert sorted(ports.values()) == [40_000, 40_002]
    assert not {"one", "two"} & set(ports)
    theirs.answer(tag="one")
    mine.expect_up()
    assert mine.remote_sdp is not None and mine.remote_sdp.port == 40_002, "what the 200 said"
    assert ports[mine.remote_tag] == 40_000, "the 200 continues the early dialog of the fork that answered"


def test_two_forks_answer_and_the_second_is_ended(world: World) -> None:
    """RFC 3261 §13.2.2.4."""
    mine, theirs = outgoing(world)
    theirs.ring(180, tag="one")
    theirs.ring(180, tag="two")
    theirs.answer(tag="one")
    answer = theirs.invite_answer
    assert answer is not None
    second = answer.data.replace(b"tag=one", b"tag=two")
    mine.expect_up()
    world.carrier.transmit(second, answer.way)
    world.run(0.2)
    world.carrier.transmit(second, answer.way)
    world.run(1.0)
    to_two = [m for m in (h.message for h in world.carrier.log) if m.is_request and m.to_tag == "two"]
    assert [m.method for m in to_two] == ["ACK", "BYE", "ACK"] or [m.method for m in to_two] == ["ACK", "ACK", "BYE"]
    assert mine.state == theirs.state == "up"
    world.balanced()


# INVITE without SDP.


@pytest.mark.parametrize("called", ["602", NUMBER])
def test_invite_without_an_offer(world: World, called: str) -> None:
    lee = world.phone("601")
    party = world.phone("602") if called == "602" else world.carrier
    mine = lee.call(called, sdp=False)
    theirs = party.expect_call()
    assert theirs.invite.sdp is None
    assert "100rel" not in theirs.invite.all("supported"), "the caller could not answer an early offer"
    theirs.answer()
    mine.expect_up()
    theirs.expect_up()
    assert mine.hears(theirs) and theirs.hears(mine)


def test_invite_without_an_offer_and_a_lost_ack(world: World) -> None:
    """The called phone's 200 comes again before the caller's answer is there: no ACK without the answer."""
    lee, mia = world.phones("601", "602")
    mine = lee.call("602", sdp=False)
    theirs = mia.expect_call()
    mine.auto_ack = False
    theirs.answer()
    world.run(2.0)
    assert not theirs.acknowledged
    mine.acknowledge()
    theirs.expect_up()
    assert all(ack.sdp for ack in world.requests_to(mia, "ACK"))
    assert theirs.hears(mine)


def test_invite_without_an_offer_and_early_sdp_that_is_none(world: World) -> None:
    """SDP in an unreliable response to an INVITE without SDP is no offer (RFC 3262 §5)."""
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602", sdp=False)
    theirs = mia.expect_call()
    theirs.ring(183, sdp=True)
    world.run(0.1)
    assert mine.remote_sdp is None
    theirs.answer()
    mine.expect_up()
    theirs.expect_up()
    assert theirs.hears(mine) and mine.hears(theirs)


def test_the_broken_answer_to_an_offer_in_the_200_ends_both(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602", sdp=False)
    mine.auto_ack = False
    theirs = mia.expect_call()
    theirs.answer()
    world.run(0.1)
    mine.acknowledge(body=b"garbage")
    mine.expect_ended()
    theirs.expect_ended()


def test_an_answer_without_any_description_cannot_be_passed_on(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    theirs.answer(sdp=False)
    mine.expect_ended(488)
    theirs.expect_ended()
    assert world.history[-1].outcome == "failed" and world.history[-1].answered is None


# Reliable provisional responses (RFC 3262).


def test_100rel_in_both_directions(world: World) -> None:
    mine, theirs = outgoing(world, reliable=True)
    theirs.ring(183, sdp=True, reliable=True)
    world.run(0.1)
    prack = world.carrier.expect("PRACK")
    assert prack.get("rack") == f"1 {theirs.invite.cseq[0]} INVITE"
    early = next(iter(mine.early.values()))
    assert early.all("require") == ["100rel"] and early.get("rseq")
    assert mine.phone.heard(200), "our answer to the caller's PRACK"
    theirs.answer()
    mine.expect_up()


def test_a_reliable_response_for_a_caller_who_knows_none(world: World) -> None:
    mine, theirs = outgoing(world)
    theirs.ring(183, sdp=True, reliable=True)
    world.run(0.1)
    world.carrier.expect("PRACK")
    early = next(iter(mine.early.values()))
    assert early.get("require") == "" and early.get("rseq") == ""
    theirs.answer()
    mine.expect_up()


def test_a_caller_who_requires_100rel(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602", ["Require: 100rel", "Supported: 100rel"])
    theirs = mia.expect_call()
    world.run(0.1)
    early = next(iter(mine.early.values()))
    assert (early.status, early.all("require")) == (180, ["100rel"])
    theirs.answer()
    mine.expect_up()


def test_a_reliable_response_again_is_one_event_and_one_prack(world: World) -> None:
    mine, theirs = outgoing(world, reliable=True)
    world.wire.drop(lambda packet: packet.start_line.startswith("PRACK") and packet.destination == world.carrier.at, times=2)
    theirs.ring(183, sdp=True, reliable=True)
    world.run(3)
    assert len(world.carrier.heard("PRACK")) == 1
    assert len([h for h in mine.phone.log if h.message.status == 183]) == 1
    theirs.ring(180, reliable=True)
    world.run(0.1)
    assert [m.get("rack").split()[0] for m in world.carrier.heard("PRACK")] == ["1", "2"]
    theirs.answer()
    mine.expect_up()


def test_a_lost_prack_of_the_caller(world: World) -> None:
    mine, theirs = outgoing(world, reliable=True)
    world.wire.drop(lambda packet: packet.start_line.startswith("PRACK") and packet.source == mine.phone.at, times=2)
    theirs.ring(183, sdp=True, reliable=True)
    world.run(0.7)
    assert len([h for h in mine.phone.log if h.message.status == 183]) == 2, "it is repeated until the PRACK"
    world.run(3)
    assert len([h for h in mine.phone.log if h.message.status == 183]) == 2
    theirs.answer()
    mine.expect_up()


def test_the_200_waits_for_the_prack(world: World) -> None:
    mine, theirs = outgoing(world, reliable=True)
    mine.auto_prack = False
    theirs.ring(183, sdp=True, reliable=True)
    theirs.answer()
    world.run(1.0)
    assert theirs.acknowledged, "whoever answered is told at once"
    assert mine.state == "calling"
    early = next(iter(mine.early.values()))
    mine._prack(early)
    mine.expect_up()
    assert mine.hears(theirs)


def test_a_prack_that_never_comes(world: World) -> None:
    mine, theirs = outgoing(world, reliable=True)
    mine.auto_prack = False
    theirs.ring(183, sdp=True, reliable=True)
    theirs.answer()
    world.run(33)
    mine.expect_ended(504)
    theirs.expect_ended()


def test_a_prack_for_nothing(world: World) -> None:
    mine, theirs = outgoing(world, reliable=True)
    mine.auto_prack = False
    theirs.ring(183, sdp=True, reliable=True)
    world.run(0.1)
    early = next(iter(mine.early.values()))
    number = int(early.get("rseq"))
    for rack in (f"{number + 1} {mine.invite.cseq[0]} INVITE", f"{number} 99 INVITE", "x", f"{number} {mine.invite.cseq[0]} BYE"):
        mine.send("PRACK", [f"RAck: {rack}"], early=early.to_tag).expect(481)
    mine._prack(early)
    world.run(0.1)
    mine.send("PRACK", [f"RAck: {number} {mine.invite.cseq[0]} INVITE"], early=early.to_tag).expect(481)
    theirs.answer()
    mine.expect_up()


def test_an_offer_in_a_reliable_response_is_answered_in_the_prack(world: World) -> None:
    lee = world.phone("601")
    world.carrier.behaviour = stays_silent
    mine = lee.call(NUMBER, sdp=False, reliable=True)
    theirs = world.carrier.expect_call()
    mine.auto_prack = False
    theirs.ring(183, sdp=True, reliable=True)
    world.run(0.2)
    assert not world.carrier.heard("PRACK"), "the answer is not there yet"
    early = next(iter(mine.early.values()))
    assert early.sdp is not None
    mine.send("PRACK", [f"RAck: {early.get('rseq')} {early.get('cseq')}"], sdp_of(mine), early=early.to_tag).expect(200)
    prack = world.carrier.expect("PRACK")
    assert prack.sdp is not None and prack.sdp.port == mine.local_sdp.port
    theirs.answer(sdp=False)
    mine.expect_up()
    theirs.expect_up()
    assert not [r for r in mine.responses if r.status == 200 and r.body]


def test_a_broken_answer_in_the_prack(world: World) -> None:
    lee = world.phone("601")
    world.carrier.behaviour = stays_silent
    mine = lee.call(NUMBER, sdp=False, reliable=True)
    theirs = world.carrier.expect_call()
    mine.auto_prack = False
    theirs.ring(183, sdp=True, reliable=True)
    world.run(0.2)
    early = next(iter(mine.early.values()))
    mine.send("PRACK", [f"RAck: {early.get('rseq')} {early.get('cseq')}"], b"garbage", early=early.to_tag)
    mine.expect_ended()
    theirs.expect_ended(487)


@pytest.mark.parametrize("answered_first", [False, True])
def test_an_offer_in_the_prack(world: World, answered_first: bool) -> None:
    """RFC 3262 §5: a new offer crosses as UPDATE; a 2xx that comes meanwhile waits."""
    mine, theirs = outgoing(world, reliable=True)
    mine.auto_prack = False
    theirs.ring(183, [ALLOW], sdp=True, reliable=True)
    world.run(0.1)
    early = next(iter(mine.early.values()))
    if answered_first:
        theirs.answer([ALLOW])
        world.run(0.1)
    attempt = mine.send(
        "PRACK",
        [f"RAck: {early.get('rseq')} {early.get('cseq')}"],
        sdp_of(mine, direction="inactive", version=2),
        early=early.to_tag,
    )
    response = attempt.expect(200)
    assert response.sdp is not None and response.sdp.direction == "inactive"
    assert theirs.remote_sdp is not None and theirs.remote_sdp.direction == "inactive"
    if not answered_first:
        theirs.answer()
    mine.expect_up()
    world.balanced()


def test_an_offer_in_the_prack_that_cannot_cross(world: World) -> None:
    mine, theirs = outgoing(world, reliable=True)
    mine.auto_prack = False
    theirs.ring(183, ["Allow: INVITE, ACK, BYE, CANCEL, PRACK"], sdp=True, reliable=True)
    world.run(0.1)
    early = next(iter(mine.early.values()))
    mine.send("PRACK", [f"RAck: {early.get('rseq')} {early.get('cseq')}"], sdp_of(mine, version=2), early=early.to_tag).expect(
        488
    )
    theirs.answer()
    mine.expect_up()


@pytest.mark.parametrize("who", ["caller", "called"])
def test_early_update(world: World, who: str) -> None:
    """RFC 3311: before the answer the session is changed by UPDATE."""
    mine, theirs = outgoing(world, reliable=True)
    theirs.ring(183, [ALLOW], sdp=True, reliable=True)
    world.run(0.2)
    if who == "caller":
        tag = next(iter(mine.early))
        assert mine.update("sendonly", early=tag).expect(200).sdp is not None
        assert theirs.remote_sdp is not None and theirs.remote_sdp.direction == "sendonly"
    else:
        assert theirs.update("sendonly").expect(200).sdp is not None
        assert mine.remote_sdp is not None and mine.remote_sdp.direction == "sendonly"
    theirs.answer()
    mine.expect_up()


def test_a_phone_that_is_stopped_while_its_early_update_is_open(world: World) -> None:
    mine, theirs = outgoing(world, reliable=True)
    theirs.ring(183, [ALLOW], sdp=True, reliable=True)
    world.run(0.2)
    mine.phone.hooks["UPDATE"] = lambda call, request: 0
    attempt = theirs.update("sendonly")
    world.run(0.2)
    mine.cancel()
    attempt.expect(487)
    mine.expect_ended(487)
    theirs.expect_ended(487)


# Giving up.


def test_cancel_reaches_every_ringing_phone(world: World) -> None:
    sam, ana, lee = world.phones("676", "677", "601")
    mine = lee.call("667")
    at = [sam.expect_call(), ana.expect_call()]
    mine.expect_ringing()
    mine.cancel()
    mine.expect_ended(487)
    assert [h.message.status for h in lee.log if h.message.cseq[1] == "CANCEL"] == [200]
    for call in at:
        call.expect_ended(487)
    world.run(1)
    assert world.history[-1].outcome == "cancelled"


def test_cancel_before_any_provisional_of_the_phone(world: World) -> None:
    """RFC 3261 §9.1: our CANCEL waits for the first response."""
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.cancel()
    mine.expect_ended(487)
    assert not mia.heard("CANCEL")
    theirs.ring()
    theirs.expect_ended(487)


def test_cancel_for_a_phone_that_never_says_anything(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602")
    mia.expect_call()
    mine.cancel()
    mine.expect_ended(487)
    world.run(33)
    assert not mia.heard("CANCEL")


def test_cancel_that_the_phone_ignores(world: World) -> None:
    """No final response after the CANCEL: the transaction ends after 64·T1 (RFC 3261 §9.1)."""
    lee, mia = world.phones("601", "602")
    mia.hooks["CANCEL"] = lambda call, request: 200
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    mine.cancel()
    mine.expect_ended(487)
    world.run(34)
    assert not world.at_rest()
    theirs.reject(487)


def test_the_reason_of_a_cancel_crosses_without_its_text(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    request = mine.invite
    lines = [
        f"Via: {request.all('via')[0]}",
        f"From: {request.get('from')}",
        f"To: {request.get('to')}",
        f"Call-ID: {request.call_id}",
    ]
    lines += [f"CSeq: {request.cseq[0]} CANCEL", "Max-Forwards: 70", 'Reason: SIP;cause=200;text="my words"', "Content-Length: 0"]
    lee.send_raw("\n".join([f"CANCEL {request.uri} SIP/2.0", *lines, "", ""]))
    theirs.expect_ended(487)
    assert theirs.reason == "SIP;cause=200"


def test_bye_of_an_early_dialog(world: World) -> None:
    """RFC 3261 §15: the caller may end an early dialog with BYE; the INVITE gets 487."""
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    mine.send("BYE", early=next(iter(mine.early))).expect(200)
    mine.expect_ended(487)
    theirs.expect_ended(487)


def test_a_200_that_crosses_the_cancel_is_acknowledged_and_ended_once(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    mine.cancel()
    world.run(0.0015)
    theirs.answer()
    mine.expect_ended(487)
    theirs.expect_ended()
    assert theirs.acknowledged
    world.run(5)
    assert len(world.requests_to(mia, "BYE")) == 1


def test_a_200_that_was_sent_before_the_cancel_arrives_wins(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    theirs.answer()
    world.run(0.0005)
    mine.cancel()
    world.run(1)
    assert [h.message.status for h in lee.log if h.message.cseq[1] == "CANCEL"] == [200]
    mine.expect_ended(200)
    theirs.expect_ended()


# Lost ACKs, late ends.


def test_without_an_ack_both_are_ended_after_64_t1(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mine.auto_ack = False
    theirs = mia.expect_call()
    theirs.answer()
    world.run(31)
    assert mine.state == theirs.state == "up"
    assert [h.message.status for h in lee.log].count(200) > 9, "the 200 is repeated: T1 doubled up to T2"
    mine.expect_ended()
    theirs.expect_ended()
    world.patience = 70


def test_a_lost_ack_is_repeated_with_the_200(world: World) -> None:
    lee, mia = world.phones("601", "602")
    world.wire.drop(
        lambda packet: packet.start_line.startswith("ACK") and packet.source == lee.at and "0@127.0.0.1" in packet.start_line,
        times=2,
    )
    mine = lee.call("602")
    mia.expect_call().answer()
    mine.expect_up()
    world.run(5)
    count = len(lee.log)
    world.run(30)
    assert len(lee.log) == count
    world.balanced()


def test_the_bye_to_the_caller_waits_for_the_ack(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mine.auto_ack = False
    theirs = mia.expect_call()
    theirs.answer()
    world.run(0.1)
    theirs.hang_up().expect(200)
    world.run(1)
    assert not lee.heard("BYE")
    mine.acknowledge()
    mine.expect_ended()
    assert mine.ended_by == "them"


def test_the_bye_to_the_caller_waits_for_an_ack_that_never_comes(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mine.auto_ack = False
    theirs = mia.expect_call()
    theirs.answer()
    world.run(0.1)
    theirs.hang_up().expect(200)
    mine.expect_ended(within=33)
    world.patience = 70


def test_the_caller_hangs_up_instead_of_acknowledging(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mine.auto_ack = False
    theirs = mia.expect_call()
    theirs.answer()
    world.run(0.1)
    mine.hang_up().expect(200)
    theirs.expect_ended()
    world.run(40)
    assert not world.requests_to(lee, "BYE"), "nobody says BYE to who has said it"


def test_an_ack_after_the_bye_still_stops_the_200(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mine.auto_ack = False
    mia.expect_call().answer()
    world.run(0.1)
    mine.hang_up().expect(200)
    mine.acknowledge()
    world.run(0.1)
    count = len(lee.log)
    world.run(30)
    assert len(lee.log) == count


# What is refused before anything rings.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Require: 100rel, frob"], 420),
        (["Proxy-Require: frob"], 420),
        (["Content-Encoding: gzip"], 415),
        (["Accept: text/plain"], 406),
        (["Supported: timer", "Session-Expires: 60"], 422),
    ],
)
def test_what_cannot_be_served(world: World, headers: list[str], status: int) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602", headers)
    mine.expect_ended(status)
    final = mine.responses[-1]
    named = {420: "unsupported", 415: "accept-encoding", 406: "warning", 422: "min-se"}[status]
    assert final.get(named)
    assert not mia.calls


@pytest.mark.parametrize("lines", [["Accept: Application/SDP"], ["Accept: text/plain", "Accept: application/sdp;level=1, x/y"], ["Accept: */*"]])
def test_a_caller_who_accepts_session_descriptions(world: World, lines: list[str]) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602", lines)
    mia.expect_call()
    mine.cancel()
    mine.expect_ended(487)


def test_a_body_that_is_no_session_description(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = PhoneCall(lee)
    lee.calls.append(mine)
    mine.local_sdp = b"garbage"  # type: ignore[assignment]
    mine.dial("sip:602@acme.test", [], sdp=True, reliable=False)
    mine.expect_ended(488)
    assert not mia.calls


def raw_invite(phone: Trunk, *, headers: str = "", contact: bool = True, hops: str = "70") -> str:
    contact_line = f"Contact: {phone.contact}\n" if contact else ""
    return (
        f"INVITE sip:+6221500602@acme.test SIP/2.0\n{phone.via()}\nFrom: <sip:+33123456@{phone.host_port}>;tag={phone.new_id('t')}\n"
        f"To: <sip:+6221500602@acme.test>\nCall-ID: {phone.new_id('c')}\nCSeq: 1 INVITE\nMax-Forwards: {hops}\n{contact_line}{headers}"
        "Content-Length: 0\n\n"
    )


@pytest.mark.parametrize(("hops", "contact", "status"), [("0", True, 483), ("00", True, 483), ("70", False, 400), ("x", True, 400)])
def test_no_hops_no_contact(world: World, hops: str, contact: bool, status: int) -> None:
    world.phone("601")
    world.carrier.send_raw(raw_invite(world.carrier, contact=contact, hops=hops))
    world.run(1)
    assert next(h.message.status for h in world.carrier.log if h.message.status != 100) == status


def test_hops_are_counted(world: World) -> None:
    lee, mia = world.phones("601", "602")
    lee.call("602")
    assert int(mia.expect_call().invite.get("max-forwards")) == 69


def test_a_merged_request_is_a_loop(world: World) -> None:
    """RFC 3261 §8.2.2.2: the same INVITE over another path."""
    world.phone("601")
    text = raw_invite(world.carrier)
    world.carrier.send_raw(text)
    world.run(0.1)
    world.carrier.send_raw(text.replace("branch=", "branch=z9hG4bKother", 1))
    world.run(0.1)
    assert [h.message.status for h in world.carrier.log][-1] == 482
    cancel = text.replace("INVITE", "CANCEL")
    world.carrier.send_raw(cancel)
    world.run(1)
    assert 487 in [h.message.status for h in world.carrier.log]
    world.patience = 70


def test_a_retransmitted_invite_rings_once_and_repeats_the_last_word(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mia.expect_call()
    mine.expect_ringing()
    lee.transmit(mine.invite.data, (lee.server, "UDP"))
    world.run(0.1)
    assert len(mia.calls) == 1
    assert [h.message.status for h in lee.log][-1] == 180


def test_the_refusal_is_repeated_until_it_is_acknowledged(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = rejects(486)
    world.wire.drop(lambda packet: packet.start_line.startswith("ACK") and packet.source == lee.at, times=3)
    lee.call("602").expect_ended(486)
    world.run(10)
    assert [h.message.status for h in lee.log].count(486) in (3, 4)


def test_record_route_of_the_caller(world: World) -> None:
    """Loose: our requests go by the proxy, and the response shows the way back (RFC 3261 §12.1.1)."""
    proxy = world.carrier
    lee = world.phone("601")
    for route in ("<sip:127.0.0.2:5090;lr>", "<sip:127.0.0.2:5090>"):
        mine = proxy.call_from("+33123456", "+6221500602", [f"Record-Route: {route}"])
        theirs = lee.expect_call()
        mine.auto_ack = False
        theirs.answer()
        mine.expect_up()
        mine.routes = []  # whoever stands behind the proxy; here it is the proxy itself
        mine.acknowledge()
        assert [r.get("record-route") for r in mine.responses if r.status == 200] == [route]
        theirs.hang_up().expect(200)
        mine.expect_ended()
        bye = world.requests_to(proxy, "BYE")[-1]
        target = mine.phone.contact.strip("<>")
        if ";lr" in route:
            assert (bye.uri, bye.all("route")) == (target, [route])
        else:
            assert (bye.uri, bye.all("route")) == ("sip:127.0.0.2:5090", [f"<{target}>"])


def test_a_plan_that_is_over_before_it_begins(world: World) -> None:
    """A refused plan leaves a history row and nothing else."""
    lee = world.phone("601")
    mine = lee.call("999")
    mine.expect_ended(404)
    assert mine.responses[-1].get("warning")
    assert len(world.history) == 1 and world.health["calls"] == 0
