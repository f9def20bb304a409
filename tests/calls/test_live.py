"""What the bus tells of running calls: each state with who is in it, once per change, and nothing when nobody listens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from b2bua.calls.commands import Command, Hold, Lock, Outcome, Park, PushBack, Resume, Take
from b2bua.calls.live import PUBLISH_SECONDS
from b2bua.cluster.bus import CallChanged, CallEnded, CallView, Event, PhonesChanged, RingingView, SettingsChanged
from b2bua.delegation.model import Directory
from b2bua.delegation.people import Room
from tests.calls.handing_over import Office, answer
from tests.fake_media import FakeMedia
from tests.world import NUMBER, USERS, World, configuration, executive

NewWorld = Callable[..., World]
TICK = 0.03
"""Timers are rounded up by so much."""


class Watch:
    """Listens to a world's bus."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events: list[Event] = []
        world.core.bus.listen(self.events.append)

    @property
    def changes(self) -> list[CallView]:
        return [each.call for each in self.events if isinstance(each, CallChanged)]

    @property
    def ended(self) -> list[CallEnded]:
        return [each for each in self.events if isinstance(each, CallEnded)]

    @property
    def last(self) -> CallView:
        """As the page has it a moment later; the same as one gets who asks now."""
        self.world.run(PUBLISH_SECONDS + TICK)
        self.world.core.stack.tick(self.world.wire.now)
        (call,) = self.world.core.calls.live.views()
        assert self.changes[-1]._replace(since=0, caller=call.caller, parties=()) == call._replace(since=0, parties=())
        assert [each._replace(since=0) for each in self.changes[-1].parties] == [each._replace(since=0) for each in call.parties]
        assert call.since == pytest.approx(self.changes[-1].since, abs=0.001)
        return call


def order(office: Office, command: Command) -> Outcome:
    """A command of the page: the stack is told what the time is first, as `Switchboard` does."""
    office.world.core.stack.tick(office.world.wire.now)
    return office.order(command)


def test_a_delegated_call_from_ringing_to_the_end(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    watch = Watch(world)
    sam, ana = world.phones("676", "677")
    began = world.core.calls.wall()
    caller = world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
    at_sam = sam.expect_call()
    ana.expect_call()
    caller.expect_ringing()
    rings = watch.last
    assert (rings.state, rings.called, rings.executive, rings.answered_by) == ("ringing", "+6221500667", "667", None)
    assert (rings.caller.extension, rings.caller.number, rings.caller.name) == (None, NUMBER, "Customer")
    assert rings.parties == (rings.caller,)
    assert set(rings.ringing) == {RingingView("676", "676", "667"), RingingView("677", "677", "667")}
    assert began <= rings.started == rings.since <= began + 0.1
    world.run(5)
    at_sam.answer()
    caller.expect_up()
    talks = watch.last
    assert (talks.state, talks.answered_by, talks.ringing) == ("talking", "676", ())
    assert [(each.extension, each.number, each.name) for each in talks.parties] == [(None, NUMBER, "Customer"), ("676", "676", "Sam Secretary")]
    assert talks.started == rings.started and 5 <= talks.since - talks.started < 6
    assert not watch.ended
    caller.hang_up()
    world.run(0.1)
    assert watch.ended == [CallEnded(talks.id, "answered", "676")]
    assert world.core.calls.live.views() == []
    assert watch.events[-1] == watch.ended[0]


def test_many_changes_at_once_are_told_once(new_world: NewWorld) -> None:
    """Two phones begin to ring, one declines: one event within the moment."""
    world = new_world()
    watch = Watch(world)
    sam, ana = world.phones("676", "677")
    world.carrier.call_from(NUMBER, "+6221500667")
    ana.expect_call()
    sam.expect_call().reject(486)
    world.run(PUBLISH_SECONDS + TICK)
    assert len(watch.changes) == 1
    assert watch.changes[0].ringing == (RingingView("677", "677", "667"),)


def test_nobody_listens(new_world: NewWorld) -> None:
    """No timer and no view is made for nobody; who begins to listen hears the next change, and may ask for what is."""
    world = new_world()
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mia.expect_call()
    mine.expect_ringing()
    world.run(1)
    timers = world.health["timers"]
    (call,) = world.core.calls.calls
    world.core.calls.live.changed(call)
    assert world.health["timers"] == timers
    watch = Watch(world)
    (view,) = world.core.calls.live.views()
    assert view.state == "ringing" and view.ringing == (RingingView("602", "602"),)
    mia.calls[-1].answer()
    mine.expect_up()
    assert watch.last.state == "talking"


def test_a_refused_attempt_is_no_call(new_world: NewWorld) -> None:
    world = new_world()
    watch = Watch(world)
    lee = world.phone("601")
    lee.call("999999999999999999").expect_ended(404)
    world.run(1)
    assert not [each for each in watch.events if isinstance(each, (CallChanged, CallEnded))]


@pytest.mark.parametrize(("how", "outcome"), [("cancel", "cancelled"), ("busy", "busy"), ("nobody", "missed")])
def test_what_became_of_it(new_world: NewWorld, how: str, outcome: str) -> None:
    world = new_world()
    watch = Watch(world)
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    world.run(1)
    if how == "cancel":
        mine.cancel()
    else:
        theirs.reject(486 if how == "busy" else 480)
    mine.expect_ended()
    world.run(0.1)
    assert watch.ended == [CallEnded(watch.changes[-1].id, outcome, None)]
    assert (world.history[-1].outcome, world.history[-1].id) == (outcome, watch.ended[0].id)


def test_a_feature_code_is_no_call(new_world: NewWorld) -> None:
    """Nobody is in it but who has dialled; what it has set is told."""
    world = new_world()
    watch = Watch(world)
    boss = world.phone("667")
    watch.events.clear()
    boss.call("#61").expect_up()
    world.run(0.2)
    assert world.core.calls.live.views() == []
    assert watch.events == [SettingsChanged(frozenset({"667"}))]
    world.run(5)
    assert len(watch.events) == 1


def test_opting_out_concerns_the_executive_too(new_world: NewWorld) -> None:
    world = new_world()
    watch = Watch(world)
    sam = world.phone("676")
    sam.call("#66667").expect_up()
    assert watch.events[-1] == SettingsChanged(frozenset({"676", "667"}))


def test_phones_come_and_go(new_world: NewWorld) -> None:
    world = new_world()
    watch = Watch(world)
    sam = world.phone("676")
    line = world.phone("676-667")
    assert watch.events == [PhonesChanged("676", 1), PhonesChanged("676-667", 1)]
    sam.register()
    assert len(watch.events) == 2, "a refresh is no change"
    line.register(expires=0)
    world.run(0.1)
    assert watch.events[-1] == PhonesChanged("676-667", 0)


# --- during the call ----------------------------------------------------------------------------------------------------------


def test_held_from_the_page_and_at_the_phone(new_world: NewWorld) -> None:
    office = Office(new_world(media=FakeMedia()))
    watch = Watch(office.world)
    office.world.run(30)
    assert order(office, Hold("676")).done
    held = watch.last
    assert (held.state, [each.holding for each in held.parties]) == ("held", [False, True])
    assert abs(held.since - office.world.core.calls.wall()) < 1
    office.world.run(10)
    assert order(office, Resume("676")).done
    again = watch.last
    assert again.state == "talking" and 10 <= again.since - held.since < 11
    office.world.run(10)
    office.at_sam.hold().expect(200)
    held = watch.last
    assert held.state == "held" and abs(held.since - office.world.core.calls.wall()) < 1
    since = held.since
    office.world.run(5)
    office.at_sam.hold().expect(200)  # the same again, as phones do to refresh the session
    assert watch.last.since == since
    assert order(office, Resume("676")).status == 409, "the phone itself holds"
    office.at_sam.resume().expect(200)
    assert watch.last.state == "talking"


def test_parked_and_retrieved(new_world: NewWorld) -> None:
    office = Office(new_world(media=FakeMedia()))
    watch = Watch(office.world)
    ana = office.world.phone("677")
    assert order(office, Park("676", "701")).done
    parked = watch.last
    assert (parked.state, parked.slot, parked.parked_by) == ("parked", "701", "676")
    office.world.run(10)
    assert [each.number for each in watch.last.parties] == [NUMBER]
    mine = ana.call("701")
    mine.expect_up()
    taken = watch.last
    assert (taken.state, taken.slot, taken.parked_by) == ("talking", None, None)
    assert [each.extension for each in taken.parties] == [None, "677"]
    assert 10 <= taken.since - parked.since < 12


def test_parked_rings_back(new_world: NewWorld) -> None:
    office = Office(new_world(media=FakeMedia()))
    watch = Watch(office.world)
    order(office, Park("676"))
    office.world.run(46)
    back = watch.last
    assert back.state == "parked" and back.slot is not None
    assert back.ringing == (RingingView("676", "676", "667"),)


def test_sent_to_the_executive_with_a_note(new_world: NewWorld) -> None:
    office = Office(new_world(media=FakeMedia()))
    watch = Watch(office.world)
    assert order(office, PushBack("676", note="urgent <b>!")).done
    sent = watch.last
    assert (sent.state, sent.note, sent.sent_by, sent.answered_by) == ("ringing", "urgent <b>!", "676", "676")
    assert sent.ringing == (RingingView("667", "667"),) and [each.number for each in sent.parties] == [NUMBER]
    at_boss = office.boss.expect_call()
    office.world.run(5)
    answer(at_boss)
    asked = watch.last
    assert asked.state == "held", "the executive is asked, and the caller waits"
    assert 5 <= asked.since - sent.since < 6
    office.world.press(at_boss, "1")
    taken = watch.last
    assert (taken.state, taken.answered_by) == ("talking", "667")


def test_joined_listening_locked_and_whispering(new_world: NewWorld) -> None:
    office = Office(new_world(media=FakeMedia()))
    watch = Watch(office.world)
    assert order(office, Take("667", "join")).done
    answer(office.boss.expect_call())
    joined = watch.last
    assert joined.state == "conference" and [each.extension for each in joined.parties] == [None, "676", "667"]
    assert order(office, Lock("676")).done
    assert watch.last.locked_by == "676"


def test_on_behalf(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    watch = Watch(world)
    sam = world.phone("676")
    mine = sam.call(f"#64667*{NUMBER}")
    theirs = world.carrier.expect_call()
    theirs.ring()
    mine.expect_ringing()
    rings = watch.last
    assert (rings.on_behalf_of, rings.actor, rings.executive) == ("667", "676", None)
    assert (rings.caller.extension, rings.caller.name, rings.caller.speaks_as) == ("676", "Sam Secretary", "667")
    assert rings.ringing == (RingingView(None, NUMBER),)
    theirs.answer()
    mine.expect_up()
    talks = watch.last
    assert (talks.parties[0].name, talks.parties[0].speaks_as) == ("Sam Secretary", "667")
    assert (talks.parties[1].extension, talks.parties[1].number, talks.answered_by) == (None, NUMBER, NUMBER)


def test_withheld_numbers(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    watch = Watch(world)
    sam = world.phone("676")
    caller = world.carrier.call_from("anonymous", "+6221500667", ["Privacy: id", f"P-Asserted-Identity: <sip:{NUMBER}@127.0.0.2>"])
    at_sam = sam.expect_call()
    caller.expect_ringing()
    assert (watch.last.caller.number, watch.last.caller.name) == ("anonymous", "")
    at_sam.answer()
    caller.expect_up()
    talks = watch.last
    assert [each.number for each in talks.parties] == ["anonymous", "676"]
    assert NUMBER not in str(talks)


def test_a_colleague_who_withholds_the_number(new_world: NewWorld) -> None:
    """The extension stands there, for the own calls of who it is; what is to be shown does not tell."""
    world = new_world()
    watch = Watch(world)
    lee, mia = world.phones("601", "602")
    mine = lee.call("602", ["Privacy: id"])
    theirs = mia.expect_call()
    mine.expect_ringing()
    rings = watch.last
    assert (rings.caller.extension, rings.caller.number, rings.caller.name) == ("601", "anonymous", "")
    theirs.answer()
    mine.expect_up()
    talks = watch.last
    assert (talks.caller.number, talks.caller.name) == ("anonymous", "")
    assert [(each.number, each.name) for each in talks.parties] == [("anonymous", ""), ("602", "Mia Colleague")]


def test_a_conference_room(new_world: NewWorld) -> None:
    config, room = configuration(), Room("800", "Board", frozenset({"667"}))
    organisation = Directory.build(
        domain=config.domain, users=USERS, executives=[executive()], trunks=config.routes, emergency=config.emergency, rooms=[room]
    )
    world = new_world(media=FakeMedia(), organisation=organisation)
    watch = Watch(world)
    boss, sam = world.phones("667", "676")
    one = boss.call("800")
    one.expect_up()
    two = sam.call("800")
    two.expect_up()
    seen = watch.last
    assert (seen.state, seen.room) == ("conference", "800")
    assert [each.extension for each in seen.parties] == ["667", "676"]


def test_the_view_goes_on_after_a_restart(new_world: NewWorld) -> None:
    office = Office(new_world(media=FakeMedia()))
    (before,) = office.world.core.calls.live.views()
    office.world.run(20)
    office.world.kill()
    office.world.revive()
    (after,) = office.world.core.calls.live.views()
    assert after.id == before.id and after.state == "talking" and after.answered_by == "676"
    assert abs(after.since - before.since) < 0.1 and after.started == before.started


def test_a_listener_that_raises_ends_no_call(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())

    def broken(event: Event) -> None:
        raise RuntimeError("a page has gone wrong")

    world.core.bus.listen(broken)
    watch = Watch(world)
    office = Office(world)
    assert watch.last.state == "talking"
    office.caller.hang_up()
    world.run(0.1)
    assert len(watch.ended) == 1
