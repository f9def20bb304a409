"""A switchboard that the tests of the live view turn by hand: calls, phones, settings and the time are what the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from b2bua.administration.live import Live
from b2bua.administration.page import Page
from b2bua.administration.ports import Dialled, PhoneView
from b2bua.administration.viewer import Role, Viewer
from b2bua.calls.commands import Command, Outcome
from b2bua.cluster.bus import (
    Bus,
    CallChanged,
    CallEnded,
    CallView,
    DirectoryChanged,
    PartyView,
    PhonesChanged,
    RingingView,
    SettingsChanged,
)
from b2bua.config import Config
from b2bua.delegation.model import Delegation, Directory, Executive
from b2bua.delegation.people import Right, User
from b2bua.delegation.plan import Setting
from b2bua.delegation.state import State
from tests.delegation.organisation import NOW, USERS, assistants, callers_of, directory

ALL: frozenset[Right] = frozenset({"receive", "call", "pick_up_held", "join", "listen", "whisper", "opt", "manage"})
SALES = User("500", "Sales", "", kind="group")
PEOPLE = (*USERS, SALES, User("602", "Mia Colleague", "secret-602"))
OLIVIA = Executive(
    "667",
    slot="7667",
    confidential=callers_of("+628119990001"),
    delegations=(Delegation("676", "667", ALL), *assistants("667", "677"), Delegation("600", "667", callers=callers_of("+1555700*"))),
)
VICTOR = Executive("668", delegations=assistants("668", "678"))
GROUP = Executive("500", kind="group", delegations=assistants("500", ("600", {"receive"}), ("601", {"receive"})))
DIRECTORY = directory(OLIVIA, VICTOR, GROUP, users=PEOPLE)
STRANGER = "+15551234567"


@dataclass
class FakeSwitchboard:
    """`administration.ports.Switchboard`."""

    directory: Directory = DIRECTORY
    at: float = NOW.timestamp()
    bus: Bus = field(default_factory=Bus)
    running: dict[str, CallView] = field(default_factory=dict)
    registered: set[str] = field(default_factory=lambda: {"667", "676", "677"})
    ordered: list[tuple[str, Command]] = field(default_factory=list)
    dialled: list[tuple[str, str, str | None]] = field(default_factory=list)
    pressed: list[tuple[str, str]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=lambda: Outcome(200, "done"))
    draining: bool = False

    @property
    def config(self) -> Config:
        raise NotImplementedError

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def calls(self) -> Sequence[CallView]:
        return tuple(self.running.values())

    def call(self, call_id: str) -> CallView | None:
        return self.running.get(call_id)

    def phones(self, account: str) -> Sequence[PhoneView]:
        return [PhoneView(account, f"sip:{account}@127.0.0.1", "test", "127.0.0.1:5070", "udp", 0.0, app=False)] if account in self.registered else []

    def figures(self) -> Mapping[str, object]:
        return {}

    async def order(self, call_id: str, command: Command) -> Outcome:
        self.ordered.append((call_id, command))
        return self.outcome

    async def dial(self, actor: str, number: str, on_behalf_of: str | None = None) -> Dialled:
        self.dialled.append((actor, number, on_behalf_of))
        return Dialled(self.outcome, "call-9")

    async def press(self, actor: str, dialled: str) -> Outcome:
        self.pressed.append((actor, dialled))
        return self.outcome

    def put(self, call: CallView) -> CallView:
        """The call begins, or changes."""
        self.running[call.id] = call
        self.bus.publish(CallChanged(call))
        return call

    def end(self, call_id: str, outcome: str = "answered", answered_by: str | None = None) -> None:
        del self.running[call_id]
        self.bus.publish(CallEnded(call_id, outcome, answered_by))

    def register(self, account: str, *, on: bool = True) -> None:
        (self.registered.add if on else self.registered.discard)(account)
        self.bus.publish(PhonesChanged(account, int(on)))

    def set(self, *settings: Setting) -> None:
        self.directory = self.directory.with_state(self.directory.state.with_settings(settings))
        self.bus.publish(SettingsChanged(frozenset(each.subject for each in settings)))

    def serve(self, changed: Directory) -> None:
        self.directory = changed.with_state(State.of(tuple(self.directory.state)))
        self.bus.publish(DirectoryChanged(2))


class Handle:
    """Something that is due, or has been given up."""

    def __init__(self, at: float, work: Callable[[], None]) -> None:
        self.at, self.work, self.cancelled = at, work, False

    def cancel(self) -> None:
        self.cancelled = True


class LiveWorld:
    """A live view over a fake switchboard, in time that stands still."""

    def __init__(self, **changes: Any) -> None:
        self.switchboard = FakeSwitchboard(**changes)
        self.due: list[Handle] = []
        self.live = Live(self.switchboard, lambda: self.switchboard.at, self._later)

    def _later(self, seconds: float, work: Callable[[], None]) -> Handle:
        self.due.append(Handle(self.switchboard.at + seconds, work))
        return self.due[-1]

    def pass_time(self, seconds: float) -> None:
        """What is due in this time happens, in order."""
        until = self.switchboard.at + seconds
        while found := [each for each in self.due if each.at <= until and not each.cancelled]:
            first = min(found, key=lambda each: each.at)
            self.due.remove(first)
            self.switchboard.at = max(self.switchboard.at, first.at)
            first.work()
        self.switchboard.at = until

    def open(self, extension: str | None = "676", **changes: Any) -> Page:
        """A page; what it was told first is taken."""
        page = self.live.connect(viewer(extension, **changes))
        take(page)
        return page

    def tell(self, page: Page) -> list[dict[str, Any]]:
        """What a page is told after the next batch."""
        self.pass_time(0.05)
        return take(page)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def take(page: Page) -> list[dict[str, Any]]:
    """What waits for a page; a second look says that it was sent."""

    async def both() -> list[str]:
        found = await page.next(0.0)
        await page.next(0.0)
        return found

    return [cast("dict[str, Any]", json.loads(each)) for each in run(both())]


def viewer(extension: str | None, role: Role = "user", **changes: Any) -> Viewer:
    name = next((each.name for each in PEOPLE if each.extension == extension), "Administrator")
    return Viewer(extension or "admin", extension, name, role, **changes)


def outside(number: str = STRANGER, name: str = "Carla Client", **changes: Any) -> PartyView:
    return PartyView(None, number, name)._replace(**changes)


def inside(extension: str, **changes: Any) -> PartyView:
    name = next(each.name for each in PEOPLE if each.extension == extension)
    return PartyView(extension, extension, name)._replace(**changes)


def ringing(call_id: str = "call-1", **changes: Any) -> CallView:
    """A stranger calls Olivia; Sam and Ana are rung."""
    caller = changes.pop("caller", outside())
    return CallView(
        call_id, "ringing", NOW.timestamp(), NOW.timestamp(), caller, "667", "667", None, None, (caller,),
        (RingingView("676", "676", "667"), RingingView("677", "677", "667")),
    )._replace(**changes)  # fmt: skip


def talking(call_id: str = "call-1", who: str = "676", **changes: Any) -> CallView:
    """The same, after Sam has answered."""
    caller = changes.pop("caller", outside())
    parties = (caller, inside(who, since=NOW.timestamp()))
    return ringing(call_id, caller=caller)._replace(state="talking", parties=parties, ringing=(), answered_by=who)._replace(**changes)


def held(call_id: str = "call-1", who: str = "676", **changes: Any) -> CallView:
    found = talking(call_id, who)
    return found._replace(state="held", parties=(found.caller, inside(who, holding=True)))._replace(**changes)


def parked(call_id: str = "call-1", by: str = "676", slot: str = "701", **changes: Any) -> CallView:
    found = talking(call_id, by)
    return found._replace(state="parked", parties=(found.caller,), slot=slot, parked_by=by)._replace(**changes)


def on_behalf(call_id: str = "call-1", callee: PartyView | None = None, **changes: Any) -> CallView:
    """Sam calls somebody as Olivia."""
    sam = inside("676", speaks_as="667")
    other = callee or outside()
    return CallView(
        call_id, "talking", NOW.timestamp(), NOW.timestamp(), sam, other.number, None, "667", "676", (sam, other), answered_by=other.number,
    )._replace(**changes)  # fmt: skip


__all__ = ["DIRECTORY", "FakeSwitchboard", "LiveWorld", "directory", "held", "inside", "on_behalf", "outside", "parked", "ringing", "take", "talking", "viewer"]
