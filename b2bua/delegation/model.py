"""The directory: an immutable snapshot of the organisation that every call is decided on.

Built once from the configuration (`Directory.build`), replaced as a whole when the directory is re-read, never changed. Every
lookup on the call path is one dict access, and everything about ringing that does not depend on the call is worked out here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Final, NamedTuple

from b2bua.delegation.digits import number_key
from b2bua.delegation.features import CONFERENCE, FeatureCodes
from b2bua.delegation.numbering import NumberPlan
from b2bua.delegation.office import Office, endpoints_of, office
from b2bua.delegation.people import (
    DEFAULT_RIGHTS,
    SECONDS_PER_RING,
    Account,
    Alerting,
    Delegation,
    DutyProfile,
    Executive,
    Filtering,
    Forwarding,
    MediaMode,
    OnBehalf,
    Parking,
    PickUp,
    Right,
    Rollover,
    Room,
    TrunkRoute,
    User,
    accounts_of,
)
from b2bua.delegation.plan import Rule, Setting, Stage
from b2bua.delegation.stages import PLAIN_RING_SECONDS
from b2bua.delegation.state import NO_STATE, State

__all__ = [
    "DEFAULT_RIGHTS",
    "SECONDS_PER_RING",
    "Account",
    "Alerting",
    "Delegation",
    "Directory",
    "DutyProfile",
    "Executive",
    "Filtering",
    "MediaMode",
    "OnBehalf",
    "Parking",
    "Right",
    "Rollover",
    "Room",
    "TrunkRoute",
    "User",
]


class Place(NamedTuple):
    """A number that leads to no phone: a park slot or a conference room."""

    feature: str
    """What dialling it means: "retrieve" or "conference"."""
    number: str
    executive: str | None = None
    """Whose own slot it is (C4); None: anybody's."""


DEFAULT_PARKING: Final = Parking()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Directory:
    """Who there is, who works for whom, where numbers lead, and what phones have set. Make one with `build`."""

    organisation: str
    domain: str
    users: Mapping[str, User]
    """By extension; groups and services are among them."""
    executives: Mapping[str, Executive]
    """By extension; groups and services are among them."""
    offices: Mapping[str, Office]
    """The same, worked out for routing."""
    numbers: NumberPlan
    codes: FeatureCodes
    trunks: tuple[TrunkRoute, ...]
    lines: Mapping[str, Delegation]
    """By the name of the delegated line, ``<assistant>-<executive>``."""
    phones: Mapping[str, tuple[Stage, ...]]
    """By extension: the stages of a plain call to this user; users who forward are not in it."""
    delegations: Mapping[str, tuple[Delegation, ...]]
    """By the assistant's extension: for whom they work. Users who are nobody's assistant are not in it."""
    duty: Mapping[str, tuple[DutyProfile, ...]]
    """By the extension of an executive or service: the duty profiles that are responsible for it; without one, duty plays no part."""
    profiles: Mapping[str, tuple[DutyProfile, ...]]
    """By the agent's extension: the duty profiles to choose from."""
    offices_without_phones: frozenset[str]
    """Extensions of groups and services."""
    represented: Mapping[str, Office]
    """Members of groups who are executives: their assistants ring for them (A4)."""
    groups: Mapping[str, frozenset[str]]
    """By the extension of a member: the groups that the user is in."""
    places: Mapping[str, Place]
    """Park slots and conference rooms, by what users dial."""
    rooms: Mapping[str, Room]
    """Conference rooms by number."""
    outside_rooms: Mapping[str, Room]
    """The same by the look-up key of the outside numbers that lead there."""
    in_an_office: frozenset[str]
    """Extensions of executives and of their assistants: whose calls are features used in."""
    media_rules: Mapping[str, Rule]
    """Why a call of those, or to a group or service, is anchored."""
    parking: Parking
    pick_up: PickUp = "group"
    media_mode: MediaMode = "auto"
    time_zone: tzinfo = UTC
    """Of the organisation: what a time without a zone means."""
    state: State = NO_STATE
    """What phones have set."""
    warnings: tuple[str, ...] = ()
    """What the configuration allows but probably does not mean, as ``file:line: key: text``."""

    @classmethod
    def build(
        cls,
        *,
        domain: str,
        users: Iterable[User],
        executives: Iterable[Executive] = (),
        trunks: Iterable[TrunkRoute] = (),
        emergency: Iterable[str] = (),
        feature_codes: Mapping[str, str] | None = None,
        organisation: str = "",
        time_zone: tzinfo = UTC,
        duty_profiles: Iterable[DutyProfile] = (),
        parking: Parking = DEFAULT_PARKING,
        rooms: Iterable[Room] = (),
        pick_up: PickUp = "group",
        media_mode: MediaMode = "auto",
        warnings: Iterable[str] = (),
    ) -> Directory:
        """A snapshot of checked settings (`b2bua.config` does the checking); raises nothing on consistent input."""
        trunks, profiles, rooms = tuple(trunks), tuple(duty_profiles), tuple(rooms)
        by_extension = {user.extension: user for user in users}
        bosses = {executive.extension: executive for executive in executives}
        lines = {delegation.line: delegation for boss in bosses.values() for delegation in boss.delegations}
        offices = {extension: office(boss, by_extension) for extension, boss in bosses.items()}
        members = {each.assistant for boss in bosses.values() if boss.kind != "executive" for each in boss.delegations}
        codes = FeatureCodes(feature_codes or {})
        return cls(
            organisation=organisation,
            domain=domain,
            users=MappingProxyType(by_extension),
            executives=MappingProxyType(bosses),
            offices=MappingProxyType(offices),
            numbers=NumberPlan(by_extension, {line: each.assistant for line, each in lines.items()}, trunks, emergency),
            codes=codes,
            trunks=trunks,
            lines=MappingProxyType(lines),
            phones=MappingProxyType(
                {extension: _plain_stages(user) for extension, user in by_extension.items() if user.forwarding == NO_FORWARDING}
            ),
            delegations=MappingProxyType(_by_assistant(lines.values())),
            duty=MappingProxyType(_by_each((each, each.responsible_for) for each in profiles)),
            profiles=MappingProxyType(_by_each((each, each.agents) for each in profiles)),
            offices_without_phones=frozenset(boss.extension for boss in bosses.values() if boss.kind != "executive"),
            represented=MappingProxyType({each: offices[each] for each in members if each in offices}),
            groups=MappingProxyType({member: frozenset(found) for member, found in _groups(bosses.values()).items()}),
            places=MappingProxyType(_places(parking, bosses.values(), rooms, by_extension)),
            rooms=MappingProxyType({room.number: room for room in rooms}),
            outside_rooms=MappingProxyType({number_key(number): room for room in rooms for number in room.numbers}),
            in_an_office=frozenset(_in_an_office(bosses.values())),
            media_rules=MappingProxyType(_media_rules(bosses.values(), by_extension, codes)),
            parking=parking,
            pick_up=pick_up,
            media_mode=media_mode,
            time_zone=time_zone,
            warnings=tuple(warnings),
        )

    def with_state(self, state: State) -> Directory:
        """The same directory with what phones have set."""
        return replace(self, state=state)

    def dangling(self, settings: Iterable[Setting]) -> list[tuple[Setting, str]]:
        """Those of `settings` that are about somebody or something that is not here (any more), each with what that is.

        None while there are no users at all: then the directory is still to be written.
        """
        return [(each, why) for each in settings if (why := _dangles(each, self))] if self.users else []

    def is_executive(self, extension: str) -> bool:
        """Whether this is an executive: no group, no service, no plain user."""
        executive = self.executives.get(extension)
        return executive is not None and executive.kind == "executive"

    def delegation(self, assistant: str, executive: str) -> Delegation | None:
        """The delegation between the two extensions, None when there is none."""
        return self.lines.get(f"{assistant}-{executive}")

    def find(self, text: str) -> User | None:
        """The user with this extension or outside number."""
        user = self.users.get(text)
        if user is not None:
            return user
        owner = self.numbers.owner_of(text)
        return None if owner is None else self.users[owner]

    def account(self, name: str) -> Account | None:
        """The digest user `name`: an extension or a delegated line; None when there is no such account."""
        user = self.users.get(name)
        if user is not None:
            return Account(name, name, None, user.password) if user.kind == "person" else None
        delegation = self.lines.get(name)
        if delegation is None:
            return None
        return Account(name, delegation.assistant, delegation.executive, self.users[delegation.assistant].password)

    def accounts(self) -> Iterator[Account]:
        """Every account that may register, for hashing passwords ahead."""
        for user in self.users.values():
            if user.kind != "person":
                continue
            yield from accounts_of(user, self.delegations.get(user.extension, ()))

    def __repr__(self) -> str:
        return f"Directory({self.organisation!r}, {len(self.users)} users, {len(self.executives)} executives)"


NO_FORWARDING: Final = Forwarding()


def _plain_stages(user: User) -> tuple[Stage, ...]:
    return (Stage(endpoints_of(user, "user"), PLAIN_RING_SECONDS, "phones"),)


def _dangles(setting: Setting, directory: Directory) -> str:
    """What is missing of that which `setting` is about; "" when nothing is. No phone could make such a setting now, or take it back."""
    subject, value = setting.subject, setting.value or ""
    if subject not in directory.users:
        return f"there is no user {subject}"
    match setting.kind:
        case "filter" if not directory.is_executive(subject):
            return f"{subject} is no executive"
        case "divert" | "divert_to" if subject not in directory.delegations:
            return f"{subject} is nobody's assistant"
        case "opt" if directory.delegation(subject, setting.object) is None:
            return f"{subject} is no assistant of {setting.object}"
        case "call_as" if directory.delegation(subject, value) is None:
            return f"{subject} is no assistant of {value}"
        case "callback" if directory.delegation(value, subject) is None:
            return f"{value} is no assistant of {subject}"
        case "duty" if not any(value in ("", each.name) for each in directory.profiles.get(subject, ())):
            return f"{subject} has no duty profile {value}".rstrip()
        case "dnd" if directory.users[subject].kind != "person":
            return f"{subject} is a {directory.users[subject].kind}"
    return ""


def _by_assistant(delegations: Iterable[Delegation]) -> dict[str, tuple[Delegation, ...]]:
    found: dict[str, tuple[Delegation, ...]] = {}
    for delegation in delegations:
        found[delegation.assistant] = (*found.get(delegation.assistant, ()), delegation)
    return found


def _by_each(profiles: Iterable[tuple[DutyProfile, frozenset[str]]]) -> dict[str, tuple[DutyProfile, ...]]:
    found: dict[str, tuple[DutyProfile, ...]] = {}
    for profile, extensions in profiles:
        for extension in extensions:
            found[extension] = (*found.get(extension, ()), profile)
    return found


def _groups(bosses: Iterable[Executive]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for boss in bosses:
        if boss.kind == "group":
            for each in boss.delegations:
                found.setdefault(each.assistant, []).append(boss.extension)
    return found


def _places(
    parking: Parking, bosses: Iterable[Executive], rooms: Iterable[Room], users: Mapping[str, User]
) -> dict[str, Place]:
    """What is dialled like an extension and is none; whoever is called so comes first."""
    places = [
        *(Place(CONFERENCE, room.number) for room in rooms),
        *(Place("retrieve", boss.slot, boss.extension) for boss in bosses if boss.slot is not None),
        *(Place("retrieve", slot) for slot in parking.slots),
    ]
    return {place.number: place for place in reversed(places) if place.number not in users}


def _in_an_office(bosses: Iterable[Executive]) -> Iterator[str]:
    for boss in bosses:
        if boss.kind == "executive":
            yield boss.extension
            yield from (each.assistant for each in boss.delegations)


def _media_rules(bosses: Collection[Executive], users: Mapping[str, User], codes: FeatureCodes) -> dict[str, Rule]:
    """The rule "media" for each who may be a reason; see `anchoring`."""
    rules: dict[str, Rule] = {}
    for boss in bosses:
        if boss.kind == "executive":
            for each in boss.delegations:
                text = f"anchored: {users[each.assistant].shown} may send the call back by {codes.codes['push_back']}"
                rules[each.assistant] = Rule("media", True, text)
    for boss in bosses:
        shown = users[boss.extension].shown
        if boss.kind == "executive":
            text = f"anchored: calls of {shown} may be sent back, picked up and joined"
        else:
            text = f"anchored: whoever answers for {shown} may give the call back by {codes.codes['give_back']}"
        rules[boss.extension] = Rule("media", True, text)
    return rules
