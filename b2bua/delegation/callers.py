"""Which callers are meant: words such as `external`, numbers, prefixes and extensions (A10, A24), checked in a few look-ups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from b2bua.delegation.digits import number_key
from b2bua.delegation.plan import Caller

Word = Literal["any", "internal", "external", "anonymous", "unavailable"]
WORDS: Final[tuple[Word, ...]] = ("any", "internal", "external", "anonymous", "unavailable")


@dataclass(frozen=True, slots=True)
class Callers:
    """A set of callers. Make one with `of`; the members of named caller groups are merged in by then."""

    words: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    """Look-up keys (`number_key`): extensions, and outside numbers without the leading ``+``."""
    prefixes: tuple[str, ...] = ()
    """Look-up keys with which a number may begin."""
    text: str = "anybody"
    """As it was written, for the explainer."""

    @classmethod
    def of(cls, *entries: str, text: str = "") -> Callers:
        """Callers from words, numbers, extensions and prefixes (``+1555*``)."""
        words = frozenset(entry for entry in entries if entry in WORDS)
        rest = [entry for entry in entries if entry not in WORDS]
        return cls(
            words,
            frozenset(number_key(entry) for entry in rest if not entry.endswith("*")),
            tuple(number_key(entry[:-1]) for entry in rest if entry.endswith("*")),
            text or ", ".join(entries) or "nobody",
        )

    @property
    def everybody(self) -> bool:
        """Whether any call at all matches."""
        return "any" in self.words or {"internal", "external"} <= self.words

    def match(self, caller: Caller, key: str) -> bool:
        """Whether `caller` is one of them; `key` is `number_key` of the caller's number.

        A caller from outside who withheld the number is found by a word only, never by number.
        """
        if self.words and not self.words.isdisjoint(caller_words(caller)):
            return True
        return not (caller.anonymous and caller.kind == "trunk") and self.has_number(key)

    def has_number(self, key: str) -> bool:
        """Whether a number, by its key, is one of them; words play no part."""
        return key in self.numbers or (bool(self.prefixes) and key.startswith(self.prefixes))


ANYBODY: Final = Callers(frozenset({"any"}), text="anybody")


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
