"""Picking up what rings elsewhere (C10, C11): by code, by Replaces; who hears whom, what stops ringing, one winner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fake_media import FakeMedia
from tests.phones import PhoneCall
from tests.world import NUMBER, World, configuration, directory, executive

NewWorld = Callable[..., World]


class Ringing:
    """A caller from outside; the call rings at Sam (676) and Ana (677) for Olivia (667)."""

    def __init__(self, new_world: NewWorld, *, media: bool = True) -> None:
        self.world = new_world(media=FakeMedia() if media else None)
        self.boss, self.sam, self.ana, self.lee = self.world.phones("667", "676", "677", "601")
        self.caller = self.world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
        self.at_sam, self.at_ana = self.sam.expect_call(), self.ana.expect_call()
        self.caller.expect_ringing()

    def both_talk(self, mine: PhoneCall) -> None:
        self.world.run(0.5)
        assert self.caller.state == mine.state == "up"
        assert self.world.hears(self.caller, me=mine) == {"me"}
        assert self.world.hears(mine, caller=self.caller) == {"caller"}


@pytest.mark.parametrize("code", ["*97676", "**676", "*97677", "*98"])
def test_the_executive_picks_up_by_code(new_world: NewWorld, code: str) -> None:
    ringing = Ringing(new_world)
    mine = ringing.boss.call(code)
    mine.expect_up()
    ringing.both_talk(mine)
    for phone in (ringing.at_sam, ringing.at_ana):
        phone.expect_ended(487)
        assert "Call completed elsewhere" in phone.reason
    assert NUMBER in mine.responses[-1].get("p-asserted-identity")
    mine.hang_up()
    ringing.caller.expect_ended()
    row = ringing.world.history[-1]
    assert (row.answered_by, row.executive, row.outcome) == ("667", "667", "answered")
    assert [(each.party, each.why) for each in row.segments if each.kind == "talk"] == [("667", "picked up")]
    assert sorted(each.party for each in row.segments if each.kind == "ring") == ["676", "677"]
    assert len(ringing.world.history) == 1


@pytest.mark.parametrize("whose", ["phone", "phone, seen from there", "caller", "caller, seen from there"])
def test_by_replaces_of_an_early_dialog(new_world: NewWorld, whose: str) -> None:
    ringing = Ringing(new_world)
    call = ringing.at_sam if whose.startswith("phone") else ringing.caller
    named = call.dialog
    if "from there" in whose:
        named = named.replace("to-tag", "x").replace("from-tag", "to-tag").replace("x", "from-tag")
    mine = ringing.boss.call("600", [f"Replaces: {named};early-only", "Require: replaces"])
    mine.expect_up()
    ringing.both_talk(mine)
    ringing.at_ana.expect_ended(487)


def test_without_the_right_nothing_is_disturbed(new_world: NewWorld) -> None:
    ringing = Ringing(new_world)
    mine = ringing.lee.call("*97676")
    mine.expect_ended(403)
    by_lamp = ringing.lee.call("676", [f"Replaces: {ringing.at_sam.dialog}"])
    by_lamp.expect_ended(403)
    assert "399" in by_lamp.responses[-1].get("warning")
    assert ringing.at_sam.state == ringing.at_ana.state == "ringing"
    ringing.at_sam.answer()
    ringing.caller.expect_up()
    ringing.both_talk(ringing.at_sam)


def test_plain_calls_go_directly(new_world: NewWorld) -> None:
    """Nobody may press codes, so no sound comes to us."""
    organisation = replace(directory(configuration()), pick_up="organisation")
    world = new_world(media=FakeMedia(), organisation=organisation)
    lee, mia, desk = world.phones("601", "602", "600")
    mine = lee.call("600")
    at_desk = desk.expect_call()
    mine.expect_ringing()
    again = mia.call("**600")
    again.expect_up()
    mine.expect_up()
    at_desk.expect_ended(487)
    assert mine.hears(again) and again.hears(mine)
    assert world.media is not None and not world.media.contexts


@pytest.mark.parametrize("offerless", ["caller", "picker"])
def test_an_invite_without_offer(new_world: NewWorld, offerless: str) -> None:
    world = new_world(media=FakeMedia())
    boss, _sam = world.phones("667", "676")
    caller = world.carrier.call_from(NUMBER, "+6221500667", sdp=offerless != "caller")
    caller.expect_ringing()
    mine = boss.call("*97676", sdp=offerless != "picker")
    mine.expect_up()
    caller.expect_up()
    world.run(0.2)
    assert world.hears(caller, me=mine) == {"me"}
    assert world.hears(mine, caller=caller) == {"caller"}


def test_without_engine_and_without_offer_it_is_refused(new_world: NewWorld) -> None:
    ringing = Ringing(new_world, media=False)
    mine = ringing.boss.call("*97676", sdp=False)
    mine.expect_ended(488)
    other = ringing.boss.call("*97676")
    other.expect_up()
    ringing.caller.expect_up()
    assert ringing.caller.hears(other) and other.hears(ringing.caller)


def test_no_common_codec_the_engine_converts(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    boss, sam = world.phones("667", "676")
    caller = world.carrier.call_from(NUMBER, "+6221500667")
    at_sam = sam.expect_call()
    mine = PhoneCall(boss)
    boss.calls.append(mine)
    mine.local_sdp = mine.local_sdp._replace(codecs=("0 PCMU/8000",))
    mine.dial("sip:*97676@acme.test", [], sdp=True, reliable=False)
    mine.expect_up()
    caller.expect_up()
    world.run(0.2)
    assert at_sam.state == "ended"
    assert world.hears(caller, me=mine) == {"me"}


def test_a_hostile_description_picks_up_nothing(new_world: NewWorld) -> None:
    ringing = Ringing(new_world)
    mine = PhoneCall(ringing.boss)
    ringing.boss.calls.append(mine)
    mine.local_sdp = mine.local_sdp._replace(host="224.0.0.1")
    mine.dial("sip:*97676@acme.test", [], sdp=True, reliable=False)
    mine.expect_ended(488)
    assert ringing.at_sam.state == "ringing"
    ringing.at_sam.answer()
    ringing.both_talk(ringing.at_sam)


def test_after_early_media_of_another_phone(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676"), media=FakeMedia())
    boss, sam = world.phones("667", "676")
    sam.behaviour = lambda call: call.ring(183, sdp=True)
    caller = world.carrier.call_from(NUMBER, "+6221500667")
    sam.expect_call()
    world.run(0.2)
    mine = boss.call("*97676")
    mine.expect_up()
    caller.expect_up()
    world.run(0.2)
    assert world.hears(caller, me=mine) == {"me"}
    assert caller.remote_tag not in caller.early, "another dialog than that of the early media (RFC 3261 section 13.2.2.4)"


def test_who_has_no_common_codec_spoils_nothing(new_world: NewWorld) -> None:
    """The caller's sound would have come to us for the assistant; it goes directly all the same."""
    world = new_world(media=FakeMedia(), organisation=replace(directory(configuration()), pick_up="organisation"))
    lee, desk, sam = world.phones("601", "600", "676")
    mine = lee.call("600")
    at_desk = desk.expect_call()
    mine.expect_ringing()
    odd = PhoneCall(sam)
    sam.calls.append(odd)
    odd.local_sdp = odd.local_sdp._replace(codecs=("18 G729/8000",))
    odd.dial("sip:**600@acme.test", [], sdp=True, reliable=False)
    odd.expect_ended(488)
    at_desk.answer()
    mine.expect_up()
    assert mine.hears(at_desk) and at_desk.hears(mine)


def test_a_transferred_call_that_rings_can_be_picked_up(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676", "677"), media=FakeMedia())
    sam, ana, lee = world.phones("676", "677", "601")
    caller = world.carrier.call_from(NUMBER, "+6221500667")
    at_sam = sam.expect_call()
    at_sam.answer()
    caller.expect_up()
    world.run(0.2)
    at_sam.refer("601").expect(202)
    at_lee = lee.expect_call()
    mine = ana.call("**601")
    mine.expect_up()
    world.run(0.5)
    assert at_lee.state == at_sam.state == "ended"
    assert at_sam.notified[-1] == 200
    assert world.hears(caller, ana=mine) == {"ana"}


# --- one winner ---------------------------------------------------------------------------------------------------------------

OFFSETS = [step * 0.0005 for step in range(-7, 8)]


@pytest.mark.parametrize("other", ["answer", "pick up", "caller", "picker"])
def test_at_the_same_instant(new_world: NewWorld, other: str) -> None:
    for offset in OFFSETS:
        ringing = Ringing(new_world)
        world = ringing.world
        started: list[PhoneCall] = []

        def act(ringing: Ringing = ringing, started: list[PhoneCall] = started) -> None:
            if other == "answer":
                ringing.at_sam.answer() if ringing.at_sam.state == "ringing" else None
            elif other == "pick up":
                started.append(ringing.ana.call("*97676"))
            elif other == "caller":
                ringing.caller.cancel() if ringing.caller.state == "ringing" else ringing.caller.hang_up()
            elif started[0].state == "up":
                started[0].hang_up()
            else:
                started[0].cancel()

        world.wire.after(0.01, lambda ringing=ringing, started=started: started.append(ringing.boss.call("*97676")))  # type: ignore[misc]
        world.wire.after(0.014 + offset, act)
        world.run(4.0)
        up = [call for call in (*started, ringing.at_sam, ringing.at_ana) if call.state == "up"]
        if other in ("answer", "pick up"):
            assert ringing.caller.state == "up" and len(up) == 1, world.report(f"{other} {offset}")
            assert world.hears(ringing.caller, winner=up[0]) == {"winner"}
            assert all(call.state == "ended" and (call.status in (200, 403, 404, 487)) for call in started if call is not up[0])
        elif other == "caller":
            assert not up
        world.balanced()
        world.settle(40.0)
