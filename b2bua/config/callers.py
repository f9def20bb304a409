"""``caller_groups:``, and every list that says whose calls are meant (A10, A24)."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain
from typing import Any, Final

from b2bua.config.schema import Report, quoted, shape
from b2bua.config.values import MOST_NAMES
from b2bua.config.yamltree import Where
from b2bua.delegation.callers import WORDS, Callers
from b2bua.delegation.digits import normalise

_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_PREFIX = re.compile(r"\+?[0-9]{1,20}\*")
_SHORT: Final = 5
"""Numbers of so few digits are rather a mistyped extension than an outside number."""

CALLERS_HINT: Final = (
    'a list of any, internal, external, anonymous, unavailable, caller groups, extensions, "+4930123456" or "+4930*"'
)


class CallerGroups:
    """The named groups of callers, and who else may stand in a list of callers."""

    def __init__(self, extensions: Collection[str]) -> None:
        """`extensions` of all users; it may grow until the first list is read."""
        self._extensions = extensions
        self._names: frozenset[str] = frozenset()
        self._unsure = False
        self._by_name: dict[str, Callers] = {}
        """Those read so far: a group names only those above it, so there are no circles."""
        self._made: dict[tuple[str, ...], Callers] = {}
        """Lists without findings, for many executives name the same."""

    def define(self, entries: dict[str, Any], report: Report, *, unsure: bool = False) -> None:
        """Reads the groups. `unsure`: they could not be read, so nothing is said about unknown words."""
        self._names = frozenset(entries)
        self._unsure = unsure
        for name, members in entries.items():
            where = ("caller_groups", name)
            self._check_name(name, where, report)
            self._by_name[name] = self.read(members, where, report) or Callers(text=name)

    def same(self, other: CallerGroups) -> bool:
        """Whether both say the same of every name."""
        return self._by_name == other._by_name and self._names == other._names

    def find(self, name: str, where: Where, report: Report) -> Callers | None:
        """The group that the key at `where` names; None when there is none."""
        found = self._by_name.get(name)
        if found is None and not self._unsure:
            guess = report.guesses.closest(name, "caller group", self._by_name)
            report.error(where, f"{quoted(name)} is no caller group{guess}; write the name of one under `caller_groups`")
        return found

    def read(self, entries: object, where: Where, report: Report) -> Callers | None:
        """The callers that the list at `where` names, as far as they can be read; None when none can."""
        if not isinstance(entries, (list, tuple)):
            report.error(where, f"is {shape(entries)}, not a list; write {CALLERS_HINT}")
            return None
        if not entries:
            report.error(where, f"is empty, so nobody is meant; write {CALLERS_HINT}")
            return None
        if len(entries) > MOST_NAMES:
            report.error(where, f"has {len(entries)} entries; write at most {MOST_NAMES}")
            return None
        key = tuple(map(str, entries))
        found = self._made.get(key)
        if found is None:
            findings = report.findings
            parts = [self._one(entry, (*where, index), report) for index, entry in enumerate(entries)]
            found = Callers.united([part for part in parts if part], ", ".join(key))
            if report.findings == findings:
                self._made[key] = found
        return found

    def _check_name(self, name: str, where: Where, report: Report) -> None:
        if name in WORDS:
            report.error(where, f"{name} has a meaning of its own; write another name")
        elif name in self._extensions:
            report.error(where, f"{name} is the extension of a user; write another name")
        elif not (name[:1].isalpha() and name.isprintable() and len(name) <= 128) or name.endswith("*"):
            report.error(where, f"{quoted(name)} is no name; write one that begins with a letter and ends without *")

    def _one(self, entry: object, where: Where, report: Report) -> Callers | None:
        """What one entry of a list means."""
        if not isinstance(entry, str):
            report.error(where, f"is {quoted(entry)}; write {CALLERS_HINT}")
            return None
        if entry in self._by_name:
            return self._by_name[entry]
        if entry in WORDS or entry in self._extensions:
            return Callers.of(entry, users=(entry,))
        number = normalise(entry.removesuffix("*")) + ("*" if entry.endswith("*") else "")
        if _NUMBER.fullmatch(number):
            self._warn_of_short(number, where, report)
            return Callers.of(number)
        if _PREFIX.fullmatch(number):
            return Callers.of(number)
        if not self._unsure:
            report.error(where, self._unknown(entry, report))
        return None

    def _warn_of_short(self, number: str, where: Where, report: Report) -> None:
        if len(number) <= _SHORT and not number.startswith("+"):
            guess = report.guesses.closest(number, "user", self._extensions)
            report.warn(where, f"{number} is nobody's extension, and short for an outside number{guess}")

    def _unknown(self, entry: str, report: Report) -> str:
        if entry.endswith("*"):
            return f'is {quoted(entry)}; write at least one digit before the *, for example "+4930*"'
        if entry in self._names:
            return f"{quoted(entry)} is this caller group or one below; write only groups that stand above"
        guess = report.guesses.closest(entry, "caller", chain(WORDS, self._by_name, self._extensions))
        return f"{quoted(entry)} is no caller{guess}; write {CALLERS_HINT}"
