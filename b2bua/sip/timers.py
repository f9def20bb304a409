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


class Timer:
    """One deadline. `cancel()` may be called at any time, also after it fired."""

    __slots__ = ("_bucket", "_wheel", "callback", "args")

    def __init__(self, wheel: TimerWheel, bucket: dict[Timer, None], callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        self._wheel: TimerWheel = wheel
        self._bucket: dict[Timer, None] | None = bucket
        self.callback = callback
        self.args = args

    @property
    def pending(self) -> bool:
        return self._bucket is not None

    def cancel(self) -> None:
        bucket = self._bucket
        if bucket is not None:
            self._bucket = None
            self.args = ()
            bucket.pop(self, None)
            self._wheel.count -= 1


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
        self._buckets: dict[int, dict[Timer, None]] = {}
        self._due: list[int] = []
        self.count = 0

    def after(self, now: float, seconds: float, callback: Callable[..., None], *args: Any) -> Timer:
        """Call `callback(now, *args)` once, `seconds` from `now` or a little later (at most 20 ms; 320 ms from 4 s on)."""
        tick = int((now + seconds) * self._PER_SECOND - _EPSILON) + 1
        if seconds >= self._COARSE_FROM:
            tick = (tick + self._COARSE) & ~self._COARSE
        if tick <= now * self._PER_SECOND:
            tick += 1  # never again within the same `fire`, which therefore always ends
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = {}
            heappush(self._due, tick)
        timer = Timer(self, bucket, callback, args)
        bucket[timer] = None
        self.count += 1
        return timer

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
                timer = next(iter(bucket))
                del bucket[timer]
                timer._bucket = None
                self.count -= 1
                fired += 1
                callback, args = timer.callback, timer.args
                timer.args = ()
                try:
                    callback(now, *args)
                except Exception as error:
                    if self.on_error is None:
                        raise
                    self.on_error(error)
        return fired
