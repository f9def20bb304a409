"""What the linter finds in a directory: paths that end in silence or come back, hours without anybody, rules that do nothing."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2bua.delegation import screening
from b2bua.delegation.callers import Callers
from b2bua.delegation.lint import Finding, lint
from b2bua.delegation.model import Delegation, Directory, Executive, Filtering, Rollover
from b2bua.delegation.people import Alerting, Criterion, Divert, DutyProfile, Forwarding, User
from b2bua.delegation.plan import Caller, Facts
from b2bua.delegation.policy import decide
from b2bua.delegation.schedule import Holiday, Hours, Schedule
from b2bua.delegation.situation import Situation
from b2bua.delegation.state import State
from tests.delegation.organisation import USERS, assistants, callers_of, changed, directory, outside, user
from tests.delegation.strategies import Case, cases

MONDAY = date(2026, 11, 23)
BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = (*[(Hours(480, 1020),)] * 5, (), ())
CHRISTMAS = Holiday(date(2026, 12, 25), date(2026, 12, 25))
OFFICE = Schedule("office", WEEKDAYS, (CHRISTMAS,))
PLAIN = Schedule("plain", WEEKDAYS)
NIGHTS = Schedule("nights", ((Hours(1320, 360),),) * 7, (CHRISTMAS,))
ALWAYS = Schedule("always", ((Hours(0, 720), Hours(720, 1440)),) * 7)
EMPTY = Schedule("empty", ((),) * 7, (Holiday(date(2026, 11, 22), date(2026, 11, 22)),), ((date(2026, 11, 20), (Hours(0, 60),)),))
NEW_YEAR = Schedule("new year", WEEKDAYS, (Holiday(date(2000, 1, 1), date(2000, 1, 1), yearly=True),))
SALES = User("500", "Sales", "", ("+6221500500",), kind="group")
DESK = User("510", "Help Desk", "", ("+6221500510",), kind="service")
EVERYBODY = (*USERS, SALES, DESK)
seeded = settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def olivia(*delegations: Delegation, **changes: Any) -> Executive:
    """667 with Sam and Ana, all of whose keys are as usual."""
    return Executive("667", delegations=delegations or assistants("667", "676", "677"), **changes)


def victor(**changes: Any) -> Executive:
    return Executive("668", delegations=assistants("668", "678"), **changes)


def sales(**changes: Any) -> Executive:
    return Executive("500", kind="group", delegations=assistants("500", ("601", {"receive"})), **changes)


def desk(*agents: str | tuple[str, set[Any]], **changes: Any) -> Executive:
    return Executive(
        "510", kind="service", delegations=assistants("510", *(agents or (("601", {"receive", "call"}),))), **changes
    )


def to(number: str) -> Rollover:
    return Rollover(action="forward", forward=number)


def with_users(*people: tuple[str, dict[str, Any]]) -> tuple[User, ...]:
    """Everybody, some of them with other settings."""
    by_extension = {each.extension: each for each in EVERYBODY}
    for extension, changes in people:
        by_extension |= {each.extension: each for each in changed(extension, **changes) if each.extension == extension}
    return tuple(by_extension.values())


def found(*executives: Executive, **changes: Any) -> list[str]:
    """The findings as ``severity place: text``."""
    return list(map(shown, lint(directory(*executives, **{"users": EVERYBODY} | changes), MONDAY)))


def shown(finding: Finding) -> str:
    return f"{finding.severity} {' '.join(map(str, (finding.kind, finding.extension, *finding.key)))}: {finding.text}"


def test_an_organisation_without_findings() -> None:
    assert found(olivia(caller_id="+6221500600"), victor(rollover=Rollover(action="executive")), sales(), desk()) == []


# --- paths (A21) ----------------------------------------------------------------------------------------------------------------

UNWRITTEN = Rollover(written=False)
MAILBOX = '"sip:vm@192.0.2.9:5060"'


def test_silence_must_be_written_out() -> None:
    assert found(olivia(rollover=UNWRITTEN)) == [
        "error executives 667 rollover action: is missing: `667 → 676, 677 → nobody` ends in silence; write hangup if that is meant, "
        f"or executive, no_answer, {{forward: NUMBER}} or {{voicemail: {MAILBOX}}}"
    ]
    assert found(olivia(rollover=Rollover(written=True))) == []


def test_groups_and_services_must_write_it_too_and_have_no_phones_of_their_own() -> None:
    group, service = found(sales(rollover=UNWRITTEN), desk(rollover=UNWRITTEN))
    rest = f"ends in silence; write hangup if that is meant, or {{forward: NUMBER}} or {{voicemail: {MAILBOX}}}"
    assert group == f"error groups 500 rollover action: is missing: `500 → 601 → nobody` {rest}"
    assert service == f"error services 510 rollover action: is missing: `510 → 601 → nobody` {rest}"


def test_a_filter_that_is_off_can_be_switched_on_by_phone() -> None:
    (text,) = found(olivia(rollover=UNWRITTEN, filtering=Filtering(enabled=False)))
    assert text.startswith("error executives 667 rollover action: is missing")


def test_without_a_criterion_that_filters_no_assistant_is_ever_rung() -> None:
    vip = Criterion("VIP", filter=False, callers=callers_of("+1555*"))
    (text,) = found(
        olivia(rollover=UNWRITTEN, filtering=Filtering(mode="criteria", criteria=(vip, Criterion("all", active=False))))
    )
    assert text == (
        "warning executives 667 filtering criteria: has no criterion that filters, so every call rings the executive; "
        "write one, or `mode: simple`"
    )


@pytest.mark.parametrize(
    ("rollover", "changes", "expected"),
    [
        (Rollover(action="no_answer"), {}, "error executives 667 rollover action: is no_answer, but Olivia Boss (667) has no "
         "`forwarding.no_answer`: `667 → 676, 677 → nobody` ends in silence; write that one, or another action"),
        (to("999"), {}, "error executives 667 rollover forward: 999 leads nowhere: `667 → 676, 677 → rollover to 999 → nobody` ends "
         "in silence; write another target"),
        (to("911"), {}, "error executives 667 rollover forward: 911 leads nowhere:"),
        (to("600"), {"600": {"dnd": True}}, "warning executives 667 rollover forward: Reception (600) does not want to be disturbed "
         "(`dnd: true`): `667 → 676, 677 → rollover to 600 → nobody` ends in silence; write another target"),
        (Rollover(action="executive"), {"667": {"dnd": True}}, "warning executives 667 rollover action: is executive, but Olivia Boss "
         "(667) does not want to be disturbed (`dnd: true`): `667 → 676, 677 → nobody` ends in silence"),
        (Rollover(), {"601": {"forwarding": Forwarding(busy="999")}}, "error users 601 forwarding busy: 999 leads nowhere: "
         "`601 → forward when busy to 999 → nobody` ends in silence; write another target"),
    ],
)  # fmt: skip
def test_ends_at_which_nobody_rings(rollover: Rollover, changes: dict[str, Any], expected: str) -> None:
    (text,) = found(olivia(rollover=rollover), users=with_users(*changes.items()))
    assert text.startswith(expected)


@pytest.mark.parametrize(
    ("rollover", "changes"),
    [
        (Rollover(action="no_answer"), {"667": {"forwarding": Forwarding(no_answer="600")}}),
        (Rollover(action="executive"), {"667": {"dnd": True, "forwarding": Forwarding(busy="600")}}),
        (Rollover(action="executive"), {"667": {"forwarding": Forwarding(always="+15551234567")}}),
        (Rollover(action="voicemail", forward="sip:vm@192.0.2.9"), {}),
        (to("+15551234567"), {}),
        (to("600"), {"600": {"dnd": True, "forwarding": Forwarding(busy="sip:vm@192.0.2.9")}}),
        (to("676"), {}),
        (to("500"), {}),
    ],
)
def test_ends_at_which_somebody_rings(rollover: Rollover, changes: dict[str, Any]) -> None:
    assert found(olivia(rollover=rollover), sales(), users=with_users(*changes.items())) == []


def test_somebody_on_do_not_disturb_is_named_once() -> None:
    users = with_users(("600", {"dnd": True}), *((each, {"forwarding": Forwarding(no_answer="600")}) for each in ("601", "676")))
    (text,) = found(olivia(rollover=to("600")), users=users)
    assert text.endswith("`667 → 676, 677 → rollover to 600 → nobody` ends in silence, and so do 2 more; write another target")


def test_a_group_without_members_takes_no_calls() -> None:
    (text,) = found(olivia(rollover=to("500")), Executive("500", kind="group"))
    assert text.startswith(
        "warning executives 667 rollover forward: nobody takes the calls of Sales (500): `667 → 676, 677 → rollover"
    )


@pytest.mark.parametrize(
    ("executives", "changes", "expected"),
    [
        ((olivia(rollover=to("668")), victor(rollover=to("667"))), {},
         "executives 667 rollover forward: leads back to Olivia Boss (667): `667 → 676, 677 → rollover to 668 → rollover to 667`"),
        ((olivia(rollover=to("601")),), {"601": {"forwarding": Forwarding(no_answer="+6221500667")}},
         "executives 667 rollover forward: leads back to Olivia Boss (667): `667 → 676, 677 → rollover to 601 → "
         "forward when nobody answers to 667`"),
        ((olivia(rollover=Rollover(action="executive")),), {"667": {"forwarding": Forwarding(busy="668", unreachable="668")},
         "668": {"forwarding": Forwarding(always="667")}}, "users 667 forwarding busy: leads back to Olivia Boss (667): `667 → "
         "forward when busy to 668 → forward always to 667`"),
        ((olivia(rollover=Rollover(action="no_answer")), sales(rollover=to("667"))), {"667": {"forwarding": Forwarding(no_answer="500")}},
         "executives 667 rollover action: leads back to Olivia Boss (667): `667 → 676, 677 → rollover to 500 → rollover to 667`"),
        ((olivia(filtering=Filtering(enabled=False), rollover=to("667")),), {},
         "executives 667 rollover forward: leads back to Olivia Boss (667): `667 → 676, 677 → rollover to 667`"),
        ((), {"601": {"forwarding": Forwarding(busy="600")}, "600": {"forwarding": Forwarding(unreachable="601")}},
         "users 600 forwarding unreachable: leads back to Reception (600): `600 → forward when unreachable to 601 → "
         "forward when busy to 600`"),
        ((), {"600": {"forwarding": Forwarding(always="601")}, "601": {"forwarding": Forwarding(always="678")},
              "678": {"forwarding": Forwarding(always="601", busy="600")}},
         "users 678 forwarding always: leads back to Tom Deputy (678): `678 → forward always to 601 → forward always to 678`"),
    ],
)  # fmt: skip
def test_what_leads_back(executives: tuple[Executive, ...], changes: dict[str, Any], expected: str) -> None:
    (text,) = found(*executives, users=with_users(*changes.items()))
    end = f", where the call ends in silence; write a target that does not lead back, such as a mailbox {MAILBOX}"
    assert text == f"error {expected}{end}"


def test_two_ways_to_the_same_end_are_no_circle() -> None:
    both = Forwarding(busy="600", no_answer="601")
    assert found(olivia(rollover=to("668")), victor(rollover=to("678")), users=with_users(("678", {"forwarding": both}))) == []


def test_where_nothing_is_filtered_the_rollover_leads_nowhere_back() -> None:
    none = Filtering(mode="criteria", criteria=(Criterion("VIP", filter=False, callers=callers_of("+1555*")),))
    texts = found(olivia(rollover=to("668"), filtering=none), victor(rollover=to("667")))
    assert not any(text.startswith("error") for text in texts)


def chain(hops: int, last: str | None = None) -> tuple[User, ...]:
    """Users 1 to `hops` + 1, each of whom forwards to the next one."""
    people = [User(str(n), f"User {n}", "x", forwarding=Forwarding(no_answer=str(n + 1))) for n in range(1, hops + 1)]
    return (*people, User(str(hops + 1), "Last", "x", forwarding=Forwarding(busy=last)))


def test_five_forwards_in_a_row_are_all_right_the_last_of_them_out_of_the_house() -> None:
    assert lint(directory(users=chain(4, "+15551234567"), executives=()), MONDAY) == ()


@pytest.mark.parametrize("last", [None, "+15551234567", "sip:vm@192.0.2.9"])
@pytest.mark.parametrize("hops", [3, 4, 5, 6])
def test_a_chain_is_too_long_where_the_policy_cuts_it_off(hops: int, last: str | None) -> None:
    where = directory(users=chain(hops, last), executives=())
    plan = decide(Facts(outside(), "1"), where, datetime(2026, 11, 23, 9, tzinfo=UTC))
    cut = any("has been forwarded" in each.reason for each in plan.trace)
    assert [f"is the first of {hops + (last is not None)} forwards" in each.text for each in lint(where, MONDAY)] == [True] * cut
    assert cut == (hops + (last is not None) > 5)


def test_the_sixth_forward_in_a_row_is_one_too_many() -> None:
    (finding,) = lint(directory(users=chain(6), executives=()), MONDAY)
    steps = " → ".join(f"forward when nobody answers to {n}" for n in range(2, 8))
    assert shown(finding) == (
        "error users 1 forwarding no_answer: is the first of 6 forwards in a row, and a call is forwarded 5 times at most: "
        f"`1 → {steps}`; write a target nearer to the end"
    )


def test_long_chains_and_circles_need_no_deep_stack() -> None:
    (finding,) = lint(directory(users=chain(5_000), executives=(), emergency=()), MONDAY)
    assert finding.text.endswith("→ …`; write a target nearer to the end")
    (circle,) = lint(directory(users=chain(5_000, "1"), executives=(), emergency=()), MONDAY)
    assert circle.text.startswith("leads back to User 1 (1): `1 → forward")


# --- diverts (A14) --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("diverts", "expected"),
    [
        ({"676": "677", "677": "676"}, "error users 676 divert to: leads back to Sam Secretary (676): `676 → divert to 677 → "
         "divert to 676`, and so nobody is diverted; write a number that does not divert"),
        ({"676": "600", "600": "601", "601": "600"}, "error users 676 divert to: leads back to Reception (600): `676 → divert to 600 → "
         "divert to 601 → divert to 600`"),
        ({"676": "677", "677": "-676"}, "warning users 676 divert to: leads back to Sam Secretary (676) once 677 switches theirs on by "
         "phone: `676 → divert to 677 → divert to 676`"),
        ({"676": "667"}, "warning users 676 divert to: `667 → 676 → divert to 667` rings Olivia Boss (667), whose calls the assistants "
         "shall take; write another number"),
        ({"676": "677"}, "warning users 676 divert to: `667 → 676 → divert to 677` rings Ana Aide (677), who is an assistant of 667, too"),
        ({"676": "600"}, None),
        ({"676": "-667"}, None),
        ({"600": "601", "601": "600"}, None),
    ],
)  # fmt: skip
def test_diverts(diverts: dict[str, str], expected: str | None) -> None:
    """A minus stands for a divert that is switched off."""
    changes = [(who, {"divert": Divert(not number.startswith("-"), number.removeprefix("-"))}) for who, number in diverts.items()]
    texts = found(olivia(), users=with_users(*changes))
    assert [text[: len(expected or "")] for text in texts] == ([expected] if expected else [])


def test_too_many_diverts_in_a_row() -> None:
    people = [User(str(n), f"User {n}", "x", ("+49301234567",) * (n == 1), divert=Divert(n < 8, str(n + 1))) for n in range(1, 9)]
    people.append(User("9", "Last", "x"))
    (finding,) = lint(directory(Executive("9", delegations=assistants("9", "1")), users=people), MONDAY)
    assert shown(finding).startswith("error users 1 divert to: is the first of more than 5 diverts in a row: `1 → divert to 2 →")


# --- criteria (A10, A11, A24) ---------------------------------------------------------------------------------------------------


def criteria(*rules: Criterion, mode: Any = "criteria", **changes: Any) -> list[str]:
    """The findings about the filter of 667 with these criteria, as ``index: text``; those about it as a whole have no index."""
    texts = found(olivia(filtering=Filtering(mode=mode, criteria=rules, **changes.pop("filtering", {})), **changes))
    return [text.removeprefix("warning executives 667 filtering").removeprefix(" criteria ") for text in texts]


def rule(name: str, *callers: str, **changes: Any) -> Criterion:
    return Criterion(name, callers=callers_of(*(callers or ("any",))), **changes)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (Criterion("x", callers=Callers()), "never matches: there is nobody in `from`; write callers, or remove the key"),
        (
            rule("x", dialled=frozenset({"123"})),
            "never matches: no number in `dialled` is the executive's; write one of the executive's",
        ),
        (rule("x", during=EMPTY), "never matches: the schedule empty has no hours; write hours, or another schedule in `during`"),
        (rule("x", outside=ALWAYS), "never matches: the schedule always is always open; write fewer hours"),
        (
            rule("x", holidays=PLAIN),
            "never matches: the schedule plain has no holidays from today on; write holidays, or remove the key",
        ),
        (rule("x", holidays=EMPTY), "never matches: the schedule empty has no holidays from today on"),
        (
            rule("x", during=OFFICE, outside=OFFICE),
            "never matches: `during` and `outside` are both office; remove one of the two",
        ),
        (rule("x", during=OFFICE, holidays=OFFICE), "never matches: office is closed on its own holidays; remove `during` or"),
        (
            rule("x", "676", "677"),
            "never matches: its callers are the executive's own assistants, or others who get past the filter",
        ),
    ],
)
def test_criteria_that_can_never_match(one: Criterion, expected: str) -> None:
    (text,) = criteria(one, rule("rest", "+1555*"))
    assert text.startswith(f"0: {expected}")


@pytest.mark.parametrize(
    "one",
    [
        rule("x", during=OFFICE, outside=NIGHTS),
        rule("x", during=NIGHTS, holidays=NIGHTS),
        rule("x", holidays=OFFICE),
        rule("x", holidays=NEW_YEAR),
        rule("x", outside=EMPTY),
        rule("x", "676", "601"),
        rule("x", "676", filter=False),
        rule("x", dialled=frozenset({"667"})),
        rule("x", dialled=frozenset({"6221500600", "123"})),
        Criterion("x", callers=Callers(), active=False),
    ],
)
def test_criteria_that_can_match(one: Criterion) -> None:
    assert criteria(one, rule("rest", "+1555*")) == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (rule("a"), rule("b", "+1555*"), "1: never decides: 'a' above matches every call that this one does; remove this one, or narrow"),
        (rule("a", "+1*"), rule("b", "+1555*", "+15551234567"), "1: never decides: 'a' above"),
        (rule("a", "external"), rule("b", "+15551234567", "+49*"), "1: never decides: 'a' above"),
        (rule("a", "internal"), rule("b", "601", "600"), "1: never decides: 'a' above"),
        (rule("a", "internal", "external"), rule("b", "anonymous"), "1: never decides: 'a' above"),
        (rule("a", "external"), rule("b", "external", during=OFFICE, dialled=frozenset({"667"})), "1: never decides: 'a' above"),
        (rule("a", dialled=frozenset({"667", "6221500667", "6221500600"})), rule("b", "external"), "1: never decides: 'a' above"),
        (rule("a", outside=OFFICE), rule("b", holidays=OFFICE), "1: never decides: 'a' above"),
        (rule("a", "+1555*", during=OFFICE), rule("b", "+1555*", during=OFFICE), "1: says the same as 'a' above; remove one of the two"),
        (rule("a", filter=False), rule("b", "+1555*", filter=False), "1: never decides: 'a' above"),
        (rule("a", "+1555*"), rule("b", "+1*", filter=False), "0: never filters: the exception 'b' (`filter: false`) wins, and matches "
         "every call that this one does; remove one of the two, or narrow the exception"),
    ],
)  # fmt: skip
def test_criteria_that_never_decide(first: Criterion, second: Criterion, expected: str) -> None:
    assert [text[: len(expected)] for text in criteria(first, second) if text[0].isdigit()] == [expected]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (rule("a", "+1555*"), rule("b", "+1*")),
        (rule("a", "+1555*"), rule("b", "+1555*", "601")),
        (rule("a", "external"), rule("b", "601")),
        (rule("a", "internal"), rule("b", "+6*")),
        (rule("a", "external"), rule("b", "anonymous")),
        (rule("a", "internal"), rule("b", "+15551234567")),
        (rule("a", "external", during=OFFICE), rule("b", "external")),
        (rule("a", during=OFFICE), rule("b", during=NIGHTS)),
        (rule("a", dialled=frozenset({"667"})), rule("b", dialled=frozenset({"6221500667"}))),
        (rule("a", outside=NIGHTS), rule("b", holidays=NIGHTS)),
        (rule("a", active=False), rule("b", "+1555*")),
        (rule("a", "+1555*"), rule("b", "+15551234567", filter=False)),
        (rule("a", "676", "677"), rule("b", "+1555*", "676", "677")),
    ],
)
def test_criteria_that_decide(first: Criterion, second: Criterion) -> None:
    assert [text for text in criteria(first, second) if not text.startswith("0: never matches")] == []


def test_filter_criteria_are_not_looked_at_in_simple_mode_but_exceptions_are() -> None:
    rules = (rule("a"), rule("b", "+1*", filter=False), rule("c", "+1555*", filter=False), rule("d", "+1555*"))
    assert [text[:20] for text in criteria(*rules, mode="simple")] == ["2: never decides: 'b"]


def test_a_filter_that_takes_no_call() -> None:
    text = "takes no call: the exception 'colleagues' (`filter: false`) matches all of them; narrow it"
    colleagues = rule("colleagues", "internal", filter=False)
    assert criteria(colleagues, mode="simple", filtering={"type": "internal"}) == [f": {text}"]
    assert criteria(colleagues, mode="simple") == []


def test_confidential_contacts_come_before_every_criterion() -> None:
    rules = (rule("mother", "+628119990001", filter=False), rule("family", "+62811*"), rule("rest", "external"))
    texts = criteria(*rules, confidential=callers_of("+62811*"))
    assert [text[:53] for text in texts] == [f"{place}: never decides: its callers are confidential contac" for place in (0, 1)]
    (text,) = criteria(mode="simple", confidential=callers_of("any"))
    assert text.startswith(": takes no call: all its callers are confidential contacts")


def test_executives_who_pass_never_meet_a_criterion() -> None:
    (text,) = found(olivia(filtering=Filtering(executives_pass=True, mode="criteria", criteria=(rule("boss", "668"),))), victor())
    assert text.startswith("warning executives 667 filtering criteria 0: never matches: its callers are the executive's own")


# --- hours (A25) ----------------------------------------------------------------------------------------------------------------


def sam(*, callers: str = "any", hours: bool = True, **changes: Any) -> Delegation:
    return Delegation("676", "667", callers=callers_of(callers), respect_hours=hours, **changes)


def at_the_office(*delegations: Delegation, hours: Schedule = OFFICE, **changes: Any) -> list[str]:
    """The findings about 667 in Berlin, where 676 has these hours."""
    users = with_users(("676", {"hours": hours, "time_zone": BERLIN}))
    prefix = "warning executives 667 assistants: "
    return [text.removeprefix(prefix) for text in found(olivia(*delegations, time_zone=BERLIN, **changes), users=users)]


def test_hours_that_nobody_covers() -> None:
    assert at_the_office(sam()) == [
        "nobody covers Olivia Boss (667) on Mon 2026-11-23 00:00 – 08:00, Mon 2026-11-23 17:00 – Tue 2026-11-24 08:00, "
        "Tue 2026-11-24 17:00 – Wed 2026-11-25 08:00 and 3 more, and filtered calls go straight to the rollover; "
        "write another assistant, or other hours"
    ]
    assert at_the_office(sam(), Delegation("677", "667")) == []


def test_cover_that_ends_this_week() -> None:
    (text,) = at_the_office(sam(hours=False, ends=datetime(2026, 11, 27, 12, tzinfo=UTC)))
    assert text.startswith("nobody covers Olivia Boss (667) on Fri 2026-11-27 13:00 – Sun 2026-11-29 24:00, and")


def test_cover_that_was_not_approved() -> None:
    (text,) = at_the_office(sam(hours=False, approval="pending"))
    assert text.startswith("nobody covers Olivia Boss (667) at any time of the week from Mon 2026-11-23 on, and")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((rule("office", during=OFFICE),), None),
        ((rule("office", "internal", during=OFFICE), rule("fax", "+1555*", during=OFFICE)), None),
        ((rule("not at night", outside=Schedule("evenings", ((Hours(1020, 480),),) * 7)),), "on Sat 2026-11-28 08:00 – 17:00, Sun"),
        ((rule("monday", holidays=Schedule("fair", ((),) * 7, (Holiday(MONDAY, MONDAY),))),), "on Mon 2026-11-23 00:00 – 08:00, Mon 2026-11-23 17:00 – 24:00, and"),
        ((rule("office", during=OFFICE), rule("holidays", holidays=OFFICE)), None),
        ((rule("office", during=OFFICE), rule("press", "+1555*")), "on Mon 2026-11-23 00:00 – 08:00, Mon"),
    ],
)  # fmt: skip
def test_hours_in_which_nothing_is_filtered_need_nobody(rules: tuple[Criterion, ...], expected: str | None) -> None:
    texts = at_the_office(sam(), filtering=Filtering(mode="criteria", criteria=rules))
    start = f"nobody covers Olivia Boss (667) {expected}"
    assert [text[: len(start)] for text in texts] == ([start] if expected else [])


def test_callers_whom_nobody_takes() -> None:
    press, family = Delegation("676", "667", callers=callers_of("+1555*")), Delegation("677", "667", callers=callers_of("601"))
    assert at_the_office(press, family) == [
        "only assistants who take the calls of some callers (676, 677) cover Olivia Boss (667) at any time of the week from "
        "Mon 2026-11-23 on, and all others go straight to the rollover; write an assistant without `callers`"
    ]


@pytest.mark.parametrize(
    ("theirs", "filtering"),
    [
        (("internal", "external"), Filtering()),
        (("external", "601"), Filtering(type="external")),
        (("+1*", "601"), Filtering(mode="criteria", criteria=(rule("press", "+1555*"), rule("lee", "601")))),
    ],
)
def test_assistants_who_together_take_every_filtered_call(theirs: tuple[str, ...], filtering: Filtering) -> None:
    limited = [Delegation(who, "667", callers=callers_of(callers)) for who, callers in zip(("676", "677"), theirs, strict=True)]
    assert at_the_office(*limited, filtering=filtering) == []


def test_both_kinds_of_gaps_are_told_apart() -> None:
    nobody, some = at_the_office(
        sam(), Delegation("677", "667", callers=callers_of("+1555*"), begins=datetime(2026, 11, 28, tzinfo=UTC))
    )
    assert nobody.startswith("nobody covers Olivia Boss (667) on Mon 2026-11-23 00:00 – 08:00")
    assert "some callers (677) cover Olivia Boss (667) on Sat 2026-11-28 01:00 – Sun 2026-11-29 24:00, and all others" in some


# --- rights (B5), caller ID (B3), phones that ring twice ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (({"receive", "call"}, {"receive"}), ["assistants: no assistant has the right `opt`, so #65667 and #66667 are refused; write it"]),
        (({"receive", "opt"}, {"receive"}), ["assistants: no assistant has the right `call`, so #64667*NUMBER is refused; write it"]),
        (({"receive", "opt", "call"}, set()), ["assistants 1: Ana Aide (677) has no rights, and so neither takes calls nor makes them"]),
        (({"receive", "opt"}, {"call", "opt"}), ["assistants 1: Ana Aide (677) has the right `opt` without `receive`, so #65 and #66 "
         "change nothing"]),
        (({"receive", "opt"}, {"call"}), []),
    ],
)  # fmt: skip
def test_rights_that_make_a_code_useless(rights: tuple[set[Any], set[Any]], expected: list[str]) -> None:
    texts = found(olivia(*assistants("667", ("676", rights[0]), ("677", rights[1]))))
    begins = [f"warning executives 667 {each}" for each in expected]
    assert [text[: len(start)] for text, start in zip(texts, begins, strict=True)] == begins


def test_codes_are_named_as_they_are_dialled_here() -> None:
    (text,) = found(olivia(*assistants("667", ("676", {"receive", "opt"}))), feature_codes={"call_as": "*64"})
    assert "*64667*NUMBER" in text


def test_a_service_that_is_not_enabled_has_no_use_for_agents_who_only_call() -> None:
    (text,) = found(desk(("601", {"call"}), ("600", {"receive", "call"}), may_be_impersonated=False))
    assert text.startswith(
        "warning services 510 enabled: is false, so 601 with `direction: out` can do nothing for 510; write true"
    )


@pytest.mark.parametrize(
    ("executive", "expected"),
    [
        (olivia(caller_id="+4930999"), "error executives 667 caller_id: +4930999 is no number of this organisation; "
         "write +6221500667, +6221500600"),
        (desk(caller_id="+4930999"), "error services 510 caller_id: +4930999 is no number of this organisation; write +6221500510"),
        (desk(caller_id="+6221500668"), None),
    ],
)  # fmt: skip
def test_a_caller_id_that_is_not_the_organisations(executive: Executive, expected: str | None) -> None:
    assert found(executive) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("strategy", "twice"), [("first", True), ("together", True), ("splash", False), ("silent", False), ("none", False)]
)
def test_phones_that_ring_twice(strategy: Any, twice: bool) -> None:
    texts = found(olivia(alerting=Alerting(executive=strategy), rollover=Rollover(action="executive")))
    text = f"is executive, but the phones of Olivia Boss (667) have rung already (`alerting.executive: {strategy}`); write another action"
    assert texts == ([f"warning executives 667 rollover action: {text}"] if twice else [])


# --- duty (B6) ------------------------------------------------------------------------------------------------------------------


def duty(*agents: str, of: str = "510", name: str = "Day") -> DutyProfile:
    return DutyProfile(name, "1", frozenset(agents), frozenset(of.split()))


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ((duty("601"),), []),
        ((duty("676", "677", of="667"),), ["warning services 510: is in no duty profile, so its agents are always on duty; write it under"]),
        ((duty("601", of="510 667"),), ["warning executives 667 assistants: nobody is ever on duty for Olivia Boss (667): none of the "
         "assistants is an agent of duty profile Day; write them under its `agents`"]),
        ((duty("601"), duty("676", of="667", name="Late")), ["warning executives 667 assistants 1: Ana Aide (677) is never on duty for "
         "667: no agent of duty profile Late; write them under its `agents`"]),
        ((duty("601"), duty("601", of="", name="Idle")), ["warning duty_profiles Idle responsible_for: is empty, so on duty with this "
         "profile nobody does anything; write executives, services or groups"]),
        ((duty(),), ["warning services 510 agents: nobody is ever on duty for Help Desk (510): none of the agents is",
                     "warning duty_profiles Day agents: is empty, so nobody can be on duty with this profile"]),
    ],
)  # fmt: skip
def test_duty_profiles(profiles: tuple[DutyProfile, ...], expected: list[str]) -> None:
    texts = found(olivia(), desk(), duty_profiles=profiles)
    assert [text[: len(start)] for text, start in zip(texts, expected, strict=True)] == expected


def test_a_duty_profile_whose_agents_have_no_rights() -> None:
    delegations = assistants("667", ("676", {"receive", "call", "opt"}), ("677", {"opt"}))
    texts = found(olivia(*delegations), duty_profiles=(duty("677", of="667"), duty("676", of="667", name="Late")))
    assert (
        "warning duty_profiles Day agents: none of them may take calls or make them; write the right `receive` or `call` for one"
        in texts
    )


# --- against the policy itself --------------------------------------------------------------------------------------------------

CUT = ("was there already", "has been forwarded")


@seeded
@given(cases())
def test_a_forward_that_the_policy_cuts_off_has_been_found(case: Case) -> None:
    plan = decide(case.facts, case.directory, case.now)
    if any(each.name == "forward" and any(why in each.reason for why in CUT) for each in plan.trace):
        findings = lint(case.directory.with_state(State()), case.now.date())
        assert [
            each.text for each in findings if each.severity == "error" and ("leads back" in each.text or "in a row" in each.text)
        ]


TARGETS = st.sampled_from(("600", "601", "667", "668", "500", "+4930123456", "sip:vm@192.0.2.9"))
FORWARDINGS = st.builds(Forwarding, *[st.none() | st.none() | TARGETS] * 4)
ROLLOVERS = st.sampled_from((UNWRITTEN, Rollover(action="executive"), Rollover(action="no_answer"))) | TARGETS.map(
    lambda target: Rollover(action="voicemail" if target.startswith("sip:") else "forward", forward=target)
)


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(
    st.lists(FORWARDINGS, min_size=4, max_size=4),
    ROLLOVERS,
    ROLLOVERS,
    TARGETS,
    st.sampled_from(("667", "668", "500", "600", "601")),
)
def test_where_the_linter_finds_no_error_every_call_rings_to_the_end(
    forwardings: list[Forwarding], first: Rollover, second: Rollover, overflow: str, called: str
) -> None:
    people = zip(("600", "601", "667", "668"), ({"forwarding": each} for each in forwardings), strict=True)
    group = Rollover(action="voicemail" if overflow.startswith("sip:") else "forward", forward=overflow)
    offices = (olivia(rollover=first), victor(rollover=second), sales(rollover=group))
    where = directory(*offices, users=with_users(*people))
    cut, silent = cut_off(where, called)
    errors = [each for each in lint(where, MONDAY) if each.severity == "error"]
    assert errors or not (cut or silent)


def cut_off(where: Directory, called: str) -> tuple[bool, bool]:
    """Whether a forward of a call from outside was cut off, and whether nobody rings at the end."""
    plan = decide(Facts(outside(), called), where, datetime(2026, 11, 23, 9, tzinfo=UTC))
    cut = any(each.name == "forward" and not each.matched for each in plan.trace)
    return cut, plan.action == "refuse" or (plan.executive == called and not plan.rollover)


CALLERS = st.lists(
    st.sampled_from(
        ("internal", "external", "anonymous", "unavailable", "any", "601", "600", "676", "+1*", "+1555*", "+15551234567", "6*")
    ),
    min_size=1,
    max_size=3,
    unique=True,
)
HOURS = st.none() | st.sampled_from((OFFICE, NIGHTS, NEW_YEAR, EMPTY, ALWAYS))
RULES = st.builds(
    Criterion,
    st.integers(0, 10**9).map(str),
    st.booleans(),
    CALLERS.map(lambda entries: callers_of(*entries)),
    st.sampled_from((frozenset(), frozenset({"667"}), frozenset({"667", "6221500667", "6221500600"}))),
    HOURS,
    HOURS,
    HOURS,
)
CALLS = st.sampled_from(
    (user("601"), user("600"), user("676"), user("601", anonymous=True), outside(), outside("+1444"), outside("+4930123"), outside("+6221999"),
     outside(anonymous=True), outside(anonymous=True)._replace(unavailable=True))
)  # fmt: skip
MOMENTS = st.integers(0, 60 * 24 * 60).map(lambda minutes: datetime.fromtimestamp(1_795_392_000 + 60 * minutes, UTC))


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(
    st.lists(RULES, min_size=2, max_size=5, unique_by=lambda each: each.name),
    st.lists(st.tuples(CALLS, st.sampled_from(("667", "+6221500667", "+6221500600")), MOMENTS), min_size=20, max_size=20),
    st.none() | CALLERS.map(lambda entries: callers_of(*entries)),
)
def test_a_criterion_that_is_said_to_do_nothing_decides_no_call(
    rules: list[Criterion], calls: list[tuple[Caller, str, datetime]], confidential: Callers | None
) -> None:
    executive = olivia(filtering=Filtering(mode="criteria", criteria=tuple(rules)), confidential=confidential)
    where = directory(executive, users=EVERYBODY)
    idle = {
        rules[int(each.key[2])].name for each in lint(where, MONDAY) if each.key[:2] == ("filtering", "criteria") and each.key[2:]
    }
    for caller, dialled, at in calls:
        situation = Situation(Facts(caller, dialled), where, at)
        screening.screen(situation, where.offices["667"], dialled)
        assert not idle & set(deciding(situation))


def deciding(situation: Situation) -> Iterator[str]:
    """The names of the criteria that matched the call."""
    for line in situation.trace:
        kind, _, name = line.name.partition(" ")
        if line.matched and kind in ("criterion", "exception"):
            yield name.strip("'")


def test_a_large_organisation_is_linted() -> None:
    """100 executives, 10 assistants each, 50 criteria each."""
    people = [User(str(10_000 + n), f"User {n}", "x", (f"+49{n:08}",), hours=OFFICE) for n in range(2_000)]
    bosses = [
        Executive(
            str(10_000 + n),
            filtering=Filtering(
                mode="criteria", criteria=tuple(rule(str(i), f"+1555{n:04}{i:02}", f"+44{i:02}*") for i in range(50))
            ),
            delegations=tuple(
                Delegation(str(11_000 + (n * 10 + k) % 900), str(10_000 + n), respect_hours=True) for k in range(10)
            ),
        )
        for n in range(100)
    ]
    where = directory(*bosses, users=people)
    findings = lint(where, MONDAY)
    assert len(findings) == 100, "nobody is there at night"
