"""Picking up from the page what rings elsewhere (C10, C11): the own phone rings, the first answer has the call, all others are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from b2bua.calls.commands import End, Hold, Outcome, Park, PushBack, Take
from tests.calls.handing_over import Office
from tests.fake_media import FakeMedia
from tests.fake_rewriter import FakeRewriter
from tests.phones import PhoneCall, rejects
from tests.world import NUMBER, Alerting, World, configuration, directory, executive

NewWorld = Callable[..., World]
OFFSETS = [step * 0.0005 for step in range(-7, 8)]


class Ringing:
    """A caller from outside; the call rings at Sam (676) and Ana (677) for Olivia (667), who sits at the page."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.boss, self.sam, self.ana, self.lee = world.phones("667", "676", "677", "601")
        self.caller = world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
        self.at_sam, self.at_ana = self.sam.expect_call(), self.ana.expect_call()
        self.caller.expect_ringing()
        (self.call,) = world.core.calls.calls
        self.outcomes: list[Outcome] = []

    def order(self, command: Take | End | Hold) -> Outcome:
        self.world.core.stack.tick(self.world.wire.now)
        self.world.core.calls.order(self.call, command, self.outcomes.append)
        self.world.core.stack.tick(self.world.wire.now)
        return self.outcomes[-1]

    def take(self, actor: str = "667") -> Outcome:
        return self.order(Take(actor, "take"))

    def both_talk(self, mine: PhoneCall) -> None:
        self.world.run(0.5)
        assert self.caller.state == mine.state == "up"
        assert self.world.hears(self.caller, me=mine) == {"me"}
        assert self.world.hears(mine, caller=self.caller) == {"caller"}

    def segments(self) -> list[tuple[str, str, str]]:
        (row,) = self.world.history
        return sorted((each.kind, each.party, each.why) for each in row.segments)


@pytest.fixture
def ringing(new_world: NewWorld) -> Ringing:
    return Ringing(new_world(media=FakeMedia()))


def test_the_executive_picks_it_up(ringing: Ringing) -> None:
    assert ringing.take() == Outcome(202, "your phones ring")
    mine = ringing.boss.expect_call()
    assert mine.caller == ("Customer", NUMBER)
    assert ringing.at_sam.state == ringing.at_ana.state == "ringing", "whoever is first has it"
    mine.ring()
    ringing.world.run(2)
    mine.answer()
    mine.expect_up()
    ringing.both_talk(mine)
    for phone in (ringing.at_sam, ringing.at_ana):
        phone.expect_ended(487)
        assert "Call completed elsewhere" in phone.reason
    ringing.caller.hang_up()
    mine.expect_ended()
    (row,) = ringing.world.history
    assert (row.answered_by, row.executive, row.outcome) == ("667", "667", "answered")
    assert ringing.segments() == [("ring", "676", ""), ("ring", "677", ""), ("talk", "667", "picked up")]
    assert mine.invite.call_id in row.call_ids


def test_an_assistant_sees_for_whom_it_is(new_world: NewWorld) -> None:
    """Rung one after the other: the second need not wait."""
    world = new_world(executive(alerting=Alerting(mode="sequential", ring_seconds=20)), media=FakeMedia())
    sam, ana = world.phones("676", "677")
    caller = world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
    at_sam = sam.expect_call()
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, Take("676", "take"), found.append)
    assert found.pop() == Outcome(409, "your phone rings already: pick it up")
    world.core.calls.order(call, Take("677", "take"), found.append)
    assert found.pop().status == 202
    world.run(0.6)
    at_ana = ana.calls[-1]
    assert "sip:667@acme.test" in at_ana.invite.get("diversion")
    assert at_ana.invite.get("from").partition(";tag")[0] == at_sam.invite.get("from").partition(";tag")[0]
    at_ana.answer()
    caller.expect_up()
    at_sam.expect_ended(487)
    world.run(0.5)
    assert world.hears(caller, ana=at_ana) == {"ana"}
    assert world.history == []


@pytest.mark.parametrize("kind", ["join", "listen", "whisper"])
def test_nobody_joins_what_is_not_answered(ringing: Ringing, kind: str) -> None:
    assert ringing.order(Take("667", kind)).status == 409  # type: ignore[arg-type]


def test_refused(ringing: Ringing) -> None:
    """Without the right, without a phone, twice; and nothing is disturbed."""
    refused = ringing.take("601")
    assert refused.status == 403 and refused.words
    assert ringing.take("nobody").status == 403
    assert ringing.take("676") == Outcome(409, "your phone rings already: pick it up")
    assert ringing.order(Hold("676")).status == 409
    assert ringing.take().done
    assert ringing.take() == Outcome(409, "your phones ring already")
    ringing.boss.expect_call().reject(486)
    ringing.world.run(0.2)
    assert ringing.take().done, "one may try again"
    ringing.boss.expect_call().reject(486)
    ringing.at_sam.answer()
    ringing.caller.expect_up()
    ringing.both_talk(ringing.at_sam)
    ringing.caller.hang_up()
    ringing.world.run(0.2)
    assert ringing.segments() == [("ring", "676", ""), ("ring", "677", ""), ("talk", "676", "answered")]
    assert "667" in ringing.world.history[-1].parties, "the executive, as ever"


def test_without_a_phone(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    sam = world.phone("676")
    world.carrier.call_from(NUMBER, "+6221500667")
    sam.expect_call()
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, Take("667", "take"), found.append)
    assert found == [Outcome(480, "none of your phones can be reached")]


def test_somebody_else_answers_first(ringing: Ringing) -> None:
    ringing.take()
    mine = ringing.boss.expect_call()
    ringing.at_ana.answer()
    ringing.caller.expect_up()
    mine.expect_ended(487)
    assert "Call completed elsewhere" in mine.reason
    ringing.both_talk(ringing.at_ana)


def test_the_caller_gives_up(ringing: Ringing) -> None:
    ringing.take()
    mine = ringing.boss.expect_call()
    ringing.caller.cancel()
    mine.expect_ended(487)
    ringing.at_sam.expect_ended(487)
    ringing.world.run(0.2)
    assert ringing.world.history[-1].outcome == "cancelled"


def test_the_caller_gives_up_at_the_page(new_world: NewWorld) -> None:
    world = new_world()
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, End("602"), found.append)
    world.core.calls.order(call, End("601"), found.append)
    assert [each.status for each in found] == [409, 200]
    mine.expect_ended(487)
    theirs.expect_ended(487)
    assert world.history[-1].outcome == "cancelled"


def test_the_ring_time_is_over_while_the_own_phone_rings(new_world: NewWorld) -> None:
    """Who is about to pick it up is waited for."""
    ringing = Ringing(new_world(executive(alerting=Alerting(ring_seconds=5)), media=FakeMedia()))
    ringing.world.run(3)
    ringing.take()
    mine = ringing.boss.expect_call()
    ringing.world.run(5)
    assert ringing.at_sam.state == ringing.at_ana.state == "ended" and ringing.caller.state == "ringing"
    mine.answer()
    mine.expect_up()
    ringing.both_talk(mine)


@pytest.mark.parametrize("how", ["declines", "is not there", "stays"])
def test_the_ring_time_is_over_and_nobody_picks_it_up(new_world: NewWorld, how: str) -> None:
    ringing = Ringing(new_world(executive(alerting=Alerting(ring_seconds=5)), media=FakeMedia()))
    ringing.take()
    mine = ringing.boss.expect_call()
    ringing.world.run(6)
    if how == "declines":
        mine.reject(486)
    elif how == "stays":
        ringing.world.run(26)
        mine.expect_ended(487)
    else:
        ringing.caller.cancel()
        mine.expect_ended(487)
    ringing.caller.expect_ended(480 if how != "is not there" else 487)
    ringing.world.run(0.2)
    assert ringing.world.history[-1].outcome == ("missed" if how != "is not there" else "cancelled")


def test_the_right_is_gone_meanwhile(ringing: Ringing) -> None:
    """Asked again when the phone is answered: whoever may not have the call any more is told why, and it rings on elsewhere."""
    world = ringing.world
    world.core.calls.directory = replace(world.core.calls.directory, pick_up="organisation")
    world.carrier.calls[-1].cancel()
    world.run(1)
    mine = ringing.lee.call("676")
    at_sam = ringing.sam.expect_call()
    mine.expect_ringing()
    (ringing.call,) = world.core.calls.calls
    assert ringing.take("677").done
    at_ana = ringing.ana.expect_call()
    world.core.calls.directory = directory(configuration(), executive("667", "676"))
    at_ana.answer()
    at_ana.expect_ended()
    assert "403" in at_ana.reason
    at_sam.answer()
    mine.expect_up()


def test_a_direct_call_stays_one(new_world: NewWorld) -> None:
    organisation = replace(directory(configuration()), pick_up="organisation")
    world = new_world(media=FakeMedia(), organisation=organisation)
    lee, mia, desk = world.phones("601", "602", "600")
    mine = lee.call("600")
    at_desk = desk.expect_call()
    mine.expect_ringing()
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, Take("602", "take"), found.append)
    assert found[0].done
    world.run(0.6)
    at_mia = mia.calls[-1]
    at_mia.answer()
    mine.expect_up()
    at_mia.expect_up()
    at_desk.expect_ended(487)
    assert mine.hears(at_mia) and at_mia.hears(mine)
    assert world.media is not None and not world.media.contexts


def test_nobody_picks_up_their_own_call(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia(), organisation=replace(directory(configuration()), pick_up="organisation"))
    lee, mia = world.phones("601", "602")
    lee.call("602")
    mia.expect_call()
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, Take("601", "take"), found.append)
    assert found[0].status == 403


def test_an_invite_without_an_offer(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    boss, sam = world.phones("667", "676")
    caller = world.carrier.call_from(NUMBER, "+6221500667", sdp=False)
    at_sam = sam.expect_call()
    caller.expect_ringing()
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, Take("667", "take"), found.append)
    world.run(0.6)
    mine = boss.calls[-1]
    mine.answer()
    caller.expect_up()
    at_sam.expect_ended(487)
    world.run(0.5)
    assert world.hears(caller, me=mine) == {"me"} and world.hears(mine, caller=caller) == {"caller"}


def test_early_media_of_who_was_rung_before(new_world: NewWorld) -> None:
    """The caller has heard an announcement, and now somebody: another dialog of theirs."""
    world = new_world(executive("667", "676"), media=FakeMedia())
    boss, sam = world.phones("667", "676")
    sam.behaviour = lambda call: call.ring(183, sdp=True)
    caller = world.carrier.call_from(NUMBER, "+6221500667")
    sam.expect_call()
    world.run(0.5)
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, Take("667", "take"), found.append)
    world.run(0.6)
    mine = boss.calls[-1]
    mine.answer()
    caller.expect_up()
    world.run(0.5)
    assert world.hears(caller, me=mine) == {"me"}


def test_the_sound_goes_through_a_relay(new_world: NewWorld) -> None:
    ringing = Ringing(new_world(media=FakeMedia(), rewriter=FakeRewriter()))
    assert ringing.take().done
    ringing.world.run(0.6)
    mine = ringing.boss.calls[-1]
    mine.answer()
    mine.expect_up()
    ringing.caller.expect_up()
    ringing.at_sam.expect_ended(487)
    ringing.world.run(0.2)
    ringing.caller.hang_up()
    mine.expect_ended()
    ringing.world.run(1)
    assert ringing.world.history[-1].answered_by == "667"


# --- one winner -----------------------------------------------------------------------------------------------------------------

PAIRS = ["mine/sam", "mine/caller", "mine/declined", "sam/caller", "mine/code", "mine/stop", "take/sam", "take/caller", "mine/ana_too"]


@pytest.mark.parametrize("pair", PAIRS)
def test_two_things_at_the_same_time(pair: str) -> None:
    for offset in OFFSETS:
        ringing = Ringing(World(media=FakeMedia()))
        world = ringing.world
        one, two = pair.split("/")
        if one != "take":
            ringing.take()
            ringing.boss.expect_call()
        else:
            ringing.boss.behaviour = lambda call: call.answer()

        def do(what: str, ringing: Ringing = ringing) -> None:
            mine = ringing.boss.calls[-1] if ringing.boss.calls else None
            if what == "mine" and mine is not None and mine.state == "ringing":
                mine.answer()
            elif what == "declined" and mine is not None and mine.state == "ringing":
                mine.reject(603)
            elif what in ("sam", "ana_too") and ringing.at_sam.state == "ringing":
                for call in (ringing.at_sam,) if what == "sam" else (ringing.at_sam, ringing.at_ana):
                    call.answer()
            elif what == "caller" and ringing.caller.state == "ringing":
                ringing.caller.cancel()
            elif what == "code":
                ringing.boss.call("*97676")
            elif what == "take" and ringing.call in ringing.world.core.calls.calls:
                ringing.take()
            elif what == "stop":
                ringing.world.core.stack.tick(ringing.world.wire.now)
                ringing.world.core.calls.hang_up_all()
                ringing.world.core.stack.tick(ringing.world.wire.now)

        world.wire.after(0.01, lambda one=one: do(one))  # type: ignore[misc]
        world.wire.after(0.01 + offset, lambda two=two: do(two))  # type: ignore[misc]
        world.run(35)
        up = [call for call in world.live() if call.state == "up"]
        assert len(up) in (0, 2), world.report(str(up))
        if up:
            assert world.hears(up[0], other=up[1]) == {"other"} and world.hears(up[1], other=up[0]) == {"other"}
        world.balanced()
        world.settle(40.0)
        (row,) = [each for each in world.history if each.id == ringing.call]
        assert (row.outcome == "answered") is bool(up) or two in ("caller", "stop")


# --- what rings for somebody who waits ------------------------------------------------------------------------------------------


def test_back_from_the_executive_for_whom_it_rings(new_world: NewWorld) -> None:
    """Sent to the executive, and taken back at the page before they answer."""
    office = Office(new_world(media=FakeMedia()))
    assert office.order(PushBack("676")).done
    at_boss = office.boss.expect_call()
    office.world.run(1)
    assert office.order(Take("667", "take")) == Outcome(409, "your phone rings already: pick it up")
    assert office.order(Take("676", "take")).status == 202
    mine = office.sam.expect_call()
    assert at_boss.state == "ringing"
    mine.answer()
    mine.expect_up()
    at_boss.expect_ended(487)
    office.world.run(0.5)
    assert office.hears(office.caller, sam=mine) == {"sam"}


def test_the_executive_answers_while_the_own_phone_rings(new_world: NewWorld) -> None:
    office = Office(new_world(media=FakeMedia()))
    office.order(PushBack("676"))
    at_boss = office.boss.expect_call()
    office.order(Take("676", "take"))
    mine = office.sam.expect_call()
    at_boss.answer()
    at_boss.expect_up()
    mine.expect_ended(487)
    office.world.run(0.5)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


def test_two_retrieve_at_the_page(new_world: NewWorld) -> None:
    """Both phones ring; when one has the call, the other falls silent."""
    office = Office(new_world(media=FakeMedia()))
    ana = office.world.phone("677")
    assert office.order(Park("676", "701")).done
    office.world.run(10)
    assert office.order(Take("667", "take")).done and office.order(Take("677", "take")).done
    at_boss, at_ana = office.boss.expect_call(), ana.expect_call()
    at_ana.answer()
    at_ana.expect_up()
    at_boss.expect_ended(487)
    office.world.run(0.5)
    assert office.hears(office.caller, ana=at_ana) == {"ana"}


def test_what_comes_back_from_a_slot(new_world: NewWorld) -> None:
    office = Office(new_world(media=FakeMedia()))
    office.sam.behaviour = rejects(480, after=20)
    assert office.order(Park("676", "701")).done
    office.world.run(46)
    assert office.order(Take("676", "take")) == Outcome(409, "your phone rings already: pick it up")
    assert office.order(Take("667", "take")).done
    at_boss = office.boss.expect_call()
    at_boss.answer()
    at_boss.expect_up()
    office.world.run(0.5)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
