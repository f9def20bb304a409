"""The timer wheel: every deadline of the stack and of the calls, one armed wake-up for all of them.

Timers fall into buckets by due time; starting and cancelling cost one dictionary entry each. Deadlines are rounded up,
more coarsely the farther away they are: no RFC 3261 timer minds 20 ms, and a 32-second timer does not mind 320 ms, while
a wake-up of the process for each of them would cost more than the call itself.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

_EPSILON: Final = 1e-6  # a clock reading that is a tick, but for the rounding of floats

T1: Final = 0.5  # round-trip estimate, seconds (RFC 3261 §17.1.1.1)
T2: Final = 4.0  # longest interval between retransmissions of non-INVITE requests and INVITE responses
T4: Final = 5.0  # longest time a message stays in the network


class TimerValues(NamedTuple):
    """The base values of RFC 3261's timers, seconds."""

    t1: float = T1
    t2: float = T2
    t4: float = T4

    @property
    def transaction(self) -> float:
        """64·T1: timers B, D (at least 32 s), F, H, J, L, M."""
        return 64 * self.t1


class Timed:
    """Something with one deadline at a time in a wheel, which calls `expire`."""

    __slots__ = ("_bucket",)

    def __init__(self) -> None:
        self._bucket: dict[Timed, None] | None = None

    def expire(self, now: float) -> None:
        """The deadline has come."""
        raise NotImplementedError


class Timer(Timed):
    """A deadline that calls a function. `cancel()` may be called at any time, also after it fired."""

    __slots__ = ("_wheel", "callback", "args")

    def __init__(self, wheel: TimerWheel, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        self._bucket = None
        self._wheel = wheel
        self.callback = callback
        self.args = args

    @property
    def pending(self) -> bool:
        return self._bucket is not None

    def cancel(self) -> None:
        self._wheel.clear(self)
        self.args = ()

    def expire(self, now: float) -> None:
        """Call the function."""
        args, self.args = self.args, ()
        self.callback(now, *args)


class TimerWheel:
    """Buckets of timers by due time. `count` is the number of pending timers.

    An exception of one callback goes to `on_error` and hurts no other timer; without `on_error` it is raised.
    """

    __slots__ = ("_buckets", "_due", "count", "on_error")

    _PER_SECOND = 50  # ticks of 20 ms
    _COARSE_FROM = 4.0  # seconds; from here on deadlines fall on every 16th tick
    _COARSE = 15

    def __init__(self, on_error: Callable[[Exception], None] | None = None) -> None:
        self.on_error = on_error
        self._buckets: dict[int, dict[Timed, None]] = {}
        self._due: list[int] = []
        self.count = 0

    def after(self, now: float, seconds: float, callback: Callable[..., None], *args: Any) -> Timer:
        """Call `callback(now, *args)` once, `seconds` from `now` or a little later (at most 20 ms; 320 ms from 4 s on)."""
        timer = Timer(self, callback, args)
        self.set(timer, now, seconds)
        return timer

    def set(self, timed: Timed, now: float, seconds: float) -> None:
        """Let `timed` expire `seconds` from `now`, as `after` does; a deadline that it has already is given up."""
        if timed._bucket is not None:
            del timed._bucket[timed]
            self.count -= 1
        tick = int((now + seconds) * self._PER_SECOND - _EPSILON) + 1
        if seconds >= self._COARSE_FROM:
            tick = (tick + self._COARSE) & ~self._COARSE
        elif tick <= now * self._PER_SECOND:
            tick += 1  # never again within the same `fire`, which therefore always ends
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = {}
            heappush(self._due, tick)
        bucket[timed] = None
        timed._bucket = bucket
        self.count += 1

    def clear(self, timed: Timed) -> None:
        """Give up the deadline of `timed`, if it has one."""
        bucket = timed._bucket
        if bucket is not None:
            timed._bucket = None
            del bucket[timed]
            self.count -= 1

    def next_deadline(self) -> float | None:
        """When `fire` has something to do, None when nothing is pending."""
        due = self._due
        while due:
            first = due[0]
            if self._buckets[first]:
                return first / self._PER_SECOND
            del self._buckets[heappop(due)]
        return None

    def fire(self, now: float) -> int:
        """Call every timer that is due, in order of due time; how many were called."""
        fired = 0
        tick = int(now * self._PER_SECOND + _EPSILON)
        while self._due and self._due[0] <= tick:
            bucket = self._buckets.pop(heappop(self._due))
            while bucket:
                timed = next(iter(bucket))
                del bucket[timed]
                timed._bucket = None
                self.count -= 1
                fired += 1
                try:
                    timed.expire(now)
                except Exception as error:
                    if self.on_error is None:
                        raise
                    self.on_error(error)
        return fired
