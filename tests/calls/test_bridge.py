"""Two parties talk: re-INVITE, UPDATE, hold and resume, INFO and BYE cross between the legs, in both directions."""

from __future__ import annotations

import pytest

from tests.phones import Phone, PhoneCall
from tests.plain_sip import Sdp
from tests.world import NUMBER, World

Pair = tuple[PhoneCall, PhoneCall]


@pytest.fixture(params=["caller", "called"])
def pair(world: World, request: pytest.FixtureRequest) -> Pair:
    """Both ends of a call; the first is the one that acts."""
    mine, theirs = world.talk(*world.phones("601", "602"))
    return (mine, theirs) if request.param == "caller" else (theirs, mine)


def updating(phone: Phone) -> str:
    return "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"


def test_hold_and_resume(world: World, pair: Pair) -> None:
    one, other = pair
    one.hold().expect(200)
    assert other.remote_sdp is not None and other.remote_sdp.direction == "sendonly"
    assert one.remote_sdp is not None and one.remote_sdp.direction == "recvonly"
    assert not one.hears(other)
    one.resume().expect(200)
    assert one.hears(other) and other.hears(one)
    world.balanced()


def test_both_hold_and_one_resumes(world: World, pair: Pair) -> None:
    one, other = pair
    one.hold().expect(200)
    other.hold().expect(200)
    assert not one.hears(other) and not other.hears(one)
    one.resume().expect(200)
    other.resume().expect(200)
    assert one.hears(other) and other.hears(one)


def test_reinvite_moves_the_media(world: World, pair: Pair) -> None:
    one, other = pair
    one.local_sdp = one.local_sdp._replace(port=30_000, version=2)
    one.reinvite().expect(200)
    assert other.remote_sdp is not None and other.remote_sdp.port == 30_000
    assert other.hears(one)


def test_reinvite_without_an_offer(world: World, pair: Pair) -> None:
    """The other party offers, and the answer travels in the ACK."""
    one, other = pair
    one.reinvite(sdp=False).expect(200)
    world.run(1.0)
    assert other.acknowledged and one.acknowledged
    assert one.hears(other) and other.hears(one)


def test_reinvite_without_an_offer_and_a_late_ack(world: World, pair: Pair) -> None:
    """A 2xx that comes again while the answer is still awaited must not be acknowledged without it."""
    one, other = pair
    one.auto_ack = False
    attempt = one.reinvite(sdp=False)
    attempt.expect(200)
    world.run(2.0)
    assert not other.acknowledged
    one.acknowledge(attempt.final)
    world.run(1.0)
    (ack,) = (
        {m.cseq[0]: m for m in world.requests_to(other.phone, "ACK") if m.body}.values()
        if one.incoming
        else world.requests_to(other.phone, "ACK")[-1:]
    )
    assert ack.sdp is not None
    assert one.hears(other) and other.hears(one)


def test_a_refused_reinvite_changes_nothing(world: World, pair: Pair) -> None:
    one, other = pair
    other.phone.hooks["INVITE"] = lambda call, request: 488
    one.reinvite("sendonly").expect(488)
    world.run(1.0)
    assert one.state == other.state == "up"
    assert other.hears(one)


@pytest.mark.parametrize("status", [481, 408])
def test_a_peer_that_knows_the_dialog_no_more_ends_the_call(world: World, pair: Pair, status: int) -> None:
    one, other = pair
    other.phone.hooks["INVITE"] = lambda call, request: status
    one.reinvite("sendonly")
    one.expect_ended()
    other.expect_ended()


def test_update_crosses_as_update_where_it_is_allowed(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602", [updating(lee)])
    theirs = mia.expect_call()
    theirs.answer([updating(mia)])
    mine.expect_up()
    theirs.expect_up()
    mine.update("sendonly").expect(200)
    assert theirs.remote_sdp is not None and theirs.remote_sdp.direction == "sendonly"
    mia.expect("UPDATE")
    theirs.update("sendrecv").expect(200)
    lee.expect("UPDATE")


def test_update_becomes_a_reinvite_where_it_is_not(world: World, pair: Pair) -> None:
    one, other = pair
    one.update("sendonly").expect(200)
    assert not other.phone.heard("UPDATE")
    assert other.remote_sdp is not None and other.remote_sdp.direction == "sendonly"


def test_update_without_an_offer_is_answered_here(world: World, pair: Pair) -> None:
    one, other = pair
    before = len(other.phone.log)
    response = one.update(sdp=False).expect(200)
    assert not response.body and response.get("contact")
    world.run(1)
    assert len(other.phone.log) == before


def test_info_crosses_with_its_body_and_the_answer_comes_back(world: World, pair: Pair) -> None:
    one, other = pair
    one.info("5").expect(200)
    info = other.phone.expect("INFO")
    assert info.body == b"Signal=5\r\nDuration=160\r\n"
    assert info.get("content-type") == "application/dtmf-relay"
    other.phone.hooks["INFO"] = lambda call, request: 415
    one.info("6").expect(415)


def test_options_in_the_dialog_is_answered_here(world: World, pair: Pair) -> None:
    one, other = pair
    before = len(other.phone.log)
    assert "UPDATE" in one.send("OPTIONS").expect(200).get("allow")
    world.run(1)
    assert len(other.phone.log) == before


@pytest.mark.parametrize(
    ("method", "status"), [("NOTIFY", 405), ("MESSAGE", 405), ("FROB", 501), ("SUBSCRIBE", 489)]
)
def test_an_unknown_request_is_refused_here_and_disturbs_nothing(world: World, pair: Pair, method: str, status: int) -> None:
    one, other = pair
    before = len(other.phone.log)
    one.send(method).expect(status)
    world.run(1)
    assert len(other.phone.log) == before
    world.balanced()


def test_bye_crosses_with_its_cause_and_without_its_text(world: World, pair: Pair) -> None:
    one, other = pair
    one.hang_up(['Reason: Q.850;cause=16;text="secret of the one"'])
    other.expect_ended()
    assert other.reason == "Q.850;cause=16"


def test_a_broken_body_is_refused_and_the_call_goes_on(world: World, pair: Pair) -> None:
    one, _ = pair
    one.send("INVITE", body=b"no session description").expect(488)
    one.send("INVITE", body=b"<xml/>", content_type="text/xml").expect(415)
    one.send("UPDATE", body=b"<xml/>", content_type="text/xml").expect(415)
    world.run(1)
    world.balanced()


def test_a_broken_answer_in_the_ack_ends_the_call_and_no_more(world: World, pair: Pair) -> None:
    one, other = pair
    one.auto_ack = False
    attempt = one.reinvite(sdp=False)
    attempt.expect(200)
    one.acknowledge(attempt.final, b"garbage")
    one.expect_ended()
    other.expect_ended()


def test_an_ack_without_the_answer_that_it_owes_ends_the_call(world: World, pair: Pair) -> None:
    one, other = pair
    one.auto_ack = False
    attempt = one.reinvite(sdp=False)
    attempt.expect(200)
    one.acknowledge(attempt.final, b"")
    one.expect_ended()
    other.expect_ended()


def test_an_offer_that_crosses_an_offer_is_491_on_both_sides(world: World, pair: Pair) -> None:
    """RFC 3261 §14.1: both wait and try again."""
    one, other = pair
    mine, theirs = one.reinvite("sendonly"), other.reinvite("inactive")
    mine.expect(491)
    theirs.expect(491)
    one.reinvite("sendonly").expect(200)
    world.run(0.5)
    other.reinvite("inactive").expect(200)
    world.balanced()


def test_a_second_reinvite_before_the_first_is_answered_is_500(world: World, pair: Pair) -> None:
    """RFC 3261 §14.2."""
    one, other = pair
    other.phone.hooks["INVITE"] = lambda call, request: 0
    one.reinvite("sendonly")
    world.run(0.1)
    assert one.reinvite("inactive").expect(500).get("retry-after")
    one.hang_up()
    other.expect_ended()
    world.patience = 75


def test_cancel_of_a_reinvite(world: World, pair: Pair) -> None:
    one, other = pair
    other.phone.hooks["INVITE"] = lambda call, request: 0
    attempt = one.reinvite("sendonly")
    world.run(0.1)
    request = attempt.request
    lines = [
        f"Via: {request.all('via')[0]}",
        f"From: {request.get('from')}",
        f"To: {request.get('to')}",
        f"Call-ID: {request.call_id}",
    ]
    lines += [f"CSeq: {request.cseq[0]} CANCEL", "Max-Forwards: 70", "Content-Length: 0"]
    one.phone.send_raw("\n".join([f"CANCEL {request.uri} SIP/2.0", *lines, "", ""]))
    attempt.expect(487)
    world.patience = 75


def test_hanging_up_while_the_other_party_thinks_about_a_reinvite(world: World, pair: Pair) -> None:
    """The 100 has stopped timer B, and the BYE has made the peer forget the re-INVITE: it must not be kept for ever."""
    one, other = pair
    other.phone.hooks["INVITE"] = lambda call, request: 100
    attempt = one.reinvite("sendonly")
    world.run(0.5)
    one.hang_up().expect(200)
    attempt.expect(487)
    other.expect_ended()


def test_a_party_that_vanishes_while_it_thinks_about_a_reinvite(world: World, pair: Pair) -> None:
    one, other = pair
    other.phone.hooks["INVITE"] = lambda call, request: 100
    one.reinvite("sendonly")
    world.run(0.5)
    other.phone.vanish()
    one.expect_ended(within=200)
    world.patience = 40


def test_info_that_nobody_answers(world: World, pair: Pair) -> None:
    one, other = pair
    other.phone.hooks["INFO"] = lambda call, request: 0
    attempt = one.info("5")
    world.run(33)
    assert attempt.timed_out, "a late 408 would say no more than the sender's own timer F (RFC 4320)"
    world.balanced()


def test_requests_that_cross_the_bye_of_the_server_are_answered(world: World) -> None:
    """The called party's 200 to the BYE is slow: what it still asks is refused, not forgotten."""
    mine, theirs = world.talk(*world.phones("601", "602"))
    theirs.phone.hooks["BYE"] = lambda call, request: 0
    mine.hang_up().expect(200)
    world.run(0.1)
    for method in ("INVITE", "UPDATE", "INFO", "OPTIONS"):
        theirs.send(method).expect(481)
    theirs.hang_up().expect(200)
    world.patience = 70


def test_requests_while_the_server_waits_for_the_ack_to_hang_up(world: World) -> None:
    """The BYE to the caller waits for the ACK; the caller asks this and that instead."""
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mine.auto_ack = False
    theirs = mia.expect_call()
    theirs.answer()
    world.run(0.1)
    theirs.hang_up()
    world.run(0.1)
    assert not lee.heard("BYE"), "the callee does not send BYE before the ACK (RFC 3261 §15)"
    for method in ("INFO", "UPDATE", "OPTIONS"):
        mine.send(method).expect(481)
    mine.acknowledge()
    lee.expect("BYE")


def test_target_refresh(world: World, pair: Pair) -> None:
    """A new Contact in a re-INVITE is where requests go from then on (RFC 3261 §12.2)."""
    one, other = pair
    moved = (one.phone.at[0], 5066)
    world.wire.bind(moved, lambda data, source: one.phone._receive(data, source, "UDP"))
    one.send("INVITE", body=bytes(one.local_sdp)).expect(200)
    one.phone.at, old = moved, one.phone.at
    one.send("INVITE", body=bytes(one.local_sdp)).expect(200)
    world.run(1)
    one.phone.at = old
    before = len(world.wire.trace)
    other.info("1").expect(200)
    infos = [p for p in world.wire.trace[before:] if p.start_line.startswith("INFO") and p.source[0] == "127.0.0.1"]
    assert [p.destination for p in infos] == [moved]
    one.phone.at = moved


def test_a_session_description_crosses_but_for_who_made_it(world: World, pair: Pair) -> None:
    one, other = pair
    body = (
        b"v=0\r\no=olivia 1 1 IN IP4 10.9.8.7\r\ns=Secret meeting\r\ni=about\r\nu=http://x\r\ne=a@b\r\np=+1\r\nc=IN IP4 127.0.1.9\r\nt=0 0\r\n"
        b"m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=x-unknown:stays\r\na=sendrecv\r\n"
    )
    one.send("INVITE", body=body).expect(200)
    got = world.requests_to(other.phone, "INVITE")[-1].body
    for gone in (b"olivia", b"10.9.8.7", b"Secret", b"i=about", b"u=http", b"e=a@b", b"p=+1"):
        assert gone not in got
    for kept in (b"c=IN IP4 127.0.1.9\r\n", b"m=audio 30000 RTP/AVP 8\r\n", b"a=x-unknown:stays\r\n"):
        assert kept in got


def test_the_origin_line_keeps_its_session_and_counts_its_versions(world: World) -> None:
    mine, theirs = world.talk(*world.phones("601", "602"))
    origins: list[Sdp | None] = [theirs.remote_sdp]
    for _round in range(2):
        mine.hold().expect(200)
        origins.append(theirs.remote_sdp)
        mine.reinvite("sendonly").expect(200)
        origins.append(theirs.remote_sdp)
        mine.resume().expect(200)
        origins.append(theirs.remote_sdp)
    sessions = {o.session for o in origins if o}
    versions = [o.version for o in origins if o]
    assert len(sessions) == 1
    assert versions == [1, 2, 2, 3, 4, 4, 5]


def test_over_a_trunk_too(world: World) -> None:
    mine, theirs = world.talk(world.phone("601"), world.carrier, number=NUMBER)
    theirs.hold().expect(200)
    theirs.resume().expect(200)
    mine.hold().expect(200)
    theirs.info("1").expect(200)
    theirs.hang_up().expect(200)
    mine.expect_ended()
