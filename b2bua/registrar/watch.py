"""The alarm of A25: executives whose calls would be filtered now, and whom nobody reachable covers.

Looked at a few executives at a time, once a second, so that a large directory costs each sweep little; a change is therefore seen
within `EXECUTIVES_A_SWEEP` executives a second. Whoever takes the calls, and whether a phone is there, is asked anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Protocol

from b2bua.delegation.model import Delegation, Directory, Executive

EXECUTIVES_A_SWEEP: Final = 25
GRACE_SECONDS: Final = 60.0
"""After the start phones register again; until they could, nobody is missed."""


class Log(Protocol):
    """A structured logger (structlog's)."""

    def info(self, event: str, **values: str) -> None: ...
    def warning(self, event: str, **values: str) -> None: ...


class CoverageWatch:
    """Remembers who is uncovered, and logs when that changes. `reachable`: whether an account has a phone registered now."""

    def __init__(self, reachable: Callable[[str], bool], log: Log) -> None:
        self._reachable = reachable
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
            executive = directory.executives.get(extension)
            if executive is not None:
                self._look(executive, directory, at)

    def _begin_round(self, directory: Directory) -> None:
        self._round = iter([each.extension for each in directory.executives.values() if each.kind == "executive" and each.delegations])
        self._uncovered &= directory.executives.keys()  # a new directory may have dropped them

    def _look(self, executive: Executive, directory: Directory, at: datetime) -> None:
        extension = executive.extension
        uncovered = is_filtered(executive, directory) and not is_covered(executive, directory, at, self._reachable)
        if uncovered and extension not in self._uncovered:
            self._uncovered.add(extension)
            self._log.warning("executive uncovered", executive=extension, name=directory.users[extension].name)
        elif not uncovered and extension in self._uncovered:
            self._uncovered.discard(extension)
            self._log.info("executive covered again", executive=extension, name=directory.users[extension].name)


def is_filtered(executive: Executive, directory: Directory) -> bool:
    """Whether filtering is in force: as a phone set it, else as the directory says."""
    switched = directory.state.value("filter", executive.extension)
    return executive.filtering.enabled if switched is None else switched == "on"


def is_covered(executive: Executive, directory: Directory, at: datetime, reachable: Callable[[str], bool]) -> bool:
    """Whether an assistant who takes calls now can be rung: has a phone, or diverts to another number.

    Outside the working hours of all who are left nobody is expected to be there, and nobody is missed. An executive without
    anybody who may receive calls is a matter for whoever writes the directory.
    """
    receiving = [each for each in executive.delegations if "receive" in each.rights and each.approval == "approved"]
    available = [each for each in receiving if _is_available(each, directory, at)]
    if any(_is_reachable(each, directory, reachable) for each in available if _is_at_work(each, directory, at)):
        return True
    return not receiving or (bool(available) and not any(_is_at_work(each, directory, at) for each in available))


def _is_available(delegation: Delegation, directory: Directory, at: datetime) -> bool:
    """Within the time box, neither opted out nor on DND."""
    if (delegation.begins is not None and at < delegation.begins) or (delegation.ends is not None and at >= delegation.ends):
        return False
    assistant, state = delegation.assistant, directory.state
    if state.value("opt", assistant, delegation.executive) == "out":
        return False
    dnd = state.value("dnd", assistant)
    return not directory.users[assistant].dnd if dnd is None else dnd != "on"


def _is_at_work(delegation: Delegation, directory: Directory, at: datetime) -> bool:
    user = directory.users[delegation.assistant]
    return not delegation.respect_hours or user.hours is None or user.hours.is_open(at.astimezone(user.time_zone))


def _is_reachable(delegation: Delegation, directory: Directory, reachable: Callable[[str], bool]) -> bool:
    assistant = delegation.assistant
    divert = directory.state.value("divert", assistant)
    if divert == "on" or (divert is None and directory.users[assistant].divert.enabled):
        return True
    return reachable(assistant) or reachable(delegation.line)
