"""What pages and the API get from the running server, on a real event loop: orders, dialling, codes, phones; the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from b2bua import switchboard
from b2bua.administration.ports import PhoneView
from b2bua.administration.ports import Switchboard as Port
from b2bua.calls.commands import End, Hold, Lock, Outcome
from b2bua.cluster.bus import SettingsChanged
from b2bua.delegation.model import User
from b2bua.switchboard import Switchboard
from tests.calls.handing_over import Office
from tests.fake_media import FakeMedia
from tests.world import NUMBER, USERS, World

NewWorld = Callable[..., World]
T = TypeVar("T")


class Page:
    """Somebody at the page of a world's server. `woken` counts how often the loop was."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.woken = 0
        self.loop = asyncio.new_event_loop()
        self.board: Port = Switchboard(world.core, self._wake, self.loop)

    def _wake(self) -> None:
        self.woken += 1
        self.world.core.stack.tick(self.world.wire.now)

    def does(self, what: Coroutine[Any, Any, T], seconds: float = 0.5) -> T:
        """The page waits for something, and meanwhile the wire runs."""
        task = self.loop.create_task(what)
        self.loop.run_until_complete(asyncio.sleep(0))
        self.world.run(seconds)
        return self.loop.run_until_complete(task)


@pytest.fixture
def page(new_world: NewWorld) -> Iterator[Page]:
    made = Page(new_world(media=FakeMedia()))
    yield made
    made.loop.close()


def test_an_order_is_carried_out_and_answered(page: Page) -> None:
    office = Office(page.world)
    (call,) = page.board.calls()
    woken = page.woken
    assert page.does(page.board.order(call.id, Hold("676"))) == Outcome(200, "on hold")
    assert page.woken > woken
    assert page.world.hears(office.caller, sam=office.at_sam) == {"music"}
    held = page.board.call(call.id)
    assert held is not None and held.state == "held"
    assert page.does(page.board.order(call.id, Lock("601"))).status == 403
    assert page.does(page.board.order("no such call", Hold("676"))).status == 404
    assert page.board.call("no such call") is None
    assert page.does(page.board.order(call.id, End("676"))).done
    assert page.board.calls() == [] and page.board.call(call.id) is None


def test_a_call_that_does_not_answer_in_time(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The phone of a direct call says nothing to the re-INVITE that brings its sound here; what it says later disturbs nobody."""
    monkeypatch.setattr(switchboard, "ANSWER_SECONDS", 0.01)
    lee, mia = page.world.phones("601", "602")
    mine, _ = page.world.talk(lee, mia)
    lee.hooks["INVITE"] = lambda call, request: 0
    (call,) = page.board.calls()
    assert page.does(page.board.order(call.id, Hold("601")), 0.0).status == 504
    page.world.run(40)
    assert page.board.calls() == []
    assert mine.state == "ended"


def test_whoever_has_asked_may_have_gone(page: Page) -> None:
    """The browser is closed while the order is under way: it is carried out."""
    lee, mia = page.world.phones("601", "602")
    _, theirs = page.world.talk(lee, mia)
    (call,) = page.board.calls()
    task = page.loop.create_task(page.board.order(call.id, Hold("601")))
    page.loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        page.loop.run_until_complete(task)
    page.world.run(2)
    assert page.world.hears(theirs) == {"music"}


def test_dial(page: Page) -> None:
    sam = page.world.phone("676")
    dialled = page.does(page.board.dial("676", NUMBER, "667"))
    assert dialled.outcome == Outcome(202, "your phones ring") and dialled.call
    call = page.board.call(dialled.call)
    assert call is not None and (call.state, call.on_behalf_of) == ("dialling", "667")
    sam.expect_call().answer()
    theirs = page.world.carrier.expect_call()
    theirs.answer()
    theirs.expect_up()
    call = page.board.call(dialled.call)
    assert call is not None and call.state == "talking"
    refused = page.does(page.board.dial("602", NUMBER))
    assert (refused.outcome.status, refused.call) == (480, "")


def test_press_does_what_a_phone_does(page: Page) -> None:
    heard: list[object] = []
    page.board.bus.listen(heard.append)
    assert page.does(page.board.press("667", "#62")) == Outcome(200, "Filter off: Olivia Boss")
    assert page.board.directory.state.value("filter", "667") == "off"
    assert heard == [SettingsChanged(frozenset({"667"}))]
    boss = page.world.phone("667")
    mine = boss.call("#62")
    mine.expect_up()
    assert "Filter off: Olivia Boss" in mine.responses[-1].get("p-asserted-identity")


@pytest.mark.parametrize(
    ("actor", "dialled", "status"),
    [("601", "#61667", 403), ("667", "#6", 404), ("667", "602", 400), ("667", NUMBER, 400), ("667", "*11", 400), ("999", "#61", 403), ("667", "", 404)],
)
def test_press_sets_or_says_why_not(page: Page, actor: str, dialled: str, status: int) -> None:
    before = page.board.directory
    outcome = page.does(page.board.press(actor, dialled))
    assert outcome.status == status and outcome.words
    assert page.board.directory is before
    assert not page.world.core.calls.calls


def test_phones(page: Page) -> None:
    """Who is reached where; a line of one's own is an account of its own."""
    sam = page.world.phone("676")
    page.world.run(10)
    (found,) = page.board.phones("676")
    assert found == PhoneView("676", f"sip:676@{sam.host_port}", found.user_agent, sam.host_port, "UDP", found.expires, app=False)
    assert 0 < found.expires - page.world.core.calls.wall() <= 3600
    assert page.board.phones("676-667") == page.board.phones("999") == []


def test_what_is_told_of_the_server(page: Page) -> None:
    assert page.board.config is page.world.config
    assert page.board.directory is page.world.core.directory
    assert page.board.figures()["status"] == "ok" and not page.board.draining
    assert page.board.now().tzinfo is not None
    page.world.core.calls.drain()
    assert page.board.draining


def test_pins_are_looked_at_beside_the_calls(new_world: NewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody logs in on a shared phone (E7): the answer wakes the loop, and one that takes too long is none."""
    monkeypatch.setattr(switchboard, "PIN_SECONDS", 0.05)
    desk = User("690", "Desk", "desk-690", (), "HQ", type="shared", emergency_location="Hall")
    page = Page(new_world(users=(*USERS, desk)))
    board, answers = page.board, ["ok", "slow"]
    assert isinstance(board, Switchboard)

    async def verify(extension: str, pin: str) -> Any:
        assert (extension, pin) == ("676", "4711")
        answer = answers.pop(0)
        await asyncio.sleep(60 if answer == "slow" else 0)
        return answer

    board.check_pins(verify)
    begin, asked = page.world.core.calls.verify_pin, list[tuple[Any, ...]]()
    page.world.core.calls.verify_pin = lambda *question: asked.append(question)  # calls are made outside of the loop here
    phone = page.world.phone("690")
    for status in (200, 503):
        call, woken = phone.call("*90676*4711"), page.woken
        page.world.run(0.1)
        begin(*asked.pop())
        page.loop.run_until_complete(asyncio.sleep(0.1))
        page.world.run(0.1)
        assert (call.status, page.woken > woken) == (status, True)
        page.world.run(5)
    assert page.world.core.directory.state.value("hot_desk", "690") == "676"
    assert page.does(board.press("690", "*90677*4711")).status == 400
    page.loop.close()
