"""An office in the middle of a delegated call, and what people in it do about handing it over."""

from __future__ import annotations

from collections.abc import Callable

from b2bua.calls.commands import Command, Outcome, PushBack
from tests.fake_media import FakeMedia
from tests.phones import PhoneCall
from tests.world import NUMBER, World

NewWorld = Callable[..., World]


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


def answer(call: PhoneCall) -> None:
    call.ring()
    call.answer()
    call.expect_up()
    call.phone.wire.run(0.5)


def goes_on(office: Office) -> None:
    """Sam and the caller talk as if nothing had been."""
    office.world.run(0.5)
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}
    assert office.at_sam.state == "up"


def keys(call: PhoneCall, digits: str) -> None:
    for digit in digits:
        call.info(digit).expect(200)


NOTE = "about the Jakarta contract"


def asked(office: Office) -> PhoneCall:
    """Olivia has answered a call with a note, and is asked whether she takes it."""
    assert office.order(PushBack("676", note=NOTE)).done
    at_boss = office.boss.expect_call()
    answer(at_boss)
    return at_boss


def announced(office: Office) -> PhoneCall:
    """Sam speaks to Olivia, and the caller waits."""
    at_boss = office.push("*86")
    answer(at_boss)
    return at_boss
