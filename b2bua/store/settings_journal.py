"""Settings that the database could not take, as JSON lines in a file beside it; the last line about a key counts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from b2bua import logs
from b2bua.delegation.plan import Setting
from b2bua.store.private import private

JOURNAL: Final = "settings-journal.jsonl"

_log = logs.get("store")


class SettingsJournal:
    """The file under the directory `state`; there only while it holds something the database has not."""

    def __init__(self, state: Path) -> None:
        self._path = state / JOURNAL

    def append(self, settings: Iterable[Setting]) -> None:
        """Keep `settings` over the end of the process. Raises OSError."""
        text = "".join(f"\n{json.dumps(each)}" for each in settings)  # a line that a full disk has torn ends before the next
        with open(self._path, "a", encoding="ascii", opener=private) as file:
            file.write(text + "\n")

    def read(self) -> list[Setting]:
        """Every line that can be read, the oldest first; the others are logged. Raises OSError."""
        try:
            lines = self._path.read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return []
        found = [_from_line(line) for line in lines if line]
        if unreadable := found.count(None):
            _log.error("journal lines unreadable", journal=JOURNAL, lines=unreadable)
        return [each for each in found if each is not None]

    def clear(self) -> None:
        """The database has it all. Raises OSError."""
        self._path.unlink(missing_ok=True)


def _from_line(line: str) -> Setting | None:
    """One line of the journal; None for the torn last line of a machine that lost power."""
    try:
        return Setting(*json.loads(line))
    except (ValueError, TypeError):
        return None
