"""The history with rights: whose calls, which page, what is found, and why a call went where it went (F1, F2, F3, F7)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from b2bua.administration import records
from b2bua.administration.records import Query, Records
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Caller, Facts
from b2bua.delegation.policy import decide
from b2bua.errors import Refused
from b2bua.store.ports import HistoryRow, Segment
from tests.administration.live_world import DIRECTORY, run, viewer
from tests.delegation.organisation import NOW, outside, user

SECRET = "+628119990001"
START = NOW.timestamp()


class Reader:
    """`store.ports.HistoryReader` over a list."""

    def __init__(self, *rows: HistoryRow) -> None:
        self.all = sorted(rows, key=lambda row: (-row.started, row.id))
        self.asked: list[Any] = []

    def rows(self, extension: str | None = None, limit: int = 1000, before: tuple[float, str] | None = None) -> list[HistoryRow]:
        self.asked.append((extension, limit, before))
        found = [row for row in self.all if extension in (None, *row.parties)]
        return [row for row in found if before is None or (-row.started, row.id) > (-before[0], before[1])][:limit]

    def find(self, prefix: str) -> list[HistoryRow]:
        return [row for row in self.all if row.id.startswith(prefix)]


def row(call_id: str, caller: Caller | str, dialled: str, ago: float = 0.0, directory: Directory = DIRECTORY, **changes: Any) -> HistoryRow:
    """A call as it was decided; Sam answered it after 6 s and talked for a minute."""
    who = user(caller) if isinstance(caller, str) else caller
    facts, at = Facts(who, dialled), START - ago
    plan = decide(facts, directory, NOW)
    shown = plan.present.number if plan.on_behalf_of and plan.present_outside is None and plan.present else who.extension or who.number
    parties = {plan.executive, plan.on_behalf_of, plan.actor, who.extension, *(each.extension for stage in plan.stages for each in stage.endpoints)}
    made = HistoryRow(
        call_id, at, at + 6, at + 66, plan.direction, shown, plan.called or dialled, plan.executive, "676", plan.on_behalf_of, plan.actor, "answered",
        (Segment("ring", "676", at, at + 6), Segment("talk", "676", at + 6, at + 66, why="answered")), 200,
        tuple(sorted(each for each in parties if each)), (), (at, facts, plan),
    )  # fmt: skip
    return made._replace(**changes)


DELEGATED = row("call-delegated", outside("+15551234567", "Carla"), "667")
MISSED = row("call-missed", outside("+15551110000"), "667", 60, answered=None, answered_by=None, outcome="missed", status=480, segments=())
OWN = row("call-own", "601", "676", 120)
BEHALF = row("call-behalf", "676", "#64667*+15559998888", 180, answered_by="+15559998888",
             segments=(Segment("talk", "+15559998888", START - 174, START - 120, "667", ("676",)),))  # fmt: skip
PERSONAL = row("call-personal", outside(SECRET, "Dr. Private"), "667", 240, answered_by="667", parties=("667",))
QUEUE = row("call-queue", outside("+15552220000"), "500", 300, answered_by="600")
ROWS = (DELEGATED, MISSED, OWN, BEHALF, PERSONAL, QUEUE)


async def at_once(function: Any, /, *arguments: Any) -> Any:
    return function(*arguments)


def made(*rows: HistoryRow, directory: Directory = DIRECTORY) -> Records:
    return Records(Reader(*(rows or ROWS)), lambda: directory, at_once)


def ids(who: Any, query: Query | None = None, *rows: HistoryRow, **more: Any) -> list[str]:
    return [str(each["id"]) for each in run(made(*rows).page(who, query or Query(), **more)).calls]


# --- whose --------------------------------------------------------------------------------------------------------------------


def test_everybody_sees_the_calls_in_which_they_had_a_part() -> None:
    assert ids(viewer("676")) == ["call-delegated", "call-missed", "call-own", "call-behalf"]
    assert ids(viewer("667")) == ["call-delegated", "call-missed", "call-behalf", "call-personal"]
    assert ids(viewer("677")) == ["call-missed"]  # rang while nobody answered
    assert ids(viewer("678")) == []


def test_an_assistant_who_asks_for_an_executives_finds_their_own_part_of_it() -> None:
    assert ids(viewer("676"), Query("667")) == ["call-delegated", "call-missed", "call-behalf"]
    assert ids(viewer("677"), Query("667")) == ["call-missed"]


@pytest.mark.parametrize(
    ("who", "whose"),
    [
        (viewer("678"), "667"),  # works for somebody else
        (viewer("667"), "676"),  # an executive does not see an assistant's own calls
        (viewer("601"), "676"),
        (viewer("601", "user_admin"), "667"),
        (viewer("601", "manager", sites=frozenset({"HQ"})), "667"),
        (viewer("601", "manager", offices=frozenset({"500"})), "667"),
        (viewer("601", "manager", offices=frozenset({"667"})), "667"),  # an executive is no queue
        (viewer(None, "super_admin"), ""),
    ],
)
def test_what_is_none_of_ones_business_is_refused(who: Any, whose: str) -> None:
    with pytest.raises(Refused) as error:
        run(made().page(who, Query(whose)))
    assert error.value.status == 403
    with pytest.raises(Refused):
        run(made().explanation(who, "call-delegated", whose))


def test_a_delegation_that_was_not_accepted_shows_nothing() -> None:
    boss = DIRECTORY.executives["667"]
    pending = replace(boss, delegations=tuple(replace(each, approval="pending") for each in boss.delegations))
    from tests.delegation.organisation import directory

    with pytest.raises(Refused):
        run(made(directory=directory(pending)).page(viewer("676"), Query("667")))


def test_the_manager_of_a_queue_sees_what_came_to_it() -> None:
    boss = viewer("678", "manager", offices=frozenset({"500"}))
    assert ids(boss, Query("500")) == ["call-queue"]


def test_a_super_administrator_may_look_and_is_not_told_confidential_contacts() -> None:
    admin = viewer(None, "super_admin")
    assert made().standpoint(admin, "667").audited and not made().standpoint(viewer("667")).audited
    found = run(made().page(admin, Query("667")))
    assert [each["id"] for each in found.calls] == ["call-delegated", "call-missed", "call-behalf", "call-personal"]
    assert SECRET not in json.dumps(found.calls)
    explained = run(made().explanation(admin, "call-personal", "667"))
    assert SECRET not in json.dumps(explained) and "Dr. Private" not in json.dumps(explained) and explained["rules"] == []
    with pytest.raises(Refused) as error:
        made().standpoint(admin, "no\nbody")
    assert error.value.status == 404 and "\n" not in error.value.reason


def test_an_outside_caller_is_found_by_the_name_that_the_call_came_with() -> None:
    assert ids(viewer("676"), Query(search="carla")) == ["call-delegated"]
    assert ids(viewer("667"), Query(search="dr. priv")) == ["call-personal"]
    assert ids(viewer(None, "super_admin"), Query("667", search="dr. priv")) == [], "nor may it be guessed letter by letter"


# --- pages and search -----------------------------------------------------------------------------------------------------------


def test_page_after_page_shows_each_call_once() -> None:
    rows = [row(f"call-{number:03}", outside(f"+1555{number:07}"), "667", number // 2) for number in range(600)]
    shown, query = [], Query()
    while True:
        found = run(made(*rows).page(viewer("676"), query, 70))
        shown += [each["id"] for each in found.calls]
        if found.next is None:
            break
        query = query._replace(before=found.next)
    assert shown == [each.id for each in sorted(rows, key=lambda each: (-each.started, each.id))]


def test_a_search_finds_numbers_and_names_whatever_their_case() -> None:
    assert ids(viewer("676"), Query(search="LEE")) == ["call-own"]
    assert ids(viewer("676"), Query(search="999888")) == ["call-behalf"]
    assert ids(viewer("676"), Query(search="olivia")) == ["call-delegated", "call-missed", "call-behalf"]
    assert ids(viewer("676"), Query(search="%")) == []
    assert ids(viewer("676"), Query(outcome="missed")) == ["call-missed"]
    assert ids(viewer("676"), Query(direction="internal")) == ["call-own"]


def test_what_is_hidden_is_not_found_either() -> None:
    reached = PERSONAL._replace(answered_by="676", parties=("667", "676"))
    assert ids(viewer("676"), None, reached) == ["call-personal"]
    assert ids(viewer("676"), Query(search="8119990001"), reached) == []


def test_a_search_that_finds_little_stops_and_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_LOOKED_AT", 500)
    rows = [row(f"call-{number:04}", outside(f"+1555{number:07}"), "667", number) for number in range(1200)]
    found = run(made(*rows).page(viewer("676"), Query(search="0001199")))
    assert found.calls == [] and found.next is not None
    further = run(made(*rows).page(viewer("676"), Query(search="0001199", before=found.next)))
    last = run(made(*rows).page(viewer("676"), Query(search="0001199", before=further.next)))
    assert [each["id"] for each in last.calls] == ["call-1199"]


def test_names_come_with_the_calls() -> None:
    assert run(made().page(viewer("676"), Query())).names == {"601": "Lee Colleague", "667": "Olivia Boss", "676": "Sam Secretary"}


def test_everything_is_exported_page_by_page() -> None:
    rows = [row(f"call-{number:03}", outside(f"+1555{number:07}"), "667", number) for number in range(450)]

    async def told() -> int:
        return sum([len(each.calls) async for each in made(*rows).every(viewer("676"), Query())])

    assert run(told()) == 450


# --- why ------------------------------------------------------------------------------------------------------------------------


def why(who: Any, call_id: str, *rows: HistoryRow, whose: str = "") -> dict[str, Any]:
    found = run(made(*rows).explanation(who, call_id, whose))
    assert found is not None
    return found


def test_the_office_is_told_the_rules_and_what_happened() -> None:
    for extension in ("676", "667"):
        told = why(viewer(extension), "call-delegated")
        assert "assistant Sam Secretary (676)" in [each["rule"] for each in told["rules"]]
        assert told["plan"]["action"] == "ring"
        assert "Sam Secretary (676) talked for 1 min 0 s" in told["text"]


def test_a_call_that_one_has_no_part_in_is_not_explained() -> None:
    assert run(made().explanation(viewer("678"), "call-delegated")) is None
    assert run(made().explanation(viewer("677"), "call-delegated")) is None
    assert run(made().explanation(viewer("676"), "call-del")) is None
    assert run(made().explanation(viewer("676"), "call-own", "667")) is None


def test_who_called_is_not_told_how_the_calls_of_an_executive_are_filtered() -> None:
    called = row("call-inside", "601", "667")
    told = why(viewer("601"), "call-inside", called)
    assert told["rules"] == [] and told["plan"] is None
    assert "somebody else's" in told["text"] and "assistants" not in told["text"]
    assert "Sam Secretary (676) talked" in told["text"]


def test_who_called_outside_is_told_why_it_went_there() -> None:
    told = why(viewer("676"), "call-behalf")
    assert told["rules"] and told["plan"]["on_behalf_of"] == "667"


def test_a_confidential_contact_is_not_named_by_the_explanation() -> None:
    reached = PERSONAL._replace(answered_by="676", parties=("667", "676"), segments=(Segment("talk", "676", START, START + 5, with_=(SECRET,)),))
    told = json.dumps([why(viewer("676"), "call-personal", each) for each in (reached, reached._replace(answered_by=SECRET))])
    assert SECRET not in told and "Dr. Private" not in told
    assert SECRET in json.dumps(why(viewer("667"), "call-personal", reached))


def test_a_call_without_a_decision_is_told_all_the_same() -> None:
    told = why(viewer("676"), "call-own", OWN._replace(decision=None))
    assert told["text"].startswith("No decision is kept with this call.") and told["rules"] == []


def test_what_a_peer_has_sent_is_printable() -> None:
    told = why(viewer("676"), "call-delegated", DELEGATED._replace(called="667\u202e\x1b[2J"))
    assert all(each.isprintable() for each in told["text"].split("\n"))
