"""The port to a second media engine that only rewrites the descriptions which cross a two-party call, and relays what they describe.

It has no places that call control could give out, no sounds and no mixer: a call that needs one of these is taken to the own engine
(`b2bua.media.engine`) by re-INVITE. Parties are named by the ids of their legs, calls by an id that is never used again; both without
quotes and backslashes, for engines write them into JSON as they are. Nothing here waits, and what is named here survives a restart of
the server: a `Relay` of the same call goes on where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from b2bua.media.engine import Listener, Statistics


class Rewritten(NamedTuple):
    """A description for the other side, or why there is none."""

    body: bytes | None
    """None: the request that brought the description is refused with `status` and `reason`."""
    status: int = 0
    """488: the engine understands the description not. 503: it is dead, busy or out of ports. 481: the relay is closed."""
    reason: str = ""


class Relay(Protocol):
    """One call in the engine. Requests are carried out one after the other; each `done` is called exactly once, at once or later."""

    def offer(self, body: bytes, source: str, target: str, done: Callable[[Rewritten], None]) -> None:
        """An offer of `source` for `target`: an INVITE, also one of several branches, or a re-INVITE, whoever called whom.

        Each branch is offered to by itself, so that no branch gets what was meant for another.
        """
        ...

    def answer(self, body: bytes, source: str, target: str, done: Callable[[Rewritten], None]) -> None:
        """The answer of `source` to the offer of `target`. With several branches the one that answered last is the one that talks."""
        ...

    def forget(self, party: str) -> None:
        """A branch that did not win: its ports close, and nothing that it still sends reaches anybody."""
        ...

    def close(self, done: Callable[[tuple[Statistics, ...]], None]) -> None:
        """The call is over, its ports close. Tells what each party sent and got, as far as the engine knows; () when it is gone."""
        ...


class Rewriter(Protocol):
    """An engine that rewrites. Losing it ends no call that runs; new ones are refused within two seconds, or at once when known dead."""

    @property
    def available(self) -> bool:
        """False while the engine does not answer: calls that need it are refused."""
        ...

    def relay(self, call: str, listener: Listener) -> Relay:
        """The relay of one call, new or known from before a restart. `listener` is told each `Digit`; its termination is the leg's id.

        Nothing happens in the engine before the first offer. Each relay is closed once, whatever became of its offers.
        """
        ...
