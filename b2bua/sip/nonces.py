"""Nonce counts of digest authentication (RFC 7616 §3.4, nc): each may be used once, in bounded memory."""

from __future__ import annotations

_WINDOW = 32  # nonce counts below the highest that may still arrive late, once each (UDP reorders)
_WINDOW_MASK = (1 << _WINDOW) - 1
_SPENT = (1 << (32 + _WINDOW)) - 1  # highest possible count, all below it seen


class UsedNonces:
    """Nonce counts seen, bounded, without a hole: what was forgotten is refused by its time of issue.

    Nonces are grouped by their time of issue into periods of one lifetime, so only two periods can be alive.
    """

    def __init__(self, lifetime: int, limit: int) -> None:
        self._lifetime = lifetime
        self._limit = limit
        self._periods: dict[int, dict[bytes, int]] = {}
        self._size = 0
        self.floor = -1  # nonces issued at or before this second are refused

    def __len__(self) -> int:
        return self._size

    def use(self, key: bytes, issued: int, count: int | None, now: int) -> bool:
        """Count one use of a nonce; False when that count was seen, is too old, or the nonce is spent."""
        period = self._periods.get(issued // self._lifetime)
        state = period.get(key) if period is not None else None
        if state is None:
            if issued <= self.floor:
                return False
            new = _SPENT if count is None else count << _WINDOW
            self._add(key, issued, new, now)
            return True
        if count is None or period is None:
            return False
        updated = self._advance(state, count)
        if updated is not None:
            period[key] = updated
        return updated is not None

    @staticmethod
    def _advance(state: int, count: int) -> int | None:
        highest = state >> _WINDOW
        seen = state & _WINDOW_MASK
        ahead = count - highest
        if ahead > 0:  # the old highest becomes a bit of the window
            seen = ((seen << 1 | 1) << (ahead - 1)) & _WINDOW_MASK if ahead <= _WINDOW else 0
            return count << _WINDOW | seen
        bit = 1 << (-ahead - 1) if 0 < -ahead <= _WINDOW else 0
        if not bit or seen & bit:
            return None
        return state | bit

    def _add(self, key: bytes, issued: int, state: int, now: int) -> None:
        if self._size >= self._limit:
            self._periods.clear()
            self._size = 0
            self.floor = now
        index = issued // self._lifetime
        period = self._periods.get(index)
        if period is None:
            oldest = now // self._lifetime - 1
            for old in [each for each in self._periods if each < oldest]:
                self._size -= len(self._periods.pop(old))
            period = self._periods[index] = {}
        period[key] = state
        self._size += 1
