"""Every pair of adjacent events of one call crossed: whatever comes first, both parties end up with the same idea of the call.

A row names two things that happen at the same time; they are shifted against each other in steps around the travelling time of
a datagram, so that each order of sending and of arriving comes up. And: either party hangs up at any instant of the script.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.phones import Phone, PhoneCall, stays_silent
from tests.wire import Alarm
from tests.world import NUMBER, Alerting, World, executive

DELAY = 0.001
OFFSETS = [step * 0.00025 for step in range(-14, 15)]
"""How much later the second event begins, seconds: from well before the first has crossed to well after."""
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO"


class Stage:
    """A caller, a called party, and how far their call has got."""

    def __init__(self, world: World, *, reliable: bool = False) -> None:
        self.world = world
        self.lee = world.phone("601", reliable=reliable)
        self.carrier = world.carrier
        self.carrier.behaviour = stays_silent
        self.mine = self.lee.call(NUMBER, [ALLOW])
        self.theirs = self.carrier.expect_call()

    def ringing(self) -> None:
        self.theirs.ring()
        self.mine.expect_ringing()

    def early(self) -> None:
        """A reliable 183 has arrived, and its PRACK waits for the test."""
        self.mine.auto_prack = False
        self.theirs.ring(183, [ALLOW], sdp=True, reliable=True)
        self.world.wire.run_until(lambda: self.mine.early)

    def up(self) -> None:
        self.ringing()
        self.theirs.answer([ALLOW])
        self.mine.expect_up()
        self.theirs.expect_up()

    def cross(self, first: Callable[[], object], second: Callable[[], object], offset: float) -> None:
        """`first` happens 10 ms from now, `second` with that offset; then some time passes."""
        self.world.wire.after(0.01, lambda: _do(first))
        self.world.wire.after(0.01 + offset, lambda: _do(second))
        self.world.run(6.0)

    def check(self) -> None:
        """Nobody is alone; whoever is still up can talk."""
        self.world.balanced()
        if self.mine.state == "up":
            assert self.theirs.state == "up", self.world.report("one is up, the other is not")
        if self.mine.state == "ended":
            assert self.theirs.state in ("ended", "trying"), self.world.report("one has ended, the other has not")

    # What parties do.

    def cancel(self) -> None:
        if self.mine.state in ("calling", "ringing"):
            self.mine.cancel()

    def answer(self) -> None:
        if self.theirs.state in ("trying", "ringing"):
            self.theirs.answer([ALLOW])

    def reject(self) -> None:
        if self.theirs.state in ("trying", "ringing"):
            self.theirs.reject(486)

    def ring(self) -> None:
        if self.theirs.state == "trying":
            self.theirs.ring()

    def early_media(self) -> None:
        if self.theirs.state in ("trying", "ringing"):
            self.theirs.ring(183, sdp=True)

    def prack(self) -> None:
        if self.mine.state in ("calling", "ringing"):
            self.mine._prack(next(iter(self.mine.early.values())))

    def caller_bye(self) -> None:
        hang_up(self.mine)

    def called_bye(self) -> None:
        hang_up(self.theirs)

    def caller_reinvite(self) -> None:
        reinvite(self.mine)

    def called_reinvite(self) -> None:
        reinvite(self.theirs)

    def caller_update(self) -> None:
        if self.mine.state == "up":
            self.mine.update("sendonly")

    def called_update(self) -> None:
        if self.theirs.state == "up":
            self.theirs.update("sendonly")

    def caller_info(self) -> None:
        if self.mine.state == "up":
            self.mine.info("1")

    def called_info(self) -> None:
        if self.theirs.state == "up":
            self.theirs.info("2")

    def early_bye(self) -> None:
        if self.mine.state in ("calling", "ringing"):
            self.mine.send("BYE", early=next(iter(self.mine.early)))
            self.mine.cancelled = True  # a 200 all the same is acknowledged, and ended

    def caller_offer(self) -> None:
        if self.mine.state == "up":
            self.mine.reinvite(sdp=False)

    def called_offer(self) -> None:
        if self.theirs.state == "up":
            self.theirs.reinvite(sdp=False)

    def forked_answer(self) -> None:
        """The 200 of another fork of the trunk."""
        answer = self.theirs.invite_answer
        assert answer is not None
        if self.theirs.state == "up":
            self.carrier.transmit(answer.data.replace(f"tag={self.theirs.local_tag}".encode(), b"tag=other-fork"), answer.way)


def _do(action: Callable[[], object]) -> None:
    action()


def hang_up(call: PhoneCall) -> None:
    if call.state == "up":
        call.hang_up()


def reinvite(call: PhoneCall) -> None:
    if call.state == "up":
        call.reinvite("sendonly")


BEFORE_RINGING = [
    "cancel/ring",
    "cancel/answer",
    "cancel/reject",
    "cancel/early_media",
    "ring/answer",
    "ring/early_media",
    "answer/cancel",
]
WHILE_RINGING = ["cancel/answer", "cancel/reject", "early_bye/answer", "early_bye/reject", "cancel/early_bye", "early_media/answer",
                 "answer/called_bye", "answer/caller_bye", "answer/forked_answer", "cancel/early_media", "answer/called_reinvite",
                 "answer/called_info", "answer/caller_reinvite", "answer/caller_update", "answer/called_update"]  # fmt: skip
WHILE_EARLY = [
    "prack/cancel",
    "prack/answer",
    "prack/reject",
    "prack/early_bye",
    "answer/cancel",
    "answer/early_bye",
    "cancel/reject",
]
IN_CALL = ["caller_bye", "called_bye", "caller_reinvite", "called_reinvite", "caller_update", "called_update", "caller_info", "called_info",
           "caller_offer", "called_offer", "forked_answer"]  # fmt: skip
PAIRS = [f"{one}/{two}" for at, one in enumerate(IN_CALL) for two in IN_CALL[at:]]


def crossed(new_world: Callable[..., World], pair: str, prepare: str, *, reliable: bool = False) -> None:
    one, two = pair.split("/")
    for offset in OFFSETS if prepare != "up" else OFFSETS[::2]:
        world = World()
        stage = Stage(world, reliable=reliable)
        if prepare:
            getattr(stage, prepare)()
        stage.cross(getattr(stage, one), getattr(stage, two), offset)
        stage.check()
        if prepare == "early" and stage.mine.state == "calling" and not stage.mine._pracked:
            stage.prack()
            world.run(0.5)
        world.settle(40.0)


@pytest.mark.parametrize("pair", BEFORE_RINGING)
def test_before_it_rings(new_world: Callable[..., World], pair: str) -> None:
    crossed(new_world, pair, "")


@pytest.mark.parametrize("pair", WHILE_RINGING)
def test_while_it_rings(new_world: Callable[..., World], pair: str) -> None:
    crossed(new_world, pair, "ringing")


@pytest.mark.parametrize("pair", WHILE_EARLY)
def test_while_a_reliable_response_waits(new_world: Callable[..., World], pair: str) -> None:
    crossed(new_world, pair, "early", reliable=True)


@pytest.mark.parametrize("pair", PAIRS)
def test_in_the_call(new_world: Callable[..., World], pair: str) -> None:
    crossed(new_world, pair, "up")


# Two assistants at once, and timers.


@pytest.mark.parametrize("second", ["answer", "reject"])
def test_two_assistants_answer_at_the_same_time(second: str) -> None:
    for offset in OFFSETS:
        world = World()
        sam, ana, lee = world.phones("676", "677", "601")
        mine = lee.call("667")
        one, two = sam.expect_call(), ana.expect_call()
        mine.expect_ringing()
        world.wire.after(0.01, lambda one=one: one.answer() if one.state == "ringing" else None)  # type: ignore[misc]
        world.wire.after(0.01 + offset, lambda two=two: getattr(two, second)() if two.state == "ringing" else None)  # type: ignore[misc]
        world.run(6)
        assert mine.state == "up"
        assert [one.state, two.state].count("up") == 1, world.report("nobody or both")
        assert one.acknowledged and two.acknowledged
        assert len(world.requests_to(sam, "BYE")) + len(world.requests_to(ana, "BYE")) <= 1
        world.balanced()
        world.settle(40.0)


@pytest.mark.parametrize("who", ["first assistant", "second assistant", "caller"])
def test_something_happens_when_the_ring_time_runs_out(who: str) -> None:
    for offset in [step * 0.0005 for step in range(-45, 10)]:
        world = World(executive(alerting=Alerting(mode="sequential", ring_seconds=5)))
        sam, ana, lee = world.phones("676", "677", "601")
        mine = lee.call("667")
        at_sam = sam.expect_call()
        end = next(iter(world.core.calls.calls.values())).hunt._fork.deadline  # type: ignore[union-attr]
        assert end is not None

        def act(at_sam: PhoneCall = at_sam, ana: Phone = ana, mine: PhoneCall = mine) -> None:
            at_ana = ana.calls[-1] if ana.calls else None
            if who == "caller":
                mine.cancel()
            elif who == "first assistant" and at_sam.state == "ringing":
                at_sam.answer()
            elif who == "second assistant" and at_ana is not None:
                at_ana.answer()

        world.wire.at(end + 0.02 + offset, act)
        world.run(6)
        up = [call for call in (at_sam, *ana.calls) if call.state == "up"]
        if who == "caller":
            assert mine.state == "ended" and not up
        elif mine.state == "up":
            assert len(up) == 1
        else:
            assert not up
        world.balanced()
        world.settle(40.0)


# Hanging up at any instant.


def scripted(world: World, mine: PhoneCall, theirs_party: Phone) -> Alarm:
    """What happens in a long call, in virtual time."""

    def theirs() -> PhoneCall:
        return theirs_party.calls[-1]

    def unless_over(action: Callable[[], object]) -> Callable[[], None]:
        def act() -> None:
            if mine.state != "ended" and theirs_party.calls and theirs().state != "ended":
                action()

        return act

    steps: list[Callable[[], object]] = [
        lambda: theirs().ring(183, [ALLOW], sdp=True, reliable=True),
        lambda: theirs().ring(),
        lambda: theirs().answer([ALLOW]),
        lambda: mine.hold(),
        lambda: theirs().info("5"),
        lambda: mine.resume(),
        lambda: theirs().hold(),
        lambda: mine.update("sendrecv"),
        lambda: theirs().resume(),
        lambda: mine.reinvite(sdp=False),
    ]
    for number, step in enumerate(steps):
        alarm = world.wire.after(0.02 * (number + 1), unless_over(step))
    return alarm


INSTANTS = [n * 0.001 for n in range(235)]


@pytest.mark.parametrize("who", ["caller", "called", "both", "server"])
def test_hanging_up_at_any_instant_ends_both(who: str) -> None:
    for instant in INSTANTS if who != "both" else INSTANTS[::2]:
        world = World()
        lee = world.phone("601", reliable=True)
        world.carrier.behaviour = stays_silent
        mine = lee.call(NUMBER, [ALLOW])
        scripted(world, mine, world.carrier)

        acted: list[bool] = []

        def stop(world: World = world, mine: PhoneCall = mine, acted: list[bool] = acted) -> None:
            theirs = world.carrier.calls[-1] if world.carrier.calls else None
            acted.append(bool(world.core.calls.calls if who == "server" else theirs or who == "caller"))
            if who in ("caller", "both"):
                mine.hang_up() if mine.state == "up" else mine.cancel()
            if who in ("called", "both") and theirs is not None:
                if theirs.state in ("trying", "ringing"):
                    theirs.reject(486)
                elif theirs.state == "up":
                    theirs.hang_up()
            if who == "server":
                world.core.calls.hang_up_all()

        world.wire.after(instant, stop)
        world.run(5)
        if any(acted):
            assert mine.state == "ended", world.report(f"{who} at {instant}")
            assert all(call.state in ("ended", "trying") for call in world.carrier.calls), world.report(f"{who} at {instant}")
        world.balanced()
        world.settle(40.0)
