"""Park, recall and retrieve (C3, C4): nobody meets a stranger in a slot, nobody is forgotten in one, and who retrieves sees who it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from b2bua.calls.commands import Outcome, Park
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall, answers
from tests.plain_sip import display_of, user_of
from tests.world import NUMBER, World, executive

SPOKEN_701 = {"parked", "digit:7", "digit:0", "digit:1"}
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO"


class Desk:
    """Olivia, Sam and Ana at their phones; a caller from outside talks to Sam for Olivia."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.boss, self.sam, self.ana, self.lee = world.phones("667", "676", "677", "601")
        self.caller, self.at_sam = self.talk()

    def talk(self, number: str = NUMBER) -> tuple[PhoneCall, PhoneCall]:
        caller = self.world.carrier.call_from(number, "+6221500667", [ALLOW])
        at_sam, at_ana = self.sam.expect_call(), self.ana.expect_call()
        at_sam.ring()
        at_sam.answer()
        caller.expect_up()
        at_ana.expect_ended()
        self.world.run(0.1)
        return caller, at_sam

    def park(self, slot: str = "701") -> None:
        """Sam parks, and hears where."""
        self.world.press(self.at_sam, f"*68{slot}#")
        assert slot in self.slots
        media = self.world.media
        assert media is not None and self.at_sam.remote_sdp is not None
        media.finish(bytes(self.at_sam.remote_sdp))
        self.at_sam.expect_ended()

    @property
    def slots(self) -> list[str]:
        return sorted(self.world.core.calls.parking.occupied)

    def joined(self, one: PhoneCall, other: PhoneCall) -> None:
        """Two hear each other, and nothing else."""
        self.world.run(0.2)
        assert self.world.hears(one, other=other) == {"other"}, self.world.report("one")
        assert self.world.hears(other, one=one) == {"one"}, self.world.report("other")

    def order(self, command: Park) -> Outcome:
        """From the page."""
        outcomes: list[Outcome] = []
        self.world.core.calls.order(next(iter(self.world.core.calls.calls)), command, outcomes.append)
        self.world.run(1.0)
        (outcome,) = outcomes
        return outcome

    def row(self) -> list[tuple[str, str, Sequence[str], str]]:
        """The segments of the finished call: kind, party, with whom, why."""
        (row,) = [each for each in self.world.history if each.segments]
        return [(each.kind, each.party, each.with_, each.why) for each in row.segments]


@pytest.fixture
def desk(new_world: Callable[..., World]) -> Desk:
    return Desk(new_world(media=FakeMedia()))


# --- park ---------------------------------------------------------------------------------------------------------------------


def test_the_parker_hears_the_slot_and_the_caller_music(desk: Desk) -> None:
    world = desk.world
    world.press(desk.at_sam, "*68#")
    assert world.hears(desk.at_sam, caller=desk.caller) == SPOKEN_701
    assert world.hears(desk.caller, sam=desk.at_sam) == {"music"}
    assert desk.slots == ["701"]
    media = world.media
    assert media is not None and desk.at_sam.remote_sdp is not None
    media.finish(bytes(desk.at_sam.remote_sdp))
    desk.at_sam.expect_ended(within=0.5)
    assert desk.at_sam.reason == 'SIP;cause=200;text="parked in 701"'
    assert world.hears(desk.caller) == {"music"} and desk.caller.state == "up"


def test_a_parker_who_does_not_hear_the_end_is_let_go(desk: Desk) -> None:
    desk.world.press(desk.at_sam, "*68#")
    desk.world.run(5.9)
    assert desk.at_sam.state == "up"
    desk.at_sam.expect_ended(within=0.3)
    assert desk.slots == ["701"]


def test_the_parker_may_hang_up_at_once(desk: Desk) -> None:
    desk.world.press(desk.at_sam, "*68712")
    desk.world.run(2.5)
    assert desk.slots == ["712"], "no # needed: no key has followed in time"
    desk.at_sam.hang_up()
    desk.world.run(10)
    assert desk.caller.state == "up" and desk.world.hears(desk.caller) == {"music"}


def test_an_occupied_slot_is_refused_and_the_call_goes_on(desk: Desk) -> None:
    world = desk.world
    desk.park("705")
    second, at_sam = desk.talk("+15550000002")
    world.press(at_sam, "*68705#")
    assert world.hears(at_sam, caller=second, parked=desk.caller) == {"caller", "tone:error", "park_occupied"}
    assert at_sam.state == "up" and desk.slots == ["705"]
    assert world.hears(second, sam=at_sam) == {"sam"}
    assert world.hears(desk.caller, second=second) == {"music"}, "and nobody has met anybody"
    world.press(at_sam, "*68#")
    assert desk.slots == ["701", "705"]


def test_a_transfer_to_an_occupied_slot_is_refused_and_the_call_goes_on(desk: Desk) -> None:
    desk.world.core.calls.parking.take("705", "another call")
    referred = desk.at_sam.refer("705")
    desk.world.run(2)
    assert referred.final is not None and (referred.final.status == 486 or 486 in desk.at_sam.notified)
    desk.joined(desk.caller, desk.at_sam)
    desk.world.core.calls.parking.leave("another call")


def test_a_transfer_to_a_slot_by_a_phone_that_forgets_to_hang_up(desk: Desk) -> None:
    desk.at_sam.refer("705").expect(202)
    desk.world.run(1)
    assert desk.slots == ["705"] and 200 in desk.at_sam.notified
    assert desk.world.hears(desk.caller, sam=desk.at_sam) == {"music"}
    assert desk.world.hears(desk.at_sam, caller=desk.caller) == set(), "nobody listens to who is parked"
    desk.at_sam.expect_ended(within=6)


def test_the_phone_asks_for_something_when_its_sound_shall_come_here(new_world: Callable[..., World]) -> None:
    """491: offered again a little later (RFC 3261 §14.1)."""
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, _ = world.talk(lee, mia)
    busy = [491, 491]
    lee.hooks["INVITE"] = lambda call, _: busy.pop() if call is mine and busy else None
    dialled = mia.call("*68")
    dialled.expect_up(within=6)
    world.run(0.1)
    assert world.hears(mine) == {"music"}


def test_every_slot_is_occupied(desk: Desk) -> None:
    lot = desk.world.core.calls.parking
    for slot in range(701, 751):
        lot.take(str(slot), f"call {slot}")
    assert desk.order(Park("676")) == Outcome(486, "every park slot is occupied")
    assert desk.order(Park("676", "701")) == Outcome(486, "slot 701 is occupied")
    assert desk.caller.state == desk.at_sam.state == "up"
    for slot in range(701, 751):
        lot.leave(f"call {slot}")


@pytest.mark.parametrize(
    ("actor", "slot", "status"), [("677", "", 403), ("676", "799", 404), ("600", "", 403), ("nobody", "", 403)]
)
def test_who_may_not_park_and_where_not(desk: Desk, actor: str, slot: str, status: int) -> None:
    outcome = desk.order(Park(actor, slot))
    assert (outcome.status, bool(outcome.words)) == (status, True)
    assert desk.slots == []
    desk.joined(desk.caller, desk.at_sam)


def test_from_the_page(desk: Desk) -> None:
    assert desk.order(Park("676", "703")) == Outcome(200, "parked in 703")
    assert desk.world.hears(desk.at_sam) == {"parked", "digit:7", "digit:0", "digit:3"}
    assert desk.order(Park("676", "704")).status == 403, "it is parked already"
    assert desk.slots == ["703"]


def test_a_call_whose_sound_goes_directly_is_brought_here(new_world: Callable[..., World]) -> None:
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    assert mine.hears(theirs), "directly"
    parked = mia.call("*68")
    parked.expect_up()
    world.run(0.5)
    assert world.hears(mine) == {"music"}
    assert theirs.state == "up" and world.hears(theirs) == SPOKEN_701, "hers is not on hold: she hears it there"
    theirs.expect_ended(within=7)


def test_a_caller_whose_phone_cannot_send_its_sound_here_is_not_parked(new_world: Callable[..., World]) -> None:
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    lee.hooks["INVITE"] = lambda call, _: 488 if call is mine else None
    refused = mia.call("*68")
    refused.expect_ended(488)
    assert "media engine" in refused.responses[-1].get("warning")
    world.run(1.0)
    assert not world.core.calls.parking.occupied and mine.hears(theirs) and theirs.hears(mine)


def test_a_parker_whose_phone_cannot_is_let_go_without_words(new_world: Callable[..., World]) -> None:
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    mia.hooks["INVITE"] = lambda call, _: 488 if call is theirs else None
    mia.call("*68").expect_up()
    theirs.expect_ended()
    world.run(0.5)
    assert world.hears(mine) == {"music"}


def test_without_a_media_engine_nothing_is_parked(new_world: Callable[..., World]) -> None:
    world = new_world()
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    mia.call("*68").expect_ended(488)
    assert mine.hears(theirs) and not world.core.calls.parking.occupied


def test_the_executives_own_slot_is_the_offices(new_world: Callable[..., World]) -> None:
    """C4: without a slot named, the call goes there, while it is free; others may neither park nor retrieve there."""
    desk = Desk(new_world(replace(executive(), slot="767"), media=FakeMedia()))
    world = desk.world
    world.press(desk.at_sam, "*68#")
    assert desk.slots == ["767"]
    desk.lee.call("767").expect_ended(403)
    desk.lee.call("*88767").expect_ended(403)
    second, at_sam = desk.talk("+15550000002")
    world.press(at_sam, "*68767#")
    assert world.hears(at_sam, caller=second) == {"caller", "tone:error", "park_occupied"}
    world.press(at_sam, "*68#")
    assert desk.slots == ["701", "767"], "the next free one, when theirs is occupied"
    at_boss = desk.boss.call("767")
    at_boss.expect_up()
    desk.joined(at_boss, desk.caller)
    assert desk.slots == ["701"]


# --- recall -------------------------------------------------------------------------------------------------------------------


def test_a_forgotten_call_comes_back_to_who_parked_it(desk: Desk) -> None:
    world = desk.world
    desk.park()
    world.run(44)
    assert not desk.sam.heard("CANCEL") and len(desk.sam.heard("INVITE")) == 1
    again = desk.sam.expect_call(within=2)
    assert "info=recall" in again.invite.get("alert-info")
    assert again.caller[1] == NUMBER
    assert again.invite.get("diversion").startswith("<sip:667@acme.test>"), "for whom it was"
    again.ring()
    world.run(5)
    assert world.hears(desk.caller) == {"music"} and desk.slots == ["701"], "still there for whoever retrieves it"
    again.answer()
    again.expect_up()
    desk.joined(again, desk.caller)
    assert desk.slots == []
    desk.lee.call("701").expect_ended(404)


def test_unanswered_it_rings_the_office_and_then_says_that_nobody_is_there(desk: Desk) -> None:
    world = desk.world
    desk.park()
    at_sam = desk.sam.expect_call(within=46)
    at_sam.ring()
    world.run(29)
    assert at_sam.state == "ringing"
    world.run(2)
    at_ana, at_boss = desk.ana.expect_call(), desk.boss.expect_call()
    at_ana.ring()
    assert world.hears(desk.caller) == {"music"}
    world.run(31)
    assert (at_ana.state, at_boss.state, desk.caller.state) == ("ended", "ended", "up")
    assert world.hears(desk.caller) == {"unavailable"}
    desk.caller.expect_ended(within=8.5)
    assert desk.slots == []


def test_still_retrieved_while_it_is_told_that_nobody_is_there(desk: Desk) -> None:
    world = desk.world
    desk.park()
    for phone in (desk.sam, desk.ana, desk.boss):
        phone.unregister()
    world.run(46)
    assert world.hears(desk.caller) == {"unavailable"}
    at_lee = desk.lee.call("701")
    at_lee.expect_up()
    desk.joined(at_lee, desk.caller)
    world.run(20)
    desk.joined(at_lee, desk.caller)


def test_retrieved_while_it_rings_the_parker(desk: Desk) -> None:
    desk.park()
    again = desk.sam.expect_call(within=46)
    again.ring()
    at_ana = desk.ana.call("701")
    at_ana.expect_up()
    again.expect_ended(487)
    assert again.reason == ELSEWHERE
    desk.joined(at_ana, desk.caller)
    desk.world.run(100)
    assert at_ana.state == desk.caller.state == "up", "no recall any more"


def test_the_recall_is_picked_up_by_a_colleague(desk: Desk) -> None:
    desk.park()
    again = desk.sam.expect_call(within=46)
    again.ring()
    at_ana = desk.ana.call("**676")
    at_ana.expect_up()
    again.expect_ended(487)
    desk.joined(at_ana, desk.caller)
    assert desk.slots == []


def test_a_recall_that_comes_before_the_slot_has_been_spoken(desk: Desk) -> None:
    index = desk.world.core.calls
    index.directory = replace(index.directory, parking=replace(index.directory.parking, recall_seconds=2.0))
    desk.world.press(desk.at_sam, "*68#")
    again = desk.sam.expect_call(within=2.5)
    desk.at_sam.expect_ended(within=0.5)
    again.ring()
    again.answer()
    desk.joined(again, desk.caller)


# --- retrieve -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["701", "*88701"])
def test_retrieved_by_its_slot_with_the_callers_identity_and_for_whom(desk: Desk, number: str) -> None:
    world = desk.world
    desk.park()
    at_ana = desk.ana.call(number)
    at_ana.expect_up()
    shown = at_ana.responses[-1].get("p-asserted-identity")
    assert user_of(shown) == NUMBER
    assert display_of(shown).endswith("→ Olivia Boss")
    desk.joined(at_ana, desk.caller)
    assert desk.slots == []
    world.run(4)
    again = [*world.requests_to(desk.ana, "INVITE")[1:], *world.requests_to(desk.ana, "UPDATE")]
    assert not again, "the display stays as it is"
    desk.caller.hang_up()
    at_ana.expect_ended()
    world.run(1)
    talks = [each for each in desk.row() if each[0] != "ring"]
    assert talks == [
        ("talk", "676", (NUMBER,), "answered"),
        ("park", "676", ("701",), "parked"),
        ("talk", "677", (NUMBER,), "retrieved"),
    ]
    (row,) = [each for each in world.history if each.segments]
    assert {"667", "676", "677"} <= set(row.parties) and row.executive == "667"


def test_a_colleague_who_works_for_nobody_retrieves_it(desk: Desk) -> None:
    desk.park()
    at_lee = desk.lee.call("701")
    at_lee.expect_up()
    assert user_of(at_lee.responses[-1].get("p-asserted-identity")) == NUMBER
    desk.joined(at_lee, desk.caller)


def test_without_a_slot_ones_own(desk: Desk) -> None:
    world = desk.world
    desk.park("704")
    second, desk.at_sam = desk.talk("+15550000002")
    desk.park("703")
    desk.ana.call("*88").expect_ended(404)
    mine = desk.sam.call("*88")
    mine.expect_up()
    desk.joined(mine, desk.caller)
    assert desk.slots == ["703"], "the one that has waited longest"
    assert world.hears(second) == {"music"}


def test_an_empty_slot(desk: Desk) -> None:
    refused = desk.lee.call("702")
    refused.expect_ended(404)
    assert "slot 702 is empty" in refused.responses[-1].get("warning").replace('\\"', "")
    (row,) = desk.world.history
    assert (row.outcome, row.status, row.called, row.parties) == ("refused", 404, "702", ("601",))


def test_two_retrieve_it_at_the_same_instant(desk: Desk) -> None:
    world = desk.world
    desk.park()
    at_ana, at_lee = desk.ana.call("701"), desk.lee.call("701")
    world.run(1)
    winner, loser = (at_ana, at_lee) if at_ana.state == "up" else (at_lee, at_ana)
    assert (winner.state, loser.state) == ("up", "ended")
    assert loser.status in (403, 404) and loser.responses[-1].get("warning")
    desk.joined(winner, desk.caller)
    rows = [each for each in world.history if each.called == "701"]
    assert [each.outcome for each in rows] == ["refused"]


def test_the_parker_takes_it_back_while_the_slot_is_spoken(desk: Desk) -> None:
    desk.world.press(desk.at_sam, "*68#")
    back = desk.sam.call("*88")
    back.expect_up()
    desk.at_sam.expect_ended()
    desk.joined(back, desk.caller)


def test_a_retrieving_phone_that_makes_no_offer(desk: Desk) -> None:
    desk.park()
    at_lee = desk.lee.call("701", sdp=False)
    at_lee.expect_up()
    desk.joined(at_lee, desk.caller)


def test_a_retrieving_phone_without_a_common_codec_leaves_it_parked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.park()
    body = b"v=0\r\no=- 1 1 IN IP4 127.0.1.4\r\ns=-\r\nc=IN IP4 127.0.1.4\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
    monkeypatch.setattr(type(desk.caller.local_sdp), "__bytes__", lambda _self: body)
    odd = desk.lee.call("701")
    odd.expect_ended(488)
    monkeypatch.undo()
    assert desk.slots == ["701"] and desk.world.hears(desk.caller) == {"music"}
    assert [row.status for row in desk.world.history if row.called == "701"] == [488]


# --- endings ------------------------------------------------------------------------------------------------------


def test_the_parked_caller_hangs_up(desk: Desk) -> None:
    desk.park()
    desk.caller.hang_up()
    desk.world.run(1)
    assert desk.slots == [] and desk.world.health["calls"] == 0
    desk.world.run(60)
    assert len(desk.sam.heard("INVITE")) == 1, "nobody is rung for who has gone"


def test_the_caller_hangs_up_while_the_slot_is_spoken(desk: Desk) -> None:
    desk.world.press(desk.at_sam, "*68#")
    desk.caller.hang_up()
    desk.at_sam.expect_ended(within=0.5)
    assert desk.slots == []


def test_the_parked_phone_holds_and_resumes(desk: Desk) -> None:
    """The music stops, and goes on."""
    desk.park()
    desk.caller.hold().expect(200)
    assert desk.world.hears(desk.caller) == set()
    desk.caller.resume().expect(200)
    assert desk.world.hears(desk.caller) == {"music"}


# --- after a restart of the signalling ------------------------------------------------------------------------------------------


def _die_and_rise(world: World) -> None:
    world.run(0.2)
    world.kill()
    world.run(2)
    world.revive()
    world.run(0.1)


def test_parked_over_a_restart_and_retrieved(desk: Desk) -> None:
    desk.park()
    _die_and_rise(desk.world)
    assert desk.world.hears(desk.caller) == {"music"} and desk.slots == ["701"]
    desk.sam.call("*68701").expect_ended(404)
    at_ana = desk.ana.call("701")
    at_ana.expect_up()
    desk.joined(at_ana, desk.caller)
    assert desk.slots == []


def test_parked_over_a_restart_and_recalled(desk: Desk) -> None:
    desk.park()
    _die_and_rise(desk.world)
    again = desk.sam.expect_call(within=46)
    again.ring()
    again.answer()
    desk.joined(again, desk.caller)
    assert desk.slots == []


def test_a_restart_while_the_slot_is_spoken(desk: Desk) -> None:
    desk.world.press(desk.at_sam, "*68#")
    _die_and_rise(desk.world)
    assert desk.world.hears(desk.caller, sam=desk.at_sam) == {"music"}
    desk.at_sam.expect_ended(within=7)
    assert desk.slots == ["701"]


def test_a_restart_while_the_recall_rings(desk: Desk) -> None:
    desk.park()
    before = desk.sam.expect_call(within=46)
    before.ring()
    _die_and_rise(desk.world)
    before.state = "ended"  # what rang at a server that has died is never answered; phones give it up
    desk.sam.expect_call()
    assert desk.slots == ["701"] and desk.world.hears(desk.caller) == {"music"}
    at_lee = desk.lee.call("701")
    at_lee.expect_up()
    desk.joined(at_lee, desk.caller)
    desk.world.run(60)
    desk.joined(at_lee, desk.caller)


# --- crossings ------------------------------------------------------------------------------------------------------------------

OFFSETS = [step * 0.0005 for step in range(-6, 7)]


def _hang_up(call: PhoneCall) -> None:
    if call.state == "up":
        call.hang_up()


def _answer(call: PhoneCall) -> None:
    if call.state == "ringing":
        call.answer()


def _cross(desk: Desk, first: Callable[[], None], second: Callable[[], None], offset: float) -> None:
    desk.world.wire.after(0.01, first)
    desk.world.wire.after(0.01 + offset, second)
    desk.world.run(8)
    assert not desk.world.bugs, desk.world.bugs


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("who", ["caller", "parker"])
def test_parking_crosses_a_hang_up(desk: Desk, who: str, offset: float) -> None:
    gone = desk.caller if who == "caller" else desk.at_sam
    _cross(desk, lambda: _dial(desk.sam, "*68"), lambda: _hang_up(gone), offset)
    if desk.slots:
        assert desk.caller.state == "up" and desk.world.hears(desk.caller) == {"music"}
    else:
        assert desk.caller.state == desk.at_sam.state == "ended"
        assert desk.world.health["calls"] == 0


def _dial(phone: Phone, number: str) -> None:
    phone.call(number)


@pytest.mark.parametrize("offset", OFFSETS)
def test_retrieving_crosses_the_callers_hang_up(desk: Desk, offset: float) -> None:
    desk.park()
    _cross(desk, lambda: _dial(desk.lee, "701"), lambda: _hang_up(desk.caller), offset)
    assert desk.slots == [] and desk.world.health["calls"] == 0
    assert desk.lee.calls[-1].state == "ended"


@pytest.mark.parametrize("offset", OFFSETS)
def test_retrieving_crosses_the_answer_to_the_recall(desk: Desk, offset: float) -> None:
    desk.park()
    again = desk.sam.expect_call(within=46)
    again.ring()
    desk.world.run(1)
    _cross(desk, lambda: _dial(desk.lee, "701"), lambda: _answer(again), offset)
    up = [call for call in (again, desk.lee.calls[-1]) if call.state == "up"]
    assert len(up) == 1, desk.world.report("a single winner")
    desk.joined(up[0], desk.caller)
    assert desk.slots == []


@pytest.mark.parametrize("offset", OFFSETS)
def test_retrieving_crosses_the_beginning_of_the_recall(desk: Desk, offset: float) -> None:
    parked_at = desk.world.wire.now
    desk.park()
    desk.sam.behaviour = answers(2.0)
    desk.world.wire.after(parked_at + 45 - desk.world.wire.now + offset * 10, lambda: _dial(desk.lee, "701"))
    desk.world.run(55)
    desk.joined(desk.lee.calls[-1], desk.caller)
    assert desk.sam.calls[-1].state == "ended"
    if offset < 0.0:
        assert len(desk.sam.heard("CANCEL")) == len(desk.sam.heard("INVITE")) - 1, "whatever has rung has been stopped"


@pytest.mark.parametrize("offset", OFFSETS)
def test_two_retrievals_cross(desk: Desk, offset: float) -> None:
    desk.park()
    _cross(desk, lambda: _dial(desk.lee, "701"), lambda: _dial(desk.ana, "*88701"), offset)
    states = sorted((phone.calls[-1].state, phone.calls[-1].status) for phone in (desk.lee, desk.ana))
    assert states[1] == ("up", 200) and states[0][1] in (403, 404)


@pytest.mark.parametrize("offset", OFFSETS)
def test_two_park_in_one_slot(desk: Desk, offset: float) -> None:
    """The loser keeps the call that they have."""
    world = desk.world
    tom, mia = world.phones("678", "602")
    mine, theirs = world.talk(tom, mia)
    _cross(desk, lambda: _dial(desk.sam, "*68705"), lambda: _dial(mia, "*68705"), offset)
    assert desk.slots == ["705"]
    if desk.at_sam.state == "ended":
        assert mine.state == theirs.state == "up" and mia.calls[-1].status == 486
        assert world.hears(desk.caller) == {"music"}
    else:
        assert desk.sam.calls[-1].status == 486
        desk.joined(desk.at_sam, desk.caller)


@pytest.mark.parametrize("slot", ["702", "710"])
def test_the_last_key_and_hanging_up(new_world: Callable[..., World], slot: str) -> None:
    """As people do. The sound is still being brought here: the call is parked all the same."""
    for offset in [step * 0.0005 for step in range(1, 12)]:
        world = new_world(executive("667", "676"), media=FakeMedia())
        assert world.media is not None
        world.media.available = False
        sam, lee = world.phones("676", "601")
        mine, theirs = world.talk(sam, lee)
        world.media.available = True
        for digit in f"*68{slot}#":
            mine.info(digit)
        world.wire.after(offset, partial(_hang_up, mine))
        world.run(1.0)
        assert world.hears(theirs) == {"music"}, world.report(str(offset))
        again = sam.call(slot)
        again.expect_up()
        assert world.hears(theirs, sam=again) == {"sam"}
        world.settle(40.0)


@pytest.mark.parametrize("refusal", [488, 500])
def test_the_last_key_and_hanging_up_in_vain(new_world: Callable[..., World], refusal: int) -> None:
    """The other phone does not let its sound be moved: it is not left alone."""
    world = new_world(executive("667", "676"), media=FakeMedia())
    assert world.media is not None
    world.media.available = False
    sam, lee = world.phones("676", "601")
    mine, theirs = world.talk(sam, lee)
    world.media.available = True
    lee.hooks["INVITE"] = lambda call, request: refusal if request.to_tag else None
    for digit in "*68702#":
        mine.info(digit)
    mine.hang_up()
    world.run(1.0)
    assert theirs.state == "ended"
