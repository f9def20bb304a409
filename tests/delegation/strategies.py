"""Whole organisations, what phones have set in them, and calls, drawn at random (hypothesis).

An organisation is a usual one with a list of changes, so that a failing example shrinks to the few that matter. It is small on
purpose: ten people, a group and a service share a handful of numbers, so that forwards, diverts, filters and delegations meet.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import note
from hypothesis import strategies as st

from b2bua.delegation.callers import Callers
from b2bua.delegation.features import DEFAULT_CODES
from b2bua.delegation.model import Directory
from b2bua.delegation.people import (
    DEFAULT_RIGHTS,
    Criterion,
    Delegation,
    DeviceRings,
    Divert,
    DutyProfile,
    Executive,
    Forwarding,
    NumberClass,
    OnBehalf,
    Right,
    Rollover,
    TrunkRoute,
    User,
)
from b2bua.delegation.plan import Caller, Facts, Setting, SettingKind
from b2bua.delegation.schedule import Holiday, Hours, Schedule
from b2bua.delegation.state import State

PEOPLE = dict(
    zip(
        (str(extension) for extension in range(601, 611)),
        "Amanda Bernhard Chandra Dimitri Eleanor Fatimah Guillermo Henrietta Isabella Jonathan".split(),
        strict=True,
    )
)
EXECUTIVES = ("601", "602", "603")
GROUP, SERVICE = "500", "510"
OFFICES = (*EXECUTIVES, GROUP, SERVICE)
ASSISTANTS = {"601": "604 605 606", "602": "605 607", "603": "608 604", GROUP: "606 607 602", SERVICE: "604 608"}
RIGHTS_AT: dict[str, frozenset[Right]] = {GROUP: frozenset({"receive"}), SERVICE: frozenset({"receive", "call"})}
MOBILES = ("+15550000001", "+15550000002", "+493012345")
EMERGENCY = ("112", "911")
MAILBOX = "sip:box@192.0.2.9"
ZONES = (UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Jakarta"))
MOMENTS = (
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),  # Berlin puts the clock forward
    datetime(2026, 10, 25, 1, 0, tzinfo=UTC),  # and back
    datetime(2026, 11, 1, 6, 0, tzinfo=UTC),  # New York back
    datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
)

Text = st.SearchStrategy[str]
Changes = st.SearchStrategy[tuple[Any, ...]]
"""What is changed, where, and to what."""


class Case(NamedTuple):
    """One call in one organisation at one time."""

    directory: Directory
    facts: Facts
    now: datetime


TIMES = st.tuples(st.sampled_from(MOMENTS), st.integers(-130, 130) | st.integers(-3000, 3000), st.sampled_from(ZONES)).map(
    lambda drawn: (drawn[0] + timedelta(minutes=drawn[1])).astimezone(drawn[2])
)
SECONDS = st.sampled_from((1.0, 5.0, 20.0, 30.0, 200.0, 7200.0))
PERSON = st.sampled_from(tuple(PEOPLE))
OFFICE = st.sampled_from(OFFICES)
EXECUTIVE = st.sampled_from(EXECUTIVES)
ON_OR_OFF = st.booleans()


def written(number: str) -> tuple[str, ...]:
    """The same number as one phone or trunk or another may write it."""
    bare = number.removeprefix("+")
    return number, bare, f"{number[:3]} {number[3:]}", f"{number[:5]}-({number[5:]})"


# --- who is meant, and when ---------------------------------------------------------------------------------------------------

CALLER_SETS = st.lists(
    st.sampled_from(
        ("internal", "external", "anonymous", "unavailable", "any", "604", "605", "607", "+1555*", "4930*", *MOBILES)
    ),
    max_size=3,
    unique=True,
).map(lambda entries: Callers.of(*entries, users=PEOPLE))
HOURS = st.lists(
    st.sampled_from((Hours(0, 1440), Hours(480, 1020), Hours(60, 180), Hours(1320, 360), Hours(120, 121))),
    max_size=2,
    unique=True,
).map(tuple)
HOLIDAYS = st.lists(
    st.tuples(st.sampled_from(MOMENTS), st.booleans()).map(lambda drawn: Holiday(drawn[0].date(), drawn[0].date(), drawn[1])),
    max_size=2,
).map(tuple)
SCHEDULES = st.tuples(HOURS, HOURS, HOLIDAYS, st.none() | st.tuples(st.sampled_from(MOMENTS), HOURS)).map(
    lambda drawn: Schedule(
        "office",
        (*(drawn[0],) * 5, drawn[1], drawn[1]),
        drawn[2],
        ((drawn[3][0].date(), drawn[3][1]),) if drawn[3] else (),
    )
)

# --- changes to the usual organisation ----------------------------------------------------------------------------------------


class Draft:
    """An organisation that is being written: changes come in any order."""

    def __init__(self) -> None:
        self.users = {each: User(each, name, "secret", (f"+6221500{each}",)) for each, name in PEOPLE.items()}
        self.users[GROUP] = User(GROUP, "Sales", "", ("+6221500500",), kind="group")
        self.users[SERVICE] = User(SERVICE, "Help Desk", "", ("+6221500510", "+6221501510"), kind="service")
        self.bosses = {each: Executive(each) for each in EXECUTIVES}
        self.bosses[GROUP] = Executive(GROUP, kind="group")
        self.bosses[SERVICE] = Executive(SERVICE, kind="service")
        self.delegations: dict[tuple[str, str], Delegation] = {}
        for boss, assistants in ASSISTANTS.items():
            for each in assistants.split():
                self.delegate(each, boss)
        self.profiles: dict[str, DutyProfile] = {}

    def delegate(self, assistant: str, boss: str, **changes: Any) -> None:
        """A group's members receive; a service's agents also call; the others have what is usual."""
        usual = replace(Delegation(assistant, boss), rights=RIGHTS_AT.get(boss, DEFAULT_RIGHTS))
        known = self.delegations.get((assistant, boss), usual)
        if boss != GROUP or "ring_seconds" in changes:
            known = replace(known, **changes)
        self.delegations[assistant, boss] = known

    def change(self, what: str, *values: Any) -> None:
        """One change of `CHANGES`."""
        match what, values:
            case "user", (who, key, value):
                self.users[who] = replace(self.users[who], **{key: value})
            case "boss", (who, "", key, value):
                self.bosses[who] = replace(self.bosses[who], **{key: value})
            case "boss", (who, section, key, value):
                self.change("boss", who, "", section, replace(getattr(self.bosses[who], section), **{key: value}))
            case "delegation", (assistant, boss, key, value) if assistant != boss:
                self.delegate(assistant, boss, **{key: value})
            case "caller id", (who,):
                self.change("user", who, "numbers", (f"+6221500{who}", f"+6221501{who}"))
                self.change("boss", who, "", "caller_id", f"+6221501{who}")
            case "criterion", (who, to_own_number, callers, *rest):
                known = self.bosses[who].filtering.criteria
                dialled = frozenset((f"6221500{who}",) if to_own_number else ())
                added = Criterion(f"rule {len(known)}", rest[0], callers, dialled, *rest[1:])
                self.change("boss", who, "filtering", "criteria", (*known, added))
            case "profile", (name, *rest):
                self.profiles[name] = DutyProfile(name, {"Day": "1", "Night": "2"}[name], *rest)

    def directory(self) -> Directory:
        bosses = [
            replace(boss, delegations=tuple(each for (_, whose), each in self.delegations.items() if whose == boss.extension))
            for boss in self.bosses.values()
        ]
        return Directory.build(
            domain="acme.test",
            users=self.users.values(),
            executives=bosses,
            trunks=(TrunkRoute("carrier", (r"^\+?[0-9]{6,15}$",)),),
            emergency=EMERGENCY,
            duty_profiles=self.profiles.values(),
        )


def user_with(key: str, values: st.SearchStrategy[Any], people: Text = PERSON) -> Changes:
    return st.tuples(st.just("user"), people, st.just(key), values)


def boss_with(section: str, key: str, values: st.SearchStrategy[Any], bosses: Text) -> Changes:
    return st.tuples(st.just("boss"), bosses, st.just(section), st.just(key), values)


def delegation_with(key: str, values: st.SearchStrategy[Any], people: Text = PERSON, bosses: Text = OFFICE) -> Changes:
    return st.tuples(st.just("delegation"), people, bosses, st.just(key), values)


TARGETS = PERSON | st.sampled_from((GROUP, SERVICE, *MOBILES, MAILBOX, "+6221500605", "999"))
NEVER = st.none() | st.none() | SCHEDULES
DISCLOSURES = st.sampled_from(("executive", "assistant", "self"))
RIGHTS = st.frozensets(st.sampled_from(("receive", "call", "opt", "manage")))
FORWARDING = st.tuples(*(st.none() | TARGETS,) * 4, SECONDS).map(lambda drawn: Forwarding(*drawn))
ROLLOVERS = st.one_of(
    st.just(Rollover(action="executive")),
    st.just(Rollover(action="no_answer")),
    st.just(Rollover(action="voicemail", forward=MAILBOX)),
    TARGETS.map(lambda target: Rollover(action="forward", forward=target)),
)
TO_ANOTHER = st.sampled_from((*PEOPLE, GROUP, "+15550000001")).map(lambda target: Rollover(action="forward", forward=target))
WHEN = st.sampled_from(("busy", "no_answer", "always", "unreachable"))
ONE_WAY = st.tuples(WHEN, TARGETS).map(lambda drawn: Forwarding(**{drawn[0]: drawn[1]}))

PROFILES: Changes = st.tuples(
    st.just("profile"), st.sampled_from(("Day", "Night")), st.frozensets(PERSON), st.frozensets(OFFICE, min_size=1), ON_OR_OFF
)
CHANGES: Changes = st.one_of(
    st.just(("nothing",)),
    user_with("numbers", st.just(())),
    user_with("time_zone", st.sampled_from(ZONES)),
    user_with("hours", SCHEDULES),
    user_with(
        "devices",
        st.tuples(st.sampled_from(("apps_first", "desk_first")), st.sampled_from((0.0, 18.0))).map(lambda it: DeviceRings(*it)),
    ),
    user_with("forwarding", FORWARDING),
    user_with("forwarding", ONE_WAY),
    user_with("divert", st.tuples(st.just(True), PERSON | st.sampled_from((*MOBILES, GROUP, "999"))).map(lambda it: Divert(*it))),
    user_with("dnd", ON_OR_OFF),
    boss_with("", "time_zone", st.sampled_from(ZONES), EXECUTIVE),
    boss_with("", "confidential", CALLER_SETS, EXECUTIVE),
    boss_with("", "maximum_wait", st.just(45.0), st.just(GROUP)),
    boss_with("", "may_be_impersonated", ON_OR_OFF, st.just(SERVICE)),
    boss_with("", "rollover", ROLLOVERS, EXECUTIVE),
    boss_with("", "rollover", TO_ANOTHER, OFFICE),
    boss_with("rollover", "after_seconds", st.sampled_from((0.0, 3.0, 25.0, 7200.0)), OFFICE),
    boss_with("filtering", "enabled", ON_OR_OFF, EXECUTIVE),
    boss_with("filtering", "type", st.sampled_from(("internal", "external")), EXECUTIVE),
    boss_with("filtering", "executives_pass", ON_OR_OFF, EXECUTIVE),
    boss_with("filtering", "mode", st.just("criteria"), EXECUTIVE),
    boss_with("alerting", "mode", st.just("sequential"), OFFICE),
    boss_with("alerting", "ring_seconds", SECONDS, OFFICE),
    boss_with("alerting", "executive", st.sampled_from(("first", "together", "splash", "silent")), EXECUTIVE),
    boss_with("alerting", "executive_seconds", SECONDS, EXECUTIVE),
    boss_with("alerting", "minimum_seconds", st.just(30.0), OFFICE),
    boss_with("alerting", "name", st.sampled_from(("executive_originator", "originator", "executive", "custom")), OFFICE),
    boss_with("alerting", "number", st.sampled_from(("executive", "custom")), OFFICE),
    boss_with("on_behalf", "outside", DISCLOSURES, OFFICE),
    boss_with("on_behalf", "inside", DISCLOSURES, OFFICE),
    boss_with("on_behalf", "classes", DISCLOSURES.map(lambda it: (NumberClass("press", Callers.of("+1555*"), it),)), OFFICE),
    boss_with("", "on_behalf", DISCLOSURES.map(lambda it: OnBehalf(it, it, (), 3600.0, 86400.0)), OFFICE),
    delegation_with("rights", RIGHTS),
    delegation_with("ring_seconds", SECONDS),
    delegation_with("callers", CALLER_SETS),
    delegation_with("respect_hours", st.just(True)),
    delegation_with("begins", TIMES),
    delegation_with("ends", TIMES),
    delegation_with("approval", st.sampled_from(("approved", "pending", "declined"))),
    st.tuples(st.just("caller id"), EXECUTIVE),
    PROFILES,
    st.tuples(
        st.just("criterion"),
        EXECUTIVE,
        ON_OR_OFF,
        CALLER_SETS,
        ON_OR_OFF,
        NEVER,
        NEVER,
        NEVER,
        st.sampled_from((True, True, False)),
    ),
)
"""Of users, executives, groups and services, and of delegations, which are made when they are not there."""

FORWARDS: Changes = st.one_of(user_with("forwarding", ONE_WAY), boss_with("", "rollover", TO_ANOTHER, OFFICE))
TO_MOBILES: Changes = user_with(
    "forwarding", st.tuples(WHEN, st.sampled_from(MOBILES)).map(lambda drawn: Forwarding(**{drawn[0]: drawn[1]})), st.just("604")
)
FIRST = st.just("601")
THEIRS = st.sampled_from(("604", "605", "606"))
CONFIDENTIAL = st.tuples(
    boss_with("", "confidential", st.sampled_from(("internal", "external")).map(Callers.of), FIRST),
    user_with(
        "forwarding",
        st.tuples(WHEN, st.sampled_from(("604", "605", GROUP))).map(lambda drawn: Forwarding(**{drawn[0]: drawn[1]})),
        FIRST,
    ),
).map(list)
"""The first executive forwards the calls of confidential contacts to assistants."""
AVAILABILITY: Changes = st.one_of(
    user_with("hours", SCHEDULES, THEIRS),
    user_with("dnd", ON_OR_OFF, THEIRS),
    user_with("divert", st.sampled_from(("601", "604", "607", *MOBILES)).map(lambda number: Divert(True, number)), THEIRS),
    delegation_with("respect_hours", ON_OR_OFF, THEIRS, FIRST),
    delegation_with("rights", RIGHTS, THEIRS, FIRST),
    delegation_with("approval", st.sampled_from(("pending", "declined")), THEIRS, FIRST),
    delegation_with("begins", TIMES, THEIRS, FIRST),
    delegation_with("ends", TIMES, THEIRS, FIRST),
    boss_with("alerting", "executive", st.sampled_from(("first", "together", "splash", "silent")), FIRST),
    boss_with("alerting", "mode", st.just("sequential"), FIRST),
    boss_with("filtering", "executives_pass", ON_OR_OFF, FIRST),
)
"""Of the first executive's assistants."""


@st.composite
def chains(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Some in a row forward, or divert, each to the next; the last one to an outside number, or back to somebody."""
    ordinary = [each for each in PEOPLE if each not in EXECUTIVES]
    people = draw(st.permutations(ordinary))
    end = draw(st.sampled_from((*ordinary, *MOBILES)))
    diverted = draw(ON_OR_OFF)
    made: list[tuple[Any, ...]] = []
    for who, target in zip(people, (*people[1:], end), strict=True):
        handling = Divert(True, target) if diverted else Forwarding(**{draw(WHEN): target})
        made.append(("user", who, "divert" if diverted else "forwarding", handling))
    return made[-draw(st.integers(4, 7)) :]


# --- what phones have set -----------------------------------------------------------------------------------------------------

KIND = dict[SettingKind, tuple[Text, Text, Text]]
KINDS: KIND = {
    "filter": (EXECUTIVE, st.just(""), st.sampled_from(("on", "off"))),
    "opt": (PERSON, OFFICE, st.just("out")),
    "divert": (PERSON, st.just(""), st.sampled_from(("on", "off"))),
    "divert_to": (PERSON, st.just(""), PERSON | st.sampled_from((*MOBILES, "999"))),
    "dnd": (PERSON, st.just(""), st.sampled_from(("on", "off"))),
    "call_as": (PERSON, st.just(""), OFFICE),
    "duty": (PERSON, st.just(""), st.sampled_from(("Day", "Night", ""))),
    "callback": (OFFICE, st.sampled_from(tuple(each.removeprefix("+") for each in MOBILES)), PERSON),
}
UNTIL = st.sampled_from((None, None, -1.0, 0.0, 1.0))
"""Seconds from now."""
SETTINGS = st.one_of(*(st.tuples(st.just(kind), *parts, UNTIL) for kind, parts in KINDS.items()))


def few_or_many(each: st.SearchStrategy[Any], many: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(each, max_size=3) | st.lists(each, min_size=many, max_size=2 * many)


@st.composite
def directories(draw: st.DrawFn, now: datetime, more: st.SearchStrategy[list[tuple[Any, ...]]]) -> Directory:
    """An organisation, and what its phones have set by `now`, some of it too long ago."""
    draft = Draft()
    for change in (*draw(few_or_many(CHANGES, 14)), *draw(more)):
        draft.change(*change)
        if change != ("nothing",):
            note(f"changed: {change}")
    found = [
        Setting(*key, None if seconds is None else now.timestamp() + seconds) for *key, seconds in draw(few_or_many(SETTINGS, 4))
    ]
    for setting in found:
        note(f"set by phone: {setting}")
    return draft.directory().with_state(State.of(found))


# --- calls --------------------------------------------------------------------------------------------------------------------

NUMBERS = tuple(f"+6221500{each}" for each in (*PEOPLE, GROUP, SERVICE))
INSIDE = st.sampled_from((*PEOPLE, GROUP, SERVICE)) | st.sampled_from([text for number in NUMBERS for text in written(number)])
OUTSIDE = st.sampled_from([text for number in MOBILES for text in written(number)])
EMERGENCIES = st.sampled_from((*EMERGENCY, "1-1-2", "(911)"))
NOWHERE = st.sampled_from(("", "999", "+", "#99", "676-", "1\r\nX: y", "7" * 65)) | st.text(max_size=6)
LINES = st.sampled_from([f"{assistant}-{boss}" for assistant, boss in product(("604", "605", "606"), OFFICES)])
CODES = st.sampled_from([each.code for each in DEFAULT_CODES.values()])
PLAIN = st.one_of(INSIDE, INSIDE, OUTSIDE, LINES, EMERGENCIES, NOWHERE)
NAMED = st.one_of(OFFICE, INSIDE, LINES)
DIALLED = st.one_of(
    PLAIN,
    PLAIN,
    st.tuples(st.sampled_from(("#64", "#73")), NAMED, st.just("*"), PLAIN).map("".join),
    st.tuples(CODES, st.just("") | PLAIN | OFFICE | st.sampled_from(("1", "2"))).map("".join),
)
USER_CALLERS = st.tuples(PERSON, st.none() | OFFICE, st.sampled_from((False, False, True))).map(
    lambda drawn: Caller("user", drawn[0], drawn[1], None, drawn[0], PEOPLE[drawn[0]], drawn[2])
)
TRUNK_CALLERS = st.one_of(
    st.tuples(OUTSIDE, st.sampled_from(("", "Zoë", 'a\r\n"'))).map(lambda it: Caller("trunk", None, None, "carrier", *it, False)),
    st.sampled_from((NUMBERS[0], "601", "abc", "é", "+", "1;x=y", "a\r\nb", "")).map(
        lambda number: Caller("trunk", None, None, "carrier", number, "", False)
    ),
    st.sampled_from((False, True)).map(lambda unavailable: Caller("trunk", None, None, "carrier", "", "", True, unavailable)),
)
CALLERS = USER_CALLERS | TRUNK_CALLERS
PREFERRED = st.one_of(st.none(), st.none(), NAMED, st.text(max_size=5))


NO_MORE: Final = st.just(list[tuple[Any, ...]]())


@st.composite
def cases(
    draw: st.DrawFn,
    callers: st.SearchStrategy[Caller] = CALLERS,
    dialled: Text = DIALLED,
    more: st.SearchStrategy[list[tuple[Any, ...]]] = NO_MORE,
) -> Case:
    """A call of one of `callers` to one of `dialled`, in an organisation with `more` changes."""
    now, caller = draw(TIMES), draw(callers)
    preferred = draw(PREFERRED) if caller.kind == "user" else None
    return Case(draw(directories(now, more)), Facts(caller, draw(dialled), preferred), now)
