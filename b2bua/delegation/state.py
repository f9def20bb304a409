"""What phones have set since the directory was written: filter on and off, opted out, divert, do not disturb, call as, duty, callbacks.

Immutable like the directory that carries it: `with_settings` makes the next one. What is not set is as the directory says. It
outlives the server in the store, one row for each `Setting`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from b2bua.delegation.plan import Setting, SettingKind

Key = tuple[str, str, str]
_NOTHING: Final[Mapping[Key, Setting]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class State:
    """The settings, by (kind, subject, object). Times are seconds since the epoch."""

    settings: Mapping[Key, Setting] = field(default_factory=lambda: _NOTHING)
    subjects: frozenset[str] = frozenset()
    """Who has ever set something for themselves (callbacks left out): whoever is not in here is as the directory says."""

    @classmethod
    def of(cls, settings: Collection[Setting]) -> State:
        """The state with these settings."""
        return cls().with_settings(settings)

    def with_settings(self, settings: Collection[Setting]) -> State:
        """The same with `settings` made; those whose value is None are forgotten."""
        changed = dict(self.settings)
        for setting in settings:
            key = (setting.kind, setting.subject, setting.object)
            if setting.value is None:
                changed.pop(key, None)
            else:
                changed[key] = setting
        subjects = {setting.subject for setting in settings if setting.kind != "callback"}
        return State(MappingProxyType(changed), self.subjects if subjects <= self.subjects else self.subjects | subjects)

    def expired(self, now: float) -> list[Setting]:
        """The settings whose time is over, as settings that forget them."""
        return [each._replace(value=None, until=None) for each in self.settings.values() if each.until is not None and each.until <= now]

    def value(self, kind: SettingKind, subject: str, object: str = "", now: float | None = None) -> str | None:  # noqa: A002
        """What is set; None when nothing is, or, with `now`, when its time is over."""
        if not self.settings:
            return None
        setting = self.settings.get((kind, subject, object))
        if setting is None or (now is not None and setting.until is not None and setting.until <= now):
            return None
        return setting.value


NO_STATE: Final = State()
