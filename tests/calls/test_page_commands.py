"""Every command of the page by the one way in, `CallIndex.order`: in calls whose sound has to be brought here first, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from b2bua.calls.commands import (
    BargeIn,
    Command,
    End,
    GiveBack,
    Hold,
    Lock,
    Mute,
    Outcome,
    Park,
    PushBack,
    Remove,
    Resume,
    Take,
    Transfer,
)
from b2bua.delegation.model import DEFAULT_RIGHTS, Delegation, Directory
from b2bua.delegation.people import Room
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall
from tests.world import NUMBER, USERS, World, configuration, directory, executive

NewWorld = Callable[..., World]


class Direct:
    """Lee (601) has called Mia (602): their sound goes directly. `call` is theirs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lee, self.mia, self.desk = world.phones("601", "602", "600")
        self.mine, self.theirs = world.talk(self.lee, self.mia)
        (self.call,) = world.core.calls.calls
        assert world.media is None or not world.media.contexts, "it goes directly"

    def order(self, command: Command, seconds: float = 5.0, call: str = "") -> Outcome:
        found: list[Outcome] = []
        self.world.core.stack.tick(self.world.wire.now)
        self.world.core.calls.order(call or self.call, command, found.append)
        self.world.core.stack.tick(self.world.wire.now)
        self.world.wire.run_until(lambda: bool(found), seconds)
        (outcome,) = found
        self.world.run(0.2)
        return outcome

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        return self.world.hears(listener, **others)


@pytest.fixture
def direct(new_world: NewWorld) -> Direct:
    return Direct(new_world(media=FakeMedia()))


def test_hold_and_resume(direct: Direct) -> None:
    assert direct.order(Hold("601")) == Outcome(200, "on hold")
    assert direct.hears(direct.theirs) == {"music"} and direct.hears(direct.mine) == set()
    assert direct.order(Hold("601")).done, "twice is once"
    assert direct.order(Resume("601")) == Outcome(200, "resumed")
    assert direct.hears(direct.theirs, lee=direct.mine) == {"lee"}
    assert direct.order(Resume("601")).done


def test_park_in_a_slot(direct: Direct) -> None:
    assert direct.order(Park("601", "702")) == Outcome(200, "parked in 702")
    assert direct.hears(direct.theirs) == {"music"}
    direct.world.run(7)
    direct.mine.expect_ended()
    assert "702" in direct.mine.reason
    taken = direct.desk.call("702")
    taken.expect_up()
    direct.world.run(0.2)
    assert direct.hears(direct.theirs, desk=taken) == {"desk"}


@pytest.mark.parametrize("slot", ["999", "x", "'; drop table", "7" * 500])
def test_park_in_no_slot(direct: Direct, slot: str) -> None:
    refused = direct.order(Park("601", slot))
    assert refused.status == 404 and refused.words
    assert direct.mine.hears(direct.theirs)


def test_transfer(direct: Direct) -> None:
    assert direct.order(Transfer("601", "600")).done
    at_desk = direct.desk.expect_call()
    assert direct.hears(direct.theirs) == {"tone:ringback"}
    at_desk.answer()
    at_desk.expect_up()
    direct.mine.expect_ended()
    direct.world.run(0.5)
    assert direct.hears(direct.theirs, desk=at_desk) == {"desk"}


@pytest.mark.parametrize(("target", "status"), [("9999", 404), ("112", 403), ("#61", 403), ("601", 486), ("", 404), ("676", 480)])
def test_transferred_to_nowhere(direct: Direct, target: str, status: int) -> None:
    refused = direct.order(Transfer("601", target))
    assert refused.status == status and refused.words
    assert direct.mine.hears(direct.theirs), "nothing has changed"


def test_lock_and_unlock(direct: Direct) -> None:
    assert direct.order(Lock("601")) == Outcome(200, "the call is private")
    assert direct.order(Transfer("602", "600")).status == 403
    assert direct.order(Lock("601", on=False)).done
    assert direct.order(Lock("601", on=False)).status == 403
    assert direct.order(Transfer("602", "600")).done
    direct.desk.expect_call().answer()


def test_end(direct: Direct) -> None:
    assert direct.order(End("602")) == Outcome(200, "ended")
    direct.mine.expect_ended()
    direct.theirs.expect_ended()
    assert direct.order(End("602")).status == 404, "it is over"


@pytest.mark.parametrize(
    "command",
    [Hold("600"), Resume("600"), Park("600"), PushBack("600"), GiveBack("600"), Lock("600"), Transfer("600", "601"), End("600"), BargeIn("600"),
     Mute("600", "601"), Remove("600", "601"), Take("600", "take"), Take("600", "join"), Take("600", "listen"), Take("600", "whisper"),
     Hold(""), Take("", "take"), End("nobody"), PushBack("601"), GiveBack("602"), Mute("601", "602"), Remove("601", "602")],
    ids=str,
)  # fmt: skip
def test_who_may_not(direct: Direct, command: Command) -> None:
    """Strangers to the call, and what this call is not made for: refused in words, and the call is as it was."""
    refused = direct.order(command)
    assert refused.status in (403, 404) and refused.words
    assert direct.mine.hears(direct.theirs) and not direct.desk.calls
    assert direct.world.media is not None and not direct.world.media.contexts


@pytest.mark.parametrize("command", [Hold("601"), Park("601"), Transfer("601", "600")], ids=str)
def test_without_an_engine(new_world: NewWorld, command: Command) -> None:
    direct = Direct(new_world())
    refused = direct.order(command)
    assert refused.status == 488 and refused.words
    assert direct.mine.state == direct.theirs.state == "up" and direct.mine.hears(direct.theirs)


@pytest.mark.parametrize("command", [Hold("601"), Park("601"), Transfer("601", "600")], ids=str)
@pytest.mark.parametrize("who", ["mine", "theirs"])
def test_a_phone_that_keeps_its_sound(direct: Direct, command: Command, who: str) -> None:
    """It refuses the re-INVITE: nothing has happened, and they hear each other as before. Who is sent away need not be asked."""
    phone: Phone = getattr(direct, who).phone
    phone.hooks["INVITE"] = lambda call, request: 488
    outcome = direct.order(command, 20)
    if who == "mine" and isinstance(command, Park):
        assert outcome.done  # only who waits has to come here
        return
    assert outcome.status == 488 and outcome.words
    direct.world.run(1)
    assert direct.mine.state == direct.theirs.state == "up"
    assert direct.mine.hears(direct.theirs) and direct.theirs.hears(direct.mine)


@pytest.mark.parametrize("command", [Hold("601"), Park("601"), Transfer("601", "600"), Lock("601"), End("601")], ids=str)
@pytest.mark.parametrize("who", ["mine", "theirs"])
def test_somebody_hangs_up_meanwhile(command: Command, who: str) -> None:
    """At every instant of bringing the sound here: one answer, and nothing is left but perhaps who is on their way elsewhere."""
    for instant in [n * 0.0005 for n in range(1, 14)]:
        direct = Direct(World(media=FakeMedia()))
        call = getattr(direct, who)
        direct.world.wire.after(instant, lambda call=call: call.hang_up() if call.state == "up" else None)  # type: ignore[misc]
        outcome = direct.order(command, 20)
        assert outcome.words and outcome.status in (200, 202, 403, 404), (instant, outcome)
        direct.world.run(1)
        direct.world.balanced()
        direct.world.settle(60.0)


# --- an executive's call ---------------------------------------------------------------------------------------------------------


class Served(Direct):
    """A caller from outside talks with Sam (676) for Olivia (667); Ana (677) may listen and whisper."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.boss, self.sam, self.ana = world.phones("667", "676", "677")
        self.caller = world.carrier.call_from(NUMBER, "+6221500667", display="Customer")
        self.mine = self.sam.expect_call()
        self.mine.answer()
        self.caller.expect_up()
        (self.call,) = world.core.calls.calls

    def picked_up(self, phone: Phone) -> PhoneCall:
        self.world.wire.run_until(lambda: bool(phone.calls) and phone.calls[-1].state == "ringing", 3)
        call = phone.calls[-1]
        call.answer()
        call.expect_up()
        self.world.run(0.2)
        return call

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        """But for the beep that tells of a newcomer."""
        return super().hears(listener, **others) - {"tone:beep"}


@pytest.fixture
def served(new_world: NewWorld) -> Served:
    boss = executive("667", "676", Delegation("677", "667", DEFAULT_RIGHTS | {"listen", "whisper"}))
    return Served(new_world(boss, media=FakeMedia()))


def test_push_with_a_note(served: Served) -> None:
    assert served.order(PushBack("676", note="about the \u202eJakarta\x00 <b>contract</b>\r\nVia: x")).done
    at_boss = served.boss.expect_call()
    subject = at_boss.invite.get("subject")
    assert "Jakarta" in subject and "\u202e" not in subject
    assert len(at_boss.invite.all("via")) == 1


def test_announced(served: Served) -> None:
    assert served.order(PushBack("676", announced=True)).done
    at_boss = served.picked_up(served.boss)
    assert served.hears(served.mine, boss=at_boss) == {"boss"} and served.hears(served.caller) == {"music"}
    assert served.order(PushBack("676", announced=True)).status == 409
    assert served.order(PushBack("676")).done
    served.mine.expect_ended()
    served.world.run(0.2)
    assert served.hears(served.caller, boss=at_boss) == {"boss"}


def test_give_back(served: Served) -> None:
    assert served.order(GiveBack("677")).status == 403
    assert served.order(GiveBack("676")) == Outcome(200, "given back")
    served.mine.expect_ended()
    at_ana = served.picked_up(served.ana)
    assert served.hears(served.caller, ana=at_ana) == {"ana"}


def test_too_late_to_give_back(served: Served) -> None:
    served.world.run(6)
    assert served.order(GiveBack("676")).status == 403


def test_take_what_is_held(served: Served) -> None:
    assert served.order(Take("677", "take")).status == 403, "it is talked on"
    served.order(Hold("676"))
    assert served.order(Take("677", "take")) == Outcome(202, "your phones ring")
    at_ana = served.picked_up(served.ana)
    served.mine.expect_ended()
    assert served.hears(served.caller, ana=at_ana) == {"ana"}


def test_listen_whisper_and_barge_in(served: Served) -> None:
    assert served.order(Take("677", "whisper", "676")).done
    at_ana = served.picked_up(served.ana)
    assert served.hears(served.mine, ana=at_ana, caller=served.caller) == {"ana", "caller"}
    assert served.hears(served.caller, ana=at_ana, sam=served.mine) == {"sam"}
    assert served.order(Hold("677")).status == 403, "who whispers holds nothing"
    assert served.order(BargeIn("676")).status == 404
    assert served.order(BargeIn("677")).done
    assert served.hears(served.caller, ana=at_ana, sam=served.mine) == {"sam", "ana"}
    assert served.order(End("677")).done
    at_ana.expect_ended()
    served.world.run(0.2)
    assert served.hears(served.caller, sam=served.mine) == {"sam"}


def test_listen_without_the_right(served: Served) -> None:
    assert served.order(Take("676", "listen")).status == 403
    served.order(Lock("676"))
    assert served.order(Take("677", "listen")).status == 403
    assert served.order(Take("667", "join")).status == 403, "private is private for the executive, too"


def test_join_and_the_rest_of_three(served: Served) -> None:
    assert served.order(Take("667", "join")).done
    at_boss = served.picked_up(served.boss)
    assert served.hears(served.caller, boss=at_boss, sam=served.mine) == {"boss", "sam"}
    for command in (Park("676"), PushBack("676"), Transfer("676", "600"), GiveBack("676")):
        refused = served.order(command)
        assert refused.status == 403 and refused.words
    assert served.order(Hold("676")).done
    assert served.hears(served.caller, boss=at_boss, sam=served.mine) == {"boss"}
    assert served.order(Resume("676")).done
    assert served.order(End("676")).done
    served.mine.expect_ended()
    served.world.run(0.2)
    assert served.hears(served.caller, boss=at_boss) == {"boss"}


def test_a_parked_call_is_no_one_s_to_hold(served: Served) -> None:
    served.order(Park("676", "701"))
    for command in (Hold("676"), Lock("676"), Park("676", "702"), Transfer("676", "600")):
        refused = served.order(command)
        assert refused.status in (403, 409) and refused.words
    assert served.order(Take("676", "take")).done
    mine = served.picked_up(served.sam)
    assert served.hears(served.caller, sam=mine) == {"sam"}


# --- a conference room -----------------------------------------------------------------------------------------------------------


def test_moderators_mute_and_remove(new_world: NewWorld) -> None:
    config, room = configuration(), Room("800", "Board", frozenset({"667"}), numbers=("+6221500800",))
    organisation = Directory.build(
        domain=config.domain, users=USERS, executives=[executive()], trunks=config.routes, emergency=config.emergency, rooms=[room]
    )
    world = new_world(media=FakeMedia(), organisation=organisation)
    boss, sam = world.phones("667", "676")
    one = boss.call("800")
    one.expect_up()
    two = sam.call("800")
    two.expect_up()
    outside = world.carrier.call_from("anonymous", "+6221500800", ["Privacy: id"])
    outside.expect_up()
    (call,) = world.core.calls.calls

    def order(command: Command) -> Outcome:
        found: list[Outcome] = []
        world.core.calls.order(call, command, found.append)
        world.run(1)
        (outcome,) = found
        return outcome

    view = world.core.calls.live.view(call)
    assert view is not None and [each.number for each in view.parties] == ["667", "676", "anonymous"]
    assert order(Mute("676", "667")).status == 403
    assert order(Mute("667", "676")) == Outcome(200, "muted")
    assert order(Mute("667", "676", on=False)) == Outcome(200, "unmuted")
    assert order(Mute("667", "nobody")).status == 404
    assert order(Remove("676", "anonymous")).status == 403
    assert order(Mute("667", "anonymous")).done
    assert order(Remove("667", "anonymous")).done
    outside.expect_ended()
    assert order(Hold("676")).done
    assert order(End("676")).done
    two.expect_ended()
    assert one.state == "up"


def test_a_feature_code_is_nobody_s_call(new_world: NewWorld) -> None:
    world = new_world(organisation=directory(configuration()))
    boss = world.phone("667")
    boss.call("#61").expect_up()
    (call,) = world.core.calls.calls
    for command in (Hold("667"), End("667"), Take("676", "take"), Lock("667")):
        found: list[Outcome] = []
        world.core.calls.order(call, command, found.append)
        assert found[0].status == 409
