"""What call control needs of the rest of the server; `app` supplies it, tests supply their own."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from b2bua.calls.retry import Credentials
from b2bua.sip.flow import Flow, Target
from b2bua.sip.values import Uri

if TYPE_CHECKING:
    from b2bua.calls.mailbox import Mailbox


class Phone(NamedTuple):
    """One way to ring a user: a registered or permanent contact.

    `flow` is the one it registered over (None: resolve `uri`), `route` the Path as Route header lines (RFC 3327), `device`
    equal for accounts of the same phone, `app` that it is no desk phone (A22).
    """

    uri: str
    flow: Flow | None
    route: str
    device: Hashable
    app: bool = False


class Phones(Protocol):
    """Where users can be reached now."""

    def __call__(self, account: str) -> Sequence[Phone]:
        """The phones of an account (an extension or a delegated line), best first; empty when there is none."""
        ...


class Resolve(Protocol):
    """RFC 3263: where a URI leads."""

    def __call__(self, uri: Uri, done: Callable[[Sequence[Target]], None]) -> None:
        """Call `done` once with the targets in order of preference, empty when there is none; at once when they are known."""
        ...


@dataclass(frozen=True, slots=True)
class Trunk:
    """A trunk as call control sees it. `owns` says whether a flow comes from one of its addresses.

    `registered_as` is the user part under which the server is registered there, "" when it is not.
    """

    name: str
    uri: Uri
    trusted: bool
    owns: Callable[[Flow], bool] = field(repr=False)
    credentials: Credentials | None = field(default=None, repr=False)
    registered_as: str = ""


PinAnswer = Literal["ok", "wrong", "locked", "must_change", "none", "busy"]
"""must_change: it is right, and came from a reset · none: there is none · busy: nobody has looked at it."""


class VerifyPin(Protocol):
    """Whether somebody knows their PIN (E7)."""

    def __call__(self, extension: str, pin: str, done: Callable[[PinAnswer], None], /) -> None:
        """Call `done` once, at once or later."""
        ...


def no_pins(_extension: str, _pin: str, done: Callable[[PinAnswer], None]) -> None:
    """Where there is nobody to ask."""
    done("none")


class MediaPlace(NamedTuple):
    """Where sound comes to us: the address that the media engine binds, and the one that descriptions name (another one behind NAT)."""

    bound: str
    shown: str


class Home(Protocol):
    """The call that a leg is in, as far as others may know it."""

    @property
    def id(self) -> str: ...

    @property
    def mailbox(self) -> Mailbox: ...


class Watchers(Protocol):
    """Who is told of what goes on (RFC 6665): subscribers to an event package, by resource."""

    def changed(self, package: str, resource: str) -> None:
        """Something about `resource` has changed; what, its notifier knows."""
        ...

    def ended(self, package: str, resource: str) -> None:
        """There is nothing more to tell about it."""
        ...


class NoWatchers:
    """Nobody watches."""

    def changed(self, package: str, resource: str) -> None:
        pass

    def ended(self, package: str, resource: str) -> None:
        pass


class Log(Protocol):
    """A structured logger (structlog's)."""

    def debug(self, event: str, **values: Any) -> None: ...
    def info(self, event: str, **values: Any) -> None: ...
    def warning(self, event: str, **values: Any) -> None: ...
    def error(self, event: str, **values: Any) -> None: ...
