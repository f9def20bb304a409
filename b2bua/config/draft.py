"""The directory while it is being read and checked: what stands where, and what of it can be relied on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Literal

from b2bua.config.callers import CallerGroups
from b2bua.config.memory import Memory
from b2bua.config.schedules import Schedules
from b2bua.config.schema import Report
from b2bua.config.yamltree import Where
from b2bua.delegation.digits import number_key
from b2bua.delegation.organisation import CostCentre, NumberRange, Phone, Site
from b2bua.delegation.people import Delegation, DutyProfile, Executive, ExecutiveKind, Parking, Room, User

Kind = Literal["users", "executives", "groups", "services", "duty_profiles"]
"""The lists of the directory."""


@dataclass
class Boss:
    """An executive, group or service as read."""

    where: Where
    settings: Executive
    """Without the delegations."""
    broken: frozenset[str] = frozenset()
    """Keys of the entry that were wrong."""
    rollover_target: Where | None = None
    """Where the target of a forward stands, which is to be checked."""
    delegations: list[tuple[Where, Delegation]] = field(default_factory=list)
    """Each with where it stands."""

    @cached_property
    def executive(self) -> Executive:
        """The settings with the delegations, once all have been added."""
        return replace(self.settings, delegations=tuple(delegation for _, delegation in self.delegations))

    def add(self, where: Where, delegation: Delegation) -> None:
        """One more delegation; that of the same assistant is replaced, and the new one rings in its place."""
        for index, (_, earlier) in enumerate(self.delegations):
            if earlier.assistant == delegation.assistant:
                self.delegations[index] = (where, delegation)
                return
        self.delegations.append((where, delegation))

    @property
    def extension(self) -> str:
        return self.settings.extension

    @property
    def kind(self) -> ExecutiveKind:
        return self.settings.kind


@dataclass
class Draft:
    """The directory so far."""

    now: datetime
    time_zone: tzinfo = UTC
    """The organisation's."""
    schedules: Schedules = field(default_factory=Schedules)
    caller_groups: CallerGroups = field(init=False)
    users: dict[str, User] = field(default_factory=dict)
    """By extension: users, groups and services."""
    places: dict[str, Where] = field(default_factory=dict)
    """Where each of them stands."""
    unsure: dict[str, frozenset[str]] = field(default_factory=dict)
    """Extensions of users some of whose keys were wrong, with those keys: checks that need them say nothing."""
    unread_numbers: set[str] = field(default_factory=set)
    """Look-up keys of the numbers of users that could not be read."""
    bosses: dict[str, Boss] = field(default_factory=dict)
    """By extension: executives, groups and services."""
    duty_profiles: list[tuple[Where, DutyProfile]] = field(default_factory=list)
    parking: Parking = field(default_factory=Parking)
    rooms: list[tuple[Where, Room]] = field(default_factory=list)
    """Conference rooms, each with where it stands."""
    sites: dict[str, Site] = field(default_factory=dict)
    site_places: dict[str, Where] = field(default_factory=dict)
    cost_centres: dict[str, CostCentre] = field(default_factory=dict)
    phones: dict[str, Phone] = field(default_factory=dict)
    """The inventory, by MAC."""
    phone_places: dict[str, Where] = field(default_factory=dict)
    numbers: tuple[NumberRange, ...] = ()
    """The inventory of outside numbers."""
    trunks_unsure: bool = False
    """Some trunks could not be read: a number that no trunk takes may still be good."""

    known_keys: Mapping[str, str] = field(default_factory=dict)
    """Some of `number_keys`."""
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.caller_groups = CallerGroups(self.places)
        self.memory = Memory(self.now)

    def add_user(self, user: User, where: Where, item: object, broken: frozenset[str], report: Report) -> bool:
        """Takes a user, group or service in; False when its extension cannot be read or is taken. `item` is what was written."""
        extension = _written_extension(item) if "extension" in broken else user.extension
        if broken or extension is None or extension in self.places:
            self.unread_numbers.update(_written_numbers(item))
        if extension is None:
            return False
        if extension in self.places:
            text = f"{extension} is already the extension of {self.shown(extension)}; write another one"
            report.error((*where, "extension"), text)
            return False
        self.places[extension] = where
        if broken:
            self.unsure[extension] = broken
        if "extension" not in broken:
            self.users[extension] = user
        return True

    @cached_property
    def extension_keys(self) -> dict[str, str]:
        """The extensions by the key under which they are looked up as a number; once all have been read."""
        return {number_key(extension): extension for extension in self.places}

    @cached_property
    def number_keys(self) -> dict[str, str]:
        """The look-up keys of the users' numbers, by number."""
        known = self.known_keys
        numbers = (number for user in self.users.values() for number in user.numbers)
        return {number: known.get(number) or number_key(number) for number in numbers}

    @cached_property
    def owners(self) -> dict[str, str]:
        """The extensions by the keys of their numbers; of two owners the last."""
        keys = self.number_keys
        return {keys[number]: extension for extension, user in self.users.items() for number in user.numbers}

    def is_sure(self, extension: str, *keys: str) -> bool:
        """Whether there is such a user, and none of these keys was wrong."""
        return extension in self.users and not self.unsure.get(extension, frozenset()) & {*keys}

    def shown(self, extension: str) -> str:
        """The user as people know them: name and extension."""
        return f"{self.users[extension].name} ({extension})" if self.is_sure(extension, "name") else extension

    def of_list(self, kind: Kind) -> Iterator[str]:
        """The extensions in ``users``, ``groups`` or ``services``."""
        return (extension for extension, where in self.places.items() if where[0] == kind)

    def check_person(self, extension: str, where: Where, report: Report) -> bool:
        """Whether it is a user's extension; says so when it is not."""
        place = self.places.get(extension)
        if place is None:
            guess = report.guesses.closest(extension, "user", self.of_list("users"))
            report.error(where, f"{extension} is no user's extension{guess}; write the extension of a user")
        elif place[0] != "users":
            kind = "group" if place[0] == "groups" else "service"
            report.error(where, f"{extension} is a {kind}; write the extension of a user")
        return place is not None and place[0] == "users"

    def of_kind(self, kind: ExecutiveKind) -> list[Boss]:
        """The executives, the groups or the services, in order."""
        return [boss for boss in self.bosses.values() if boss.kind == kind]


def place_of(draft: Draft, kind: Kind, name: str) -> Where:
    """Where a user, executive, group or service stands, by extension, or a duty profile, by name; to be extended by keys.

    ``report.line(where)`` is its line. What is not there stands where its list does.
    """
    if kind == "duty_profiles":
        return next((where for where, profile in draft.duty_profiles if profile.name == name), (kind,))
    boss, place = draft.bosses.get(name), draft.places.get(name, (kind,))
    found = boss.where if boss and kind == "executives" else place
    return found if found[0] == kind else (kind,)


def _written_extension(item: object) -> str | None:
    """The extension of a user that could not be read, so that others may name it."""
    found = item.get("extension") if isinstance(item, dict) else None
    return found if isinstance(found, str) and found else None


def _written_numbers(item: object) -> list[str]:
    """The same for the user's numbers, as keys to look up."""
    found = item.get("numbers") if isinstance(item, dict) else None
    return [number_key(number) for number in found if isinstance(number, str)] if isinstance(found, list) else []
