"""Transfer (C15): REFER, blind and attended, and by command; whoever hangs up at whatever moment, nobody is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from b2bua.calls.commands import Outcome, Transfer
from b2bua.delegation.callers import Callers
from b2bua.delegation.model import Directory, Room
from b2bua.store.history import view
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall
from tests.world import FAR_NUMBER, NUMBER, USERS, Delegation, World, configuration, executive

NewWorld = Callable[..., World]


class Stage:
    """A caller from outside talks to Sam (676), who took the call for Olivia (667); Lee (601) and Mia (602) are there."""

    def __init__(self, new_world: NewWorld, *phones: str) -> None:
        self.world = new_world(executive("667", "676"), media=FakeMedia())
        self.sam, self.lee, *self.more = self.world.phones("676", "601", *phones)
        self.caller = self.world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
        self.at_sam = self.sam.expect_call()
        self.at_sam.ring()
        self.at_sam.answer()
        self.caller.expect_up()

    def consult(self, number: str = "601", *, answered: bool = True) -> tuple[PhoneCall, PhoneCall]:
        """Sam puts the caller on hold and calls somebody."""
        self.at_sam.hold()
        self.world.run(0.2)
        mine = self.sam.call(number)
        theirs = self.lee.expect_call()
        theirs.ring()
        if answered:
            theirs.answer()
            mine.expect_up()
        else:
            mine.expect_ringing()
        return mine, theirs

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        return self.world.hears(listener, **others)


def segments(world: World, at: int = -1) -> list[tuple[str, str, str]]:
    """Kind, party and why of the segments of a finished call."""
    return [(each.kind, each.party, each.why) for each in world.history[at].segments if each.kind != "ring"]


# --- blind --------------------------------------------------------------------------------------------------------------------


def test_blind_transfer(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    answer = stage.at_sam.refer("601").expect(202)
    assert answer.get("contact")
    at_lee = stage.lee.expect_call(shows=("Customer", NUMBER))
    assert at_lee.invite.get("referred-by") == "<sip:676@acme.test>"
    assert stage.hears(stage.caller, sam=stage.at_sam) == {"music"}
    at_lee.ring()
    stage.world.run(0.1)
    assert stage.hears(stage.caller) == {"tone:ringback"}
    assert stage.at_sam.notified == [100, 180]
    assert stage.at_sam.state == "up"
    at_lee.answer()
    stage.world.run(0.5)
    assert stage.at_sam.notified == [100, 180, 200]
    assert stage.at_sam.state == "ended"
    assert stage.hears(stage.caller, lee=at_lee) == {"lee"}
    assert stage.hears(at_lee, caller=stage.caller) == {"caller"}
    notify = stage.sam.heard("NOTIFY")[-1]
    assert notify.get("subscription-state") == "terminated;reason=noresource"
    assert notify.get("event").startswith("refer;id=")
    assert notify.get("content-type") == "message/sipfrag;version=2.0"
    at_lee.hang_up()
    stage.caller.expect_ended()
    assert segments(stage.world) == [("talk", "676", "answered"), ("talk", "601", "transferred")]
    assert stage.world.history[-1].executive == "667"


def test_on_hold_after_a_transfer_there_is_music_again(new_world: NewWorld) -> None:
    """Not the ringing that was heard while the target rang, whether it has answered or not."""
    stage = Stage(new_world)
    stage.at_sam.hold()
    stage.at_sam.refer("601").expect(202)
    busy = stage.lee.expect_call()
    busy.ring()
    stage.world.run(0.5)
    assert stage.hears(stage.caller) == {"tone:ringback"}
    busy.reject(486)
    stage.world.run(0.5)
    assert stage.hears(stage.caller) == {"music"}
    stage.at_sam.refer("601").expect(202)
    at_lee = stage.lee.expect_call()
    at_lee.ring()
    stage.world.run(0.5)
    at_lee.answer()
    stage.world.run(0.5)
    at_lee.hold()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, lee=at_lee) == {"music"}


def test_the_transferor_may_hang_up_at_once(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("601").expect(202)
    stage.at_sam.hang_up()
    at_lee = stage.lee.expect_call()
    at_lee.ring()
    at_lee.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, lee=at_lee) == {"lee"}


def test_busy_the_transferor_has_the_caller_back(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("601").expect(202)
    stage.lee.expect_call().reject(486)
    stage.world.run(0.5)
    assert stage.at_sam.notified == [100, 180, 486]
    assert stage.hears(stage.caller, sam=stage.at_sam) == {"sam"}
    assert stage.hears(stage.at_sam, caller=stage.caller) == {"caller"}
    stage.at_sam.refer("601").expect(202)  # and may try again
    at_lee = stage.lee.expect_call()
    at_lee.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, lee=at_lee) == {"lee"}


def test_no_answer_after_the_transferor_has_hung_up_they_are_rung_back(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("601").expect(202)
    at_lee = stage.lee.expect_call()
    at_lee.ring()
    stage.at_sam.hang_up()
    again = stage.sam.expect_call(60.0, shows=NUMBER)
    assert "info=recall" in again.invite.get("alert-info")
    assert not again.invite.get("referred-by")
    assert at_lee.state == "ended"
    assert stage.caller.state == "up"
    again.ring()
    again.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, sam=again) == {"sam"}


def test_nobody_at_all_the_caller_is_told(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("601").expect(202)
    stage.lee.expect_call()
    stage.at_sam.hang_up()
    stage.world.run(300.0)
    assert stage.caller.state == "ended"


def test_the_caller_hangs_up_while_it_rings(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("601").expect(202)
    at_lee = stage.lee.expect_call()
    at_lee.ring()
    stage.caller.hang_up()
    stage.world.run(0.5)
    assert at_lee.state == "ended"
    assert stage.at_sam.state == "ended"
    assert stage.at_sam.notified == [100, 180, 487]


def test_without_subscription(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    answer = stage.at_sam.refer("601", ["Refer-Sub: false"]).expect(200)
    assert answer.get("refer-sub") == "false"
    at_lee = stage.lee.expect_call()
    at_lee.answer()
    stage.world.run(0.5)
    assert stage.at_sam.notified == []
    assert stage.hears(stage.caller, lee=at_lee) == {"lee"}


def test_a_phone_that_knows_no_notify_gets_one_only(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.sam.hooks["NOTIFY"] = lambda call, request: 481
    stage.at_sam.refer("601").expect(202)
    at_lee = stage.lee.expect_call()
    at_lee.ring()
    at_lee.answer()
    stage.world.run(0.5)
    assert stage.at_sam.notified == [100]
    assert stage.hears(stage.caller, lee=at_lee) == {"lee"}


def test_to_an_outside_number_nobody_is_told_of_the_assistant(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("+15557654321").expect(202)
    at_other = stage.world.carrier.expect_call()
    assert not at_other.invite.get("referred-by")
    assert "676" not in at_other.invite.data.decode().replace("6221500676", "")
    at_other.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, other=at_other) == {"other"}


def test_by_command(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    said: list[Outcome] = []
    calls = stage.world.core.calls
    call_id = next(iter(calls.calls))
    calls.order(call_id, Transfer("676", "602"), said.append)
    stage.world.run(0.5)
    assert said[0].status == 480, "602 has no phone: nothing has changed"
    assert stage.hears(stage.caller, sam=stage.at_sam) == {"sam"}
    calls.order(call_id, Transfer("676", "601"), said.append)
    at_lee = stage.lee.expect_call()
    assert said[1].done
    at_lee.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, lee=at_lee) == {"lee"}
    assert stage.at_sam.state == "ended"
    calls.order(call_id, Transfer("676", "602"), said.append)
    stage.world.run(0.1)
    assert said[2].status == 403


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("9999", [], 403),
        ("sip:601@elsewhere.example", [], 403),
        ("112", [], 403),
        ("*11", [], 403),
        ("602", [], 403),
        ("601;method=BYE", [], 403),
        ("799", [], 403),
        ("sip:601@acme.test?Replaces=nobody%3Bto-tag%3D1%3Bfrom-tag%3D2", [], 403),
        ("sip:601@acme.test?Replaces=nobody", [], 400),
        ("601", ["Refer-To: <sip:602@acme.test>"], 400),
    ],
)
def test_a_refused_refer_disturbs_nothing(new_world: NewWorld, target: str, headers: list[str], status: int) -> None:
    stage = Stage(new_world)
    uri = target if target.startswith("sip:") else f"sip:{target}@acme.test" if ";" not in target else "sip:601@acme.test;method=BYE"
    answer = stage.at_sam.refer(uri, headers).expect(status)
    assert status == 400 or answer.get("warning").startswith("399 acme.test")
    stage.world.run(1.0)
    assert stage.at_sam.notified == []
    assert stage.hears(stage.caller, sam=stage.at_sam) == {"sam"}
    assert stage.hears(stage.at_sam, caller=stage.caller) == {"caller"}


def test_nobody_outside_transfers(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.caller.refer("601").expect(403)
    assert stage.hears(stage.caller, sam=stage.at_sam) == {"sam"}


def test_one_transfer_at_a_time(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("601").expect(202)
    stage.lee.expect_call()
    stage.at_sam.refer("601").expect(491)


@pytest.mark.parametrize("code", ["%23%2320", "%2363", "##20"])
def test_to_the_code_that_sends_back(new_world: NewWorld, code: str) -> None:
    stage = Stage(new_world, "667")
    stage.at_sam.refer(f"sip:{code}@acme.test").expect(202)
    at_boss = stage.more[0].expect_call(shows=("Customer", NUMBER))
    stage.world.run(0.2)
    assert stage.at_sam.state == "ended"
    assert stage.at_sam.notified == [100, 200]
    at_boss.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, boss=at_boss) == {"boss"}


def test_to_a_park_slot_and_back(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("702").expect(202)
    stage.world.run(0.2)
    assert stage.at_sam.notified == [100, 200]
    assert stage.hears(stage.caller, sam=stage.at_sam) == {"music"}
    stage.at_sam.hang_up()
    stage.world.run(1.0)
    assert stage.caller.state == "up"
    at_slot = stage.lee.call("702")
    at_slot.expect_up()
    assert stage.hears(stage.caller, lee=at_slot) == {"lee"}


@pytest.mark.parametrize("phone", ["slow", "gone"])
def test_to_a_slot_while_the_other_party_goes(new_world: NewWorld, phone: str) -> None:
    """The sound goes directly, and the other phone hangs up or is silent when we ask for it: the transferor does not stay alone."""
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    mia.hooks["INVITE"] = lambda call, request: 0 if request.to_tag else None
    asked = mine.refer("702")
    world.run(0.2)
    if phone == "gone":
        theirs.hang_up()
    world.run(40.0)
    assert mine.state == "ended"
    assert asked.final is None or asked.final.status in (403, 488)  # slow: the REFER's own time is up as well
    mia.hooks.clear()


def test_to_a_slot_and_the_transferor_hangs_up_at_once(new_world: NewWorld) -> None:
    """As phones do after a REFER; the sound may not have come to us yet, and who waits is parked all the same."""
    for offset in [step * 0.001 for step in range(1, 13)]:
        _park_and_hang_up(new_world(media=FakeMedia()), offset)


def _park_and_hang_up(world: World, offset: float) -> None:
    lee, mia, desk = world.phones("601", "602", "600")
    mine, theirs = world.talk(lee, mia)
    asked = mine.refer("702")
    world.wire.after(offset, lambda: hang_up(mine))
    world.run(2.0)
    asked.expect(202)
    assert world.hears(theirs) == {"music"}, world.report(str(offset))
    at_slot = desk.call("702")
    at_slot.expect_up()
    assert world.hears(theirs, desk=at_slot) == {"desk"}
    world.settle(40.0)


def test_to_a_slot_and_the_transferor_with_a_silent_phone_hangs_up(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    lee.hooks["INVITE"] = lambda call, request: 0
    asked = mine.refer("702")
    world.run(0.2)
    mine.hang_up()
    world.run(2.0)
    asked.expect(202)
    assert world.hears(theirs) == {"music"}
    lee.hooks.clear()


def test_to_the_code_that_sends_back_and_the_transferor_hangs_up_at_once(new_world: NewWorld) -> None:
    for offset in [step * 0.001 for step in range(1, 13)]:
        _push_and_hang_up(new_world(executive("667", "676"), media=FakeMedia()), offset)


def _push_and_hang_up(world: World, offset: float) -> None:
    media = world.media
    assert media is not None
    sam, boss = world.phones("676", "667")
    media.available = False  # the sound goes directly
    caller = world.carrier.call("+6221500667")
    at_sam = sam.expect_call()
    at_sam.answer()
    caller.expect_up()
    media.available = True
    at_sam.refer("sip:%23%2320@acme.test")
    world.wire.after(offset, lambda: hang_up(at_sam))
    at_boss = boss.expect_call()
    at_boss.answer()
    world.run(0.5)
    assert world.hears(caller, boss=at_boss) == {"boss"}, world.report(str(offset))
    world.settle(40.0)


def test_to_a_slot_in_vain_and_the_transferor_has_hung_up(new_world: NewWorld) -> None:
    """The other phone does not let its sound be moved: who is left alone is let go."""
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    mia.hooks["INVITE"] = lambda call, request: 488 if request.to_tag else None
    mine.refer("702")
    mine.hang_up()
    world.run(2.0)
    assert theirs.state == "ended"


def test_who_was_called_is_transferred_under_their_own_number(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, world.carrier, number=NUMBER)
    mine.refer("602").expect(202)
    at_mia = mia.expect_call(shows=NUMBER)
    assert NUMBER in at_mia.invite.get("p-asserted-identity")
    assert at_mia.invite.get("referred-by") == "<sip:601@acme.test>"
    at_mia.answer()
    world.run(0.5)
    assert world.hears(theirs, mia=at_mia) == {"mia"}
    theirs.hang_up()
    at_mia.expect_ended()
    row = world.history[-1]
    assert (row.actor, row.called) == (None, NUMBER)
    assert ("talk", "602", "transferred") in segments(world)


def test_without_a_media_engine_it_is_refused_and_the_call_goes_on(new_world: NewWorld) -> None:
    world = new_world()
    lee, mia, _desk = world.phones("601", "602", "600")
    mine, theirs = world.talk(lee, mia)
    mine.refer("600").expect(488)
    assert mine.hears(theirs) and theirs.hears(mine)
    mine.refer("600").expect(488)


def test_the_code_from_nobody_s_assistant_is_refused(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    mine.refer("sip:%23%2320@acme.test").expect(403)
    world.run(0.5)
    assert mine.state == theirs.state == "up"


# --- attended -----------------------------------------------------------------------------------------------------------------


def test_attended_transfer(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    mine, at_lee = stage.consult()
    assert stage.hears(stage.caller) == {"music"}
    stage.at_sam.refer("601", replaces=mine).expect(202)
    stage.world.run(0.5)
    assert stage.at_sam.notified == [100, 200]
    assert stage.at_sam.state == mine.state == "ended"
    assert stage.hears(stage.caller, lee=at_lee) == {"lee"}
    assert stage.hears(at_lee, caller=stage.caller) == {"caller"}
    stage.world.run(5.0)
    told = [message for message in (*stage.lee.heard("UPDATE"), *stage.lee.heard("INVITE")) if NUMBER in message.get("p-asserted-identity")]
    assert told, "Lee's phone shows who is there now"
    at_lee.hang_up()
    stage.caller.expect_ended()
    rows = {row.executive: row for row in stage.world.history}
    assert [(each.party, each.why) for each in rows["667"].segments if each.kind == "talk"][-1] == ("601", "transferred")


def test_attended_with_the_refer_in_the_other_call(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    mine, at_lee = stage.consult()
    mine.refer("667", replaces=stage.at_sam).expect(202)
    stage.world.run(0.5)
    assert mine.notified == [100, 200]
    assert stage.at_sam.state == mine.state == "ended"
    assert stage.hears(stage.caller, lee=at_lee) == {"lee"}


def test_attended_of_two_plain_calls_whose_sound_went_directly(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    lee, mia, tom = world.phones("601", "602", "600")
    first, at_mia = world.talk(lee, mia)
    second, at_tom = world.talk(lee, tom)
    first.refer("600", replaces=second).expect(202)
    world.run(1.0)
    assert world.hears(at_mia, tom=at_tom) == {"tom"}
    assert world.hears(at_tom, mia=at_mia) == {"mia"}
    assert first.state == second.state == "ended"
    world.run(5.0)
    assert any("602" in message.get("p-asserted-identity") for message in (*tom.heard("UPDATE"), *tom.heard("INVITE")))
    assert any("600" in message.get("p-asserted-identity") for message in (*mia.heard("UPDATE"), *mia.heard("INVITE")))


def test_the_record_of_the_caller_goes_on(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    caller = world.carrier.call_from(NUMBER, "+6221500602")
    first = lee.expect_call()
    first.answer()
    caller.expect_up()
    first.hold()
    world.run(0.2)
    second, at_mia = world.talk(lee, mia)
    first.refer("602", replaces=second).expect(202)
    world.run(0.5)
    assert world.hears(caller, mia=at_mia) == {"mia"}
    caller.hang_up()
    at_mia.expect_ended()
    world.run(1.0)
    row = next(row for row in world.history if row.caller == NUMBER)
    assert [(each.kind, each.party, each.why) for each in row.segments if each.kind != "ring"] == [
        ("talk", "601", "answered"),
        ("hold", "601", "held"),
        ("talk", "602", "transferred"),
    ]
    assert {"601", "602"} <= set(row.parties)


def test_join_makes_a_call_of_three(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    mine, at_lee = stage.consult()
    stage.at_sam.refer("601", join=mine).expect(202)
    stage.world.run(0.5)
    assert stage.at_sam.state == "ended"
    assert stage.hears(stage.caller, lee=at_lee, sam=mine) == {"lee", "sam"}
    assert stage.hears(mine, lee=at_lee, caller=stage.caller) == {"lee", "caller"}


def test_semi_attended_rings_on_for_the_caller(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    mine, at_lee = stage.consult(answered=False)
    stage.at_sam.refer("601", replaces=mine).expect(202)
    stage.world.run(0.5)
    mine.expect_ended(487)
    again = stage.lee.expect_call(shows=("Customer", NUMBER))
    assert at_lee.state == "ended" and "Call completed elsewhere" in at_lee.reason
    again.ring()
    again.answer()
    stage.world.run(0.5)
    assert stage.at_sam.state == "ended"
    assert stage.hears(stage.caller, lee=again) == {"lee"}


def test_nobody_takes_part_in_the_calls_of_others(new_world: NewWorld) -> None:
    stage = Stage(new_world, "602", "600")
    theirs, at_other = stage.world.talk(stage.more[0], stage.more[1])
    stage.at_sam.refer("600", replaces=theirs).expect(403)
    stage.at_sam.refer("601", replaces=stage.at_sam).expect(403)
    stage.world.run(0.5)
    assert stage.hears(stage.caller, sam=stage.at_sam) == {"sam"}
    assert theirs.state == at_other.state == "up"


def test_who_listened_to_the_transferor_listens_no_more(new_world: NewWorld) -> None:
    world = new_world(
        executive("667", "676", Delegation("677", "667", frozenset({"receive", "listen"}))), media=FakeMedia()
    )
    sam, ana, lee = world.phones("676", "677", "601")
    caller = world.carrier.call_from(NUMBER, "+6221500667")
    at_sam = sam.expect_call()
    at_sam.answer()
    caller.expect_up()
    listener = ana.call("*80676")
    listener.expect_up()
    at_sam.refer("601").expect(202)
    at_lee = lee.expect_call()
    at_lee.answer()
    world.run(0.5)
    assert listener.state == "ended"
    assert world.hears(caller, lee=at_lee) == {"lee"}


def test_two_outside_parties_the_trusted_trunk_learns_who_it_is_the_other_one_does_not(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.hold()
    stage.world.run(0.2)
    mine = stage.sam.call(FAR_NUMBER)
    far = stage.world.far.expect_call()
    far.answer()
    mine.expect_up()
    stage.at_sam.refer(FAR_NUMBER, replaces=mine).expect(202)
    stage.world.run(5.0)
    assert stage.hears(stage.caller, far=far) == {"far"}
    told = [message.get("p-asserted-identity") for message in (*stage.world.carrier.heard("UPDATE"), *stage.world.carrier.heard("INVITE"))]
    assert any(FAR_NUMBER in each for each in told)
    assert not any("p-asserted-identity" in dict(message.headers) for message in stage.world.far.heard("INVITE")[1:])
    assert not any(message.get("p-asserted-identity") for message in stage.world.far.heard("UPDATE"))


class Plain:
    """Lee (601) has a call with Mia (602) and one with the reception (600); the sound of both goes directly."""

    def __init__(self, new_world: NewWorld) -> None:
        self.world = new_world(media=FakeMedia())
        self.lee, self.mia, self.desk = self.world.phones("601", "602", "600")
        self.first, self.at_mia = self.world.talk(self.lee, self.mia)
        self.second, self.at_desk = self.world.talk(self.lee, self.desk)


@pytest.mark.parametrize("who", ["mia", "desk"])
def test_a_refused_reinvite_leaves_both_calls_as_they_were(new_world: NewWorld, who: str) -> None:
    plain = Plain(new_world)
    phone: Phone = getattr(plain, who)
    phone.hooks["INVITE"] = lambda call, request: 488 if request.to_tag else None
    asked = plain.first.refer("600", replaces=plain.second)
    plain.world.run(2.0)
    if who == "mia":
        asked.expect(488)
    else:
        assert plain.first.notified == [100, 488]
    plain.world.balanced()
    assert plain.second.hears(plain.at_desk) and plain.at_desk.hears(plain.second)
    if who == "desk":
        assert plain.world.hears(plain.first, mia=plain.at_mia) == {"mia"}
    else:
        assert plain.first.hears(plain.at_mia) and plain.at_mia.hears(plain.first)


def test_crossing_offers_are_tried_again(new_world: NewWorld) -> None:
    plain = Plain(new_world)
    refusals = [491, 491]
    plain.desk.hooks["INVITE"] = lambda call, request: refusals.pop() if refusals and request.to_tag else None
    plain.first.refer("600", replaces=plain.second).expect(202)
    plain.world.run(8.0)
    assert plain.first.notified == [100, 200]
    assert plain.world.hears(plain.at_mia, desk=plain.at_desk) == {"desk"}


@pytest.mark.parametrize("stays", [True, False])
def test_a_phone_that_does_not_answer_holds_up_nobody_for_ever(new_world: NewWorld, *, stays: bool) -> None:
    plain = Plain(new_world)
    plain.desk.hooks["INVITE"] = lambda call, request: 0 if request.to_tag else None
    plain.first.refer("600", replaces=plain.second).expect(202)
    if not stays:
        plain.first.hang_up()
    plain.world.run(21.0)
    if stays:
        assert plain.first.notified == [100, 504]
        assert plain.world.hears(plain.at_mia, lee=plain.first) == {"lee"}
    else:
        again = plain.lee.expect_call()
        again.answer()
        plain.world.run(0.5)
        assert plain.world.hears(plain.at_mia, lee=again) == {"lee"}
    plain.world.run(20.0)
    assert plain.at_mia.state == "up"
    plain.desk.hooks.clear()


def test_the_transferor_hangs_up_the_other_call_too_early(new_world: NewWorld) -> None:
    """While the sound of the second call is being brought to us; its other party is not lost."""
    plain = Plain(new_world)
    plain.lee.hooks["INVITE"] = lambda call, request: 0 if call is plain.second else None
    plain.first.refer("600", replaces=plain.second).expect(202)
    plain.world.run(0.5)
    plain.second.hang_up()
    plain.world.run(1.0)
    assert plain.world.hears(plain.at_mia, desk=plain.at_desk) == {"desk"}
    assert plain.world.hears(plain.at_desk, mia=plain.at_mia) == {"mia"}
    assert plain.first.notified == [100, 200]
    plain.lee.hooks.clear()


def test_the_transferor_hangs_up_before_the_refer_is_answered(new_world: NewWorld) -> None:
    world = new_world(media=FakeMedia())
    lee, mia, desk = world.phones("601", "602", "600")
    mine, theirs = world.talk(lee, mia)
    lee.hooks["INVITE"] = lambda call, request: 0
    asked = mine.refer("600")
    world.run(0.5)
    assert not asked.done
    mine.hang_up()
    at_desk = desk.expect_call()
    asked.expect(202)
    at_desk.answer()
    world.run(0.5)
    assert world.hears(theirs, desk=at_desk) == {"desk"}
    lee.hooks.clear()


def test_a_restart_while_the_transferred_call_rings(new_world: NewWorld) -> None:
    stage = Stage(new_world)
    stage.at_sam.refer("601").expect(202)
    before = stage.lee.expect_call()
    stage.at_sam.hang_up()
    stage.world.run(0.2)
    stage.world.kill()
    stage.world.run(2.0)
    stage.world.revive()
    before.state = "ended"  # what rang at a server that has died is never answered; phones give it up
    stage.lee.expect_call()
    again = stage.sam.expect_call(60.0)
    again.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, sam=again) == {"sam"}


# --- confidential contacts (A24) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["caller", "assistant"])
def test_a_confidential_contact_stays_private_to_the_assistant(new_world: NewWorld, sent: str) -> None:
    """Olivia consults Sam and brings him together with a confidential contact, in the one call or in the other."""
    world = new_world(replace(executive("667", "676"), confidential=Callers.of(NUMBER)), media=FakeMedia())
    boss, sam = world.phones("667", "676")
    caller = world.carrier.call_from(NUMBER, "+6221500667", display="Mum")
    hers = boss.expect_call()
    hers.answer()
    caller.expect_up()
    hers.hold()
    world.run(0.2)
    mine, at_sam = world.talk(boss, sam)
    first, second = (hers, mine) if sent == "caller" else (mine, hers)
    first.refer("676", replaces=second).expect(202)
    world.run(1.0)
    assert world.hears(caller, sam=at_sam) == {"sam"}
    told = b"".join(packet.data for packet in world.sent_to(sam))
    assert NUMBER.encode() not in told and b"Mum" not in told


def test_two_outside_calls_of_the_executive_stay_confidential_together(new_world: NewWorld) -> None:
    """The call of the confidential contact goes on, whichever the REFER was sent in: no assistant joins it."""
    world = new_world(replace(executive("667", "676"), confidential=Callers.of(NUMBER)), media=FakeMedia())
    boss, sam = world.phones("667", "676")
    caller = world.carrier.call_from(NUMBER, "+6221500667", display="Mum")
    hers = boss.expect_call()
    hers.answer()
    caller.expect_up()
    customer = world.carrier.call_from("+15557001", "+6221500667")
    at_sam = sam.expect_call()
    at_sam.answer()
    customer.expect_up()
    world.press(at_sam, "##20")
    theirs = boss.expect_call()
    theirs.answer()
    world.run(1.0)
    hers.refer("667", replaces=theirs).expect(202)
    world.run(1.0)
    assert world.hears(caller, customer=customer) == {"customer"}
    sam.call("*11").expect_ended(404, within=8.0)
    world.hang_up_all()
    world.run(1.0)
    for row in world.history:
        assert NUMBER not in str(view([row], "676"))


# --- into a conference --------------------------------------------------------------------------------------------------------


def conference(new_world: NewWorld, *rooms: Room) -> World:
    config = configuration()
    organisation = Directory.build(
        domain=config.domain, users=USERS, executives=[executive()], trunks=config.routes, emergency=config.emergency, rooms=rooms
    )
    return new_world(config=config, organisation=organisation, media=FakeMedia())


@pytest.mark.parametrize("pin", [None, "4711"])
@pytest.mark.parametrize("joins", [True, False])
def test_nobody_brings_others_past_the_lobby(new_world: NewWorld, pin: str | None, *, joins: bool) -> None:
    """Who has not entered the PIN, or waits for the moderator, lets nobody else in."""
    world = conference(new_world, Room("8002", "Board", frozenset({"667"}), pin))
    boss, lee, mia = world.phones("667", "601", "602")
    host = boss.call("8002") if pin is not None else None
    mine, theirs = world.talk(lee, mia)
    mine.hold()
    world.run(0.2)
    waiting = lee.call("8002")
    waiting.expect_up()
    asked = mine.refer("8002", join=waiting) if joins else mine.refer("8002", replaces=waiting)
    asked.expect(403)
    world.run(1.0)
    assert mine.state == waiting.state == "up"
    mine.resume()
    world.run(0.5)
    assert world.hears(theirs, lee=mine) == {"lee"} or theirs.hears(mine)
    if host is not None:
        assert world.hears(host, mia=theirs) == {"conference_alone"}


def test_a_full_conference_takes_nobody_by_transfer(new_world: NewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.calls.conference.MOST_MEMBERS", 2)
    world = conference(new_world, Room("8000", "Everybody"))
    lee, mia, desk = world.phones("601", "602", "600")
    desk.call("8000").expect_up()
    mine, theirs = world.talk(lee, mia)
    member = lee.call("8000")
    member.expect_up()
    mine.refer("8000", join=member).expect(486)
    mine.refer("8000", replaces=member).expect(202)  # in the transferor's own place
    world.run(1.0)
    assert member.state == mine.state == "ended"
    assert theirs.state == "up"


# --- whoever hangs up ---------------------------------------------------------------------------------------------------------

OFFSETS = [step * 0.0005 for step in range(-3, 14)]


def hang_up(call: PhoneCall) -> None:
    if call.state == "up":
        call.hang_up()
    elif call.state in ("trying", "ringing") and call.incoming:
        call.reject(486)


def refer(call: PhoneCall, number: str, replaces: PhoneCall | None = None) -> None:
    if call.state == "up":
        call.refer(number, replaces=replaces)


def lost(world: World, caller: PhoneCall) -> bool:
    """Whether the caller is in a call in which there is nobody and nobody rings."""
    call = next((call for call in world.core.calls.calls.values() if call.conversation is not None), None)
    return caller.state == "up" and (call is None or call.live_legs < 2)


@pytest.mark.parametrize("who", ["caller", "sam", "lee", "consult"])
def test_hanging_up_at_any_moment_of_an_attended_transfer(new_world: NewWorld, who: str) -> None:
    for offset in OFFSETS:
        _hang_up_attended(Stage(new_world), who, offset)


def _hang_up_attended(stage: Stage, who: str, offset: float) -> None:
    mine, at_lee = stage.consult()
    leaving = {"caller": stage.caller, "sam": stage.at_sam, "lee": at_lee, "consult": mine}[who]
    stage.world.wire.after(0.01, lambda: refer(stage.at_sam, "601", mine))
    stage.world.wire.after(0.01 + offset, lambda: hang_up(leaving))
    stage.world.run(3.0)
    stage.world.balanced()
    assert not lost(stage.world, stage.caller), stage.world.report(f"{who} {offset}")
    if who == "caller":
        assert stage.at_sam.state == "ended"
    stage.world.settle(40.0)


def test_the_target_answers_while_the_transferor_sends_it_on(new_world: NewWorld) -> None:
    for offset in OFFSETS:
        _answer_semi_attended(Stage(new_world), offset)


def _answer_semi_attended(stage: Stage, offset: float) -> None:
    mine, at_lee = stage.consult(answered=False)
    stage.world.wire.after(0.014, lambda: refer(stage.at_sam, "601", mine))
    stage.world.wire.after(0.014 + offset, lambda: at_lee.answer() if at_lee.state == "ringing" else None)
    stage.world.run(2.0)
    stage.world.balanced()
    assert stage.caller.state == "up"
    if at_lee.state == "up":
        assert stage.hears(stage.caller, lee=at_lee) == {"lee"}
    else:
        stage.lee.expect_call().answer()
        stage.world.run(0.5)
        assert stage.hears(stage.caller, lee=stage.lee.calls[-1]) == {"lee"}
    assert stage.at_sam.state == "ended"
    stage.world.settle(60.0)


@pytest.mark.parametrize("who", ["mia", "desk", "first", "second"])
def test_hanging_up_while_the_sound_is_brought_to_us(new_world: NewWorld, who: str) -> None:
    for offset in [step * 0.0005 for step in range(28)]:
        _hang_up_direct(Plain(new_world), who, offset)


def _hang_up_direct(plain: Plain, who: str, offset: float) -> None:
    leaving = {"mia": plain.at_mia, "desk": plain.at_desk, "first": plain.first, "second": plain.second}[who]
    plain.world.wire.after(0.01, lambda: refer(plain.first, "600", plain.second))
    plain.world.wire.after(0.0105 + offset, lambda: hang_up(leaving))
    plain.world.run(4.0)
    plain.world.balanced()
    if who in ("first", "second") and offset > 0.002:
        assert plain.at_mia.state == "up", plain.world.report(f"{who} {offset}")
    if who == "second" and offset > 0.002:
        assert plain.world.hears(plain.at_mia, desk=plain.at_desk, lee=plain.first) <= {"desk", "lee"}
    plain.world.settle(60.0)


@pytest.mark.parametrize("who", ["caller", "sam", "lee"])
@pytest.mark.parametrize("answer", [True, False])
def test_hanging_up_at_any_moment_of_a_blind_transfer(new_world: NewWorld, who: str, *, answer: bool) -> None:
    for offset in OFFSETS:
        _hang_up_blind(Stage(new_world), who, offset, answer=answer)


def _hang_up_blind(stage: Stage, who: str, offset: float, *, answer: bool) -> None:
    stage.at_sam.refer("601").expect(202)
    at_lee = stage.lee.expect_call()
    stage.world.run(0.01)
    if answer:
        stage.world.wire.after(0.01, lambda: at_lee.answer() if at_lee.state == "ringing" else None)
    leaving = {"caller": stage.caller, "sam": stage.at_sam, "lee": at_lee}[who]
    stage.world.wire.after(0.01 + offset, lambda: hang_up(leaving))
    stage.world.run(3.0)
    stage.world.balanced()
    assert not lost(stage.world, stage.caller), stage.world.report(f"{who} {offset}")
    if who != "caller" and answer and at_lee.state == "up":
        assert stage.caller.state == "up"
    stage.world.settle(90.0)


def test_two_transfers_at_the_same_instant(new_world: NewWorld) -> None:
    """Lee and Mia transfer each other away at the same time: one of them does."""
    for offset in OFFSETS[::2]:
        _two_at_once(new_world(media=FakeMedia()), offset)


def _two_at_once(world: World, offset: float) -> None:
    lee, mia, tom = world.phones("601", "602", "600")
    mine, theirs = world.talk(lee, mia)
    world.wire.after(0.01, lambda: refer(mine, "600"))
    world.wire.after(0.01 + offset, lambda: refer(theirs, "600"))
    tom.expect_call().answer()
    world.run(3.0)
    tom.expect_no_call(0.1)
    assert sorted([mine.state, theirs.state]) == ["ended", "up"]
    world.balanced()
    world.settle(40.0)
