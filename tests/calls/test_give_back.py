"""Giving back a call that was just answered (C14)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from b2bua.calls.commands import GiveBack, Outcome
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall
from tests.world import NUMBER, Rollover, World, directory, executive

NewWorld = Callable[..., World]


class Office:
    """A call to Olivia (667) that Sam (676) has just taken; Ana (677) and Tom (678) are her assistants, too, if they are there."""

    def __init__(self, world: World, *others: str) -> None:
        self.world = world
        self.sam, *self.others = world.phones("676", *others)
        self.caller = world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
        self.at_sam = take(self.sam)
        self.caller.expect_up()
        world.run(0.1)

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        return self.world.hears(listener, **others)

    def give_back(self, actor: str = "676") -> Outcome:
        (call,) = self.world.core.calls.calls
        found: list[Outcome] = []
        self.world.core.calls.order(call, GiveBack(actor), found.append)
        self.world.run(0.01)
        (outcome,) = found
        return outcome

    def expect(self, phone: Phone) -> PhoneCall:
        """The call that comes (again) to a phone, after those that came before."""
        for call in phone.calls:
            if call.state == "ended":
                call.expected = True
        return phone.expect_call()


def take(phone: Phone) -> PhoneCall:
    call = phone.expect_call()
    answer(call)
    return call


def answer(call: PhoneCall) -> None:
    call.ring()
    call.answer()
    call.expect_up()
    call.phone.wire.run(0.1)


@pytest.fixture
def office(new_world: NewWorld) -> Office:
    return Office(new_world(media=FakeMedia()), "677")


def test_the_call_rings_at_the_others(office: Office) -> None:
    (ana,) = office.others
    office.world.press(office.at_sam, "*85")
    at_ana = office.expect(ana)
    assert at_ana.caller == ("Customer → Olivia Boss", NUMBER)
    assert office.at_sam.state == "ended" and office.at_sam.reason == 'SIP;cause=200;text="You have given the call back"'
    assert office.hears(office.caller) == {"tone:ringback"}
    answer(at_ana)
    assert office.hears(office.caller, ana=at_ana) == {"ana"}
    assert len(office.sam.calls) == 1, "who gave it back is not rung while somebody else is"
    at_ana.hang_up()
    office.world.run(1)
    assert office.caller.state == "ended"
    (row,) = office.world.history
    assert row.answered_by == "677"
    assert [(each.kind, each.party, each.why) for each in row.segments if each.kind == "talk"] == [
        ("talk", "676", "answered"),
        ("talk", "677", "given back"),
    ]


def test_the_others_see_who_has_taken_it(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676", "677", "678"), media=FakeMedia()), "677", "678")
    ana, tom = office.others
    office.world.press(office.at_sam, "*85")
    at_ana, at_tom = office.expect(ana), office.expect(tom)
    at_tom.ring()
    answer(at_ana)
    assert at_tom.reason == 'SIP;cause=200;text="taken by Ana Aide"'
    assert office.hears(office.caller, ana=at_ana) == {"ana"}
    at_ana.hold()
    office.world.run(0.5)
    assert office.hears(office.caller, ana=at_ana) == {"music"}


def test_by_command(office: Office) -> None:
    assert office.give_back() == Outcome(200, "given back")
    answer(office.expect(office.others[0]))


@pytest.mark.parametrize("left", [("668",), ("667", "668")])
def test_after_a_reload_that_drops_the_executive(new_world: NewWorld, left: tuple[str, ...]) -> None:
    """The caller is not lost: whoever gave it back has it again, or the other assistant."""
    offices = {"667": executive("667", "676", "677", rollover=Rollover(20, "forward", "668")), "668": executive("668", "676", "678")}
    office = Office(new_world(*offices.values(), media=FakeMedia()), "677", "678")
    world = office.world
    world.core.use_directory(directory(world.config, *(offices[each] for each in left)))
    assert office.give_back().done
    answer(office.expect(office.others[0] if "667" in left else office.sam))
    assert office.caller.state == "up"


def test_within_five_seconds(office: Office) -> None:
    office.world.run(4.7)
    assert office.give_back().done


def test_after_five_seconds_it_is_theirs(office: Office) -> None:
    office.world.run(5)
    office.world.press(office.at_sam, "*85")
    assert office.hears(office.at_sam, caller=office.caller) == {"caller", "tone:error", "not_allowed"}
    assert office.give_back() == Outcome(403, "a call can be given back within 5 seconds")
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}


def test_only_who_has_answered_it_gives_it_back(office: Office) -> None:
    assert office.give_back("677") == Outcome(403, "you are not in this call")


def test_the_caller_has_nothing_to_give_back(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    sam, tom = world.phones("676", "678")
    tom.call("667").phone.wire.run(0.1)
    take(sam)
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, GiveBack("678"), found.append)
    assert found == [Outcome(403, "you have not answered this call")]


def test_a_call_for_oneself_is_not_given_back(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    lee, sam = world.phones("601", "676")
    mine, theirs = world.talk(lee, sam)
    world.press(theirs, "*85")
    world.run(0.1)
    assert world.hears(theirs, lee=mine) == {"lee", "tone:error", "not_allowed"}
    assert mine.state == theirs.state == "up"


def test_without_an_engine_it_stays(new_world: NewWorld) -> None:
    office = Office(new_world(), "677")
    assert office.give_back() == Outcome(488, "there is no media engine for this call")
    assert office.caller.state == office.at_sam.state == "up"


def test_given_back_by_all_it_rings_everybody_again(office: Office) -> None:
    (ana,) = office.others
    office.give_back()
    answer(office.expect(ana))
    assert office.give_back("677").done
    again = office.expect(office.sam)
    assert again.invite.get("alert-info").endswith(";info=recall")
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


def test_the_only_assistant_is_rung_again(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676"), media=FakeMedia()))
    assert office.give_back().done
    again = office.expect(office.sam)
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


def test_nobody_else_takes_it_and_it_goes_to_the_last_resort(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676", "677", rollover=Rollover(action="forward", forward="601")), media=FakeMedia())
    lee = world.phone("601")
    office = Office(world, "677")
    office.give_back()
    office.expect(office.others[0]).reject(603)
    office.expect(office.sam).reject(603)
    at_lee = office.expect(lee)
    answer(at_lee)
    assert office.hears(office.caller, lee=at_lee) == {"lee"}


def test_a_caller_who_hangs_up_stops_the_ringing(office: Office) -> None:
    office.give_back()
    at_ana = office.expect(office.others[0])
    office.caller.hang_up()
    office.world.run(1)
    assert at_ana.state == "ended"


def test_it_can_be_sent_to_the_executive_after_it_was_given_back(office: Office) -> None:
    boss = office.world.phone("667")
    office.give_back()
    at_ana = office.expect(office.others[0])
    answer(at_ana)
    office.world.press(at_ana, "##20")
    at_boss = office.expect(boss)
    answer(at_boss)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


# Whatever happens at the same time.

OFFSETS = [-0.003, -0.0015, -0.001, -0.0005, 0.0, 0.0005, 0.001, 0.0015, 0.003]
"""How much later the second event begins, seconds: from well before the first has crossed to well after."""


@pytest.mark.parametrize("second", ["answer", "reject"])
def test_two_take_it_at_the_same_time(second: str) -> None:
    for offset in OFFSETS:
        office = Office(World(executive("667", "676", "677", "678"), media=FakeMedia()), "677", "678")
        office.give_back()
        one, other = (office.expect(phone) for phone in office.others)
        office.world.wire.after(0.01, lambda one=one: one.answer() if one.state == "ringing" else None)  # type: ignore[misc]
        office.world.wire.after(0.01 + offset, lambda other=other: getattr(other, second)() if other.state == "ringing" else None)  # type: ignore[misc]
        office.world.run(6)
        assert [one.state, other.state].count("up") == 1, office.world.report("nobody or both")
        assert one.acknowledged and other.acknowledged
        assert office.caller.state == "up"
        office.world.balanced()
        office.world.settle(40.0)


@pytest.mark.parametrize("who", ["caller", "sam"])
def test_hanging_up_crosses_the_key(who: str) -> None:
    for offset in OFFSETS:
        office = Office(World(media=FakeMedia()), "677")
        office.world.press(office.at_sam, "*8")
        leaves = office.caller if who == "caller" else office.at_sam

        def key(office: Office = office) -> None:
            if office.at_sam.state == "up" and office.world.core.calls.calls:
                assert office.world.media is not None and office.at_sam.remote_sdp is not None
                office.world.media.press(bytes(office.at_sam.remote_sdp), "5")

        office.world.wire.after(0.01, key)
        office.world.wire.after(0.01 + offset, lambda leaves=leaves: leaves.hang_up() if leaves.state == "up" else None)  # type: ignore[misc]
        office.world.run(2)
        (ana,) = office.others
        ringing = [call for call in ana.calls if call.state == "ringing"]
        assert office.at_sam.state == "ended"
        assert len(ringing) == (office.caller.state == "up"), office.world.report("the caller is lost, or the phone rings for nobody")
        office.world.balanced()
        office.world.settle(60.0)
