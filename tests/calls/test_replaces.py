"""INVITE with Replaces or Join (RFC 3891, RFC 3911): who may take whose place, and what is refused how."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fake_media import FakeMedia
from tests.phones import PhoneCall
from tests.world import NUMBER, World, executive

NewWorld = Callable[..., World]


class Talking:
    """A caller from outside talks to Sam (676), who took the call for Olivia (667)."""

    def __init__(self, new_world: NewWorld) -> None:
        self.world = new_world(executive("667", "676", "677"), media=FakeMedia())
        self.boss, self.sam, self.ana, self.lee = self.world.phones("667", "676", "677", "601")
        self.caller = self.world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
        self.at_sam = self.sam.expect_call()
        self.at_ana = self.ana.expect_call()
        self.at_sam.answer()
        self.caller.expect_up()
        self.world.run(0.2)

    def undisturbed(self) -> None:
        self.world.run(0.5)
        assert self.world.hears(self.caller, sam=self.at_sam) == {"sam"}
        assert self.world.hears(self.at_sam, caller=self.caller) == {"caller"}


def seen_from_there(call: PhoneCall) -> str:
    return call.dialog.replace("to-tag", "x").replace("from-tag", "to-tag").replace("x", "from-tag")


@pytest.mark.parametrize("swapped", [False, True])
def test_the_executive_takes_over(new_world: NewWorld, *, swapped: bool) -> None:
    talking = Talking(new_world)
    named = seen_from_there(talking.at_sam) if swapped else talking.at_sam.dialog
    mine = talking.boss.call("0", [f"Replaces: {named}", "Require: replaces"])
    mine.expect_up()
    talking.world.run(0.5)
    assert talking.at_sam.state == "ended"
    assert talking.world.hears(talking.caller, boss=mine) == {"boss"}
    assert talking.world.hears(mine, caller=talking.caller) == {"caller"}
    assert NUMBER in mine.responses[-1].get("p-asserted-identity")
    mine.hang_up()
    talking.caller.expect_ended()
    row = talking.world.history[-1]
    assert [(each.party, each.why) for each in row.segments if each.kind == "talk"] == [("676", "answered"), ("667", "picked up")]


def test_join_makes_it_three(new_world: NewWorld) -> None:
    talking = Talking(new_world)
    mine = talking.boss.call("0", [f"Join: {talking.at_sam.dialog}", "Require: join"])
    mine.expect_up()
    talking.world.run(0.5)
    assert talking.world.hears(mine, caller=talking.caller, sam=talking.at_sam) >= {"caller", "sam"}
    assert talking.world.hears(talking.caller, boss=mine, sam=talking.at_sam) >= {"boss", "sam"}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Replaces: nobody;to-tag=1;from-tag=2", 481),
        ("Join: nobody;to-tag=1;from-tag=2", 481),
        ("Replaces: {dialog};early-only", 486),
        ("Replaces: {dialog}\r\nJoin: {dialog}", 400),
        ("Replaces: {dialog}\r\nReplaces: {dialog}", 400),
        ("Replaces: x", 400),
        ("Replaces: {caller}", 403),
    ],
)
def test_refused_and_nothing_disturbed(new_world: NewWorld, header: str, status: int) -> None:
    talking = Talking(new_world)
    lines = header.format(dialog=talking.at_sam.dialog, caller=talking.caller.dialog).split("\r\n")
    mine = talking.boss.call("0", lines)
    mine.expect_ended(status)
    talking.undisturbed()


@pytest.mark.parametrize("header", ["Replaces", "Join"])
def test_without_the_right(new_world: NewWorld, header: str) -> None:
    talking = Talking(new_world)
    mine = talking.lee.call("0", [f"{header}: {talking.at_sam.dialog}"])
    mine.expect_ended(403)
    talking.undisturbed()
    world = talking.world
    outside = world.carrier.call_from("+15550000000", "+6221500667", [f"{header}: {talking.at_sam.dialog}"])
    outside.expect_ended(403)
    talking.undisturbed()


def test_a_dialog_that_ends_is_declined(new_world: NewWorld) -> None:
    talking = Talking(new_world)
    named = talking.at_sam.dialog
    talking.sam.hooks["BYE"] = lambda call, request: 0
    talking.caller.hang_up()
    talking.world.run(0.2)
    mine = talking.boss.call("0", [f"Replaces: {named}"])
    mine.expect_ended(603)
    talking.sam.hooks.clear()
    talking.world.run(5.0)


def test_join_of_a_call_that_rings(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676"), media=FakeMedia())
    boss, sam = world.phones("667", "676")
    caller = world.carrier.call_from(NUMBER, "+6221500667")
    at_sam = sam.expect_call()
    caller.expect_ringing()
    boss.call("0", [f"Join: {at_sam.dialog}"]).expect_ended(481)
    assert at_sam.state == "ringing"
    at_sam.answer()
    caller.expect_up()


def test_retrieve_by_replaces(new_world: NewWorld) -> None:
    talking = Talking(new_world)
    talking.at_sam.refer("702").expect(202)
    talking.world.run(0.2)
    talking.at_sam.hang_up()
    talking.world.run(0.2)
    mine = talking.lee.call("0", [f"Replaces: {seen_from_there(talking.caller)}"])
    mine.expect_up()
    talking.world.run(0.2)
    assert talking.world.hears(talking.caller, lee=mine) == {"lee"}


def test_a_refer_outside_of_a_call(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    lee = world.phone("601")
    lee.request("REFER", "sip:602@acme.test", ["Refer-To: <sip:602@acme.test>"]).expect(405)


@pytest.mark.parametrize("other", ["caller hangs up", "sam hangs up", "another takes it"])
def test_at_the_same_instant(new_world: NewWorld, other: str) -> None:
    for offset in [step * 0.0005 for step in range(-7, 8)]:
        talking = Talking(new_world)
        world, named = talking.world, talking.at_sam.dialog
        taking: list[PhoneCall] = []

        def take(talking: Talking = talking, taking: list[PhoneCall] = taking, named: str = named) -> None:
            phone = talking.boss if not taking else talking.sam
            taking.append(phone.call("0", [f"Replaces: {named}"]))

        def act(talking: Talking = talking, take: Callable[[], None] = take) -> None:
            if other == "another takes it":
                take()
            else:
                call = talking.caller if other == "caller hangs up" else talking.at_sam
                if call.state == "up":
                    call.hang_up()

        world.wire.after(0.01, take)
        world.wire.after(0.014 + offset, act)
        world.run(4.0)
        up = [call for call in taking if call.state == "up"]
        if other == "another takes it":
            assert len(up) == 1 and talking.at_sam.state == "ended", world.report(str(offset))
            assert world.hears(talking.caller, winner=up[0]) == {"winner"}
        elif other == "caller hangs up":
            assert not up
        world.balanced()
        world.settle(40.0)
