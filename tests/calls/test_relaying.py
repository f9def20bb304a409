"""Calls of two whose sound goes by an engine that rewrites (rtpengine), until a feature brings it to the own engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from b2bua.calls.commands import Hold, Outcome
from b2bua.calls.events import Rewrote
from b2bua.delegation.model import Alerting, Delegation, Directory, Executive, User
from b2bua.media.rtpengine import Rtpengine
from tests.fake_media import FakeMedia
from tests.fake_rewriter import HOST, FakeRewriter
from tests.media.fake_rtpengine import CONTROL, FakeRtpengine
from tests.phone_call import PhoneCall
from tests.phones import Phone, stays_silent
from tests.plain_sip import write
from tests.world import EPOCH, NUMBER, USERS, World, configuration, executive

Office = Callable[..., World]
OURS = ("127.7.7.2", 40_001)
"""Where the server speaks to rtpengine."""
SLOW = 0.1
"""Seconds that the engine takes where something is to happen meanwhile."""


@pytest.fixture(params=[0.0, 0.01], ids=["at once", "later"])
def office(request: pytest.FixtureRequest, new_world: Office) -> World:
    """Olivia (667) with Sam (676) and Ana (677), with an engine that takes no time and one that takes some."""
    return new_world(media=FakeMedia(), rewriter=FakeRewriter(request.param))


@pytest.fixture
def slow(new_world: Office) -> World:
    return new_world(media=FakeMedia(), rewriter=FakeRewriter(SLOW))


@pytest.fixture
def anchored(new_world: Office) -> World:
    """Every call is to cross the server."""
    return new_world(media=FakeMedia(), rewriter=FakeRewriter(), organisation=anchoring())


def anchoring(*executives: Executive, users: Iterable[User] = USERS) -> Directory:
    config = configuration()
    built = Directory.build(
        domain=config.domain,
        users=users,
        executives=executives or (executive(),),
        trunks=config.routes,
        emergency=config.emergency,
        organisation="Acme",
        media_mode="anchored",
    )
    return replace(built, pick_up="organisation")


def engine(world: World) -> FakeRewriter:
    assert world.rewriter is not None
    return world.rewriter


def taken(caller: PhoneCall, phone: Phone) -> PhoneCall:
    theirs = phone.expect_call()
    theirs.answer()
    caller.expect_up()
    theirs.expect_up()
    caller.phone.wire.run(0.5)
    return theirs


def delegated(world: World) -> tuple[PhoneCall, PhoneCall]:
    """A call from outside to Olivia that Sam has taken."""
    sam = world.phone("676")
    mine = world.carrier.call("+6221500667")
    return mine, taken(mine, sam)


def talking(world: World, *calls: PhoneCall) -> bool:
    return engine(world).talking(*(call.remote_sdp for call in calls))


def relayed(call: PhoneCall) -> bool:
    return call.remote_sdp is not None and call.remote_sdp.host == HOST


def over(world: World, *calls: PhoneCall) -> None:
    """Nobody is in a call any more, and the relay has been closed, once."""
    world.run(3)
    assert [call.state for call in calls if call.state != "trying"] == ["ended"] * len([call for call in calls if call.state != "trying"])
    assert not engine(world).calls
    assert world.at_rest().keys() <= {"transactions", "timers"}


# --- calls that are answered ----------------------------------------------------------------------------------------------------


def test_a_delegated_call_is_relayed_and_leaves_its_figures(office: World) -> None:
    caller, sam = delegated(office)
    assert relayed(caller) and relayed(sam) and talking(office, caller, sam)
    assert office.health["media_ports"] == 0 and not office.media.contexts  # type: ignore[union-attr]
    caller.hang_up()
    over(office, caller, sam)
    (row,) = office.history
    assert {(each.party, each.received) for each in row.quality} == {("676", 40), (row.caller, 40)}
    assert engine(office).log.count("close") == 1


def test_plain_calls_go_directly(office: World) -> None:
    mine, theirs = office.talk(*office.phones("601", "602"))
    assert mine.hears(theirs) and theirs.hears(mine)
    assert not engine(office).log


def test_every_call_is_relayed_where_all_are_anchored(anchored: World) -> None:
    mine, theirs = anchored.talk(*anchored.phones("601", "602"))
    assert talking(anchored, mine, theirs)


def test_each_branch_has_an_offer_of_its_own_and_the_loser_is_forgotten(office: World) -> None:
    sam, ana = office.phones("676", "677")
    caller = office.carrier.call("+6221500667")
    at_sam = sam.expect_call()
    at_ana = taken(caller, ana)
    assert at_sam.remote_sdp is not None and at_ana.remote_sdp is not None and at_sam.remote_sdp.port != at_ana.remote_sdp.port
    assert talking(office, caller, at_ana)
    at_sam.expect_ended()
    (relay,) = engine(office).calls.values()
    assert len(relay.ports) == 2
    assert office.requests_to(sam, "CANCEL")


@pytest.mark.parametrize("delay", [0.0, SLOW])
def test_two_answer_at_the_same_instant(new_world: Office, delay: float) -> None:
    world = new_world(media=FakeMedia(), rewriter=FakeRewriter(delay))
    sam, ana = world.phones("676", "677")
    caller = world.carrier.call("+6221500667")
    both = [phone.expect_call() for phone in (sam, ana)]
    for call in both:
        call.answer()
    world.run(2)
    (winner,) = (call for call in both if call.state == "up")
    assert caller.state == "up" and talking(world, caller, winner)
    world.balanced()


def test_early_media_and_the_answer_that_repeats_them(office: World) -> None:
    sam, lee = office.phones("676", "601")
    sam.behaviour = stays_silent
    mine = lee.call("676")
    theirs = sam.expect_call()
    theirs.ring(183, sdp=True)
    office.run(0.5)
    assert relayed(mine) and mine.early
    theirs.answer()
    mine.expect_up()
    assert talking(office, mine, theirs)
    assert engine(office).log == ["offer", "answer"], "the answer has been rewritten already"


def test_reliable_early_media(office: World) -> None:
    sam = office.phone("676")
    sam.behaviour = stays_silent
    lee = office.phone("601", reliable=True)
    mine = lee.call("676")
    theirs = sam.expect_call()
    theirs.ring(183, sdp=True, reliable=True)
    office.run(0.5)
    theirs.answer()
    mine.expect_up()
    theirs.expect_up()
    assert talking(office, mine, theirs)


def test_early_media_that_cannot_be_rewritten_are_not_heard(office: World) -> None:
    sam, lee = office.phones("676", "601")
    sam.behaviour = stays_silent
    engine(office).refuse["answer"] = [503]
    mine = lee.call("676")
    theirs = sam.expect_call()
    theirs.ring(183, sdp=True)
    office.run(0.5)
    assert mine.remote_sdp is None and mine.early
    theirs.answer()
    mine.expect_up()
    assert talking(office, mine, theirs)


def test_an_offer_that_comes_with_the_answer(office: World) -> None:
    """An INVITE without an offer: the called party offers in its 200, the caller answers in its ACK."""
    sam = office.phone("676")
    mine = office.carrier.call("+6221500667", sdp=False)
    theirs = taken(mine, sam)
    assert relayed(mine) and relayed(theirs) and talking(office, mine, theirs)
    assert engine(office).log[:2] == ["offer", "answer"]


def test_hostile_descriptions_are_refused(office: World) -> None:
    sam, lee = office.phones("676", "601")
    mine = lee.call("676", sdp=False)
    mine.local_sdp = mine.local_sdp._replace(host="239.1.2.3")
    theirs = sam.expect_call()
    theirs.local_sdp = theirs.local_sdp._replace(host="239.1.2.3")
    theirs.answer()
    mine.expect_ended(488)
    over(office, mine, theirs)


# --- refused, dead --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [488, 503])
@pytest.mark.parametrize("number", ["676", "667"])
def test_an_offer_that_is_refused(office: World, status: int, number: str) -> None:
    sam, ana, lee = office.phones("676", "677", "601")
    engine(office).refuse["offer"] = [status, status]
    mine = lee.call(number)
    mine.expect_ended(status)
    assert not sam.calls and not ana.calls
    over(office, mine)


def test_the_caller_s_hostile_description_is_refused(office: World) -> None:
    sam, lee = office.phones("676", "601")
    mine = PhoneCall(lee)
    lee.calls.append(mine)
    mine.local_sdp = mine.local_sdp._replace(host="239.1.2.3")
    mine.dial(f"sip:667@{lee.domain}", [], sdp=True, reliable=False)
    mine.expect_ended(488)
    assert not sam.calls and not engine(office).log
    over(office, mine)


def test_one_branch_that_is_refused(office: World) -> None:
    sam, ana = office.phones("676", "677")
    engine(office).refuse["offer"] = [503]
    caller = office.carrier.call("+6221500667")
    theirs = taken(caller, ana)
    assert not sam.calls and talking(office, caller, theirs)


def test_an_answer_that_is_refused_ends_the_call(office: World) -> None:
    sam, lee = office.phones("676", "601")
    engine(office).refuse["answer"] = [503]
    mine = lee.call("676")
    theirs = sam.expect_call()
    theirs.answer()
    mine.expect_ended(503)
    over(office, mine, theirs)
    (row,) = office.history
    assert (row.status, row.outcome) == (503, "failed")


@pytest.mark.parametrize("everything", [False, True], ids=["auto", "anchored"])
def test_new_calls_while_the_engine_is_dead(new_world: Office, everything: bool) -> None:
    world = new_world(media=FakeMedia(), rewriter=FakeRewriter(), organisation=anchoring() if everything else None)
    lee, mia = world.phones("601", "602")
    engine(world).die()
    caller = world.carrier.call("+6221500667")
    caller.expect_ended(503, within=0.1)
    if everything:
        lee.call("602").expect_ended(503, within=0.1)
    else:
        mine, theirs = world.talk(lee, mia)
        assert mine.hears(theirs)


def test_a_caller_does_not_wait_in_a_queue_for_a_dead_engine(new_world: Office) -> None:
    """Its members would be rung round after round."""
    members = tuple(Delegation(each, "500", frozenset({"receive"})) for each in ("601", "602"))
    sales = Executive("500", kind="group", delegations=members, alerting=Alerting(ring_seconds=20), maximum_wait=60.0)
    organisation = anchoring(sales, users=(*USERS, User("500", "Sales", "", kind="group")))
    world = new_world(media=FakeMedia(), rewriter=FakeRewriter(SLOW), organisation=organisation)
    world.phones("601", "602")
    caller = world.carrier.call_from("+15551234567", "500")
    world.run(SLOW / 2)
    engine(world).die()
    caller.expect_ended(503, within=2.0)


def test_an_emergency_call_goes_directly_when_the_engine_is_dead(anchored: World) -> None:
    engine(anchored).die()
    mine = anchored.phone("601").call("112")
    theirs = anchored.carrier.expect_call()
    theirs.answer()
    mine.expect_up()
    assert mine.hears(theirs) and theirs.hears(mine)


def test_an_emergency_call_goes_directly_when_the_engine_refuses_it(anchored: World) -> None:
    engine(anchored).refuse["offer"] = [503]
    mine = anchored.phone("601").call("112")
    theirs = anchored.carrier.expect_call()
    theirs.answer()
    mine.expect_up()
    assert mine.hears(theirs) and theirs.hears(mine)


def test_a_dead_rtpengine(new_world: Office) -> None:
    """The real client and a fake rtpengine: what runs goes on, what is new is refused within two seconds, and then at once."""
    world = new_world(media=FakeMedia())
    fake = FakeRtpengine(world.wire)
    rtpengine = Rtpengine(lambda data: world.wire.send(OURS, CONTROL, data), world.after)


    def receive(data: bytes, source: object) -> None:
        world.after(0.0, lambda: rtpengine.exchange.receive(data))

    world.wire.bind(OURS, receive)
    world.core.calls.rewriter = rtpengine
    rtpengine.exchange.start()
    world.run(0.1)
    caller, sam = delegated(world)
    assert caller.remote_sdp is not None and caller.remote_sdp.host == CONTROL[0] and fake.calls
    fake.die()
    began = world.wire.now
    second = world.carrier.call("+6221500667")
    second.expect_ended(503, within=2.3)
    assert world.wire.now - began < 2.3
    third = world.carrier.call("+6221500667")
    third.expect_ended(503, within=0.1)
    world.run(10)
    assert caller.state == sam.state == "up"
    fake.start()
    world.run(5)
    assert sam.reinvite().expect(200).sdp is not None, "the relay is made anew"
    world.run(1)
    sam.hang_up()
    world.run(3)
    assert caller.state == "ended" and not fake.calls and rtpengine.counts["relays"] == 0
    rtpengine.exchange.stop()


# --- hanging up while something is rewritten --------------------------------------------------------------------------------------


def leave(call: PhoneCall) -> None:
    """Whatever a person does to get out of it."""
    if call.state == "up":
        call.hang_up()
    elif call.state in ("trying", "ringing") and call.incoming:
        call.reject()
    elif call.state in ("calling", "ringing"):
        call.cancel()


@pytest.mark.parametrize("who", ["caller", "called", "server"])
@pytest.mark.parametrize("sdp", [True, False], ids=["offer", "no offer"])
@pytest.mark.parametrize("step", range(0, 60, 4))
def test_the_end_at_any_instant(slow: World, who: str, sdp: bool, step: int) -> None:
    """0.1 s for the offer, the early answer at 0.25 s, the answer at 0.3 s, a re-INVITE after it."""
    sam, lee = slow.phones("676", "601")
    sam.behaviour = stays_silent
    mine = lee.call("676", sdp=sdp)

    def when_it_rings() -> None:
        for call in sam.calls:
            if call.state == "trying":
                call.ring(183, sdp=True)

    def pick_up() -> None:
        for call in sam.calls:
            if call.state == "ringing":
                call.answer()

    def change() -> None:
        if mine.state == "up":
            mine.reinvite()

    def end() -> None:
        if who == "server":
            slow.core.calls.hang_up_all()
        else:
            for call in [mine] if who == "caller" else sam.calls:
                leave(call)

    for at, what in ((0.25, when_it_rings), (0.3, pick_up), (0.55, change), (step * 0.0125 + 0.001, end)):
        slow.wire.after(at, what)
    slow.run(2)
    if who == "called" and not any(call.ended_by or call.status for call in sam.calls):  # before it rang there was nothing to refuse
        leave(mine)
        slow.run(1)
    slow.balanced()
    if mine.state == "up":
        assert talking(slow, mine, *(call for call in sam.calls if call.state == "up"))
        leave(mine)
    over(slow, mine, *sam.calls)


def test_cancelled_before_it_rings_anywhere(slow: World) -> None:
    sam, lee = slow.phones("676", "601")
    mine = lee.call("676")
    slow.run(SLOW / 2)
    mine.cancel()
    slow.run(1)
    assert mine.status == 487 and not sam.calls
    over(slow, mine)


def test_who_has_answered_hangs_up_before_the_caller_knows(slow: World) -> None:
    sam, lee = slow.phones("676", "601")
    mine = lee.call("676")
    theirs = sam.expect_call()
    theirs.answer()
    slow.run(SLOW / 2)
    assert mine.state == "ringing" and slow.health["legs"] == 2
    theirs.hang_up()
    mine.expect_ended(480, within=SLOW / 4)
    over(slow, mine, theirs)


def test_a_branch_that_is_stopped_before_its_offer_is_rewritten_does_not_ring(slow: World) -> None:
    sam, ana = slow.phones("676", "677")
    caller = slow.carrier.call("+6221500667")
    theirs = sam.expect_call(SLOW * 1.1)
    theirs.answer()
    caller.expect_up()
    assert not ana.calls and talking(slow, caller, theirs)


def test_a_bug_while_the_answer_is_rewritten_leaves_nobody_behind(slow: World) -> None:
    sam, lee = slow.phones("676", "601")
    mine = lee.call("676")
    theirs = sam.expect_call()
    theirs.answer()
    slow.run(SLOW / 2)
    (call,) = slow.core.calls.calls.values()

    def bug() -> None:
        raise RuntimeError("a bug")

    slow.after(0.0, lambda: call.mailbox.post(Rewrote(bug)))
    mine.expect_ended(500)
    over(slow, mine, theirs)
    assert [str(each) for each in slow.bugs] == ["a bug"]
    slow.bugs.clear()


def test_keys_and_requests_while_the_answer_is_rewritten(slow: World) -> None:
    """What comes from who has answered waits for the conversation."""
    sam = slow.phone("676")
    mine = slow.carrier.call("+6221500667")
    theirs = sam.expect_call()
    theirs.answer()
    slow.run(SLOW / 2)
    pressed = theirs.info("5")
    offered = theirs.reinvite()
    slow.run(2)
    assert pressed.final is not None and pressed.final.status == 200
    assert offered.final is not None and offered.final.status == 491
    assert [message.body for message in mine.phone.heard("INFO")], "the key has reached the caller"


# --- re-INVITEs -------------------------------------------------------------------------------------------------------------------


def test_offers_of_both_sides_are_rewritten(office: World) -> None:
    caller, sam = delegated(office)
    for one, other in ((caller, sam), (sam, caller)):
        one.local_sdp = one.local_sdp._replace(port=one.local_sdp.port + 500, version=one.local_sdp.version + 1)
        one.reinvite().expect(200)
        office.run(0.5)
        assert relayed(one) and relayed(other) and talking(office, caller, sam)
    (relay,) = engine(office).calls.values()
    assert sorted(relay.believed.values()) == sorted([bytes(caller.local_sdp), bytes(sam.local_sdp)])


def test_a_re_invite_without_an_offer(office: World) -> None:
    caller, sam = delegated(office)
    for one in (caller, sam):
        one.reinvite(sdp=False).expect(200)
        office.run(0.5)
        assert relayed(caller) and relayed(sam) and talking(office, caller, sam)


def test_an_update(office: World) -> None:
    caller, sam = delegated(office)
    sam.update().expect(200)
    assert relayed(caller) and relayed(sam)


def test_a_re_invite_that_the_other_refuses_changes_nothing(office: World) -> None:
    caller, sam = delegated(office)
    caller.phone.hooks["INVITE"] = lambda call, request: 488 if call is not None else None
    before = sam.local_sdp
    sam.local_sdp = before._replace(port=before.port + 500, version=2)
    sam.reinvite().expect(488)
    office.run(0.5)
    (relay,) = engine(office).calls.values()
    assert sorted(relay.believed.values()) == sorted([bytes(caller.local_sdp), bytes(before)])


@pytest.mark.parametrize("command", ["offer", "answer"])
@pytest.mark.parametrize("sdp", [True, False], ids=["offer", "no offer"])
def test_a_re_invite_that_cannot_be_rewritten(office: World, command: str, sdp: bool) -> None:
    """The call goes on as it was, and the next one is rewritten again."""
    caller, sam = delegated(office)
    engine(office).refuse[command] = [503]
    attempt = sam.reinvite(sdp=sdp)
    office.run(2)
    late = not sdp and command == "answer"  # the offer in our 200 has been answered by then
    assert attempt.final is not None and attempt.final.status == (200 if late else 503)
    assert caller.state == sam.state == "up" and caller.acknowledged and sam.acknowledged
    caller.reinvite().expect(200)
    office.run(0.5)
    assert talking(office, caller, sam)


@pytest.mark.parametrize("offset", [0.0, 0.05, 0.1, 0.15, 0.2, 0.25])
def test_offers_that_cross(slow: World, offset: float) -> None:
    caller, sam = delegated(slow)
    before = [bytes(call.local_sdp) for call in (caller, sam)]
    for call in (caller, sam):
        call.local_sdp = call.local_sdp._replace(port=call.local_sdp.port + 500, version=2)
    first = caller.reinvite()
    slow.run(offset)
    second = sam.reinvite()
    slow.run(3)
    statuses = [each.final.status for each in (first, second) if each.final is not None]
    assert len(statuses) == 2 and set(statuses) <= {200, 491}
    assert talking(slow, caller, sam)
    (relay,) = engine(slow).calls.values()
    if 200 in statuses:
        assert engine(slow).log.count("offer") == 3, "the one that was refused is not taken back while the other crosses"
    agreed = [bytes(call.local_sdp) for call in (caller, sam)] if 200 in statuses else before
    assert sorted(relay.believed.values()) == sorted(agreed), "each answers with where it wants its packets now"
    caller.reinvite().expect(200)


def test_the_record_ends_when_the_call_does(new_world: Office) -> None:
    """Not when the engine has told what it has counted."""
    world = new_world(media=FakeMedia(), rewriter=FakeRewriter(0.2))
    sam = world.phone("676")
    caller = world.carrier.call("+6221500667")
    theirs = taken(caller, sam)
    moment = world.wire.now
    theirs.hang_up()
    over(world, caller, theirs)
    (row,) = world.history
    assert row.quality and row.ended - (EPOCH + moment) < 0.1


@pytest.mark.parametrize("who", ["who offers", "the other"])
@pytest.mark.parametrize("sdp", [True, False], ids=["offer", "no offer"])
@pytest.mark.parametrize("step", range(10))
def test_hanging_up_while_an_offer_crosses(slow: World, who: str, sdp: bool, step: int) -> None:
    caller, sam = delegated(slow)
    sam.reinvite(sdp=sdp)
    slow.run(step * 0.03)
    (sam if who == "who offers" else caller).hang_up()
    over(slow, caller, sam)


def test_a_re_invite_that_is_taken_back(slow: World) -> None:
    caller, sam = delegated(slow)
    invites = len(slow.requests_to(caller.phone, "INVITE"))
    attempt = sam.reinvite()
    slow.run(SLOW / 2)
    request = attempt.request
    lines = [f"Via: {request.all('via')[0]}", f"From: {request.get('from')}", f"To: {request.get('to')}", f"Call-ID: {request.call_id}"]
    lines += [f"CSeq: {request.cseq[0]} CANCEL", "Max-Forwards: 70"]
    sam.phone.attempt(write(f"CANCEL {request.uri} SIP/2.0", lines), attempt.way)
    slow.run(1)
    assert attempt.final is not None and attempt.final.status == 487
    assert len(slow.requests_to(caller.phone, "INVITE")) == invites, "the other is not asked any more"
    sam.reinvite().expect(200)


# --- features bring the sound to the own engine -----------------------------------------------------------------------------------


def test_held_with_music_and_resumed(office: World) -> None:
    caller, sam = delegated(office)
    sam.hold().expect(200)
    office.run(1)
    assert office.hears(caller, sam=sam) == {"music"} and not relayed(sam) and not relayed(caller)
    assert not engine(office).calls, "the relay is closed"
    sam.resume().expect(200)
    office.run(1)
    assert office.hears(caller, sam=sam) == {"sam"} and office.hears(sam, caller=caller) == {"caller"}
    sam.hang_up()
    over(office, caller, sam)
    (row,) = office.history
    assert [each.kind for each in row.segments] == ["ring", "talk", "hold", "talk"]
    assert sorted((each.party, each.received) for each in row.quality) == sorted(
        [("676", 40), (str(row.caller), 40), ("676", 50), (str(row.caller), 50)]
    )
    assert engine(office).log.count("close") == 1


def test_held_by_somebody_whose_other_refuses_to_be_moved(office: World) -> None:
    caller, sam = delegated(office)
    caller.phone.hooks["INVITE"] = lambda call, request: 488 if call is not None else None
    sam.hold().expect(488)
    office.run(1)
    assert talking(office, caller, sam) and office.health["media_ports"] == 0


@pytest.mark.parametrize("way", ["telephone events", "INFO"])
def test_pushed_by_keys(office: World, way: str) -> None:
    boss = office.phone("667")
    caller, sam = delegated(office)
    if way == "INFO":
        for key in "##20":
            sam.info(key)
            office.run(0.1)
    else:
        engine(office).press(sam.remote_sdp, "##20")
    theirs = boss.expect_call()
    office.run(1)
    assert office.hears(caller) == {"music"} and not engine(office).calls
    theirs.answer()
    theirs.expect_up()
    assert office.hears(caller, boss=theirs) == {"boss"}
    assert sam.state == "ended"


def test_keys_that_are_no_code_have_crossed_already(office: World) -> None:
    caller, sam = delegated(office)
    engine(office).press(sam.remote_sdp, "##29")
    engine(office).press(caller.remote_sdp, "12")
    office.run(10)
    assert not caller.phone.heard("INFO") and not sam.phone.heard("INFO")
    assert talking(office, caller, sam)


def test_codes_after_the_sound_has_come_here(office: World) -> None:
    """The phone that has brought it here by holding is listened to as well."""
    boss = office.phone("667")
    caller, sam = delegated(office)
    sam.hold().expect(200)
    sam.resume().expect(200)
    office.run(1)
    office.press(sam, "##20")
    boss.expect_call()
    assert caller.state == "up"


@pytest.mark.parametrize("step", range(8))
def test_a_command_while_an_offer_is_rewritten(slow: World, step: int) -> None:
    """Who offers at that instant cannot be moved yet."""
    caller, sam = delegated(slow)
    offered = caller.reinvite()
    slow.run(step * 0.04)
    outcomes: list[Outcome] = []
    (call,) = slow.core.calls.calls
    slow.core.calls.order(call, Hold("676"), outcomes.append)
    slow.run(12)
    assert offered.final is not None and offered.final.status in (200, 491)
    (outcome,) = outcomes
    assert outcome.status == 200 and slow.hears(caller, sam=sam) == {"music"}


@pytest.mark.parametrize("who", ["caller", "sam"])
@pytest.mark.parametrize("step", range(10))
def test_hanging_up_while_the_sound_is_moved(slow: World, who: str, step: int) -> None:
    caller, sam = delegated(slow)
    sam.hold()
    slow.run(step * 0.0004)
    leave(caller if who == "caller" else sam)
    over(slow, caller, sam)


@pytest.mark.parametrize("everything", [False, True], ids=["auto", "anchored"])
def test_picked_up_while_it_rings(new_world: Office, everything: bool) -> None:
    world = new_world(media=FakeMedia(), rewriter=FakeRewriter(), organisation=anchoring() if everything else None)
    sam, boss = world.phones("676", "667")
    caller = world.carrier.call("+6221500667")
    ringing = sam.expect_call()
    picker = boss.call("*97676")
    picker.expect_up()
    caller.expect_up()
    assert world.hears(caller, boss=picker) == {"boss"} and world.hears(picker, caller=caller) == {"caller"}
    ringing.expect_ended()
    world.run(1)
    assert not engine(world).calls


def test_picked_up_by_who_may_use_no_codes(anchored: World) -> None:
    """It could go directly, but every call is to cross the server."""
    lee, mia, desk = anchored.phones("601", "602", "600")
    caller = lee.call("602")
    mia.expect_call()
    picker = desk.call("**602")
    picker.expect_up()
    caller.expect_up()
    assert anchored.hears(caller, desk=picker) == {"desk"} and not engine(anchored).calls


# --- over a restart ---------------------------------------------------------------------------------------------------------------


def test_a_relayed_call_survives_the_server(office: World) -> None:
    boss = office.phone("667")
    caller, sam = delegated(office)
    office.kill()
    office.run(2)
    office.revive()
    office.run(0.1)
    assert talking(office, caller, sam)
    caller.reinvite().expect(200)
    office.run(0.5)
    assert talking(office, caller, sam) and relayed(sam)
    engine(office).press(sam.remote_sdp, "##20")
    boss.expect_call()
    office.run(1)
    assert office.hears(caller) == {"music"} and not engine(office).calls


def test_hanging_up_after_a_restart_closes_the_relay(office: World) -> None:
    caller, sam = delegated(office)
    office.kill()
    office.run(2)
    office.revive()
    sam.hang_up()
    over(office, caller, sam)
    (row,) = office.history
    assert {each.party for each in row.quality} == {"676", row.caller}


def test_a_direct_call_stays_direct_over_a_restart(office: World) -> None:
    mine, theirs = office.talk(*office.phones("601", "602"))
    office.run(1)
    office.kill()
    office.revive()
    mine.reinvite().expect(200)
    assert mine.hears(theirs) and not engine(office).log


def test_a_call_to_the_outside_is_relayed_as_well(office: World) -> None:
    mine = office.phone("676").call(NUMBER)
    theirs = taken(mine, office.carrier)
    assert talking(office, mine, theirs)
