"""Calls over the death of the signalling process: the sound goes on, and afterwards everything works (issue: "Snapshots")."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fake_media import FakeMedia
from tests.phone_call import PhoneCall
from tests.phones import Phone
from tests.world import World

AT_REST = 0.2
"""By then what has happened is kept."""


@pytest.fixture
def office(new_world: Callable[..., World]) -> World:
    return new_world(media=FakeMedia())


def delegated(world: World) -> tuple[PhoneCall, PhoneCall, Phone]:
    """A call to Olivia that Sam has taken."""
    sam, boss = world.phones("676", "667")
    mine = world.carrier.call("+6221500667")
    theirs = sam.expect_call()
    theirs.ring()
    theirs.answer()
    mine.expect_up()
    theirs.expect_up()
    world.run(AT_REST)
    return mine, theirs, boss


def die_and_rise(world: World, seconds: float = 2.0) -> None:
    world.kill()
    world.run(seconds)
    world.revive()
    world.run(0.1)


def test_the_sound_goes_on_and_a_hang_up_reaches_the_other(office: World) -> None:
    caller, sam, _ = delegated(office)
    before = dict(office.media.contexts)  # type: ignore[union-attr]
    die_and_rise(office)
    assert office.media.contexts == before  # type: ignore[union-attr]
    assert office.hears(caller, sam=sam) == {"sam"}
    sam.hang_up()
    office.run(1)
    assert caller.state == "ended"
    (row,) = office.history
    assert (row.answered_by, row.outcome) == ("676", "answered")
    assert [each.kind for each in row.segments] == ["ring", "talk"]
    assert row.ended - row.started > 2
    assert [each.party for each in row.quality] and row.decision is not None


def test_a_hang_up_while_the_server_is_dead(office: World) -> None:
    caller, sam, _ = delegated(office)
    office.kill()
    caller.hang_up()
    office.run(3)
    office.revive()
    office.run(5)
    assert sam.state == "ended"


def test_hold_resume_and_push_back_afterwards(office: World) -> None:
    caller, sam, boss = delegated(office)
    sam.hold().expect(200)
    office.run(AT_REST)
    die_and_rise(office)
    assert office.hears(caller, sam=sam) == {"music"}
    sam.resume().expect(200)
    office.run(0.5)
    assert office.hears(caller, sam=sam) == {"sam"}
    office.press(sam, "##20")
    at_boss = boss.expect_call()
    at_boss.ring()
    at_boss.answer()
    office.run(1)
    assert office.hears(caller, boss=at_boss) == {"boss"}
    assert sam.state == "ended"


def test_a_call_that_is_on_its_way_to_the_executive(office: World) -> None:
    caller, sam, boss = delegated(office)
    office.press(sam, "##20")
    boss.expect_call().ring()
    office.run(AT_REST)
    die_and_rise(office)
    at_boss = boss.expect_call()
    at_boss.ring()
    at_boss.answer()
    office.run(1)
    assert office.hears(caller, boss=at_boss) == {"boss"}
    boss.calls[0].state = "ended"  # the first ring, of which the new server knows nothing


def test_a_direct_call_goes_on_too(new_world: Callable[..., World]) -> None:
    world = new_world()
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    world.run(AT_REST)
    die_and_rise(world)
    mine.hold().expect(200)
    mine.resume().expect(200)
    theirs.hang_up()
    world.run(1)
    assert mine.state == "ended"


def test_what_rang_is_not_kept(office: World) -> None:
    office.phone("676")
    caller = office.carrier.call("+6221500667")
    office.run(AT_REST)
    assert not office.snapshots
    caller.cancel()
    office.run(1)


def test_a_snapshot_that_cannot_be_read_costs_that_call_alone(office: World) -> None:
    caller, sam, _ = delegated(office)
    office.snapshots["strange"] = '{"version":1}'
    office.snapshots["older"] = '{"version":0}'
    office.snapshots["broken"] = "{"
    die_and_rise(office)
    assert set(office.core.calls.calls) == set(office.snapshots)
    sam.hang_up()
    office.run(1)
    assert caller.state == "ended"


# --- a transfer under way -----------------------------------------------------------------------------------------------------


class Transferred:
    """Lee talks to Mia and sends her to the reception, whose phone rings."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lee, self.mia, self.desk = world.phones("601", "602", "600")
        self.mine, self.theirs = world.talk(self.lee, self.mia)
        self.mine.refer("600").expect(202)
        self.desk.expect_call().ring()
        world.run(AT_REST)
        assert self.mine.notified == [100, 180]

    def rung_again(self) -> PhoneCall:
        """After the restart the reception rings anew; the first ring is nobody's any more."""
        die_and_rise(self.world)
        again = self.desk.expect_call()
        self.desk.calls[0].state = "ended"
        again.ring()
        return again


def test_the_transferor_is_told_that_the_target_has_answered(office: World) -> None:
    transferred = Transferred(office)
    again = transferred.rung_again()
    assert again.invite.get("referred-by") == "<sip:601@acme.test>"
    again.answer()
    office.run(0.5)
    assert transferred.mine.notified == [100, 180, 200]
    assert transferred.mine.state == "ended"
    assert office.hears(transferred.theirs, desk=again) == {"desk"}


def test_the_transferor_has_the_other_back_when_nobody_takes_it(office: World) -> None:
    transferred = Transferred(office)
    transferred.rung_again().reject(486)
    office.run(0.5)
    assert transferred.mine.notified == [100, 180, 486]
    assert office.hears(transferred.theirs, lee=transferred.mine) == {"lee"}
    transferred.mine.refer("600").expect(202)  # and may try again
    again = transferred.desk.expect_call()
    again.answer()
    office.run(0.5)
    assert office.hears(transferred.theirs, desk=again) == {"desk"}


def test_the_transferor_is_rung_when_their_phone_cannot_be_reached_any_more(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    transferred = Transferred(office)
    office.kill()
    unreachable(office, transferred.lee, monkeypatch)
    office.revive()
    transferred.mine.state = "ended"
    again = transferred.desk.expect_call()
    transferred.desk.calls[0].state = "ended"
    again.reject(486)
    monkeypatch.undo()
    back = transferred.lee.expect_call(60.0)
    back.answer()
    office.run(0.5)
    assert office.hears(transferred.theirs, lee=back) == {"lee"}


class Merging:
    """Lee talks to Mia, and to the reception, whose phone does not answer our re-INVITE; the two calls are to become one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lee, self.mia, self.desk = world.phones("601", "602", "600")
        self.first, self.at_mia = world.talk(self.lee, self.mia)
        self.second, self.at_desk = world.talk(self.lee, self.desk)
        world.run(AT_REST)
        self.desk.hooks["INVITE"] = lambda call, request: 0 if request.to_tag else None
        self.first.refer("600", replaces=self.second).expect(202)
        world.run(AT_REST)
        assert world.hears(self.at_mia) == {"music"}


def test_two_calls_that_were_to_become_one_stay_two(office: World) -> None:
    merging = Merging(office)
    die_and_rise(office)
    assert merging.first.notified == [100, 503]
    assert office.hears(merging.at_mia, lee=merging.first) == {"lee"}
    merging.desk.hooks.clear()
    merging.first.refer("600", replaces=merging.second).expect(202)
    office.run(1)
    assert office.hears(merging.at_mia, desk=merging.at_desk) == {"desk"}
    assert merging.first.state == merging.second.state == "ended"


def test_whom_the_transferor_has_left_has_them_rung(office: World) -> None:
    merging = Merging(office)
    merging.first.hang_up()
    office.run(AT_REST)
    die_and_rise(office)
    back = merging.lee.expect_call()
    back.answer()
    office.run(0.5)
    assert office.hears(merging.at_mia, lee=back) == {"lee"}
    merging.desk.hooks.clear()


def test_who_is_left_alone_is_let_go(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, sam, _ = delegated(office)
    office.kill()
    unreachable(office, sam.phone, monkeypatch)
    office.revive()
    sam.state = "ended"
    office.run(1)
    assert caller.state == "ended"


def unreachable(world: World, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no way to a phone any more."""
    way = world.host.flow_to
    monkeypatch.setattr(world.host, "flow_to", lambda target, via=None: None if target[1:] == phone.at else way(target, via))


def test_phones_are_told_again_whom_they_have(office: World) -> None:
    """What was to be told when the server died is not lost."""
    transferred = Transferred(office)
    again = transferred.desk.calls[0]
    again.answer()
    office.run(AT_REST)
    office.kill()
    asked = len(office.sent_to(transferred.mia))
    office.revive()
    office.run(1)
    told = b"".join(packet.data for packet in office.sent_to(transferred.mia)[asked:])
    assert b'P-Asserted-Identity: "Reception" <sip:600@acme.test>' in told
    assert office.hears(transferred.theirs, desk=again) == {"desk"}
