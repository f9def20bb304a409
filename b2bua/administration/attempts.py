"""How often somebody may guess: failures within a time, per account, address or extension. In memory; a restart forgets them."""

from __future__ import annotations

from collections import deque
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

WINDOW_SECONDS: Final = 900.0
MAX_KEYS: Final = 10_000
"""Of whom failures are kept; whoever was quiet longest is forgotten first."""


class TooMany(Exception):
    """Too many failures; the next attempt is looked at after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts; try again in {seconds} s")
        self.seconds = seconds


class Attempts:
    """At most `most` failures in any `window` seconds for each key.

    An attempt counts from when it is made (`begin`), so that many at once are not more than many one after the other; a good one is taken
    back (`succeed`). Earlier failures stay: whoever signs in does not open the door again to the one who guesses.
    """

    def __init__(self, most: int, window: float = WINDOW_SECONDS, keys: int = MAX_KEYS) -> None:
        self._most = most
        self._window = window
        self._keys = keys
        self._made: dict[str, deque[float]] = {}

    def wait(self, key: str, now: float) -> int:
        """Whole seconds until the next attempt is looked at; 0: at once."""
        made = self._recent(key, now)
        return 0 if len(made) < self._most else max(1, ceil(made[-self._most] + self._window - now))

    def begin(self, key: str, now: float) -> None:
        """Raises TooMany, and then does not count: a machine that goes on trying must not keep its owner out for ever."""
        seconds = self.wait(key, now)
        if seconds:
            raise TooMany(seconds)
        made = self._made.pop(key, None) or deque()
        made.append(now)
        self._made[key] = made  # the one that tried last stands last
        while len(self._made) > self._keys:
            del self._made[next(iter(self._made))]

    def succeed(self, key: str, began: float) -> None:
        """The attempt of then was no failure."""
        made = self._made.get(key)
        if made is not None and began in made:
            made.remove(began)
            if not made:
                del self._made[key]

    def forget(self, key: str) -> None:
        """Its failures count no more."""
        self._made.pop(key, None)

    def __len__(self) -> int:
        return len(self._made)

    def _recent(self, key: str, now: float) -> deque[float]:
        made = self._made.get(key)
        if made is None:
            return deque()
        while made and abs(now - made[0]) >= self._window:  # also what a clock that was wrong has dated to next year
            made.popleft()
        if not made:
            del self._made[key]
        return made


def place_of(address: str) -> str:
    """Whom an address stands for: an IPv6 network of 64 bits is one customer, and has more addresses than could be counted."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)
