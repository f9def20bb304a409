"""What phones have set since the directory was written: filter on and off, opted out, divert, do not disturb, call as, duty, callbacks, who
has logged in on shared phones.

Immutable like the directory that carries it: `with_settings` makes the next one. What is not set is as the directory says. It
outlives the server in the store, one row for each `Setting`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Any, Final

from b2bua.delegation.plan import Setting, SettingKind

Key = tuple[str, str, str]
_NOTHING: Final[MappingProxyType[Any, Any]] = MappingProxyType({})
MOST_CALLBACKS: Final = 5000
"""Of one executive: each call on behalf copies them to add one."""


@dataclass(frozen=True, slots=True)
class State:
    """The settings. Times are seconds since the epoch."""

    settings: MappingProxyType[Key, Setting] = field(default_factory=lambda: _NOTHING)
    """By (kind, subject, object): all but the callbacks."""
    callbacks: MappingProxyType[str, MappingProxyType[str, Setting]] = field(default_factory=lambda: _NOTHING)
    """By executive and number. Each call on behalf may add one, so that only one executive's are copied for it."""
    subjects: frozenset[str] = frozenset()
    """Who has ever set something: whoever is not in here is as the directory says."""
    desks: MappingProxyType[str, tuple[Setting, ...]] = field(default_factory=lambda: _NOTHING)
    """By user: the shared phones at which they have logged in."""

    @classmethod
    def of(cls, settings: Collection[Setting]) -> State:
        """The state with these settings."""
        return cls().with_settings(settings)

    def with_settings(self, settings: Collection[Setting]) -> State:
        """The same with `settings` made; those whose value is None are forgotten."""
        callbacks = [each for each in settings if each.kind == "callback"]
        others = [each for each in settings if each.kind != "callback"]
        changed = _changed(self.settings, {(each.kind, each.subject, each.object): each for each in others})
        return State(
            changed,
            _with_callbacks(self.callbacks, callbacks),
            self.subjects.union(each.subject for each in others),
            _desks(changed) if any(each.kind == "hot_desk" for each in others) else self.desks,
        )

    def __iter__(self) -> Iterator[Setting]:
        """Every setting."""
        yield from self.settings.values()
        for numbers in self.callbacks.values():
            yield from numbers.values()

    def expired(self, now: float) -> list[Setting]:
        """The settings whose time is over, as settings that forget them."""
        return [each._replace(value=None, until=None) for each in self if each.until is not None and each.until <= now]

    def overflow(self, limit: int = MOST_CALLBACKS) -> list[Setting]:
        """The oldest callbacks of whoever has more than `limit`, as settings that forget them: a tenth, or all that are too many.

        The oldest are those whose time is over first.
        """
        crowded = [numbers.values() for numbers in self.callbacks.values() if len(numbers) > limit]
        return [
            each._replace(value=None, until=None)
            for callbacks in crowded
            for each in sorted(callbacks, key=_end)[: max(len(callbacks) // 10, len(callbacks) - limit)]
        ]

    def value(self, kind: SettingKind, subject: str, object: str = "", now: float | None = None) -> str | None:  # noqa: A002
        """What is set; None when nothing is, or, with `now`, when its time is over. Callbacks are asked for by `callback`."""
        return _value(self.settings.get((kind, subject, object)), now)

    def at_desks(self, user: str, now: float) -> list[str]:
        """The shared phones at which `user` has logged in (E7)."""
        return [each.subject for each in self.desks.get(user, ()) if each.until is None or each.until > now]

    def callback(self, executive: str, number: str, now: float) -> str | None:
        """The assistant who called `number` (its look-up key) for `executive` lately (B11)."""
        numbers = self.callbacks.get(executive)
        return None if numbers is None else _value(numbers.get(number), now)


def _value(setting: Setting | None, now: float | None) -> str | None:
    if setting is None or (now is not None and setting.until is not None and setting.until <= now):
        return None
    return setting.value


def _desks(settings: Mapping[Key, Setting]) -> MappingProxyType[str, tuple[Setting, ...]]:
    found: dict[str, tuple[Setting, ...]] = {}
    for each in settings.values():
        if each.kind == "hot_desk" and each.value is not None:
            found[each.value] = (*found.get(each.value, ()), each)
    return MappingProxyType(found)


def _end(setting: Setting) -> float:
    return inf if setting.until is None else setting.until


def _changed(known: MappingProxyType[Any, Setting], changes: Mapping[Any, Setting]) -> MappingProxyType[Any, Setting]:
    """`known` with `changes`; itself when there are none."""
    if not changes:
        return known
    changed = known | changes  # a dict's own copy: thirty times as fast as item by item
    for key, each in changes.items():
        if each.value is None:
            del changed[key]
    return MappingProxyType(changed)


def _with_callbacks(
    known: MappingProxyType[str, MappingProxyType[str, Setting]], callbacks: Collection[Setting]
) -> MappingProxyType[str, MappingProxyType[str, Setting]]:
    if not callbacks:
        return known
    by_executive: dict[str, dict[str, Setting]] = {}
    for each in callbacks:
        by_executive.setdefault(each.subject, {})[each.object] = each
    changed = known | {executive: _changed(known.get(executive, _NOTHING), each) for executive, each in by_executive.items()}
    for executive in by_executive:
        if not changed[executive]:
            del changed[executive]
    return MappingProxyType(changed)


NO_STATE: Final = State()
