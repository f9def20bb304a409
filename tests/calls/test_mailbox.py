"""The mailbox: in order, one at a time, and a bug of the script stays inside."""

from __future__ import annotations

from typing import Any

from b2bua.calls.mailbox import Mailbox


class Script:
    def __init__(self) -> None:
        self.got: list[Any] = []
        self.crashes: list[Exception] = []
        self.closed = 0
        self.box = Mailbox(lambda error, event: self.crashes.append(error))

    async def run(self, last: object = "stop") -> None:
        try:
            while True:
                event = await self.box
                self.got.append(event)
                if isinstance(event, Exception):
                    raise event
                if event == "echo":
                    self.box.post("echoed")
                    self.got.append("after echo")
                if event == last:
                    return
        finally:
            self.closed += 1


def test_events_come_in_order_and_at_once() -> None:
    script = Script()
    script.box.post("too early")
    script.box.start(script.run())
    script.box.post(1)
    assert script.got == [1]
    script.box.post("echo")
    assert script.got == [1, "echo", "after echo", "echoed"], "what is posted while it runs waits its turn"
    assert not script.box.done


def test_nothing_arrives_after_the_end() -> None:
    script = Script()
    script.box.start(script.run())
    script.box.post("stop")
    assert script.box.done and script.closed == 1
    script.box.post("late")
    assert script.got == ["stop"]


def test_what_waits_when_the_script_ends_is_dropped() -> None:
    script = Script()
    script.box.start(script.run("echo"))
    script.box.post("echo")
    assert script.box.done and script.got == ["echo", "after echo"]


def test_a_bug_ends_the_script_and_is_reported_once() -> None:
    script = Script()
    script.box.start(script.run())
    bug = RuntimeError("bug")
    script.box.post(bug)
    assert script.crashes == [bug]
    assert script.box.done and script.closed == 1
    script.box.post(1)
    assert script.got == [bug]


def test_a_script_that_ends_before_its_first_wait() -> None:
    async def nothing() -> None:
        return

    box = Mailbox(lambda error, event: None)
    box.start(nothing())
    assert box.done
