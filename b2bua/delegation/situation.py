"""One decision under way: what is known, the lines of the explainer so far, and the time in whichever zone a rule needs it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from b2bua.delegation.callerid import quotable
from b2bua.delegation.callers import caller_key
from b2bua.delegation.plan import Caller, Facts, Rule, SettingKind

if TYPE_CHECKING:
    from b2bua.delegation.model import Directory
    from b2bua.delegation.schedule import Schedule
    from b2bua.delegation.state import State


class Refusal(NamedTuple):
    """Why a call goes nowhere: the status, and the text of the Warning that the caller's phone may show."""

    status: int
    warning: str


class Situation:
    """Passed from rule to rule. Only `trace` grows; nothing else changes."""

    __slots__ = ("_key", "_local", "_open", "_stamp", "caller", "directory", "facts", "now", "state", "trace")

    def __init__(self, facts: Facts, directory: Directory, now: datetime) -> None:
        self.facts = facts
        self.caller: Caller = facts.caller
        self.directory = directory
        self.state: State = directory.state
        self.now = now
        self.trace: list[Rule] = []
        self._key: str | None = None
        self._local: dict[tzinfo, datetime] | None = None
        self._open: dict[tuple[int, tzinfo], bool] | None = None
        self._stamp: float | None = None

    def note(self, name: str, matched: bool, reason: str) -> None:
        """One rule was looked at."""
        self.trace.append(Rule(name, matched, reason))

    @property
    def key(self) -> str:
        """The caller as callers are looked up."""
        if self._key is None:
            self._key = caller_key(self.caller)
        return self._key

    @property
    def stamp(self) -> float:
        """The time as seconds since the epoch."""
        if self._stamp is None:
            self._stamp = self.now.timestamp()
        return self._stamp

    def setting(self, kind: SettingKind, subject: str, object: str = "") -> str | None:  # noqa: A002
        """What a phone or a call has set; None when nothing is, or its time is over."""
        return self.state.value(kind, subject, object, self.stamp) if subject in self.state.subjects else None

    def local(self, zone: tzinfo) -> datetime:
        """The time on the wall of that zone."""
        if self._local is None:
            self._local = {}
        local = self._local.get(zone)
        if local is None:
            local = self._local[zone] = self.now.astimezone(zone)
        return local

    def is_open(self, schedule: Schedule, zone: tzinfo) -> bool:
        """Whether `schedule` is open now in that zone; worked out once per decision."""
        if self._open is None:
            self._open = {}
        found = self._open.get((id(schedule), zone))
        if found is None:
            found = self._open[id(schedule), zone] = schedule.is_open(self.local(zone))
        return found

    def named(self, extension: str) -> str:
        """``Olivia Boss (667)`` for the explainer; text that somebody dialled stays printable."""
        user = self.directory.users.get(extension)
        return user.shown if user else quotable(extension)
