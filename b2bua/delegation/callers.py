"""Which callers are meant: words such as `external`, numbers, prefixes and extensions (A10, A24), checked in a few look-ups."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from b2bua.delegation.digits import number_key
from b2bua.delegation.plan import Caller

Word = Literal["any", "internal", "external", "anonymous", "unavailable"]
WORDS: Final[tuple[Word, ...]] = ("any", "internal", "external", "anonymous", "unavailable")


@dataclass(frozen=True, slots=True)
class Callers:
    """A set of callers. Make one with `of`; the members of named caller groups are merged in by then.

    Users are meant by extension, callers from outside by number: a caller who comes over a trunk with the number 668 is not the
    colleague with the extension 668. Their keys therefore never are the same.
    """

    words: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    """Look-up keys: `user_key` of extensions, `number_key` of outside numbers."""
    prefixes: tuple[str, ...] = ()
    """Beginnings of outside numbers, as look-up keys."""
    text: str = "anybody"
    """As it was written, for the explainer."""

    @classmethod
    def of(cls, *entries: str, users: Collection[str] = (), text: str = "") -> Callers:
        """Callers from words, outside numbers, prefixes (``+1555*``), and extensions, which are those entries that are in `users`."""
        words = frozenset(entry for entry in entries if entry in WORDS)
        rest = [entry for entry in entries if entry not in WORDS]
        return cls(
            words,
            frozenset(user_key(entry) if entry in users else number_key(entry) for entry in rest if not entry.endswith("*")),
            # Interned: many executives name the same prefixes, and a call is compared with each of them.
            tuple(sys.intern(number_key(entry[:-1])) for entry in rest if entry.endswith("*")),
            text or ", ".join(entries) or "nobody",
        )

    @classmethod
    def united(cls, parts: Iterable[Callers], text: str = "") -> Callers:
        """Whoever is one of any of `parts`."""
        parts = tuple(parts)
        return cls(
            frozenset().union(*(part.words for part in parts)),
            frozenset().union(*(part.numbers for part in parts)),
            tuple(dict.fromkeys(prefix for part in parts for prefix in part.prefixes)),
            text,
        )

    @property
    def everybody(self) -> bool:
        """Whether any call at all matches."""
        return "any" in self.words or {"internal", "external"} <= self.words

    def match(self, caller: Caller, key: str) -> bool:
        """Whether `caller` is one of them; `key` is their `caller_key`.

        A caller from outside who withheld the number is found by a word only, never by number.
        """
        if self.words and not self.words.isdisjoint(caller_words(caller)):
            return True
        return self.has(key)

    def has(self, key: str) -> bool:
        """Whether a user or a number, by its key, is one of them; words play no part. "" is nobody's key."""
        return bool(key) and (key in self.numbers or (bool(self.prefixes) and key.startswith(self.prefixes)))


ANYBODY: Final = Callers(frozenset({"any"}), text="anybody")


def user_key(extension: str) -> str:
    """The look-up key of a user: no number begins like it."""
    return f"={extension}"


def caller_key(caller: Caller) -> str:
    """The look-up key of `caller`; "" for one from outside who withheld the number."""
    if caller.extension is not None:
        return user_key(caller.extension)
    return "" if caller.anonymous else number_key(caller.number)


def caller_words(caller: Caller) -> frozenset[str]:
    """The words that are true of `caller`."""
    return _WORDS_OF[caller.kind, caller.anonymous, caller.unavailable]


_WORDS_OF: Final = {
    (kind, anonymous, unavailable): frozenset(
        {"any", "internal" if kind == "user" else "external"}
        | ({"unavailable" if unavailable else "anonymous"} if anonymous else set())
    )
    for kind in ("user", "trunk")
    for anonymous in (False, True)
    for unavailable in (False, True)
}
