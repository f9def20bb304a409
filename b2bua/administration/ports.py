"""What pages and the API need of the running server; `app` supplies it, tests supply their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from b2bua.calls.commands import Command, Outcome
from b2bua.cluster.bus import Bus, CallView
from b2bua.config import Config
from b2bua.delegation.model import Directory


class PhoneView(NamedTuple):
    """One registered phone."""

    account: str
    """Extension or delegated line."""
    contact: str
    user_agent: str
    address: str
    """Where it signals from, HOST:PORT."""
    transport: str
    expires: float
    """Seconds since the epoch; 0: a permanent contact."""
    app: bool


class Dialled(NamedTuple):
    """What became of a click to dial: `call` is the call's id, "" when there is none."""

    outcome: Outcome
    call: str = ""


class Switchboard(Protocol):
    """The running calls and phones. On the event loop; an answer comes within 30 s."""

    bus: Bus

    @property
    def config(self) -> Config: ...

    @property
    def directory(self) -> Directory:
        """The snapshot that calls are decided on, with what phones have set."""
        ...

    @property
    def draining(self) -> bool: ...

    def now(self) -> datetime:
        """Aware."""
        ...

    def calls(self) -> Sequence[CallView]:
        """Every running call."""
        ...

    def call(self, call_id: str) -> CallView | None: ...

    def phones(self, account: str) -> Sequence[PhoneView]:
        """Where an account (extension or delegated line) can be rung now."""
        ...

    def figures(self) -> Mapping[str, object]:
        """As `GET /health`."""
        ...

    async def order(self, call_id: str, command: Command) -> Outcome:
        """Carry out a command; whether its actor may is decided in the call."""
        ...

    async def dial(self, actor: str, number: str, on_behalf_of: str | None = None) -> Dialled:
        """Ring the actor's phones, then `number`, as the executive or as oneself (B1, B4)."""
        ...

    async def press(self, actor: str, dialled: str) -> Outcome:
        """Do what a feature code does that only sets something (``#61``, ``#66667`` …), as if the actor's phone had dialled it."""
        ...
