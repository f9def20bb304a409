"""What pages and the API do to the running server: the one way from HTTP to the calls and phones (`administration.ports.Switchboard`).

Everything here runs on the event loop. What is asked comes by none of the SIP sockets, so the loop is woken for it each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from b2bua.administration.ports import Dialled, PhoneView
from b2bua.calls.commands import Command, Outcome
from b2bua.calls.hot_desk import PIN_SECONDS
from b2bua.calls.index import CallIndex
from b2bua.calls.ports import PinAnswer
from b2bua.cluster.bus import Bus, CallView
from b2bua.config import Config
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Caller, Facts, Setting
from b2bua.delegation.policy import decide
from b2bua.registrar.devices import is_app
from b2bua.registrar.location import Binding, Location
from b2bua.sip.flow import host_port
from b2bua.sip.stack import SipStack

ANSWER_SECONDS: Final = 25.0
"""How long a command may take: phones may have to agree to a new description of the sound."""


class Running(Protocol):
    """What is needed of the server (`core.Core`)."""

    @property
    def config(self) -> Config: ...
    @property
    def bus(self) -> Bus: ...
    @property
    def stack(self) -> SipStack: ...
    @property
    def calls(self) -> CallIndex: ...
    @property
    def location(self) -> Location: ...
    @property
    def directory(self) -> Directory: ...
    def health(self) -> dict[str, object]: ...
    def contacts(self, account: str) -> Sequence[Binding]: ...
    def remember(self, settings: Sequence[Setting]) -> None: ...


class Switchboard:
    """The running calls and phones of `core`. `wake` is told before anything is done: it tells the stack what the time is, and sees to it
    that what is sent because of it leaves at once."""

    def __init__(self, core: Running, wake: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._core = core
        self._wake = wake
        self._loop = loop
        self._asking: set[asyncio.Task[None]] = set()
        self.bus = core.bus

    @property
    def config(self) -> Config:
        return self._core.config

    @property
    def directory(self) -> Directory:
        return self._core.directory

    @property
    def draining(self) -> bool:
        return self._core.calls.draining

    def now(self) -> datetime:
        return self._core.calls.local_time()

    def calls(self) -> Sequence[CallView]:
        self._wake()  # how long something lasts is reckoned from the stack's time
        return self._core.calls.live.views()

    def call(self, call_id: str) -> CallView | None:
        self._wake()
        return self._core.calls.live.view(call_id)

    def phones(self, account: str) -> Sequence[PhoneView]:
        self._wake()
        return [self._phone(each) for each in self._core.contacts(account)]

    def _phone(self, binding: Binding) -> PhoneView:
        apps = self._core.config.apps
        return PhoneView(
            account=binding.aor,
            contact=binding.contact,
            user_agent=binding.user_agent,
            address="" if binding.permanent else host_port(*binding.remote),
            transport=binding.transport,
            expires=0.0 if binding.permanent else self._core.calls.wall_at(binding.expires_at),
            app=is_app(binding.user_agent, binding.params, apps),
        )

    def check_pins(self, verify: Callable[[str, str], Awaitable[PinAnswer]]) -> None:
        """From now on `verify` says whether somebody who logs in on a shared phone knows their PIN (E7)."""

        async def ask(extension: str, pin: str, done: Callable[[PinAnswer], None]) -> None:
            try:
                answer = await asyncio.wait_for(verify(extension, pin), PIN_SECONDS)
            except TimeoutError:
                answer = "busy"
            self._wake()
            done(answer)

        def begin(extension: str, pin: str, done: Callable[[PinAnswer], None]) -> None:
            task = self._loop.create_task(ask(extension, pin, done), name="PIN")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

        self._core.calls.verify_pin = begin

    def figures(self) -> Mapping[str, object]:
        return self._core.health()

    async def order(self, call_id: str, command: Command) -> Outcome:
        """504 when the call has not done it in time; it may do it yet."""
        answer: asyncio.Future[Outcome] = self._loop.create_future()

        def done(outcome: Outcome) -> None:
            if not answer.done():  # whoever has asked may have gone
                answer.set_result(outcome)

        self._wake()
        self._core.calls.order(call_id, command, done)
        try:
            return await asyncio.wait_for(answer, ANSWER_SECONDS)
        except TimeoutError:
            return Outcome(504, "the call has not done it in time")

    async def dial(self, actor: str, number: str, on_behalf_of: str | None = None) -> Dialled:
        self._wake()
        placed = self._core.calls.dial(actor, number, on_behalf_of)
        return Dialled(placed.outcome, placed.call)

    async def press(self, actor: str, dialled: str) -> Outcome:
        """400 for what is no code that sets something."""
        core = self._core
        user = core.directory.users.get(actor)
        if user is None:
            return Outcome(403, "you are no user of this server")
        caller = Caller("user", user.extension, None, None, user.extension, user.name, anonymous=False)
        self._wake()
        plan = decide(Facts(caller, dialled), core.directory, self.now())
        if plan.action == "set" and plan.pin_of is None:
            core.remember(plan.settings)
            return Outcome(200, plan.confirmation)
        if plan.action == "refuse":
            return Outcome(plan.final_status, plan.warning or plan.final_reason or "that cannot be dialled")
        return Outcome(400, "this is no code that sets something: dial it at your phone")
