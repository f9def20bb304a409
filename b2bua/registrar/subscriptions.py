"""Subscriptions to event packages (RFC 6665): SUBSCRIBE in, NOTIFY out.

What there is to tell, and who may know it, is a `Source`'s business; here stand dialogs, deadlines and the pace. Each subscription has
one NOTIFY under way at a time, and no more than one a second: what changes meanwhile is told in the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from b2bua.sip.dialog import Dialog, server_dialog
from b2bua.sip.flow import Flow
from b2bua.sip.message import Request, Response
from b2bua.sip.stack import SipStack
from b2bua.sip.timers import Timer
from b2bua.sip.transaction import ClientTransaction, InviteServer, NonInviteServer, ServerTransaction
from b2bua.sip.values import SipError, parse_seconds

DEFAULT_SECONDS: Final = 3600
LONGEST_SECONDS: Final = 3600
SHORTEST_SECONDS: Final = 60
PAUSE_SECONDS: Final = 1.0
"""Between two NOTIFYs to one subscriber."""
MOST: Final = 20_000
MOST_PER_WATCHER: Final = 200
_MAX_ID: Final = 64


class Document(Protocol):
    """A body, and whatever the source wants back when it writes the next one for the same subscriber."""

    @property
    def body(self) -> bytes: ...

    @property
    def memory(self) -> Any: ...


class Source(Protocol):
    """One event package."""

    event: str
    content_type: str

    def admit(self, resource: str, watcher: str) -> None:
        """Whether `watcher` (an extension) may know about `resource` (the user part of the Request-URI). Raises `SipError`: 403, 404."""
        ...

    def document(self, resource: str, watcher: str, version: int, memory: Any) -> Document | None:
        """What to tell; `memory` is that of the document before, None for the first one and after each SUBSCRIBE: everything is told
        then. `version` counts from 0. None: nothing has changed that this watcher may know."""
        ...

    def last(self, resource: str, watcher: str, version: int) -> bytes:
        """What is told when there is nothing more to tell; may be b""."""
        ...


class Subscription:
    """One subscriber's dialog. Owns it until its last NOTIFY is answered."""

    __slots__ = (
        "dialog", "event", "id", "resource", "watcher", "expires_at", "_all", "_dirty", "_ending", "_full", "_memory", "_next", "_running", "_source",
        "_stack", "_timer", "_version",
    )  # fmt: skip

    def __init__(self, subscriptions: Subscriptions, source: Source, resource: str, watcher: str, id_: str) -> None:
        self.dialog: Dialog | None = None
        self.event = source.event
        self.id = id_
        self.resource = resource
        self.watcher = watcher
        self.expires_at = 0.0
        self._all = subscriptions
        self._source = source
        self._stack = subscriptions.stack
        self._dirty = False
        self._full = True
        self._ending = ""
        self._memory: Any = None
        self._next = 0.0  # when the next NOTIFY may go out
        self._running = False
        self._timer: Timer | None = None
        self._version = 0

    # What happens to it.

    def extend(self, seconds: int) -> None:
        """It lasts so many seconds from now, and everything is told anew (RFC 6665 §4.2.2)."""
        now = self._stack.now
        self.expires_at = now + seconds
        self._full = self._dirty = True
        self._next = min(self._next, now)
        if seconds == 0:
            self._ending = "timeout"

    def changed(self) -> None:
        """There is something new."""
        self._dirty = True
        self.go_on()

    def end(self, reason: str) -> None:
        """The last NOTIFY, with why (RFC 6665 §4.1.3)."""
        if not self._ending:
            self._ending = reason
            self._dirty = True
            self._next = 0.0
            self.go_on()

    def go_on(self) -> None:
        """Send what is due, or wait for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.dialog is None or self._running:
            return
        now = self._stack.now
        if not self._ending and now >= self.expires_at:
            self._ending, self._dirty = "timeout", True
        if self._dirty and (self._ending or now >= self._next) and self._notify(now):
            return
        due = self._next if self._dirty else self.expires_at
        self._timer = self._stack.timers.after(now, max(0.0, due - now), self._on_timer)

    def _on_timer(self, now: float) -> None:
        self._timer = None
        self.go_on()

    def _notify(self, now: float) -> bool:
        """Tell what is new; False when that is nothing."""
        dialog = self.dialog
        assert dialog is not None
        refused = None if self._ending else self._refused()
        if refused is not None:
            self._ending = "noresource" if refused.status == 404 else "rejected"
        body = self._body()
        if body is None:
            return False
        self._running = True
        self._next = now + PAUSE_SECONDS
        state = f"terminated;reason={self._ending}" if self._ending else f"active;expires={max(0, round(self.expires_at - now))}"
        event = f"{self.event};id={self.id}" if self.id else self.event
        headers = f"{self._stack.contact(dialog.flow)}Event: {event}\r\nSubscription-State: {state}\r\n"
        if self._ending:
            self._all.forget(self)
        self._stack.request_in(dialog, "NOTIFY", owner=self, now=now, headers=headers, body=body, content_type=self._source.content_type)
        return True

    def _body(self) -> bytes | None:
        """What to tell now; None for nothing."""
        self._dirty = False
        if self._ending == "rejected":
            return b""
        if self._ending and self._ending != "timeout":
            return self._source.last(self.resource, self.watcher, self._version)
        memory = None if self._full or self._ending else self._memory
        found = self._source.document(self.resource, self.watcher, self._version, memory)
        if found is None:
            return b"" if self._ending or self._full else None
        self._full = False
        self._memory = found.memory
        self._version += 1
        return found.body

    def _refused(self) -> SipError | None:
        """Why the watcher may not know any more: they are not in the conference now, or the directory is another one."""
        try:
            self._source.admit(self.resource, self.watcher)
        except SipError as error:
            return error
        return None

    def _close(self) -> None:
        dialog, self.dialog = self.dialog, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._all.forget(self)
        if dialog is not None:
            self._stack.remove_dialog(dialog)

    # Owner of the dialog and its transactions.

    def trusts(self, flow: Flow) -> bool:
        return False

    def on_request(self, tx: ServerTransaction, request: Request, now: float) -> None:
        """The subscriber extends it or ends it."""
        if request.method != "SUBSCRIBE":
            self._stack.respond(tx, 481, now=now)
            return
        dialog = self.dialog
        if dialog is None or self._ending or _event_of(request) != (self.event, self.id):
            self._stack.respond(tx, 481, now=now)
            return
        seconds = expires_of(request)
        refused = self._refused() if seconds else None
        if refused is not None:
            self._stack.respond(tx, refused.status, now=now)
            self.end("noresource" if refused.status == 404 else "rejected")
            return
        dialog.learn_target(request)
        self._stack.respond(tx, 200, headers=f"{self._stack.contact(dialog.flow)}Expires: {seconds}\r\n", now=now)
        self.extend(seconds)
        self.go_on()

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        """A NOTIFY was answered: a subscriber who does not want it any more has ended it (RFC 6665 §4.2.2)."""
        if response.status < 200:
            return
        self._running = False
        if self._ending or response.status >= 300:
            self._close()
        else:
            self.go_on()

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        self._running = False
        self._close()

    def on_ack(self, tx: InviteServer, request: Request, now: float) -> None:
        pass

    def on_no_ack(self, tx: InviteServer, now: float) -> None:
        pass

    def on_cancel(self, tx: InviteServer, request: Request, now: float) -> None:
        pass


class Subscriptions:
    """All subscriptions. It is what calls tell of changes (their port `Watchers`).

    `authenticate` names the user who asks, or answers the request itself (challenge, 403) and returns None. `is_ours` tells our hosts.
    """

    def __init__(
        self, stack: SipStack, authenticate: Callable[[Request, Flow, float], str | None], is_ours: Callable[[str], bool]
    ) -> None:
        self.stack = stack
        self.sources: dict[str, Source] = {}
        self._authenticate = authenticate
        self._is_ours = is_ours
        self._by_resource: dict[tuple[str, str], set[Subscription]] = {}
        self._by_watcher: dict[str, int] = {}
        self.count = 0
        stack.handlers["SUBSCRIBE"] = self.on_subscribe

    # Watchers.

    def changed(self, package: str, resource: str) -> None:
        """Tell whoever watches it."""
        for each in list(self._by_resource.get((package, resource), ())):
            each.changed()

    def ended(self, package: str, resource: str) -> None:
        """There is nothing more to tell (RFC 6665 §4.1.3: noresource)."""
        for each in list(self._by_resource.get((package, resource), ())):
            each.end("noresource")

    def end_all(self) -> None:
        """The server goes down: whoever still watches may subscribe again at once (deactivated)."""
        for subscriptions in list(self._by_resource.values()):
            for each in list(subscriptions):
                each.end("deactivated")

    # The door.

    def on_subscribe(self, request: Request, flow: Flow, now: float) -> None:
        """A SUBSCRIBE outside of dialogs: refused without keeping anything, or a subscription."""
        stack = self.stack
        if not self._is_ours(request.target.host):
            stack.reject(request, flow, 403, "Unknown Domain")
            return
        event, id_ = _event_of(request)
        source = self.sources.get(event)
        if source is None:
            stack.reject(request, flow, 489, headers=f"Allow-Events: {', '.join(sorted(self.sources))}\r\n")
            return
        if not _accepts(request, source.content_type):
            stack.reject(request, flow, 406, headers=f"Accept: {source.content_type}\r\n")
            return
        watcher = self._authenticate(request, flow, now)
        if watcher is None:
            return
        try:
            seconds = expires_of(request)
        except SipError as error:
            stack.reject(request, flow, error.status, headers=f"Min-Expires: {SHORTEST_SECONDS}\r\n" if error.status == 423 else "")
            return
        if self.count >= MOST or self._by_watcher.get(watcher, 0) >= MOST_PER_WATCHER:
            stack.reject(request, flow, 503, headers="Retry-After: 60\r\n")
            return
        resource = request.target.user_text
        source.admit(resource, watcher)
        self._begin(request, flow, Subscription(self, source, resource, watcher, id_), seconds, now)

    def _begin(self, request: Request, flow: Flow, subscription: Subscription, seconds: int, now: float) -> None:
        stack = self.stack
        tag = stack.ids.tag()
        dialog = server_dialog(request, flow, tag, subscription)
        dialog.confirmed = True
        tx = stack.accept(request, flow, now)
        assert isinstance(tx, NonInviteServer)
        subscription.dialog = dialog
        stack.add_dialog(dialog)
        self._by_resource.setdefault((subscription.event, subscription.resource), set()).add(subscription)
        self._by_watcher[subscription.watcher] = self._by_watcher.get(subscription.watcher, 0) + 1
        self.count += 1
        headers = f"{stack.contact(dialog.flow)}Expires: {seconds}\r\nAllow-Events: {', '.join(sorted(self.sources))}\r\n"
        stack.respond(tx, 200, headers=headers, now=now, tag=tag)
        subscription.extend(seconds)
        subscription.go_on()

    def forget(self, subscription: Subscription) -> None:
        """It is told nothing more, but for what is under way."""
        key = (subscription.event, subscription.resource)
        found = self._by_resource.get(key)
        if found is None or subscription not in found:
            return
        found.remove(subscription)
        if not found:
            del self._by_resource[key]
        left = self._by_watcher[subscription.watcher] - 1
        if left:
            self._by_watcher[subscription.watcher] = left
        else:
            del self._by_watcher[subscription.watcher]
        self.count -= 1


def _event_of(request: Request) -> tuple[str, str]:
    """The package and the id of the Event header (RFC 6665 §8.2.1)."""
    name, *parameters = (request.get("event") or "").split(";")
    for each in parameters:
        key, _, value = each.strip().partition("=")
        if key.lower() == "id" and value.isascii() and value.isprintable() and " " not in value:
            return name.strip(), value[:_MAX_ID]
    return name.strip(), ""


def expires_of(request: Request) -> int:
    """How long it is to last. Raises `SipError`: 400, or 423 for less than `SHORTEST_SECONDS`."""
    text = request.get("expires")
    seconds = parse_seconds(text) if text is not None else DEFAULT_SECONDS
    if seconds is None:
        return DEFAULT_SECONDS
    if 0 < seconds < SHORTEST_SECONDS:
        raise SipError(423, "Interval Too Brief")
    return min(seconds, LONGEST_SECONDS)


def _accepts(request: Request, content_type: str) -> bool:
    """Whether the body may be sent; without Accept it may."""
    if request.get("accept") is None:
        return True
    accepted = ",".join(request.get_all("accept")).lower()
    return any(kind in accepted for kind in (content_type, "*/*", f"{content_type.partition('/')[0]}/*"))
