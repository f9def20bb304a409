"""Codes dialled as a new call for the call that one has on hold (C3, C5, C9): done there, confirmed here, one row each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from b2bua.calls.command_call import COMMAND_SECONDS
from b2bua.calls.commands import Command, Outcome
from b2bua.calls.conversation import Conversation
from b2bua.store.ports import HistoryRow
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall
from tests.plain_sip import display_of, user_of
from tests.world import NUMBER, World, executive


class Desk:
    """Sam has the caller on hold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.boss, self.sam, self.ana = world.phones("667", "676", "677")
        self.caller = world.carrier.call_from(NUMBER, "+6221500667")
        self.at_sam = self.sam.expect_call()
        self.at_sam.ring()
        self.at_sam.answer()
        self.caller.expect_up()
        self.at_sam.hold().expect(200)
        world.run(0.1)

    def row(self, called: str) -> HistoryRow:
        """The one row of a dialled code."""
        (row,) = [each for each in self.world.history if each.called == called]
        return row


@pytest.fixture
def desk(new_world: Callable[..., World]) -> Desk:
    desk = Desk(new_world(media=FakeMedia()))
    assert desk.world.hears(desk.caller) == {"music"}
    return desk


def hang_up(call: PhoneCall) -> None:
    if call.state == "up":
        call.hang_up()


def dial(phone: Phone, number: str) -> None:
    phone.call(number)


def shown_at(call: PhoneCall) -> tuple[str, str]:
    """What the display says after the answer."""
    value = call.responses[-1].get("p-asserted-identity")
    return display_of(value), user_of(value)


@pytest.mark.parametrize("code", ["##20", "#63"])
def test_to_the_executive(desk: Desk, code: str) -> None:
    world = desk.world
    dialled = desk.sam.call(code)
    dialled.expect_up()
    assert shown_at(dialled) == ("sent to Olivia Boss", code.replace("#", "%23"))
    world.run(0.01)
    assert world.hears(dialled) == {"tone:confirm"}
    desk.at_sam.expect_ended()
    at_boss = desk.boss.expect_call(shows=NUMBER)
    world.run(1.3)
    assert dialled.state == "up"
    dialled.expect_ended(within=0.5)
    assert dialled.ended_by == "them" and dialled.reason == 'SIP;cause=200;text="sent to Olivia Boss"'
    at_boss.ring()
    at_boss.answer()
    world.run(0.5)
    assert world.hears(at_boss, caller=desk.caller) == {"caller"}
    row = desk.row(code)
    assert (row.outcome, row.status, row.parties, row.segments, row.executive) == ("answered", 200, ("676",), (), None)


def test_parked_and_the_slot_is_spoken_to_who_has_dialled(desk: Desk) -> None:
    world = desk.world
    dialled = desk.sam.call("*68")
    dialled.expect_up()
    assert shown_at(dialled)[0] == "parked in 701"
    world.run(0.01)
    assert world.hears(dialled) == {"parked", "digit:7", "digit:0", "digit:1"}
    desk.at_sam.expect_ended(within=0.5)
    assert desk.at_sam.reason == 'SIP;cause=200;text="parked in 701"', "its own phone has nothing to hear there"
    world.run(2)
    assert dialled.state == "up", "until it has been spoken"
    assert world.media is not None and dialled.remote_sdp is not None
    world.media.finish(bytes(dialled.remote_sdp))
    dialled.expect_ended(within=0.2)
    assert world.hears(desk.caller) == {"music"}
    back = desk.sam.call("*88")
    back.expect_up()
    world.run(0.2)
    assert world.hears(back, caller=desk.caller) == {"caller"}
    assert [each.called for each in world.history] == ["*68"], "the retrieval stands in the row of the call"


def test_an_occupied_slot(desk: Desk) -> None:
    world = desk.world
    world.core.calls.parking.take("705", "another call")
    refused = desk.sam.call("*68705")
    refused.expect_ended(486)
    assert "slot 705 is occupied" in refused.responses[-1].get("warning")
    assert world.hears(desk.caller) == {"music"}
    desk.at_sam.resume().expect(200)
    world.run(0.1)
    assert world.hears(desk.caller, sam=desk.at_sam) == {"sam"}
    world.core.calls.parking.leave("another call")
    row = desk.row("*68705")
    assert (row.status, row.answered, row.segments) == (486, None, ())


def test_locked_and_unlocked(desk: Desk) -> None:
    desk.sam.call("*83").expect_up()
    desk.ana.call("*11676").expect_ended(403)
    desk.sam.call("*84").expect_up()
    taking = desk.ana.call("*11676")
    taking.expect_up()
    desk.at_sam.expect_ended()
    desk.world.run(0.2)
    assert desk.world.hears(taking, caller=desk.caller) == {"caller"}
    assert desk.row("*11676").status == 403, "the other one stands in the row of the call"


def test_the_latest_of_two_held_calls_is_meant(desk: Desk) -> None:
    second = desk.world.carrier.call_from("+15550000002", "+6221500667")
    at_sam = [desk.sam.expect_call()]
    at_sam[0].ring()
    at_sam[0].answer()
    second.expect_up()
    at_sam[0].hold().expect(200)
    desk.world.run(1)
    desk.sam.call("##20").expect_up()
    desk.boss.expect_call(shows="+15550000002")
    assert desk.at_sam.state == "up"


@pytest.mark.parametrize(
    ("who", "code", "status", "words"),
    [
        ("677", "##20", 404, "you are in no call"),
        ("677", "*68", 404, "you are in no call"),
        ("667", "##20", 403, "nobody's assistant"),
        ("677", "*84", 404, "you have locked no call"),
        ("677", "*85", 404, "you have answered no call"),
        ("676", "*68799", 404, "799"),
        ("677", "*15600", 404, "600"),
        ("677", "**601", 404, "601"),
        ("677", "*98", 404, "nobody rings"),
    ],
)
def test_refused_in_words_and_one_row(desk: Desk, who: str, code: str, status: int, words: str) -> None:
    phone = {"667": desk.boss, "676": desk.sam, "677": desk.ana}[who]
    refused = phone.call(code)
    refused.expect_ended(status)
    assert words in refused.responses[-1].get("warning")
    assert desk.world.hears(desk.caller) == {"music"} and desk.at_sam.state == "up"
    row = desk.row(code)
    assert (row.outcome, row.status, who in row.parties) == ("refused", status, True)


def test_the_call_ends_while_the_code_is_on_its_way(desk: Desk) -> None:
    desk.world.wire.after(0.0, lambda: hang_up(desk.caller))
    dialled = desk.sam.call("*68")
    dialled.expect_ended(within=10)
    desk.world.run(1)
    assert desk.world.health["calls"] == 0 and not desk.world.core.calls.parking.occupied
    assert len([row for row in desk.world.history if row.called == "*68"]) == 1


@pytest.mark.parametrize("offset", [step * 0.0005 for step in range(-6, 7)])
@pytest.mark.parametrize("which", ["caller", "holder"])
def test_dialling_crosses_a_hang_up(desk: Desk, which: str, offset: float) -> None:
    gone = desk.caller if which == "caller" else desk.at_sam
    desk.world.wire.after(0.01, lambda: dial(desk.sam, "##20"))
    desk.world.wire.after(0.01 + offset, lambda: hang_up(gone))
    desk.world.run(3)
    assert not desk.world.bugs
    (row,) = [each for each in desk.world.history if each.called == "##20"]
    if which == "caller":
        assert desk.world.health["calls"] == 0
    elif row.status == 200:
        assert desk.caller.state == "up"
        desk.boss.expect_call()
    else:
        assert desk.caller.state == "ended"


# --- the new call itself --------------------------------------------------------------------------------------------------------


def test_without_an_offer(desk: Desk) -> None:
    dialled = desk.sam.call("##20", sdp=False)
    dialled.expect_up()
    desk.world.run(0.01)
    assert desk.world.hears(dialled) == {"tone:confirm"}
    dialled.expect_ended(within=2)


def test_a_phone_whose_sound_nobody_here_understands_only_shows_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"v=0\r\no=- 1 1 IN IP4 127.0.1.2\r\ns=-\r\nc=IN IP4 127.0.1.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
    sdp = type(desk.at_sam.local_sdp)
    monkeypatch.setattr(sdp, "__bytes__", lambda _self: body)
    dialled = desk.sam.call("##20")
    dialled.expect_up()
    monkeypatch.undo()
    assert dialled.remote_sdp is not None and dialled.remote_sdp.direction == "inactive"
    assert shown_at(dialled)[0] == "sent to Olivia Boss"
    dialled.expect_ended(within=2)


def test_without_free_ports_it_is_only_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.boss.unregister()
    assert desk.world.media is not None
    monkeypatch.setattr(desk.world.media, "_free", [])
    dialled = desk.sam.call("*83")
    dialled.expect_up()
    assert dialled.remote_sdp is not None and dialled.remote_sdp.direction == "inactive"
    dialled.expect_ended(within=2)


def test_without_a_media_engine(new_world: Callable[..., World]) -> None:
    """Nothing that needs sound; what does not is done and shown."""
    world = new_world(executive())
    desk = Desk(world)
    refused = desk.sam.call("*68")
    refused.expect_ended(488)
    assert "media engine" in refused.responses[-1].get("warning")
    assert desk.at_sam.state == "up"


def test_the_phone_asks_for_something_meanwhile(desk: Desk) -> None:
    dialled = desk.sam.call("##20")
    dialled.expect_up()
    dialled.hold().expect(200)
    assert desk.world.hears(dialled) <= {"tone:confirm"}
    dialled.update().expect(200)
    dialled.reinvite(sdp=False).expect(200)
    dialled.info("1").expect(200)
    dialled.send("UPDATE", [f"Contact: {desk.sam.contact}"], b"v=0\r\nm=x\r\n").expect(488)
    dialled.expect_ended(within=3)


def test_hung_up_at_once_it_is_done_all_the_same(desk: Desk) -> None:
    dialled = desk.sam.call("##20")
    dialled.expect_up()
    dialled.hang_up().expect(200)
    desk.boss.expect_call(shows=NUMBER)
    assert desk.row("##20").outcome == "answered"


def slow(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[Outcome], None]]:
    """Calls keep what they are asked; the list tells them later."""
    from b2bua.calls import conversation
    from b2bua.calls.events import Ordered

    waits: list[Callable[[Outcome], None]] = []

    async def keep(_conversation: Conversation, event: Ordered) -> None:
        assert isinstance(event.command, Command)
        waits.append(event.done)

    monkeypatch.setitem(conversation._HANDLERS, Ordered, keep)
    return waits


def test_a_call_that_does_not_do_it_in_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = slow(monkeypatch)
    dialled = desk.sam.call("##20")
    desk.world.run(COMMAND_SECONDS - 1)
    assert dialled.state == "calling"
    dialled.expect_ended(504, within=2)
    waits[0](Outcome(200, "done"))
    desk.world.run(1)
    assert desk.row("##20").outcome == "failed"


def test_given_up_meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = slow(monkeypatch)
    dialled = desk.sam.call("##20")
    desk.world.run(1)
    dialled.cancel()
    dialled.expect_ended(487)
    waits[0](Outcome(200, "done"))
    desk.world.run(1)
    assert desk.row("##20").outcome == "cancelled"


def test_the_end_of_the_drain(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch)
    dialled = desk.sam.call("##20")
    desk.world.run(1)
    desk.world.core.calls.hang_up_all()
    dialled.expect_ended()
    assert dialled.status >= 400
    desk.caller.expect_ended()


# --- coming into a call, and not getting there ----------------------------------------------------------------------------------


def test_given_up_while_the_call_is_being_brought_here(new_world: Callable[..., World]) -> None:
    """One row, of who gave up; the call goes on."""
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    waits = [0]
    lee.hooks["INVITE"] = lambda call, _: waits.pop() if call is mine and waits else None
    pulling = mia.call("*11")
    world.run(0.2)
    assert pulling.state == "calling"
    pulling.cancel()
    pulling.expect_ended(487)
    world.run(40)
    assert [(row.called, row.outcome) for row in world.history if row.called == "*11"] == [("*11", "cancelled")]
    assert theirs.state == mine.state


def test_the_call_ends_while_it_is_being_brought_here(new_world: Callable[..., World]) -> None:
    world = new_world(media=FakeMedia())
    lee, mia = world.phones("601", "602")
    mine, _ = world.talk(lee, mia)
    lee.hooks["INVITE"] = lambda call, _: 0 if call is mine else None
    pulling = mia.call("*11")
    world.run(0.2)
    mine.hang_up()
    pulling.expect_ended()
    world.run(1)
    (row,) = [each for each in world.history if each.called == "*11"]
    assert row.outcome == "refused" and row.status == pulling.status
