"""What the server and the client side of the stack share: the tables of transactions and dialogs, the timers, the way out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from b2bua.sip.dialog import Dialog, Key
from b2bua.sip.flow import Connector, Flow, Target
from b2bua.sip.ids import BRANCH_COOKIE, Identifiers
from b2bua.sip.message import Request, Response
from b2bua.sip.timers import TimerValues, TimerWheel
from b2bua.sip.transaction import ClientTransaction, InviteServer, ServerTransaction


class Owner(Protocol):
    """Who holds a client transaction or a dialog, and is told what happens in it."""

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None: ...
    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        """No response came (408) or the transport failed (503)."""


class DialogOwner(Owner, Protocol):
    """Who holds an INVITE of a peer or a dialog."""

    def trusts(self, flow: Flow) -> bool:
        """Whether requests over `flow` may speak in the dialog, besides those from its own host."""
        ...

    def on_request(self, tx: ServerTransaction, request: Request, now: float) -> None: ...
    def on_ack(self, tx: InviteServer, request: Request, now: float) -> None: ...
    def on_no_ack(self, tx: InviteServer, now: float) -> None: ...
    def on_cancel(self, tx: InviteServer, request: Request, now: float) -> None: ...


class Core:
    """Shared state. `now` is the clock reading of the last receive, tick or flow_failed; `output` waits to be sent.

    `connector` makes new flows and may be set later (whoever has the sockets needs the stack first). `on_error` is told of every
    exception that a bug let out.
    """

    def __init__(
        self,
        connector: Connector | None = None,
        ids: Identifiers | None = None,
        values: TimerValues = TimerValues(),
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.connector: Connector = connector or _Unconnected()
        self.ids = ids or Identifiers()
        self.values = values
        self.on_error = on_error or _raise
        self.timers = TimerWheel(self.on_error)
        self.output: list[tuple[Flow, bytes]] = []
        self.now = 0.0
        self.servers: dict[Any, ServerTransaction] = {}
        self.clients: dict[tuple[str, str], ClientTransaction] = {}
        self.dialogs: dict[Key, Dialog] = {}
        self.counters: Counter[str] = Counter()
        self._merged: dict[Any, ServerTransaction] = {}
        self._no_stream: dict[tuple[str, int], float] = {}
        self._streams: set[Hashable] = set()  # keys of the open streams over which requests of ours went
        self._tag_secret = os.urandom(16)
        self._own_branch = f"{BRANCH_COOKIE}{self.ids.owner}-"

    def add_dialog(self, dialog: Dialog) -> None:
        """From now on requests inside this dialog reach its owner."""
        self.dialogs[dialog.key] = dialog

    def remove_dialog(self, dialog: Dialog) -> None:
        """The dialog has ended."""
        self.dialogs.pop(dialog.key, None)
        dialog.owner = None
        dialog.pending_ack = None

    def _guard(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - a bug costs one message, never the stack
            self.on_error(error)


class _Unconnected:
    """Stands for the connector until there is one."""

    def flow_to(self, target: Target, via: Flow | None = None) -> Flow:
        raise RuntimeError("the stack has no connector yet")


def _raise(error: Exception) -> None:
    raise error
