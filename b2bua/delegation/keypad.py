"""Keys that one party presses during a call, and the codes among them (FEATURES.md, C3, C5 and the rows with a code in the call).

A key that may be the beginning of a code is held back; one that turns out not to be goes on to the other side, late but in order.
Pure: the time is an argument, in seconds of any clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from b2bua.delegation.features import Dialled

WAIT_SECONDS: Final = 2.0
"""How long the next key of a code is waited for."""
_END: Final = "#"
_NO_ARGUMENTS: Final[Mapping[str, int]] = MappingProxyType({})


class Pressed(NamedTuple):
    """What has been found out. With nothing in it, the key is held back."""

    flush: str = ""
    """Keys that belong to no code and must reach the other side, in order, before `code` is obeyed."""
    code: Dialled | None = None
    keys: str = ""
    """The keys that made `code`, with the # that ended it."""


class _Code(NamedTuple):
    text: str
    feature: str
    digits: int
    """The most digits of its argument."""


class Keypad:
    """The keys of one party, held back for as long as they may become a code.

    The longest code wins. A code whose argument is optional is complete when the argument has all its digits, at #, at a key that
    cannot belong to it, or when no key follows in time. What follows such a code is looked at by the next `press` or `tick`, which
    is due at once.
    """

    __slots__ = ("_codes", "_held", "_pressed_at", "_rest", "_wait")

    def __init__(
        self, codes: Mapping[str, str], arguments: Mapping[str, int] = _NO_ARGUMENTS, wait: float = WAIT_SECONDS
    ) -> None:
        """`codes`: feature to code. `arguments`: feature to the most digits that may follow its code; the others take none."""
        found = [_Code(code, feature, arguments.get(feature, 0)) for feature, code in codes.items() if code]
        self._codes = tuple(sorted(found, key=lambda code: -len(code.text)))
        self._wait = wait
        self._held = ""
        self._pressed_at = 0.0
        self._rest = False  # whether what is held followed a code, and has not been looked at

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do; None while nothing is held back."""
        if not self._held:
            return None
        return self._pressed_at if self._rest else self._pressed_at + self._wait

    def press(self, digit: str, now: float) -> Pressed:
        """One key, 0-9, *, #, A-D, at the time `now`."""
        late = self._held and now >= self._pressed_at + self._wait
        found = self._look(final=True) if late else Pressed()  # what had waited too long does not join what comes
        self._held += digit
        self._pressed_at = now
        if found.code is not None:
            self._rest = True
            return found
        more = self._look(final=False)
        return Pressed(found.flush + more.flush, more.code, more.keys)

    def tick(self, now: float) -> Pressed:
        """Look at what has waited until `now`."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return Pressed()
        return self._look(final=now >= self._pressed_at + self._wait)

    def _look(self, *, final: bool) -> Pressed:
        """The first code in what is held, and what stands before it. `final`: no more keys are to be expected."""
        held = self._held
        at = 0
        found = None
        while at < len(held) and (final or not self._may_grow(held[at:])):
            found = self._longest(held[at:])
            if found is not None:
                break
            at += 1
        length = len(found.keys) if found is not None else 0
        self._held = held[at + length :]
        self._rest = found is not None and bool(self._held)
        return Pressed(held[:at]) if found is None else found._replace(flush=held[:at])

    def _may_grow(self, keys: str) -> bool:
        """Whether one more key could make `keys` a code, or a longer one."""
        for code in self._codes:
            if len(keys) < len(code.text):
                if code.text.startswith(keys):
                    return True
            elif keys.startswith(code.text) and len(keys) - len(code.text) < code.digits and _is_number(keys[len(code.text) :]):
                return True
        return False

    def _longest(self, keys: str) -> Pressed | None:
        """The longest code that `keys` begin with."""
        for code in self._codes:
            if keys.startswith(code.text):
                rest = keys[len(code.text) :]
                length = 0
                while length < min(code.digits, len(rest)) and _is_number(rest[length]):
                    length += 1
                ended = length < code.digits and rest[length : length + 1] == _END
                taken = keys[: len(code.text) + length + ended]
                return Pressed("", Dialled(code.feature, code.text, rest[:length]), taken)
        return None


def _is_number(keys: str) -> bool:
    return not keys or (keys.isascii() and keys.isdigit())
