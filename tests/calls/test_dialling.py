"""Click to dial (B1, B4, D4): the actor's phones, then the far end; as whom, who hears what, every way in which it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from b2bua.calls import dialling
from b2bua.calls.commands import End, Hold, Outcome, Take
from b2bua.calls.dialling import Placed
from b2bua.calls.events import Ordered
from b2bua.cluster.bus import CallChanged, CallEnded, Event
from b2bua.config import Config
from b2bua.delegation.model import User
from b2bua.delegation.plan import Setting
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall, rejects, stays_silent
from tests.plain_sip import user_of
from tests.world import FAR_NUMBER, NUMBER, USERS, Alerting, OnBehalf, Rollover, World, configuration, executive

NewWorld = Callable[..., World]


class Desk:
    """Sam (676), who works for Olivia (667), at the page."""

    def __init__(self, new_world: NewWorld, *executives: object, media: bool = True, config: Config | None = None, users: Iterable[User] = USERS) -> None:
        self.world = new_world(*executives, media=FakeMedia() if media else None, config=config, users=users)
        self.sam = self.world.phone("676")
        self.events: list[Event] = []
        self.world.core.bus.listen(self.events.append)

    def dial(self, number: str, as_: str | None = None, actor: str = "676") -> Placed:
        self.world.core.stack.tick(self.world.wire.now)
        placed = self.world.core.calls.dial(actor, number, as_)
        self.world.core.stack.tick(self.world.wire.now)
        return placed

    def order(self, call: str, command: object) -> Outcome:
        found: list[Outcome] = []
        self.world.core.stack.tick(self.world.wire.now)
        self.world.core.calls.order(call, command, found.append)  # type: ignore[arg-type]
        self.world.run(0.5)
        (outcome,) = found
        return outcome

    def picked_up(self, number: str, as_: str | None = None) -> PhoneCall:
        """Sam has dialled, and picked up the phone."""
        assert self.dial(number, as_).outcome == Outcome(202, "your phones ring")
        mine = self.sam.expect_call()
        mine.ring()
        mine.answer()
        mine.expect_up()
        return mine

    def talking(self, number: str, far: Phone, as_: str | None = None) -> tuple[PhoneCall, PhoneCall]:
        mine = self.picked_up(number, as_)
        theirs = far.expect_call()
        theirs.ring()
        theirs.answer()
        theirs.expect_up()
        self.world.run(0.1)
        return mine, theirs

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        return self.world.hears(listener, **others)

    def over(self, outcome: str, *segments: tuple[str, str]) -> None:
        """Nothing is left but the row, and whoever listens has been told."""
        self.world.run(0.2)
        assert self.world.health["calls"] == self.world.health["legs"] == self.world.health["media_ports"] == 0
        (row,) = self.world.history
        assert {"676", "+6221500676"} & {row.caller, row.actor}
        assert row.outcome == outcome
        assert [(each.kind, each.party) for each in row.segments] == list(segments)
        ended = [each for each in self.events if isinstance(each, CallEnded)]
        assert ended == [CallEnded(row.id, outcome, row.answered_by)]


@pytest.fixture
def desk(new_world: NewWorld) -> Desk:
    return Desk(new_world)


# --- as it goes ---------------------------------------------------------------------------------------------------------------


def test_to_a_colleague(desk: Desk) -> None:
    """The own phone shows who will be called; ringing is heard until there is an answer; it is one outgoing call in the history."""
    lee = desk.world.phone("601")
    placed = desk.dial("601")
    mine = desk.sam.expect_call()
    assert mine.caller == ("Lee Colleague", "601")
    assert not lee.calls, "the far end rings when the own phone has been picked up"
    mine.ring()
    desk.world.run(3)
    mine.answer()
    mine.expect_up()
    theirs = lee.expect_call()
    assert theirs.caller == ("Sam Secretary", "676")
    assert "sip:676@acme.test" in theirs.invite.get("p-asserted-identity")
    theirs.ring()
    desk.world.run(2)
    assert desk.hears(mine) == {"tone:ringback"}
    theirs.answer()
    theirs.expect_up()
    desk.world.run(0.5)
    assert desk.hears(mine, lee=theirs) == {"lee"}
    assert desk.hears(theirs, sam=mine) == {"sam"}
    assert not desk.world.requests_to(desk.sam, "UPDATE") and len(desk.world.requests_to(desk.sam, "INVITE")) == 1
    mine.hang_up()
    theirs.expect_ended()
    desk.over("answered", ("ring", "601"), ("talk", "601"))
    row = desk.world.history[-1]
    assert (row.id, row.direction, row.called, row.answered_by) == (placed.call, "internal", "601", "601")
    assert row.answered is not None and row.answered - row.started >= 5
    assert [each.why for each in row.segments] == ["", "answered"]
    assert row.segments[1].with_ == ("676",)
    assert len(row.call_ids) == 2 and set(row.parties) == {"676", "601"}


def test_to_the_outside_as_the_executive(desk: Desk) -> None:
    """The same identity as `#64667*…`: nothing names the assistant; the call back finds them as ever."""
    mine, theirs = desk.talking(NUMBER, desk.world.carrier, "667")
    assert theirs.caller == ("Olivia Boss", "+6221500600")
    assert "+6221500600" in theirs.invite.get("p-asserted-identity")
    assert "676" not in theirs.invite.data.decode().replace("127.0", "") and "Sam" not in theirs.invite.data.decode()
    assert desk.hears(mine, they=theirs) == {"they"}
    (view,) = desk.world.core.calls.live.views()
    assert view.caller == view.parties[0] and (view.caller.name, view.caller.speaks_as) == ("Sam Secretary", "667")
    theirs.hang_up()
    mine.expect_ended()
    desk.over("answered", ("ring", NUMBER), ("talk", NUMBER))
    row = desk.world.history[-1]
    assert (row.direction, row.caller, row.on_behalf_of, row.actor) == ("outgoing", "+6221500600", "667", "676")
    assert row.segments[-1].speaks_as == "667"


def test_the_same_headers_as_when_it_is_dialled(new_world: NewWorld) -> None:
    def identity(theirs: PhoneCall) -> list[str]:
        return [theirs.invite.get(name) for name in ("p-asserted-identity", "privacy", "diversion", "alert-info", "history-info", "subject")] + [
            theirs.invite.get("from").partition(";tag")[0]
        ]

    for as_ in (None, "667"):
        for trunk, number in (("carrier", NUMBER), ("far", FAR_NUMBER)):
            desk = Desk(new_world)
            _, clicked = desk.talking(number, getattr(desk.world, trunk), as_)
            other = Desk(new_world)
            other.sam.call(f"#64667*{number}" if as_ else number)
            assert identity(clicked) == identity(getattr(other.world, trunk).expect_call())


def test_by_the_line_of_the_executive(desk: Desk) -> None:
    """A phone with the delegated line rings on that line when it is for the executive."""
    line = desk.world.phone("676-667", at=("127.0.9.1", 5060))
    assert desk.dial(NUMBER, "667").outcome.done
    mine = line.expect_call()
    desk.sam.expect_call()
    mine.answer()
    theirs = desk.world.carrier.expect_call()
    theirs.answer()
    mine.expect_up()
    desk.sam.calls[-1].expect_ended(487)
    assert "Call completed elsewhere" in desk.sam.calls[-1].reason


@pytest.mark.parametrize(("as_", "number"), [(None, "+6221500600"), ("676", "+6221500676"), ("667", "+6221500600")])
def test_as_oneself_against_the_sticky_choice(desk: Desk, as_: str | None, number: str) -> None:
    desk.world.core.remember([Setting("call_as", "676", value="667")])
    desk.talking(NUMBER, desk.world.carrier, as_)
    assert desk.world.carrier.calls[-1].caller[1] == number


@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("as_", [None, "667", "676", "668", "no longer there"])
@pytest.mark.parametrize("number", ["112", " 1 1-2 ", "#74112", "#64667*112", "#73667*112", "#74#74112", "#64667*#73668*#74112"])
def test_an_emergency_goes_out_as_oneself(desk: Desk, number: str, as_: str | None, sticky: bool) -> None:
    if sticky:
        desk.world.core.remember([Setting("call_as", "676", value="667")])
    desk.picked_up(number, as_)
    theirs = desk.world.carrier.expect_call()
    assert theirs.caller == ("Sam Secretary", "+6221500676")
    assert user_of(theirs.invite.get("to")) == "112"


def test_an_emergency_call_is_not_begun_at_a_phone_that_stands_elsewhere(new_world: NewWorld) -> None:
    """It would go out with the user's own number, and help would go where that belongs."""
    shared = User("690", "Desk by the window", "desk-690", ("+6221500690",), "Branch", type="shared")
    desk = Desk(new_world, users=(*USERS, shared))
    desk.world.core.remember([Setting("hot_desk", "690", value="676")])
    assert desk.dial("112").outcome == Outcome(202, "your phones ring"), "nobody can be rung at the shared phone"
    desk.sam.expect_call().reject(486)
    window = desk.world.phone("690")
    for number in ("112", "#74112", "#64667*112"):
        refused = desk.dial(number).outcome
        assert refused.status == 403
        assert refused.words.startswith("you have logged in at Desk by the window: dial emergency numbers on the phone itself")
    assert not window.calls and not desk.world.carrier.calls
    assert desk.dial("601").outcome.done, "any other number is theirs wherever they are"
    for phone in (desk.sam, window):
        phone.expect_call().reject(486)


def test_a_feature_code_as_oneself_is_the_code(desk: Desk) -> None:
    """Behind the code for oneself it would be none."""
    refused = desk.dial("*11", "676").outcome
    assert (refused.status, refused.words) == (400, "this is a feature code, a park slot or a conference room: dial it at your phone")


def test_to_an_executive_whose_assistants_ring(new_world: NewWorld) -> None:
    desk = Desk(new_world, executive("668", "677"))
    ana = desk.world.phone("677")
    chief = desk.world.phone("668")
    mine, theirs = desk.talking("668", ana)
    assert not chief.calls
    assert desk.hears(mine, ana=theirs) == {"ana"}
    mine.hang_up()
    desk.over("answered", ("ring", "677"), ("talk", "677"))
    assert desk.world.history[-1].executive == "668"


def test_the_rollover_is_followed(new_world: NewWorld) -> None:
    boss = executive("668", "677", alerting=Alerting(ring_seconds=5), rollover=Rollover(action="forward", forward="601"))
    desk = Desk(new_world, boss)
    ana, lee = desk.world.phones("677", "601")
    desk.picked_up("668")
    ana.expect_call()
    desk.world.run(6)
    theirs = lee.expect_call()
    theirs.answer()
    theirs.expect_up()
    assert ana.calls[-1].state == "ended"


def test_several_own_phones(desk: Desk) -> None:
    """The first that is picked up has it."""
    other = desk.world.phone("676", at=("127.0.9.2", 5060))
    lee = desk.world.phone("601")
    desk.dial("601")
    one, two = desk.sam.expect_call(), other.expect_call()
    two.answer()
    two.expect_up()
    one.expect_ended(487)
    theirs = lee.expect_call()
    theirs.answer()
    theirs.expect_up()
    desk.world.run(0.1)
    assert desk.hears(two, lee=theirs) == {"lee"}


@pytest.mark.parametrize("on", [False, True])
def test_a_phone_that_answers_by_itself(new_world: NewWorld, on: bool) -> None:
    """Only by setting, and only the own phone of who has clicked."""
    desk = Desk(new_world, config=configuration(auto_answer=on))
    lee = desk.world.phone("601")
    desk.talking("601", lee)
    asked, far = desk.sam.calls[0].invite, lee.calls[0].invite
    assert asked.get("alert-info") == ("<http://acme.test>;info=alert-autoanswer" if on else "")
    assert asked.get("call-info") == ("<sip:acme.test>;answer-after=0" if on else "")
    assert not far.get("alert-info") and not far.get("call-info")


def test_what_the_page_sees_meanwhile(desk: Desk) -> None:
    lee = desk.world.phone("601")
    desk.dial("601")
    mine = desk.sam.expect_call()
    desk.world.run(0.2)
    mine.answer()
    theirs = lee.expect_call()
    desk.world.run(0.2)
    theirs.answer()
    theirs.expect_up()
    desk.world.run(0.2)
    states = [(each.call.state, [party.extension for party in each.call.parties], [one.extension for one in each.call.ringing])
              for each in desk.events if isinstance(each, CallChanged)]  # fmt: skip
    assert list(dict.fromkeys(map(str, states))) == [
        str(("dialling", [], [])),
        str(("ringing", ["676"], ["601"])),
        str(("talking", ["676", "601"], [])),
    ]
    views = [each.call for each in desk.events if isinstance(each, CallChanged)]
    assert {each.caller.extension for each in views} == {"676"} and {each.caller.speaks_as for each in views} == {None}
    assert {each.called for each in views} == {"601"}
    assert views[-1].answered_by == "601"


# --- before the answer ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["sendrecv", "sendonly"])
def test_what_the_far_end_lets_hear(desk: Desk, direction: str) -> None:
    """An announcement of the carrier is heard in place of our ringing; then comes what comes."""
    carrier = desk.world.carrier
    carrier.behaviour = stays_silent
    mine = desk.picked_up(NUMBER)
    theirs = carrier.expect_call()
    desk.world.run(0.5)
    assert desk.hears(mine) == {"tone:ringback"}
    theirs.held_back = direction == "sendonly"
    theirs.ring(183, sdp=True)
    desk.world.run(0.2)
    assert desk.hears(mine, they=theirs) == {"they"}
    theirs.reject(404)
    desk.world.run(0.2)
    assert desk.hears(mine) == {"unavailable"}
    desk.world.run(9)
    desk.over("refused", ("ring", NUMBER))


def test_early_media_then_the_answer(desk: Desk) -> None:
    carrier = desk.world.carrier
    carrier.behaviour = stays_silent
    mine = desk.picked_up(NUMBER)
    theirs = carrier.expect_call()
    theirs.ring(183, sdp=True)
    desk.world.run(0.5)
    assert desk.hears(mine, they=theirs) == {"they"}
    assert [call.state for call in desk.world.core.calls.live.views()] == ["ringing"]
    theirs.answer()
    theirs.expect_up()
    desk.world.run(0.5)
    assert desk.hears(mine, they=theirs) == {"they"} and desk.hears(theirs, sam=mine) == {"sam"}
    mine.hang_up()
    desk.over("answered", ("ring", NUMBER), ("talk", NUMBER))


def test_several_ring_and_one_makes_sound(new_world: NewWorld) -> None:
    """It is not said who will answer: ringing is heard."""
    desk = Desk(new_world, executive("668", "677", "678"))
    ana, tom = desk.world.phones("677", "678")
    ana.behaviour = lambda call: call.ring(183, sdp=True)
    mine = desk.picked_up("668")
    tom.expect_call()
    ana.expect_call()
    desk.world.run(0.5)
    assert desk.hears(mine) == {"tone:ringback"}


@pytest.mark.parametrize("how", ["rings out", "declines"])
def test_who_made_sound_rings_no_more(new_world: NewWorld, how: str) -> None:
    desk = Desk(new_world, executive("668", "677", "678", alerting=Alerting(mode="sequential", ring_seconds=5)))
    ana, tom = desk.world.phones("677", "678")
    ana.behaviour = lambda call: call.ring(183, sdp=True)
    mine = desk.picked_up("668")
    at_ana = ana.expect_call()
    desk.world.run(0.5)
    assert desk.hears(mine, ana=at_ana) == {"ana"}
    if how == "declines":
        at_ana.reject(486)
    else:
        desk.world.run(5)
    tom.expect_call()
    assert desk.hears(mine) == {"tone:ringback"}


# --- what is refused before anything rings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "as_", "status", "words"),
    [
        ("99", None, 404, "99"),
        ("", None, 404, ""),
        ("676", None, 486, "own number"),
        (NUMBER, "668", 403, "you may not call as 668"),
        (NUMBER, "601", 403, "you may not call as 601"),
        (NUMBER, "12345", 404, "12345"),
        (NUMBER, "<script>", 404, "script"),
        ("#68", None, 400, "at your phone"),
        ("#61", None, 403, "you are no executive"),
        ("*88701", None, 400, "at your phone"),
        ("##20", None, 400, "at your phone"),
        ("x" * 5000, None, 404, ""),
        ("601\r\nVia: x", None, 404, ""),
    ],
)
def test_refused_by_the_policy(desk: Desk, number: str, as_: str | None, status: int, words: str) -> None:
    desk.world.phone("601")
    placed = desk.dial(number, as_)
    assert placed.outcome.status == status and placed.call == ""
    assert words in placed.outcome.words and placed.outcome.words
    desk.world.run(1)
    assert not desk.sam.calls and not desk.world.core.calls.calls
    assert not [each for each in desk.events if isinstance(each, (CallChanged, CallEnded))]


def test_a_refusal_is_kept_as_one_that_was_dialled(desk: Desk) -> None:
    desk.dial("99")
    (row,) = desk.world.history
    assert (row.outcome, row.caller, row.called, row.status) == ("refused", "676", "99", 404)
    assert row.decision is not None


def test_who_has_no_phone(desk: Desk) -> None:
    assert desk.dial("676", actor="602").outcome == Outcome(480, "none of your phones can be reached")
    assert desk.dial("676", actor="nobody").outcome.status == 403
    assert not desk.world.core.calls.calls and not desk.world.history


def test_twice(desk: Desk) -> None:
    assert desk.dial("601").outcome.done
    again = desk.dial("602")
    assert again.outcome == Outcome(409, "your phones ring already")
    desk.sam.expect_call().reject(486)


def test_while_the_server_stops(desk: Desk) -> None:
    desk.world.core.calls.drain()
    assert desk.dial("601").outcome.status == 503


def test_a_full_server(desk: Desk) -> None:
    desk.world.core.calls.settings.max_calls = 0
    assert desk.dial("601").outcome.status == 503
    assert desk.dial("112").outcome.done, "an emergency is no matter of numbers"
    desk.sam.expect_call().reject(486)


def test_without_a_media_engine(new_world: NewWorld) -> None:
    desk = Desk(new_world, media=False)
    desk.world.phone("601")
    placed = desk.dial("601")
    assert placed.outcome.status == 488 and "dial it at your phone" in placed.outcome.words
    desk = Desk(new_world)
    assert desk.world.media is not None
    desk.world.media.available = False
    placed = desk.dial("601")
    assert placed.outcome.status == 503 and "dial it at your phone" in placed.outcome.words


# --- how it ends ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [486, 603, 480, 500])
def test_the_own_phone_declines(desk: Desk, status: int) -> None:
    lee = desk.world.phone("601")
    desk.dial("601")
    desk.sam.expect_call().reject(status)
    desk.over("cancelled")
    assert not lee.calls


def test_nobody_picks_up_the_own_phone(desk: Desk) -> None:
    desk.dial("601")
    mine = desk.sam.expect_call()
    desk.world.run(31)
    mine.expect_ended(487)
    desk.over("cancelled")


def test_taken_back_at_the_page_while_the_own_phone_rings(desk: Desk) -> None:
    placed = desk.dial("601")
    mine = desk.sam.expect_call()
    assert desk.order(placed.call, End("601")).status == 409
    assert desk.order(placed.call, Hold("676")).status == 409
    assert desk.order(placed.call, Take("677", "take")).status == 409
    assert desk.order(placed.call, End("676")) == Outcome(200, "ended")
    mine.expect_ended(487)
    desk.over("cancelled")


@pytest.mark.parametrize("how", ["phone", "page"])
def test_the_actor_hangs_up_while_it_rings(desk: Desk, how: str) -> None:
    lee = desk.world.phone("601")
    placed = desk.dial("601")
    mine = desk.sam.expect_call()
    mine.answer()
    theirs = lee.expect_call()
    theirs.ring()
    desk.world.run(1)
    if how == "phone":
        mine.hang_up()
    else:
        assert desk.order(placed.call, End("676")).done
        mine.expect_ended()
    theirs.expect_ended(487)
    desk.over("cancelled", ("ring", "601"))


@pytest.mark.parametrize(
    ("status", "outcome", "sounds"),
    [(486, "busy", {"tone:busy"}), (603, "refused", {"unavailable"}), (480, "missed", {"unavailable"}), (404, "refused", {"unavailable"}), (503, "failed", {"unavailable"})],
)
def test_the_far_end_refuses(desk: Desk, status: int, outcome: str, sounds: set[str]) -> None:
    """The actor hears why, and is let go."""
    lee = desk.world.phone("601")
    lee.behaviour = rejects(status, after=1.0)
    mine = desk.picked_up("601")
    lee.expect_call()
    desk.world.run(2)
    assert desk.hears(mine) == sounds
    assert desk.world.media is not None
    desk.world.media.finish(bytes(mine.remote_sdp or b""))
    mine.expect_ended()
    desk.over(outcome, ("ring", "601"))
    assert desk.world.history[-1].status == status


def test_who_hears_that_it_is_busy_hangs_up(desk: Desk) -> None:
    lee = desk.world.phone("601")
    lee.behaviour = rejects(486)
    mine = desk.picked_up("601")
    lee.expect_call()
    desk.world.run(0.5)
    mine.hang_up()
    desk.over("busy", ("ring", "601"))


def test_nobody_answers_and_nobody_hears_it(desk: Desk) -> None:
    """The engine never says that the words are over: the call ends all the same."""
    lee = desk.world.phone("601")
    lee.behaviour = rejects(480)
    mine = desk.picked_up("601")
    desk.world.run(9)
    mine.expect_ended()
    desk.over("missed", ("ring", "601"))


def test_the_far_end_is_not_there(desk: Desk) -> None:
    """No phone at all: the own phone is rung all the same, as one hears it when one dials; then it says so."""
    mine = desk.picked_up("601")
    desk.world.run(0.2)
    assert desk.hears(mine) == {"unavailable"}
    desk.world.run(9)
    mine.expect_ended()
    desk.over("missed")


def test_the_server_is_stopped(desk: Desk) -> None:
    lee = desk.world.phone("601")
    desk.dial("601")
    desk.world.core.calls.hang_up_all()
    desk.sam.expect_call().expect_ended(487)
    desk.world.run(1)
    assert desk.world.history[-1].status == 503
    mine = desk.picked_up("601")
    theirs = lee.expect_call()
    desk.world.core.calls.hang_up_all()
    mine.expect_ended()
    theirs.expect_ended(487)
    assert desk.world.history[-1].status == 503


def test_a_phone_that_answers_with_nonsense(desk: Desk) -> None:
    desk.dial("601")
    desk.sam.expect_call().answer(sdp=False)
    desk.over("cancelled")


def test_the_far_end_has_no_codec_in_common(desk: Desk) -> None:
    """What cannot be converted is refused by the phone; the actor is told."""
    lee = desk.world.phone("601")
    lee.behaviour = rejects(488)
    mine = desk.picked_up("601")
    desk.world.run(9)
    mine.expect_ended()
    desk.over("failed", ("ring", "601"))


# --- what others do meanwhile ---------------------------------------------------------------------------------------------------


def test_somebody_picks_it_up(desk: Desk) -> None:
    """It rings for a colleague: `*97` takes it there."""
    ana, boss = desk.world.phones("677", "667")
    desk.dial("677")
    mine = desk.sam.expect_call()
    mine.answer()
    theirs = ana.expect_call()
    theirs.ring()
    desk.world.run(0.5)
    picked = boss.call("*97677")
    picked.expect_up()
    theirs.expect_ended(487)
    desk.world.run(0.1)
    assert desk.hears(mine, boss=picked) == {"boss"}
    picked.hang_up()
    mine.expect_ended()
    desk.over("answered", ("ring", "677"), ("talk", "667"))
    assert desk.world.history[-1].answered_by == "667"


def test_features_work_as_in_any_call(desk: Desk) -> None:
    """Push by keys: the outside party is the one who waits."""
    boss = desk.world.phone("667")
    mine, theirs = desk.talking(NUMBER, desk.world.carrier, "667")
    desk.world.press(mine, "##20")
    at_boss = boss.expect_call()
    mine.expect_ended()
    assert desk.hears(theirs) == {"music"}
    at_boss.answer()
    at_boss.expect_up()
    desk.world.run(0.5)
    assert desk.hears(theirs, boss=at_boss) == {"boss"}


def test_codes_mean_nothing_before_the_answer(desk: Desk) -> None:
    lee = desk.world.phone("601")
    mine = desk.picked_up("601")
    lee.expect_call().ring()
    for keys in ("##20", "*68", "*83", "*86"):
        desk.world.press(mine, keys)
    desk.world.run(3)
    assert mine.state == "up" and lee.calls[-1].state == "ringing"
    (call,) = desk.world.core.calls.calls
    assert desk.order(call, Hold("676")).status == 409
    lee.calls[-1].answer()
    lee.calls[-1].expect_up()


def test_the_executive_takes_it_over(desk: Desk) -> None:
    """It is the outside party's call: Sam is the one whose place can be taken."""
    boss = desk.world.phone("667")
    mine, theirs = desk.talking(NUMBER, desk.world.carrier, "667")
    (call,) = desk.world.core.calls.calls
    assert desk.order(call, Take("667", "take")).done
    at_boss = boss.expect_call()
    at_boss.answer()
    mine.expect_ended()
    desk.world.run(0.2)
    assert desk.hears(theirs, boss=at_boss) == {"boss"}


def test_a_call_back_finds_who_has_called(new_world: NewWorld) -> None:
    """Remembered when the far end rings, as when it is dialled: not for a call that nobody has made (B11)."""
    boss = executive("667", "677", "676", on_behalf=OnBehalf(callback_seconds=3600), alerting=Alerting(mode="sequential"))
    desk = Desk(new_world, boss)
    desk.dial(NUMBER, "667")
    desk.sam.expect_call().reject(486)
    desk.world.run(0.2)
    assert not list(desk.world.core.directory.state)
    mine, _ = desk.talking(NUMBER, desk.world.carrier, "667")
    mine.hang_up()
    desk.world.run(0.2)
    desk.world.phone("677")
    desk.world.carrier.call_from(NUMBER, "+6221500667")
    desk.sam.expect_call()


def test_a_bug_ends_one_call_and_silences_its_phones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(call: object, event: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(dialling._HANDLERS, Ordered, broken)
    placed = desk.dial("601")
    mine = desk.sam.expect_call()
    desk.world.core.calls.order(placed.call, End("676"), lambda _: None)
    mine.expect_ended(487)
    assert [type(each) for each in desk.world.bugs] == [ZeroDivisionError]
    desk.world.bugs.clear()


# --- over a restart -------------------------------------------------------------------------------------------------------------


def test_a_restart_while_they_talk(desk: Desk) -> None:
    lee = desk.world.phone("601")
    mine, theirs = desk.talking("601", lee)
    desk.world.kill()
    desk.world.revive()
    desk.world.run(0.1)
    assert desk.hears(mine, lee=theirs) == {"lee"}
    theirs.hang_up()
    mine.expect_ended()
    desk.world.run(0.2)
    (row,) = desk.world.history
    assert (row.outcome, row.answered_by, row.caller) == ("answered", "601", "676")


def test_a_restart_with_one_that_rings_and_one_that_talks(desk: Desk) -> None:
    """Who is rung anew is not given the ports of a call that is restored afterwards."""
    ana, lee, mia = desk.world.phones("677", "601", "602")
    one, other = desk.world.talk(ana, mia)
    desk.picked_up("601")
    left = lee.expect_call()
    desk.world.run(0.2)
    desk.world.snapshots = type(desk.world.snapshots)(reversed(desk.world.snapshots.items()))
    desk.world.kill()
    desk.world.revive()
    desk.world.run(0.2)
    assert desk.hears(one, mia=other) == {"mia"} and desk.hears(other, ana=one) == {"ana"}
    left.reject(480)


def test_a_restart_while_the_far_end_rings(desk: Desk) -> None:
    """It rings anew, and whoever has picked up hears that."""
    lee = desk.world.phone("601")
    mine = desk.picked_up("601")
    lee.expect_call()
    desk.world.run(0.2)
    desk.world.kill()
    desk.world.revive()
    lee.behaviour = stays_silent
    desk.world.run(0.5)
    again = lee.calls[-1]
    assert desk.hears(mine) == {"tone:ringback"}
    again.answer()
    again.expect_up()
    desk.world.run(0.2)
    assert desk.hears(mine, lee=again) == {"lee"}
    mine.hang_up()
    again.expect_ended()
    desk.world.run(0.2)
    (row,) = desk.world.history
    assert (row.outcome, row.answered_by) == ("answered", "601")
    for left in lee.calls:
        if left.state == "ringing":
            left.reject(480)  # the INVITE of the server that died
