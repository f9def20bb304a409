"""Coming into a running call: pull, barge-in, listen, whisper, lock, take (C1, C2, C6-C9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from b2bua.calls.commands import BargeIn, Command, JoinKind, Outcome, Take
from b2bua.delegation.callers import Callers
from b2bua.delegation.people import Filtering, Right
from b2bua.store.history import view
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall, Sip
from tests.world import NUMBER, Delegation, World, directory, executive

EVERY: frozenset[Right] = frozenset({"receive", "call", "pick_up_held", "join", "listen", "whisper"})
OPUS = ("111 opus/48000/2", "101 telephone-event/8000")
PLAIN = ("8 PCMA/8000", "101 telephone-event/8000")
OFFSETS = [step * 0.0005 for step in range(-6, 7)]
"""How much later the second of two things happens, seconds: from well before the first has crossed to well after."""


class Stage:
    """An outside caller for Olivia (667), whom Sam (676) has answered; Ana (677) has these rights."""

    def __init__(self, new_world: Callable[..., World], rights: frozenset[Right] = EVERY, *, direct: bool = False, codecs: tuple[str, ...] = PLAIN) -> None:
        boss = executive("667", Delegation("676", "667", EVERY), Delegation("677", "667", rights))
        self.media = FakeMedia()
        self.media.available = not direct
        self.world = world = new_world(boss, media=self.media)
        self.boss, self.sam, self.ana = world.phones("667", "676", "677")
        self.caller = PhoneCall(world.carrier)
        world.carrier.calls.append(self.caller)
        self.caller.local_sdp = self.caller.local_sdp._replace(codecs=codecs)
        self.caller.dial("sip:+6221500667@acme.test", [], sdp=True, reliable=False)
        self.at_sam = self.sam.expect_call()
        self.ana.expect_call()
        self.at_sam.local_sdp = self.at_sam.local_sdp._replace(codecs=codecs)
        self.at_sam.answer()
        self.caller.expect_up()
        self.at_sam.expect_up()
        world.run(0.5)
        self.media.available = True

    def dial(self, phone: Phone, code: str) -> PhoneCall:
        """Dial a code, and be in."""
        call = phone.call(code)
        call.expect_up()
        self.world.run(0.5)
        return call

    def refused(self, phone: Phone, code: str) -> tuple[int, str]:
        """Dial a code in vain: the status, and the words."""
        call = phone.call(code)
        call.expect_ended(within=8.0)
        return call.status, call.responses[-1].get("warning")

    def hold(self) -> None:
        self.at_sam.hold()
        self.world.run(0.5)

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        return self.world.hears(listener, caller=self.caller, sam=self.at_sam, **others)

    def order(self, command: Command) -> list[Outcome]:
        """Give a command as the page does; its outcome, once it is there."""
        found: list[Outcome] = []
        self.world.core.calls.order(next(iter(self.world.core.calls.calls)), command, found.append)
        return found

    def over(self) -> None:
        """Hang up for everybody; the row is there then."""
        self.world.hang_up_all()
        self.world.run(1.0)


def _do(action: Callable[[], object]) -> None:
    action()


def shown(call: PhoneCall) -> str:
    """The identity in the 200 of a call that was dialled."""
    return call.responses[-1].get("p-asserted-identity")


# --- pull (C1, C2, C6) ------------------------------------------------------------------------------------------------------------


def test_the_executive_takes_a_held_call(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    stage.hold()
    assert stage.hears(stage.caller) == {"music"}
    mine = stage.dial(stage.boss, "*11")
    assert stage.hears(stage.caller, boss=mine) == {"boss"}
    assert stage.hears(mine) == {"caller"}
    assert stage.at_sam.state == "ended"
    assert 'text="picked up by Olivia Boss (667)"' in stage.at_sam.reason
    assert shown(mine) == "<sip:carrier@acme.test>"
    stage.over()
    (row,) = stage.world.history
    assert [(each.party, each.kind, each.why) for each in row.segments if each.kind != "ring"] == [
        ("676", "talk", "answered"),
        ("676", "hold", "held"),
        ("667", "talk", "picked up"),
    ]


def test_an_assistant_takes_what_another_holds_and_sees_for_whom_it_is(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    stage.hold()
    hers = stage.dial(stage.ana, "*11676")
    assert stage.hears(stage.caller, ana=hers) == {"ana"}
    assert "→ Olivia Boss" in shown(hers)


@pytest.mark.parametrize("code", ["*11", "*11601", "page"])
@pytest.mark.parametrize("victor_calls", [False, True])
@pytest.mark.parametrize("who", ["678", "668"])
def test_nobody_but_ones_own_office_is_put_out_of_a_call(new_world: Callable[..., World], who: str, code: str, *, victor_calls: bool) -> None:
    """Victor talks to Lee, who puts him on hold: neither Victor nor his assistant Tom takes Lee's place."""
    world = new_world(executive("668", Delegation("678", "668", EVERY), filtering=Filtering(enabled=False)), media=FakeMedia())
    victor, lee, tom = world.phones("668", "601", "678")
    his, theirs = world.talk(victor, lee) if victor_calls else world.talk(lee, victor)[::-1]
    theirs.hold()
    world.run(0.5)
    if code == "page":
        outcomes: list[Outcome] = []
        world.core.calls.order(next(iter(world.core.calls.calls)), Take(who, "take", "601"), outcomes.append)
        world.run(0.5)
        assert [each.status for each in outcomes] == [403]
    else:
        dialled = (tom if who == "678" else victor).call(code)
        world.run(2.0)
        if (who, code) == ("668", "*11"):  # his own call, from another phone
            assert (dialled.state, his.state) == ("up", "ended")
        else:
            assert dialled.state == "ended"
    assert theirs.state == "up"
    world.hang_up_all()


def test_another_executives_assistant_is_not_put_out_of_a_call(new_world: Callable[..., World]) -> None:
    """Victor calls Olivia's office and Sam puts him on hold: Tom, who works for Victor, does not take Olivia's call."""
    victors = executive("668", Delegation("678", "668", EVERY))
    world = new_world(executive("667", Delegation("676", "667", EVERY)), victors, media=FakeMedia())
    victor, sam, tom = world.phones("668", "676", "678")
    his = victor.call("667")
    at_sam = sam.expect_call()
    at_sam.answer()
    his.expect_up()
    at_sam.hold()
    world.run(0.5)
    for code in ("*11", "*11676"):
        tom.call(code).expect_ended(403 if code != "*11" else None, within=8.0)
    assert at_sam.state == his.state == "up"


@pytest.mark.parametrize("header", ["", "Replaces"])
def test_who_works_for_both_sides_has_the_call_for_the_office_that_was_called(new_world: Callable[..., World], header: str) -> None:
    """Sam works for Victor, too, who has called Olivia: neither Victor nor Tom takes Sam's place, Ana does."""
    olivias = executive("667", Delegation("676", "667", EVERY), Delegation("677", "667", EVERY))
    victors = executive("668", Delegation("678", "668", EVERY), Delegation("676", "668", EVERY))
    world = new_world(olivias, victors, media=FakeMedia())
    victor, sam, tom, ana = world.phones("668", "676", "678", "677")
    his = victor.call("667")
    at_sam = sam.expect_call()
    at_sam.answer()
    his.expect_up()
    at_sam.hold()
    world.run(0.5)

    def take(phone: Phone) -> PhoneCall:
        return phone.call("0", [f"Replaces: {at_sam.dialog}"]) if header else phone.call("*11676")

    for phone in (tom, victor):
        take(phone).expect_ended(403, within=8.0)
    assert at_sam.state == his.state == "up"
    take(ana).expect_up()
    world.run(0.5)
    assert (at_sam.state, his.state) == ("ended", "up")


@pytest.mark.parametrize("incoming", [False, True])
def test_a_confidential_call_is_joined_and_taken_by_nobody(new_world: Callable[..., World], *, incoming: bool) -> None:
    """Whether the contact has called the executive or the executive the contact (A24)."""
    boss = replace(executive("667", Delegation("676", "667", EVERY)), confidential=Callers.of(NUMBER))
    world = new_world(boss, media=FakeMedia())
    olivia, sam = world.phones("667", "676")
    if incoming:
        theirs = world.carrier.call_from(NUMBER, "+6221500667", display="Mum")
        hers = olivia.expect_call()
        hers.answer()
        theirs.expect_up()
    else:
        hers, theirs = world.talk(olivia, world.carrier, number=NUMBER)
    world.run(0.5)
    for code in ("*15667", "*80667", "*81667", "*11667"):
        if code == "*11667":
            hers.hold()
            world.run(0.5)
        refused = sam.call(code)
        refused.expect_ended(403, within=8.0)
        assert "confidential" in refused.responses[-1].get("warning")
    sam.call("*11").expect_ended(404, within=8.0)
    assert not any(NUMBER in packet.data.decode() for packet in world.sent_to(sam))
    hers.resume()
    world.run(0.5)
    assert world.hears(theirs, olivia=hers) == {"olivia"}


def test_a_confidential_contact_whom_the_executive_called_stays_private_on_the_way(new_world: Callable[..., World]) -> None:
    """Parked, transferred, recalled: an assistant who gets the call does not learn with whom (A24)."""
    boss = replace(executive("667", Delegation("676", "667", EVERY)), confidential=Callers.of(NUMBER))
    world = new_world(boss, media=FakeMedia())
    olivia, sam = world.phones("667", "676")
    hers, theirs = world.talk(olivia, world.carrier, number=NUMBER)
    hers.refer("676")
    at_sam = sam.expect_call()
    at_sam.answer()
    world.run(1.0)
    assert world.hears(theirs, sam=at_sam) == {"sam"}
    assert not any(NUMBER in packet.data.decode() for packet in world.sent_to(sam))
    world.hang_up_all()
    world.run(1.0)
    (row,) = world.history
    (seen,) = view([row], "676") or ({},)
    assert NUMBER not in str(seen)
    (own,) = view([row], "667")
    assert (own["called"], own["note"]) == (NUMBER, "")


def test_an_assistant_takes_what_the_executive_holds(new_world: Callable[..., World]) -> None:
    boss = executive("667", Delegation("676", "667", EVERY))
    world = new_world(boss, media=FakeMedia())
    olivia, sam = world.phones("667", "676")
    hers, theirs = world.talk(olivia, world.carrier, number=NUMBER)
    hers.hold()
    world.run(0.5)
    his = sam.call("*11667")
    his.expect_up()
    world.run(0.5)
    assert world.hears(theirs, sam=his) == {"sam"}
    assert hers.state == "ended"
    assert NUMBER in shown(his)


def test_of_two_held_calls_the_extension_chooses(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    stage.hold()
    second = stage.world.carrier.call("+6221500667")
    stage.sam.expect_call().reject(486)
    at_ana = stage.ana.expect_call()
    at_ana.answer()
    second.expect_up()
    at_ana.hold()
    stage.world.run(0.5)
    mine = stage.dial(stage.boss, "*11677")
    assert stage.hears(second, boss=mine) == {"boss"}
    assert stage.hears(stage.caller, boss=mine) == {"music"}
    assert at_ana.state == "ended"


def test_ones_own_call_goes_to_another_of_ones_phones(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    other = stage.world.phone("676")
    mine = stage.dial(other, "*11")
    assert stage.hears(stage.caller, mine=mine) == {"mine"}
    assert stage.at_sam.state == "ended"


def test_the_executive_takes_what_the_assistant_talks_in(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    mine = stage.dial(stage.boss, "*11676")
    assert stage.hears(stage.caller, boss=mine) == {"boss"}
    assert stage.at_sam.state == "ended"
    assert stage.refused(stage.ana, "*11667") == (403, '399 acme.test "the call is not on hold"')


def test_without_the_right_nothing_is_taken(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world, frozenset({"receive"}))
    stage.hold()
    status, words = stage.refused(stage.ana, "*11676")
    assert status == 403 and "pick_up_held" in words
    assert stage.hears(stage.caller) == {"music"} and stage.at_sam.state == "up"
    assert stage.refused(stage.world.phone("601"), "*11676")[0] == 403


@pytest.mark.parametrize("offset", OFFSETS)
def test_two_take_the_same_call_and_one_gets_it(new_world: Callable[..., World], offset: float) -> None:
    stage = Stage(new_world)
    stage.hold()
    made: list[PhoneCall] = []
    stage.world.wire.after(0.01, lambda: made.append(stage.boss.call("*11676")))
    stage.world.wire.after(0.01 + offset, lambda: made.append(stage.ana.call("*11676")))
    stage.world.run(3.0)
    winners = [call for call in made if call.state == "up"]
    (loser,) = [call for call in made if call.state != "up"]
    assert len(winners) == 1 and loser.state == "ended" and loser.status in (403, 404)
    assert stage.hears(stage.caller, winner=winners[0]) == {"winner"}
    stage.world.balanced()


def test_two_want_it_while_the_sound_is_brought_here(new_world: Callable[..., World]) -> None:
    """The second comes while the first is being let in: the place is gone then."""
    stage = Stage(new_world, direct=True)
    answer_later(stage.world.carrier, stage, 0.3)
    first = stage.boss.call("*11676")
    stage.world.run(0.1)
    second = stage.world.phone("667").call("*11676")
    stage.world.run(4.0)
    assert (first.state, second.state, second.status) == ("up", "ended", 404)
    assert "somebody else was faster" in second.responses[-1].get("warning")
    stage.world.balanced()


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("what", ["resume", "hang_up", "caller", "cancel"])
def test_taken_while_something_else_happens(new_world: Callable[..., World], what: str, offset: float) -> None:
    stage = Stage(new_world)
    stage.hold()
    made: list[PhoneCall] = []

    def happens() -> None:
        if what == "cancel":
            if made:
                made[0].cancel()
        elif what == "caller":
            stage.caller.hang_up()
        elif stage.at_sam.state == "up":
            stage.at_sam.hang_up() if what == "hang_up" else stage.at_sam.resume()

    stage.world.wire.after(0.01, lambda: made.append(stage.ana.call("*11676")))
    stage.world.wire.after(0.01 + offset, happens)
    stage.world.run(4.0)
    stage.world.balanced()
    if made[0].state == "up":
        assert stage.hears(stage.caller, ana=made[0]) == {"ana"}
    else:
        assert made[0].state == "ended"


# --- barge-in (C7) ----------------------------------------------------------------------------------------------------------------


def test_three_hear_each_other_and_a_tone(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*15676")
    for one in (stage.caller, stage.at_sam, hers):
        assert "tone:beep" in stage.hears(one, ana=hers)
        stage.media.finish(bytes(one.remote_sdp or b""))
    assert stage.hears(stage.caller, ana=hers) == {"sam", "ana"}
    assert stage.hears(stage.at_sam, ana=hers) == {"caller", "ana"}
    assert stage.hears(hers) == {"caller", "sam"}
    stage.over()
    (row,) = stage.world.history
    assert ("677", "talk", "joined") in [(each.party, each.kind, each.why) for each in row.segments]


def test_no_tone_where_the_executive_wants_none(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    directory = stage.world.core.directory
    silent = replace(directory.executives["667"], join_tone=False)
    stage.world.core.calls.directory = replace(directory, executives={**directory.executives, "667": silent})
    hers = stage.dial(stage.ana, "*15676")
    assert stage.hears(stage.caller, ana=hers) == {"sam", "ana"}


@pytest.mark.parametrize("goes", ["caller", "at_sam", "hers"])
def test_whoever_leaves_the_others_go_on(new_world: Callable[..., World], goes: str) -> None:
    stage = Stage(new_world)
    parties = {"caller": stage.caller, "at_sam": stage.at_sam, "hers": stage.dial(stage.ana, "*15676")}
    parties.pop(goes).hang_up()
    stage.world.run(1.0)
    (one, first), (other, second) = parties.items()
    assert stage.world.hears(first, **{other: second}) - {"tone:beep"} == {other}
    assert stage.world.hears(second, **{one: first}) - {"tone:beep"} == {one}
    assert [context.relay for context in stage.media.contexts.values()] == [True]
    first.hang_up()
    stage.world.run(1.0)
    assert second.state == "ended"


def test_barge_in_needs_the_right(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world, frozenset({"receive", "listen"}))
    status, words = stage.refused(stage.ana, "*15676")
    assert status == 403 and "join" in words
    assert stage.hears(stage.caller) == {"sam"}


def answer_later(phone: Phone, stage: Stage, seconds: float) -> None:
    """The next re-INVITE to a phone is answered only after a while."""

    def hook(call: PhoneCall | None, request: Sip) -> int | None:
        if call is None or call.state != "up":
            return None
        del phone.hooks["INVITE"]
        answer = next(each for each in phone._answers.values() if each.request is request)
        stage.world.wire.after(seconds, lambda: call.on_request(answer) if call.state == "up" else phone.reply(answer, 481))
        return 0

    phone.hooks["INVITE"] = hook


def refuse_once(phone: Phone, status: int, times: int = 1) -> None:
    """The next re-INVITEs to a phone are refused."""
    left = [times]

    def hook(call: PhoneCall | None, request: Sip) -> int | None:
        if call is None or call.state != "up" or not left[0]:
            return None
        left[0] -= 1
        return status

    phone.hooks["INVITE"] = hook


def test_a_direct_call_is_brought_here_first(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world, direct=True)
    assert stage.media.contexts == {} and stage.caller.hears(stage.at_sam)
    hers = stage.dial(stage.ana, "*15676")
    assert stage.hears(stage.caller, ana=hers) - {"tone:beep"} == {"sam", "ana"}
    assert stage.hears(stage.at_sam, ana=hers) - {"tone:beep"} == {"caller", "ana"}


@pytest.mark.parametrize("who", ["carrier", "sam"])
def test_glare_is_waited_out(new_world: Callable[..., World], who: str) -> None:
    stage = Stage(new_world, direct=True)
    refuse_once(stage.world.carrier if who == "carrier" else stage.sam, 491)
    hers = stage.ana.call("*15676")
    hers.expect_up(within=6.0)
    stage.world.run(0.5)
    assert stage.hears(stage.caller, ana=hers) - {"tone:beep"} == {"sam", "ana"}


@pytest.mark.parametrize("who", ["carrier", "sam"])
def test_a_refused_description_leaves_the_call_as_it_was(new_world: Callable[..., World], who: str) -> None:
    stage = Stage(new_world, direct=True)
    refuse_once(stage.world.carrier if who == "carrier" else stage.sam, 488)
    assert stage.refused(stage.ana, "*15676")[0] == 488
    stage.world.run(1.0)
    assert stage.caller.state == stage.at_sam.state == "up"
    assert stage.caller.hears(stage.at_sam) and stage.at_sam.hears(stage.caller)
    assert stage.media.ports_in_use == 0


@pytest.mark.parametrize("who", ["carrier", "sam"])
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.1, 0.3, 0.301, 0.32, 0.5])
def test_somebody_hangs_up_half_way(new_world: Callable[..., World], who: str, seconds: float) -> None:
    stage = Stage(new_world, direct=True)
    answer_later(stage.world.carrier, stage, 0.3)
    hers = stage.ana.call("*15676")
    stage.world.wire.after(seconds, lambda: _do((stage.caller if who == "carrier" else stage.at_sam).hang_up))
    stage.world.run(6.0)
    stage.world.balanced()
    if hers.state != "up":
        assert hers.state == "ended" and hers.status == 404


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.01, 0.1, 0.3, 0.301, 0.32, 0.5])
def test_who_wants_in_gives_up_half_way(new_world: Callable[..., World], seconds: float) -> None:
    stage = Stage(new_world, direct=True)
    answer_later(stage.world.carrier, stage, 0.3)
    hers = stage.ana.call("*15676")
    stage.world.wire.after(seconds, lambda: _do(hers.cancel if hers.state != "up" else hers.hang_up))
    stage.world.run(6.0)
    stage.world.balanced()
    assert hers.state == "ended" and stage.caller.state == stage.at_sam.state == "up"


def negotiates(phone: Phone, *, refuses: bool = False) -> None:
    """From the next offer on, the phone answers with Opus where it is offered, else with G.711; or it refuses anything but Opus."""

    def hook(call: PhoneCall | None, request: Sip) -> int | None:
        if call is None or request.sdp is None:
            return None
        opus = b"opus" in request.body
        if refuses and not opus:
            return 488
        call.local_sdp = call.local_sdp._replace(codecs=OPUS if opus else PLAIN)
        return None

    phone.hooks["INVITE"] = hook


def opus_call(new_world: Callable[..., World]) -> Stage:
    """Both speak Opus, which passes untouched."""
    stage = Stage(new_world, codecs=OPUS)
    assert speak_opus(stage)
    return stage


def speak_opus(stage: Stage) -> bool:
    """Whether both may send Opus, and it is relayed."""
    (context,) = stage.media.contexts.values()
    return context.relay and all("OPUS" in [each.encoding for each in party.streams[0].sends] for party in context.terminations)


def test_who_speaks_only_opus_gets_another_offer(new_world: Callable[..., World]) -> None:
    stage = opus_call(new_world)
    negotiates(stage.sam)
    negotiates(stage.world.carrier)
    hers = stage.dial(stage.ana, "*15676")
    assert stage.hears(stage.caller, ana=hers) - {"tone:beep"} == {"sam", "ana"}
    offered = stage.world.requests_to(stage.sam, "INVITE")[-1].body
    assert b"G722/8000" in offered and b"PCMU/8000" in offered and b"PCMA/8000" in offered and b"opus" not in offered
    (context,) = stage.media.contexts.values()
    assert not context.relay and all(each.encoding != "OPUS" for party in context.terminations for each in party.streams[0].sends)


def test_who_could_speak_opus_and_g711_speaks_g711_then(new_world: Callable[..., World]) -> None:
    """Only what is offered last is not a choice any more: a phone sends what it likes of what has been agreed."""
    both = (*OPUS[:1], *PLAIN)
    stage = Stage(new_world, codecs=both)
    assert speak_opus(stage)
    negotiates(stage.sam)
    negotiates(stage.world.carrier)
    stage.dial(stage.ana, "*15676")
    (context,) = stage.media.contexts.values()
    assert all(each.encoding != "OPUS" for party in context.terminations for each in party.streams[0].sends)


@pytest.mark.parametrize("who", ["carrier", "sam"])
def test_an_answer_without_a_codec_is_a_refusal(new_world: Callable[..., World], who: str) -> None:
    stage = opus_call(new_world)
    negotiates(stage.sam if who == "carrier" else stage.world.carrier)  # the other one answers with Opus, whatever it is offered
    assert stage.refused(stage.ana, "*15676")[0] == 488
    stage.world.run(1.0)
    assert speak_opus(stage)


@pytest.mark.parametrize("who", ["carrier", "sam"])
def test_who_insists_on_opus_is_not_joined(new_world: Callable[..., World], who: str) -> None:
    stage = opus_call(new_world)
    negotiates(stage.sam, refuses=who == "sam")
    negotiates(stage.world.carrier, refuses=who == "carrier")
    assert stage.refused(stage.ana, "*15676")[0] == 488
    stage.world.run(1.0)
    assert stage.hears(stage.caller) == {"sam"}
    assert speak_opus(stage)


def colleague(new_world: Callable[..., World]) -> tuple[Stage, Phone]:
    """Lee (601) has called Olivia instead of somebody outside; his phone displays who he is connected to."""
    stage = Stage.__new__(Stage)
    boss = executive("667", Delegation("676", "667", EVERY), Delegation("677", "667", EVERY))
    stage.media = FakeMedia()
    stage.world = world = new_world(boss, media=stage.media)
    stage.boss, stage.sam, stage.ana = world.phones("667", "676", "677")
    lee = world.phone("601")
    stage.caller = lee.call("667", ["Allow: INVITE, ACK, BYE, CANCEL, UPDATE"])
    stage.at_sam = stage.sam.expect_call()
    stage.ana.expect_call()
    stage.at_sam.answer(["Allow: INVITE, ACK, BYE, CANCEL, UPDATE"])
    stage.caller.expect_up()
    world.run(0.5)
    return stage, lee


def told(phone: Phone) -> list[str]:
    """The identities that a phone was told during the call."""
    return [each.get("p-asserted-identity") for each in phone.heard("UPDATE")]


def test_who_waits_is_told_who_has_taken_the_call(new_world: Callable[..., World]) -> None:
    stage, lee = colleague(new_world)
    stage.hold()
    mine = stage.dial(stage.boss, "*11")
    stage.world.run(4.0)
    assert told(lee) == ['"Olivia Boss" <sip:667@acme.test>']
    assert shown(mine) == '"Lee Colleague" <sip:601@acme.test>'
    assert stage.boss.heard("UPDATE") == []


def test_the_two_who_are_left_are_told_of_each_other(new_world: Callable[..., World]) -> None:
    stage, lee = colleague(new_world)
    hers = stage.dial(stage.ana, "*15676")
    stage.world.run(4.0)
    assert told(lee) == []
    stage.at_sam.hang_up()
    stage.world.run(4.0)
    assert told(lee) == ['"Ana Aide" <sip:677@acme.test>']
    assert hers.state == "up"


def test_an_invite_without_an_offer_gets_one(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    hers = stage.ana.call("*15676", sdp=False)
    hers.expect_up()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, ana=hers) - {"tone:beep"} == {"sam", "ana"}
    assert stage.hears(hers) - {"tone:beep"} == {"caller", "sam"}


@pytest.mark.parametrize("host", ["224.0.0.1", "127.0.0.1"])
def test_sound_that_is_to_go_elsewhere_is_refused(new_world: Callable[..., World], host: str) -> None:
    stage = Stage(new_world)
    hers = PhoneCall(stage.ana)
    stage.ana.calls.append(hers)
    hers.local_sdp = hers.local_sdp._replace(host=host, port=20000)
    hers.dial("sip:*15676@acme.test", [], sdp=True, reliable=False)
    hers.expect_ended(488)
    assert stage.hears(stage.caller) == {"sam"} and stage.hears(stage.at_sam) == {"caller"}


def test_who_offers_nothing_that_can_be_mixed_is_refused(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    hers = PhoneCall(stage.ana)
    stage.ana.calls.append(hers)
    hers.local_sdp = hers.local_sdp._replace(codecs=OPUS)
    hers.dial("sip:*15676@acme.test", [], sdp=True, reliable=False)
    hers.expect_ended(488)
    assert stage.hears(stage.caller) == {"sam"}


def test_who_takes_over_an_opus_call_with_another_codec(new_world: Callable[..., World]) -> None:
    """Who waits gets another offer, and both are relayed again."""
    stage = opus_call(new_world)
    negotiates(stage.world.carrier)
    mine = stage.dial(stage.boss, "*11676")
    assert stage.hears(stage.caller, boss=mine) == {"boss"} and stage.hears(mine) == {"caller"}
    assert [context.relay for context in stage.media.contexts.values()] == [True]


# --- listen and whisper (C8) ------------------------------------------------------------------------------------------------------


def test_a_listener_hears_and_is_not_heard(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    told = len(stage.sam.log), len(stage.world.carrier.log)
    hers = stage.dial(stage.ana, "*80676")
    assert stage.hears(hers) == {"caller", "sam"}
    assert stage.hears(stage.caller, ana=hers) == {"sam"} and stage.hears(stage.at_sam, ana=hers) == {"caller"}
    assert (len(stage.sam.log), len(stage.world.carrier.log)) == told  # nobody is told
    hers.hold()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, ana=hers) == {"sam"} and stage.hears(stage.at_sam, ana=hers) == {"caller"}
    stage.world.press(hers, "12")
    stage.world.run(6.0)
    assert stage.media.sent == {}
    assert stage.refused(stage.boss, "*11677")[0] == 404  # she holds nothing
    told = len(stage.sam.log), len(stage.world.carrier.log)
    hers.hang_up()
    stage.world.run(4.0)
    assert stage.hears(stage.caller) == {"sam"}
    assert (len(stage.sam.log), len(stage.world.carrier.log)) == told
    stage.over()
    (row,) = [each for each in stage.world.history if each.outcome == "answered"]
    assert [(each.party, each.kind) for each in row.segments if each.kind != "ring"] == [("677", "listen"), ("677", "hold"), ("676", "talk")]
    assert all("677" not in each.with_ for each in row.segments)


def test_a_listener_on_hold_is_not_who_holds_the_call(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*80676")
    hers.hold()
    stage.world.run(0.5)
    mine = stage.dial(stage.boss, "*11")
    assert stage.at_sam.state == "ended" and hers.state == "up"
    assert stage.hears(stage.caller, boss=mine, ana=hers) == {"boss"}


@pytest.mark.parametrize("goes", ["caller", "at_sam"])
def test_a_listener_keeps_no_call_alive(new_world: Callable[..., World], goes: str) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*80676")
    getattr(stage, goes).hang_up()
    stage.world.run(1.0)
    assert hers.state == stage.caller.state == stage.at_sam.state == "ended"


def test_a_listener_sends_the_call_nowhere(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*80676")
    for code in ("##20", "*68", "*83"):
        stage.world.press(hers, code)
        stage.world.run(6.0)
        assert stage.hears(stage.caller, ana=hers) == {"sam"}
    assert stage.boss.calls == []
    assert stage.hears(hers) - {"tone:error", "not_allowed"} == {"caller", "sam"}


@pytest.mark.parametrize("code", ["*80676", "*81676"])
def test_a_listener_does_not_hear_who_waits(new_world: Callable[..., World], code: str) -> None:
    """What is said in the caller's room while they hear music is for nobody."""
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, code)
    stage.hold()
    assert stage.hears(hers) == {"music"} and stage.hears(stage.caller, ana=hers) == {"music"}
    stage.at_sam.resume()
    stage.world.run(0.5)
    assert stage.hears(hers) == {"caller", "sam"}


@pytest.mark.parametrize("code", ["##20", "*85"])
def test_who_listened_to_who_sends_the_call_away_listens_no_more(new_world: Callable[..., World], code: str) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*80676")
    stage.world.press(stage.at_sam, code)
    stage.world.run(1.0)
    assert hers.state == "ended" and stage.caller.state == "up"


@pytest.mark.parametrize("killed", [False, True])
def test_who_has_the_right_no_more_listens_no_more(new_world: Callable[..., World], *, killed: bool) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*80676")
    if killed:
        stage.world.kill()
        stage.world.revive()
    stage.world.run(60.0)
    assert hers.state == "up"
    boss = executive("667", Delegation("676", "667", EVERY), Delegation("677", "667", EVERY - {"listen"}))
    stage.world.core.use_directory(directory(stage.world.config, boss))
    stage.world.run(15.0)
    assert hers.state == "ended" and "you have no right 'listen' for 667" in hers.reason
    assert stage.hears(stage.caller) == {"sam"}


def test_a_whisper_reaches_one_only(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*81676")
    assert stage.hears(hers) == {"caller", "sam"}
    assert stage.hears(stage.at_sam, ana=hers) == {"caller", "ana"}
    assert stage.hears(stage.caller, ana=hers) == {"sam"}


@pytest.mark.parametrize("how", ["key", "dialled", "other phone"])
def test_from_listening_to_joining(new_world: Callable[..., World], how: str) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*80676")
    if how == "key":
        stage.world.press(hers, "*82")
        stage.world.run(6.0)
    elif how == "dialled":
        hers.hold()
        stage.world.run(0.5)
        hers.phone.call("*82").expect_up()
        hers.resume()
        stage.world.run(0.5)
    else:
        before = hers
        hers = stage.dial(stage.ana, "*82676")
        assert before.state == "ended"
    for one, heard in ((stage.caller, {"sam", "ana"}), (stage.at_sam, {"caller", "ana"}), (hers, {"caller", "sam"})):
        assert {name for name in stage.hears(one, ana=hers) if not name.startswith("tone:")} == heard


def test_listening_and_whispering_need_their_rights(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world, frozenset({"receive", "join"}))
    assert stage.refused(stage.ana, "*80676")[0] == 403
    assert stage.refused(stage.ana, "*81676")[0] == 403
    assert stage.hears(stage.caller) == {"sam"}


# --- lock (C9) --------------------------------------------------------------------------------------------------------------------


def test_a_private_call_is_closed_to_everybody(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    listening = stage.dial(stage.ana, "*80676")
    stage.world.press(stage.at_sam, "*83")
    stage.world.run(0.5)
    assert listening.state == "ended"
    stage.hold()
    for phone, code in ((stage.boss, "*11676"), (stage.ana, "*11676"), (stage.boss, "*15676"), (stage.boss, "*80676"), (stage.ana, "*81676")):
        assert stage.refused(phone, code) == (403, '399 acme.test "this call is private"')
    stage.at_sam.resume()
    stage.world.run(0.5)
    stage.world.press(stage.at_sam, "*84")
    stage.world.run(0.5)
    hers = stage.dial(stage.ana, "*15676")
    assert hers.state == "up"


def test_private_ends_with_who_made_it_so(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    hers = stage.dial(stage.ana, "*15676")
    stage.world.press(stage.at_sam, "*83")
    stage.world.run(0.5)
    assert stage.refused(stage.boss, "*80677")[0] == 403
    stage.at_sam.hang_up()
    stage.world.run(0.5)
    assert hers.state == "up"
    stage.dial(stage.boss, "*80677")


def test_private_stays_when_it_goes_to_another_of_ones_phones(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    stage.world.press(stage.at_sam, "*83")
    stage.world.run(0.5)
    stage.dial(stage.world.phone("676"), "*11")
    assert stage.refused(stage.boss, "*80676")[0] == 403


# --- take (the page) --------------------------------------------------------------------------------------------------------------


def test_taken_from_the_page(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    stage.hold()
    assert stage.order(Take("667", "take")) == [Outcome(202, "your phones ring")]
    at_boss = stage.boss.expect_call()
    assert stage.order(Take("667", "take"))[0].status == 409
    assert stage.hears(stage.caller) == {"music"}
    at_boss.ring()
    at_boss.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, boss=at_boss) == {"boss"}
    assert stage.at_sam.state == "ended"
    stage.over()
    (row,) = stage.world.history
    assert [each.party for each in row.segments if each.kind == "ring"] == ["676", "677"]


@pytest.mark.parametrize(("kind", "caller", "sam"), [("join", {"sam", "ana"}, {"caller", "ana"}), ("listen", {"sam"}, {"caller"}), ("whisper", {"sam"}, {"caller", "ana"})])
def test_let_in_from_the_page(new_world: Callable[..., World], kind: str, caller: set[str], sam: set[str]) -> None:
    stage = Stage(new_world)
    assert stage.order(Take("677", kind))[0].status == 202  # type: ignore[arg-type]
    at_ana = stage.ana.expect_call()
    assert "Olivia Boss" in at_ana.caller[0]
    at_ana.answer()
    stage.world.run(0.5)
    assert stage.hears(stage.caller, ana=at_ana) - {"tone:beep"} == caller
    assert stage.hears(stage.at_sam, ana=at_ana) - {"tone:beep"} == sam


def test_nobody_picks_up_what_they_wanted_to_take(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    stage.order(Take("677", "join"))
    at_ana = stage.ana.expect_call()
    at_ana.ring()
    stage.world.run(31.0)
    assert at_ana.state == "ended"
    assert stage.hears(stage.caller) == {"sam"}
    assert stage.order(Take("677", "join"))[0].status == 202
    stage.ana.expect_call().reject(486)
    stage.world.run(0.5)
    assert stage.order(Take("601", "join"))[0].status == 403


@pytest.mark.parametrize("what", ["resume", "hang up", "taken", "locked"])
def test_too_late_when_the_phone_is_picked_up(new_world: Callable[..., World], what: str) -> None:
    stage = Stage(new_world)
    stage.hold()
    stage.order(Take("677", "take"))
    at_ana = stage.ana.expect_call()
    at_ana.ring()
    if what == "resume":
        stage.at_sam.resume()
    elif what == "hang up":
        stage.caller.hang_up()
    elif what == "taken":
        stage.dial(stage.boss, "*11")
    else:
        stage.sam.call("*83")
    stage.world.run(2.5)
    if at_ana.state != "ended":
        at_ana.answer()
    stage.world.run(2.0)
    assert at_ana.state == "ended"
    stage.world.balanced()


@pytest.mark.parametrize("offset", OFFSETS)
def test_picked_up_just_when_the_call_ends(new_world: Callable[..., World], offset: float) -> None:
    stage = Stage(new_world)
    stage.order(Take("677", "join"))
    at_ana = stage.ana.expect_call()
    at_ana.ring()
    stage.world.wire.after(0.01, lambda: _do(stage.caller.hang_up))
    stage.world.wire.after(0.01 + offset, lambda: at_ana.answer() if at_ana.state == "ringing" else None)
    stage.world.run(4.0)
    stage.world.balanced()


# --- after a restart --------------------------------------------------------------------------------------------------------------


def test_listeners_and_locks_survive_the_server(new_world: Callable[..., World]) -> None:
    stage = Stage(new_world)
    whispering = stage.dial(stage.ana, "*81676")
    stage.world.run(1.0)
    restart(stage)
    assert stage.hears(stage.caller, ana=whispering) == {"sam"} and stage.hears(stage.at_sam, ana=whispering) == {"caller", "ana"}
    stage.world.press(stage.at_sam, "*83")
    stage.world.run(1.0)
    assert whispering.state == "ended"
    restart(stage)
    assert stage.refused(stage.boss, "*80676") == (403, '399 acme.test "this call is private"')


def restart(stage: Stage) -> None:
    """The signalling process is killed, and comes again."""
    stage.world.kill()
    stage.world.run(1.0)
    stage.world.revive()
    stage.world.run(0.5)


@pytest.mark.parametrize("kind", ["join", "listen"])
def test_joining_a_call_in_which_it_is_said_that_nobody_is_there(new_world: Callable[..., World], kind: JoinKind) -> None:
    """Whoever was about to be let go is talked to, and stays; who only listens changes nothing, until they join."""
    world = new_world(executive("667", Delegation("676", "667", EVERY)), media=FakeMedia())
    boss, sam, lee = world.phones("667", "676", "601")
    mine = lee.call("667")
    at_sam = sam.expect_call()
    at_sam.answer()
    mine.expect_up()
    world.press(at_sam, "##20")
    while world.hears(mine) != {"unavailable"}:  # the executive, the assistant, and both once more
        next(call for phone in (boss, sam) for call in phone.calls if call.state in ("trying", "ringing")).reject(486)
        world.run(0.1)
    found: list[Outcome] = []
    world.core.calls.order(next(iter(world.core.calls.calls)), Take("667", kind), found.append)
    world.run(0.1)
    at_boss = boss.calls[-1]
    at_boss.answer()
    world.run(0.5)
    if kind == "listen":
        assert world.hears(mine) == {"unavailable"}
        world.core.calls.order(next(iter(world.core.calls.calls)), BargeIn("667"), found.append)
    world.run(20.0)
    assert world.hears(mine, boss=at_boss) - {"tone:beep"} == {"boss"}
    assert [outcome.done for outcome in found] == [True] * len(found)
