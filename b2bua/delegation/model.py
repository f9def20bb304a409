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

from b2bua.delegation import hot_desk
from b2bua.delegation.digits import number_key
from b2bua.delegation.features import CONFERENCE, FeatureCodes
from b2bua.delegation.numbering import NumberPlan, owners_of
from b2bua.delegation.office import Office, endpoints_of, office
from b2bua.delegation.organisation import NO_RESOURCES, CostCentre, NumberRange, Phone, Resources, Site, below
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
    account_of,
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
    """By extension: the stages of a plain call to this user; users who forward, or have no phones, are not in it."""
    delegations: Mapping[str, tuple[Delegation, ...]]
    """By the assistant's extension: for whom they work. Users who are nobody's assistant are not in it."""
    duty: Mapping[str, tuple[DutyProfile, ...]]
    """By the extension of an executive or service: the duty profiles that are responsible for it; without one, duty plays no part."""
    profiles: Mapping[str, tuple[DutyProfile, ...]]
    """By the agent's extension: the duty profiles to choose from."""
    offices_without_phones: frozenset[str]
    """Extensions of groups and services."""
    capacities: Mapping[str, int]
    """How many callers may wait, by the extension of a queue; queues in which any number may are not in it."""
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
    resources: Resources = NO_RESOURCES
    """Sites, cost centres, and the inventories of phones and numbers."""
    acceptance: bool = False
    """Whether a new assistant must accept the delegation before it counts (E1)."""
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
        resources: Resources = NO_RESOURCES,
        acceptance: bool = False,
        warnings: Iterable[str] = (),
        previous: Directory | None = None,
    ) -> Directory:
        """A snapshot of checked settings (`b2bua.config` does the checking); raises nothing on consistent input.

        What was worked out in `previous` for the same users and executives (the same objects) is not worked out again.
        """
        trunks, profiles, rooms = tuple(trunks), tuple(duty_profiles), tuple(rooms)
        by_extension = {user.extension: user for user in users}
        bosses = {executive.extension: executive for executive in executives}
        lines = {delegation.line: delegation for boss in bosses.values() for delegation in boss.delegations}
        changed = None if previous is None else _changed(by_extension, previous.users)
        offices = {extension: _office(boss, by_extension, previous, changed) for extension, boss in bosses.items()}
        members = {each.assistant for boss in bosses.values() if boss.kind != "executive" for each in boss.delegations}
        codes = FeatureCodes(feature_codes or {})
        return cls(
            organisation=organisation,
            domain=domain,
            users=MappingProxyType(by_extension),
            executives=MappingProxyType(bosses),
            offices=MappingProxyType(offices),
            numbers=NumberPlan(
                by_extension,
                {line: each.assistant for line, each in lines.items()},
                trunks,
                emergency,
                _owners(by_extension, previous, changed),
            ),
            codes=codes,
            trunks=trunks,
            lines=MappingProxyType(lines),
            phones=MappingProxyType(_phones(by_extension, previous, changed)),
            delegations=MappingProxyType(_by_assistant(lines.values())),
            duty=MappingProxyType(_by_each((each, each.responsible_for) for each in profiles)),
            profiles=MappingProxyType(_by_each((each, each.agents) for each in profiles)),
            offices_without_phones=frozenset(boss.extension for boss in bosses.values() if boss.kind != "executive"),
            capacities=MappingProxyType({boss.extension: boss.capacity for boss in bosses.values() if boss.capacity is not None}),
            represented=MappingProxyType({each: offices[each] for each in members if each in offices}),
            groups=MappingProxyType({member: frozenset(found) for member, found in _groups(bosses.values()).items()}),
            places=MappingProxyType(_places(parking, bosses.values(), rooms, by_extension)),
            rooms=MappingProxyType({room.number: room for room in rooms}),
            outside_rooms=MappingProxyType({number_key(number): room for room in rooms for number in room.numbers}),
            in_an_office=frozenset(_in_an_office(bosses.values())),
            media_rules=MappingProxyType(_media_rules(bosses, by_extension, codes, previous, changed)),
            parking=parking,
            pick_up=pick_up,
            media_mode=media_mode,
            time_zone=time_zone,
            resources=resources,
            acceptance=acceptance,
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
            return account_of(user) if user.kind == "person" else None
        delegation = self.lines.get(name)
        return None if delegation is None else account_of(self.users[delegation.assistant], delegation)

    @property
    def sites(self) -> Mapping[str, Site]:
        """By name."""
        return self.resources.sites

    @property
    def cost_centres(self) -> Mapping[str, CostCentre]:
        """By name."""
        return self.resources.cost_centres

    @property
    def phone_inventory(self) -> Mapping[str, Phone]:
        """The devices there are, by MAC; `phones` is something else."""
        return self.resources.phones

    @property
    def number_inventory(self) -> tuple[NumberRange, ...]:
        """The outside numbers that the organisation has."""
        return self.resources.numbers

    def below(self, *sites: str) -> frozenset[str]:
        """These sites and all below them."""
        return below(self.resources.sites, sites)

    def accounts(self) -> Iterator[Account]:
        """Every account that may register, for hashing passwords ahead."""
        for user in self.users.values():
            if user.kind != "person":
                continue
            yield from accounts_of(user, self.delegations.get(user.extension, ()))

    def __repr__(self) -> str:
        return f"Directory({self.organisation!r}, {len(self.users)} users, {len(self.executives)} executives)"


NO_FORWARDING: Final = Forwarding()


def _changed(users: Mapping[str, User], before: Mapping[str, User]) -> frozenset[str]:
    """Extensions of users who are new, gone or others than before."""
    found = {extension for extension, user in users.items() if before.get(extension) is not user}
    return frozenset(found | (before.keys() - users.keys()))


def _office(
    boss: Executive, users: Mapping[str, User], previous: Directory | None, changed: Collection[str] | None
) -> Office:
    """Worked out, or as it was: it depends on the executive and on the users in it, and on nothing else."""
    if previous is not None and changed is not None and previous.executives.get(boss.extension) is boss:
        known = previous.offices[boss.extension]
        if boss.extension not in changed and known.assistants.isdisjoint(changed):
            return known
    return office(boss, users)


def _owners(users: Mapping[str, User], previous: Directory | None, changed: Collection[str] | None) -> dict[str, str]:
    """The extensions by the keys of their numbers."""
    if previous is None or changed is None:
        return owners_of(users.values())
    gone = owners_of(previous.users[each] for each in changed if each in previous.users)
    found = {key: extension for key, extension in previous.numbers.owners.items() if key not in gone}
    return found | owners_of(users[each] for each in changed if each in users)


def _phones(
    users: Mapping[str, User], previous: Directory | None, changed: Collection[str] | None
) -> dict[str, tuple[Stage, ...]]:
    found = {} if previous is None else {extension: stages for extension, stages in previous.phones.items() if extension in users}
    for extension in users if changed is None else changed:
        found.pop(extension, None)
        user = users.get(extension)
        if user is not None and user.active and user.forwarding == NO_FORWARDING:
            found[extension] = (Stage(endpoints_of(user, "user"), PLAIN_RING_SECONDS, "phones"),)
    return found


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
        case "hot_desk" if directory.users[subject].type != "shared":
            return f"{subject} is no shared phone"
        case "hot_desk" if not hot_desk.may_log_in(directory.users.get(value)):
            return f"there is nobody {value} who could log in"
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


def _media_rules(
    bosses: Mapping[str, Executive],
    users: Mapping[str, User],
    codes: FeatureCodes,
    previous: Directory | None,
    changed: Collection[str] | None,
) -> dict[str, Rule]:
    """The rule "media" for each who may be a reason; see `anchoring`. An assistant's is taken over from `previous` where it says the same."""
    before: Mapping[str, Rule] = {}
    if previous is not None and changed is not None and previous.codes.codes == codes.codes:
        before = {each: rule for each, rule in previous.media_rules.items() if each not in changed and each not in previous.executives}
    rules: dict[str, Rule] = {}
    assistants = {each.assistant for boss in bosses.values() if boss.kind == "executive" for each in boss.delegations}
    for extension in assistants - bosses.keys():
        if extension in before:
            rules[extension] = before[extension]
        else:
            text = f"anchored: {users[extension].shown} may send the call back by {codes.codes['push_back']}"
            rules[extension] = Rule("media", True, text)
    for boss in bosses.values():
        shown = users[boss.extension].shown
        if boss.kind == "executive":
            text = f"anchored: calls of {shown} may be sent back, picked up and joined"
        else:
            text = f"anchored: whoever answers for {shown} may give the call back by {codes.codes['give_back']}"
        rules[boss.extension] = Rule("media", True, text)
    return rules
