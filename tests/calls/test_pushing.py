"""Push to the executive and back (C5), with a note or an announcement (C13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from b2bua.calls.commands import Command, End, Outcome, PushBack
from b2bua.calls.pushing import ANSWER_SECONDS
from b2bua.delegation.people import Forwarding
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall
from tests.world import NUMBER, USERS, Rollover, World, executive

NewWorld = Callable[..., World]
RECALL_SECONDS = 20.0
"""The executive's recall time, unless configured."""


class Office:
    """A caller from outside talks to Sam (676), who took the call for Olivia (667)."""

    def __init__(self, world: World, *, boss: bool = True) -> None:
        self.world = world
        self.sam = world.phone("676")
        self.boss = world.phone("667", register=boss)
        self.caller = world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
        self.at_sam = self.sam.expect_call()
        self.at_sam.ring()
        self.at_sam.answer()
        self.caller.expect_up()
        self.at_sam.expect_up()

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        return self.world.hears(listener, **others)

    def order(self, command: Command) -> Outcome:
        """A command of the page."""
        (call,) = self.world.core.calls.calls
        found: list[Outcome] = []
        self.world.core.calls.order(call, command, found.append)
        self.world.run(0.01)
        (outcome,) = found
        return outcome

    def push(self, digits: str = "##20") -> PhoneCall:
        """Sam sends the call away by keys; Olivia's phone rings."""
        self.world.press(self.at_sam, digits)
        return self.boss.expect_call()

    def segments(self) -> list[tuple[str, str, str]]:
        """Kind, party and why of the segments of the only finished call."""
        (row,) = self.world.history
        return [(each.kind, each.party, each.why) for each in row.segments if each.kind != "ring"]


def engine(world: World) -> FakeMedia:
    assert world.media is not None
    return world.media


def given(call: PhoneCall) -> bytes:
    """The description that a phone was given."""
    assert call.remote_sdp is not None
    return bytes(call.remote_sdp)


@pytest.fixture
def office(new_world: NewWorld) -> Office:
    return Office(new_world(executive("667", "676"), media=FakeMedia()))


def answer(call: PhoneCall) -> None:
    call.ring()
    call.answer()
    call.expect_up()
    call.phone.wire.run(0.5)


# --- C5 -----------------------------------------------------------------------------------------------------------------------


def by_telephone_events(office: Office) -> None:
    office.world.press(office.at_sam, "##20")


def by_short_code(office: Office) -> None:
    office.world.press(office.at_sam, "#63")


def by_info_relay(office: Office) -> None:
    for digit in "##20":
        office.at_sam.info(digit).expect(200)


def by_info_plain(office: Office) -> None:
    for digit in "##20":
        office.at_sam.send("INFO", body=digit.encode(), content_type="application/dtmf").expect(200)


def by_one_info(office: Office) -> None:
    office.at_sam.send("INFO", body=b"##20", content_type="application/dtmf").expect(200)


def by_command(office: Office) -> None:
    assert office.order(PushBack("676")) == Outcome(200, "sent to Olivia Boss")


def while_held(office: Office) -> None:
    office.at_sam.hold().expect(200)
    office.world.run(0.5)
    office.world.press(office.at_sam, "##20")


def dialled_while_held(office: Office) -> None:
    office.at_sam.hold().expect(200)
    office.world.run(0.5)
    office.sam.call("%23%2320")


def by_refer(office: Office) -> None:
    office.at_sam.refer("%23%2320").expect(202)


WAYS = [by_telephone_events, by_short_code, by_info_relay, by_info_plain, by_one_info, by_command, while_held, dialled_while_held, by_refer]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_sent_to_the_executive(office: Office, way: Callable[[Office], None]) -> None:
    way(office)
    at_boss = office.boss.expect_call(shows=("Customer", NUMBER))
    assert f"<sip:{NUMBER}@" in at_boss.invite.get("p-asserted-identity")
    assert at_boss.invite.get("diversion") == "<sip:676@acme.test>;reason=deflection;counter=1"
    assert office.hears(office.caller, sam=office.at_sam) == {"music"}
    assert office.at_sam.state == "ended" and office.at_sam.reason == 'SIP;cause=200;text="Sent to Olivia Boss"'
    answer(at_boss)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    assert office.hears(at_boss, caller=office.caller) == {"caller"}
    at_boss.hang_up()
    office.world.run(1)
    assert office.caller.state == "ended"
    (row,) = office.world.history
    assert (row.answered_by, row.executive, row.outcome) == ("667", "667", "answered")
    held = [("hold", "676", "held")] if way in (while_held, dialled_while_held) else []
    assert office.segments() == [("talk", "676", "answered"), *held, ("talk", "667", "sent to the executive")]


def test_the_executive_rings_in_the_instant_of_the_last_key(office: Office) -> None:
    office.world.press(office.at_sam, "##2")
    pressed_at = office.world.wire.now
    office.world.press(office.at_sam, "0")
    rung_at = [packet.at for packet in office.world.sent_to(office.boss) if packet.start_line.startswith("INVITE")]
    assert rung_at == [pressed_at]


def test_not_answered_comes_back_to_who_has_sent_it(office: Office) -> None:
    at_boss = office.push()
    office.world.run(RECALL_SECONDS - 1)
    assert at_boss.state == "ringing" and len(office.sam.calls) == 1
    again = office.sam.expect_call()
    assert at_boss.state == "ended"
    assert again.invite.get("alert-info").endswith(";info=recall")
    assert "sip:667@acme.test" in again.invite.get("diversion")
    assert office.hears(office.caller, boss=at_boss) == {"music"}
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}
    again.hang_up()
    office.world.run(1)
    assert office.segments() == [("talk", "676", "answered"), ("talk", "676", "recalled")]
    assert office.world.history[0].answered_by == "676"


@pytest.mark.parametrize("status", [486, 603])
def test_declined_comes_back_at_once(office: Office, status: int) -> None:
    at_boss = office.push()
    at_boss.reject(status)
    again = office.sam.expect_call(within=0.2)
    assert again.invite.get("alert-info").endswith(";info=recall")
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


def test_nobody_at_all_ends_at_the_rollover(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676", rollover=Rollover(action="forward", forward="601")), media=FakeMedia()))
    lee = office.world.phone("601")
    office.push().reject(486)
    office.sam.expect_call().reject(486)
    at_lee = lee.expect_call()
    answer(at_lee)
    assert office.hears(office.caller, lee=at_lee) == {"lee"}


def test_when_all_is_in_vain_the_caller_is_told(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676"), media=FakeMedia()))
    while office.caller.state == "up" and office.hears(office.caller) != {"unavailable"}:
        if office.at_sam.state == "up":
            office.push().reject(486)
        for phone in (office.sam, office.boss):
            for call in phone.calls:
                if call.state == "ringing":
                    call.reject(486)
        office.world.run(0.1)
    assert office.hears(office.caller) == {"unavailable"}
    engine(office.world).finish(given(office.caller))
    office.world.run(0.5)
    assert office.caller.state == "ended"


def test_when_the_words_never_end_the_caller_is_let_go_all_the_same(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676"), media=FakeMedia()))
    office.push()
    office.sam.vanish()
    office.boss.vanish()
    office.world.run(200)
    assert office.caller.state == "ended"


def test_a_caller_who_hangs_up_stops_everything(office: Office) -> None:
    at_boss = office.push()
    office.caller.hang_up()
    office.world.run(1)
    assert at_boss.state == "ended"
    assert len(office.sam.calls) == 1


def test_the_called_party_of_a_call_on_behalf_waits(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676"), media=FakeMedia())
    sam, boss = world.phones("676", "667")
    mine, customer = world.talk(sam, world.carrier, number=f"#64667*{NUMBER}")
    world.press(mine, "##20")
    at_boss = boss.expect_call()
    assert at_boss.caller[1] == NUMBER
    assert mine.state == "ended" and world.hears(customer, sam=mine) == {"music"}
    answer(at_boss)
    assert world.hears(customer, boss=at_boss) == {"boss"}
    customer.hang_up()
    world.run(1)
    (row,) = world.history
    assert row.on_behalf_of == "667" and ("talk", "667") in [(each.kind, each.party) for each in row.segments]


def test_an_executive_who_forwards_calls_is_called_there_and_not_asked(new_world: NewWorld) -> None:
    """The note is for the executive: whoever stands in is not shown it, nor asked."""
    users = [each if each.extension != "667" else replace(each, forwarding=Forwarding(always="601")) for each in USERS]
    office = Office(new_world(executive("667", "676"), users=users, media=FakeMedia()))
    lee = office.world.phone("601")
    assert office.order(PushBack("676", note=NOTE)).done
    at_lee = lee.expect_call(shows=("Customer", NUMBER))
    assert not at_lee.invite.get("subject")
    answer(at_lee)
    assert office.hears(office.caller, lee=at_lee) == {"lee"}


# Refusals: the call goes on.


def goes_on(office: Office) -> None:
    office.world.run(0.5)
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}
    assert office.at_sam.state == "up"


def test_refused_while_the_executive_cannot_be_reached(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676"), media=FakeMedia()), boss=False)
    office.world.press(office.at_sam, "##20")
    assert office.hears(office.at_sam, caller=office.caller) == {"caller", "tone:error"}
    goes_on(office)
    assert office.order(PushBack("676")) == Outcome(480, "the executive cannot be reached")


def test_refused_for_who_is_not_in_the_call(office: Office) -> None:
    assert office.order(PushBack("677")) == Outcome(403, "you are not in this call")
    goes_on(office)


def test_refused_without_a_media_engine(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676"))
    sam, boss, lee = world.phones("676", "667", "601")
    mine, theirs = world.talk(sam, lee)
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, PushBack("676"), found.append)
    assert found == [Outcome(488, "there is no media engine for this call")]
    assert mine.state == theirs.state == "up"
    boss.expect_no_call(1)


def test_refused_when_the_other_phone_does_not_let_itself_be_moved(new_world: NewWorld) -> None:
    world, mine, theirs, boss = direct(new_world)
    theirs.phone.hooks["INVITE"] = lambda call, request: 488 if call is not None else None
    keys(mine, "##20")
    boss.expect_no_call(1)
    assert mine.state == theirs.state == "up"
    assert theirs.hears(mine)
    assert world.media is not None and world.media.ports_in_use == 0


# A call whose sound goes directly.


def direct(new_world: NewWorld) -> tuple[World, PhoneCall, PhoneCall, Phone]:
    """Sam talks to Lee, and the sound goes directly: the engine was away when they began."""
    media = FakeMedia()
    media.available = False
    world = new_world(executive("667", "676"), media=media)
    sam, lee, boss = world.phones("676", "601", "667")
    mine, theirs = world.talk(sam, lee)
    media.available = True
    assert not media.contexts
    return world, mine, theirs, boss


def keys(call: PhoneCall, digits: str) -> None:
    for digit in digits:
        call.info(digit).expect(200)


def test_a_direct_call_is_brought_here_and_sent(new_world: NewWorld) -> None:
    world, mine, theirs, boss = direct(new_world)
    keys(mine, "##20")
    at_boss = boss.expect_call(shows=("Lee Colleague", "601"))
    assert world.hears(theirs) == {"music"}
    assert mine.state == "ended"
    answer(at_boss)
    assert world.hears(theirs, boss=at_boss) == {"boss"}


def test_hanging_up_while_a_direct_call_is_brought_here(new_world: NewWorld) -> None:
    for who in ("mine", "theirs"):
        world, mine, theirs, boss = direct(new_world)
        theirs.phone.hooks["INVITE"] = lambda call, request: 0 if call is not None else None
        found: list[Outcome] = []
        world.core.calls.order(next(iter(world.core.calls.calls)), PushBack("676"), found.append)
        world.run(0.1)
        (mine if who == "mine" else theirs).hang_up()
        world.run(2)
        assert mine.state == theirs.state == "ended"
        assert found == [Outcome(404, "somebody has hung up")]
        assert not boss.calls


# --- C13: a note --------------------------------------------------------------------------------------------------------------

NOTE = "about the Jakarta contract"


def asked(office: Office) -> PhoneCall:
    """Olivia has answered a call with a note, and is asked whether she takes it."""
    assert office.order(PushBack("676", note=NOTE)).done
    at_boss = office.boss.expect_call()
    answer(at_boss)
    return at_boss


def test_a_note_is_shown_before_the_executive_answers(office: Office) -> None:
    office.order(PushBack("676", note=NOTE))
    at_boss = office.boss.expect_call(shows=(f"Note: {NOTE} – Customer", NUMBER))
    assert at_boss.invite.get("subject") == NOTE
    assert f'"Note: {NOTE} – Customer"' in at_boss.invite.get("p-asserted-identity")


def test_a_note_is_made_fit_for_a_display_and_for_a_header(office: Office) -> None:
    office.order(PushBack("676", note='ring\r\nVia: "him"' + "x" * 200))
    at_boss = office.boss.expect_call()
    assert at_boss.caller[0].startswith('Note: ring  Via: "him"xxx') and at_boss.caller[0].endswith("… – Customer")
    assert len(at_boss.caller[0]) == 60
    assert len(at_boss.invite.get("subject")) <= 128 and len(at_boss.invite.all("via")) == 1


def test_accepted_by_key(office: Office) -> None:
    at_boss = asked(office)
    assert office.hears(at_boss, caller=office.caller) == {"note", "accept"}
    assert office.hears(office.caller, boss=at_boss) == {"music"}
    office.world.press(at_boss, "1")
    assert office.hears(at_boss, caller=office.caller) == {"caller"}
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    office.caller.hang_up()
    office.world.run(1)
    assert at_boss.state == "ended"
    assert office.segments() == [("talk", "676", "answered"), ("hold", "667", "asked"), ("talk", "667", "accepted")]


def test_accepted_by_info(office: Office) -> None:
    at_boss = asked(office)
    keys(at_boss, "1")
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


def test_who_has_heard_the_question_and_says_nothing_is_connected(office: Office) -> None:
    at_boss = asked(office)
    engine(office.world).finish(given(at_boss))
    office.world.run(1)
    assert office.hears(office.caller, boss=at_boss) == {"music"}
    assert office.hears(at_boss, caller=office.caller) == {"music"}
    office.world.run(ANSWER_SECONDS)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


@pytest.mark.parametrize(("key", "shown", "why"), [("2", "Later", "later"), ("3", "Take a message", "message"), ("", "Later", "later")])
def test_not_now(office: Office, key: str, shown: str, why: str) -> None:
    """By key, or by hanging up."""
    at_boss = asked(office)
    if key:
        office.world.press(at_boss, key)
    else:
        at_boss.hang_up()
    again = office.sam.expect_call(shows=(f"{shown} – Customer → Olivia Boss", NUMBER))
    assert at_boss.state == "ended" and office.caller.state == "up"
    assert again.invite.get("subject") == shown
    assert office.hears(office.caller) == {"music"}
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}
    again.hang_up()
    office.world.run(1)
    assert office.segments() == [("talk", "676", "answered"), ("hold", "667", "asked"), ("talk", "676", why)]


def test_a_caller_who_hangs_up_while_the_executive_is_asked(office: Office) -> None:
    at_boss = asked(office)
    office.caller.hang_up()
    office.world.run(1)
    assert at_boss.state == "ended" and len(office.sam.calls) == 1


def test_other_keys_do_not_reach_who_waits(office: Office) -> None:
    at_boss = asked(office)
    office.world.press(at_boss, "9")
    office.world.run(3)
    assert not engine(office.world).sent
    assert office.hears(office.caller, boss=at_boss) == {"music"}


def test_the_caller_learns_who_it_is_when_the_executive_has_accepted(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676"), media=FakeMedia())
    lee, sam, boss = world.phones("601", "676", "667")
    mine = lee.call("667")
    answer(sam.expect_call())
    (call,) = world.core.calls.calls
    world.core.calls.order(call, PushBack("676", note=NOTE), lambda _: None)
    at_boss = boss.expect_call()
    answer(at_boss)

    def told() -> list[str]:
        return [each.get("p-asserted-identity") for each in (*lee.heard("INVITE"), *lee.heard("UPDATE"))]

    assert told() == []
    world.press(at_boss, "1")
    world.run(3)
    assert told() == ['"Olivia Boss" <sip:667@acme.test>']
    assert world.hears(mine, boss=at_boss) == {"boss"}


def test_nothing_of_the_executive_reaches_who_waits(office: Office) -> None:
    at_boss = asked(office)
    at_boss.send("INFO", body=b"<x/>", content_type="application/media_control+xml").expect(415)
    assert not office.world.carrier.heard("INFO")


def test_a_note_that_nobody_has_answered_comes_back_without_it(office: Office) -> None:
    office.order(PushBack("676", note=NOTE))
    office.boss.expect_call().reject(486)
    again = office.sam.expect_call(shows=("Customer → Olivia Boss", NUMBER))
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


# --- C13: an announcement -----------------------------------------------------------------------------------------------------


def announced(office: Office) -> PhoneCall:
    """Sam speaks to Olivia, and the caller waits."""
    at_boss = office.push("*86")
    answer(at_boss)
    return at_boss


def test_announced_and_accepted_by_key(office: Office) -> None:
    at_boss = office.push("*86")
    finish_tone(office)
    assert office.at_sam.state == "up"
    assert office.hears(office.at_sam, caller=office.caller, boss=at_boss) == {"tone:ringback"}
    assert office.hears(office.caller, sam=office.at_sam) == {"music"}
    answer(at_boss)
    assert office.hears(office.at_sam, boss=at_boss, caller=office.caller) == {"boss"}
    assert office.hears(at_boss, sam=office.at_sam, caller=office.caller) == {"sam"}
    assert office.hears(office.caller, sam=office.at_sam, boss=at_boss) == {"music"}
    office.world.press(at_boss, "1")
    office.world.run(0.5)
    assert office.at_sam.state == "ended" and office.at_sam.reason.endswith('text="The executive has taken the call"')
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    at_boss.hang_up()
    office.world.run(1)
    assert office.segments() == [
        ("talk", "676", "answered"),
        ("hold", "676", "announced"),
        ("talk", "676", "announced"),
        ("talk", "667", "announced"),
        ("talk", "667", "accepted"),
    ]


def finish_tone(office: Office) -> None:
    engine(office.world).finish(given(office.at_sam))
    office.world.run(0.01)


def test_who_has_announced_a_call_hangs_up(office: Office) -> None:
    at_boss = announced(office)
    office.at_sam.hang_up()
    office.world.run(0.5)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    assert office.hears(at_boss, caller=office.caller) == {"caller"}


def test_who_announces_sends_it_on_by_key(office: Office) -> None:
    at_boss = announced(office)
    office.world.press(office.at_sam, "##20")
    office.world.run(0.5)
    assert office.at_sam.state == "ended"
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


@pytest.mark.parametrize(("key", "why"), [("2", "later"), ("3", "message"), ("", "later")])
def test_announced_in_vain(office: Office, key: str, why: str) -> None:
    at_boss = announced(office)
    if key:
        office.world.press(at_boss, key)
    else:
        at_boss.hang_up()
    office.world.run(0.5)
    assert at_boss.state == "ended"
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}
    assert office.hears(office.at_sam, caller=office.caller) >= {"caller"}
    office.at_sam.hang_up()
    office.world.run(1)
    assert office.segments()[-1] == ("talk", "676", why)
    assert office.world.history[0].answered_by == "676"


def test_nobody_to_announce_it_to(office: Office) -> None:
    office.push("*86").reject(486)
    office.world.run(0.5)
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}
    assert office.hears(office.at_sam, caller=office.caller) == {"caller", "tone:error"}
    assert len(office.sam.calls) == 1, "who is in the call is not rung for it"


@pytest.mark.parametrize("by", ["hanging up", "key", "command"])
def test_who_wants_to_announce_it_does_not_wait(office: Office, by: str) -> None:
    """The call rings on for the executive, and comes back if nobody answers."""
    at_boss = office.push("*86")
    if by == "hanging up":
        office.at_sam.hang_up()
    elif by == "key":
        office.world.press(office.at_sam, "##20")
    else:
        assert office.order(End("676")).done
    office.world.run(0.5)
    assert office.at_sam.state == "ended"
    assert at_boss.state == "ringing" and len(office.boss.calls) == 1
    assert office.hears(office.caller) == {"music"}
    at_boss.reject(486)
    again = office.sam.expect_call()
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


@pytest.mark.parametrize("answered", [False, True])
def test_a_caller_who_hangs_up_during_the_announcement_ends_it(office: Office, answered: bool) -> None:
    at_boss = announced(office) if answered else office.push("*86")
    office.caller.hang_up()
    office.world.run(1)
    assert at_boss.state == office.at_sam.state == "ended"


def test_who_announces_has_the_caller_back_when_the_ringing_is_stopped(office: Office) -> None:
    """Whatever it is that stops it."""
    office.push("*86")
    conversation = next(iter(office.world.core.calls.calls.values())).conversation
    assert conversation is not None
    conversation.stop_ringing()
    conversation.apply("stopped")
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}


def test_keys_of_an_announcement_do_not_reach_who_waits(office: Office) -> None:
    announced(office)
    office.world.press(office.at_sam, "5")
    assert len(engine(office.world).sent) == 1


def test_an_engine_that_cannot_mix_announces_nothing(office: Office) -> None:
    engine(office.world).abilities = frozenset({"relay", "play", "digits"})
    assert office.order(PushBack("676", announced=True)).status == 488
    goes_on(office)


# --- over a restart -----------------------------------------------------------------------------------------------------------


def die_and_rise(office: Office) -> None:
    office.world.run(0.3)
    office.world.kill()
    office.world.run(2)
    office.world.revive()
    office.world.run(0.1)


def test_who_is_asked_stays_asked(office: Office) -> None:
    at_boss = asked(office)
    die_and_rise(office)
    assert office.hears(office.caller, boss=at_boss) == {"music"}
    office.world.press(at_boss, "2")
    again = office.sam.expect_call(shows=("Later – Customer → Olivia Boss", NUMBER))
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


def test_who_is_asked_is_connected_in_the_end(office: Office) -> None:
    at_boss = asked(office)
    die_and_rise(office)
    office.world.run(ANSWER_SECONDS)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


def test_an_announcement_goes_on(office: Office) -> None:
    at_boss = announced(office)
    die_and_rise(office)
    assert office.hears(office.caller, sam=office.at_sam, boss=at_boss) == {"music"}
    assert office.hears(at_boss, sam=office.at_sam, caller=office.caller) == {"sam"}
    office.world.press(at_boss, "1")
    office.world.run(0.5)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    assert office.at_sam.state == "ended"


def test_who_was_rung_for_an_announcement_is_rung_again(office: Office) -> None:
    lost = office.push("*86")
    die_and_rise(office)
    lost.reject(487)  # nobody is left who could cancel it
    at_boss = office.boss.expect_call()
    answer(at_boss)
    assert office.hears(at_boss, sam=office.at_sam, caller=office.caller) == {"sam"}


# --- whatever happens at the same time ----------------------------------------------------------------------------------------

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
