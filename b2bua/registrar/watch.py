"""The alarm of A25: executives whose calls would be filtered now, and whom nobody reachable covers.

Looked at a few executives at a time, once a second, so that a large directory costs each sweep little; a change is therefore seen
within `EXECUTIVES_A_SWEEP` executives a second. Whoever takes the calls, and whether a phone is there, is asked anew each time; the
answer is the policy's (`delegation.attendance`), handed in so that the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Protocol

from b2bua.delegation.model import Directory

EXECUTIVES_A_SWEEP: Final = 20
GRACE_SECONDS: Final = 60.0
"""After the start phones register again; until they could, nobody is missed."""


class Log(Protocol):
    """A structured logger (structlog's)."""

    def info(self, event: str, **values: str) -> None: ...
    def warning(self, event: str, **values: str) -> None: ...


class CoverageWatch:
    """Remembers who is uncovered, and logs when that changes.

    `is_missed`: whether, at that time, calls to the executive with that extension are filtered and nobody reachable takes them.
    """

    def __init__(self, is_missed: Callable[[str, Directory, datetime], bool], log: Log) -> None:
        self._is_missed = is_missed
        self._log = log
        self._started: float | None = None
        self._round: Iterator[str] = iter(())
        self._uncovered: set[str] = set()

    @property
    def uncovered(self) -> int:
        """How many executives nobody reachable covers, as last seen."""
        return len(self._uncovered)

    def sweep(self, now: float, directory: Directory, at: datetime) -> None:
        """Look at the next few executives. `now` is monotonic, `at` the aware time of day."""
        if self._started is None:
            self._started = now
        if now < self._started + GRACE_SECONDS:
            return
        for _ in range(EXECUTIVES_A_SWEEP):
            extension = next(self._round, None)
            if extension is None:
                self._begin_round(directory)
                return
            if extension in directory.executives:
                self._look(extension, directory, at)

    def _begin_round(self, directory: Directory) -> None:
        self._round = iter([each.extension for each in directory.executives.values() if each.kind == "executive" and each.delegations])
        self._uncovered &= directory.executives.keys()  # a new directory may have dropped them

    def _look(self, extension: str, directory: Directory, at: datetime) -> None:
        uncovered = self._is_missed(extension, directory, at)
        if uncovered and extension not in self._uncovered:
            self._uncovered.add(extension)
            self._log.warning("executive uncovered", executive=extension, name=directory.users[extension].name)
        elif not uncovered and extension in self._uncovered:
            self._uncovered.discard(extension)
            self._log.info("executive covered again", executive=extension, name=directory.users[extension].name)
