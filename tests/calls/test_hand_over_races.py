"""What happens at the same time while a call is sent to the executive: nobody is lost, nobody is left alone (C5, C13)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.calls.handing_over import NewWorld, Office, announced, asked, engine, given
from tests.fake_media import FakeMedia
from tests.world import World, executive

OFFSETS = [-0.003, -0.0015, -0.001, -0.0005, 0.0, 0.0005, 0.001, 0.0015, 0.003]
"""How much later the second event begins, seconds: from well before the first has crossed to well after."""


def push_key(office: Office) -> None:
    if office.at_sam.state == "up" and office.world.core.calls.calls:
        engine(office.world).press(given(office.at_sam), "0")


def caller_bye(office: Office) -> None:
    if office.caller.state == "up":
        office.caller.hang_up()


def sam_bye(office: Office) -> None:
    for call in office.sam.calls:
        if call.state == "up":
            call.hang_up()


def boss_answers(office: Office) -> None:
    for call in office.boss.calls:
        if call.state == "ringing":
            call.answer()


def boss_declines(office: Office) -> None:
    for call in office.boss.calls:
        if call.state == "ringing":
            call.reject(603)


def boss_bye(office: Office) -> None:
    for call in office.boss.calls:
        if call.state == "up":
            call.hang_up()


def boss_key(office: Office) -> None:
    for call in office.boss.calls:
        if call.state == "up" and office.world.core.calls.calls:
            engine(office.world).press(given(call), "1")


def caller_holds(office: Office) -> None:
    if office.caller.state == "up":
        office.caller.hold()


def crossed(new_world: NewWorld, prepare: Callable[[Office], object], one: Callable[[Office], None], other: Callable[[Office], None]) -> None:
    for offset in OFFSETS:
        office = Office(World(executive("667", "676"), media=FakeMedia()))
        prepare(office)
        office.world.wire.after(0.01, lambda office=office: one(office))  # type: ignore[misc]
        office.world.wire.after(0.01 + offset, lambda office=office: other(office))  # type: ignore[misc]
        office.world.run(2)
        office.world.balanced()
        alone = [call for call in office.world.live() if call.state == "up"]
        if office.caller.state == "ended":
            assert not alone and not [call for call in office.world.live() if call.state == "ringing"], office.world.report("not over")
        elif len(alone) == 1:
            heard = set() if office.caller.held_back else {"music"}
            assert office.hears(office.caller) == heard and office.world.core.calls.legs > 1, office.world.report("the caller is lost")
        office.world.settle(60.0)


def almost(office: Office) -> None:
    office.world.press(office.at_sam, "##2")


def rings(office: Office) -> None:
    office.push()


def announces(office: Office) -> None:
    office.push("*86")


@pytest.mark.parametrize("other", [caller_bye, sam_bye, caller_holds], ids=lambda each: each.__name__)
def test_something_crosses_the_last_key(new_world: NewWorld, other: Callable[[Office], None]) -> None:
    crossed(new_world, almost, push_key, other)


@pytest.mark.parametrize("other", [caller_bye, caller_holds], ids=lambda each: each.__name__)
@pytest.mark.parametrize("one", [boss_answers, boss_declines], ids=lambda each: each.__name__)
def test_something_crosses_the_executives_answer(new_world: NewWorld, one: Callable[[Office], None], other: Callable[[Office], None]) -> None:
    crossed(new_world, rings, one, other)


@pytest.mark.parametrize("other", [boss_bye, caller_bye], ids=lambda each: each.__name__)
def test_something_crosses_the_key_that_accepts(new_world: NewWorld, other: Callable[[Office], None]) -> None:
    crossed(new_world, asked, boss_key, other)


@pytest.mark.parametrize("other", [caller_bye, sam_bye], ids=lambda each: each.__name__)
@pytest.mark.parametrize("one", [boss_answers, boss_declines], ids=lambda each: each.__name__)
def test_something_crosses_the_answer_to_an_announcement(
    new_world: NewWorld, one: Callable[[Office], None], other: Callable[[Office], None]
) -> None:
    crossed(new_world, announces, one, other)


@pytest.mark.parametrize("other", [caller_bye, sam_bye, boss_bye], ids=lambda each: each.__name__)
def test_something_crosses_the_key_that_accepts_an_announcement(new_world: NewWorld, other: Callable[[Office], None]) -> None:
    crossed(new_world, announced, boss_key, other)
