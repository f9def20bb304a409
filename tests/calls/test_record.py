"""What a call leaves behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from b2bua.calls.record import Doing, Record
from b2bua.delegation.people import Filtering
from b2bua.delegation.plan import Caller, Facts, Presentation, RoutePlan, Setting
from b2bua.store.history import view
from b2bua.store.ports import HistoryRow, Segment
from tests.fake_media import FakeMedia
from tests.world import World, executive

LEE = Caller("user", "601", None, None, "601", "Lee", False)
SAM = Caller("user", "676", "667", None, "676", "Sam", False)
PLAN = RoutePlan("ring", direction="internal", called="667", executive="667", present=Presentation("Lee", "601"))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def row(record: Record, caller: Caller = LEE, plan: RoutePlan = PLAN) -> HistoryRow:
    return record.row("id", caller, plan)


def test_an_answered_call_and_its_segments() -> None:
    record = Record(Clock())
    record.call_ids.append("a")
    record.ringing(1, "676", "667")
    record.ringing(2, "677", "667")
    record.answered(2, "677", "b")
    record.rang(1)
    record.changed({"677": Doing("talk", None, ("601",), extension=True)}, "answered")
    found = row(record)
    assert (found.outcome, found.status, found.answered_by, found.call_ids) == ("answered", 200, "677", ("a", "b"))
    assert [(s.kind, s.party) for s in found.segments] == [("ring", "677"), ("ring", "676"), ("talk", "677")]
    assert found.segments[-1]._replace(started=0.0) == Segment("talk", "677", 0.0, found.ended, None, ("601",), "answered")
    assert set(found.parties) == {"601", "676", "677", "667"}
    assert found.started < (found.answered or 0) < found.ended


def test_a_final_status_after_the_answer_changes_nothing() -> None:
    record = Record(Clock())
    record.ringing(1, "676", None)
    record.answered(1, "676", "b")
    record.refuse(503)
    assert (row(record).status, row(record).outcome) == (200, "answered")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (480, "missed"),
        (408, "missed"),
        (486, "busy"),
        (600, "busy"),
        (603, "refused"),
        (404, "refused"),
        (488, "failed"),
        (503, "failed"),
    ],
)
def test_outcomes(status: int, outcome: str) -> None:
    record = Record(Clock())
    record.refuse(status)
    assert row(record).outcome == outcome


def test_a_caller_who_gave_up() -> None:
    record = Record(Clock())
    record.ringing(1, "676", "667")
    record.cancel()
    found = row(record)
    assert (found.outcome, found.status) == ("cancelled", 487)
    assert [s.kind for s in found.segments] == ["ring"], "who still rang is in it"


def test_a_refused_plan() -> None:
    record = Record(Clock())
    record.refuse(486)
    plan = RoutePlan("refuse", final_status=486, called="601")
    found = row(record, plan=plan)
    assert (found.caller, found.called, found.outcome) == ("601", "601", "busy")


def test_a_call_on_behalf_keeps_who_really_spoke() -> None:
    record = Record(Clock())
    plan = RoutePlan(
        "ring", direction="outgoing", on_behalf_of="667", actor="676", called="+1", present=Presentation("Olivia", "+62")
    )
    record.ringing(1, "+1", None)
    record.answered(1, "+1", "b")
    record.changed({"+1": Doing("talk", "667", ("676",))}, "answered")
    found = row(record, SAM, plan)
    assert (found.caller, found.on_behalf_of, found.actor) == ("+62", "667", "676")
    assert [(s.kind, s.party, s.speaks_as) for s in found.segments] == [("ring", "+1", None), ("talk", "+1", "667")]
    assert {"676", "667"} <= set(found.parties)


def test_the_row_keeps_on_what_it_was_decided_and_when() -> None:
    record = Record(Clock())
    facts = Facts(LEE, "667")
    record.decided(facts, 1_790_000_000.0)
    assert row(record).decision == (1_790_000_000.0, facts, PLAN)


def test_where_nothing_was_decided_nothing_is_kept() -> None:
    assert row(Record(Clock())).decision is None


def missed_by(world: World, extension: str) -> list[tuple[str, str]]:
    """Number and outcome of the calls in the history of that user."""
    rows = [each for each in world.history if extension in each.parties]
    return [(str(each["caller"]), str(each["outcome"])) for each in view(rows, extension)]


@pytest.mark.parametrize(("called", "extension"), [("602", "602"), ("+6221500668", "668"), ("668", "668"), ("667", "667"), ("676-667", "676")])
@pytest.mark.parametrize("dnd", [False, True])
def test_who_was_called_has_missed_it_also_when_nothing_could_ring(new_world: Callable[..., World], called: str, extension: str, dnd: bool) -> None:
    """No phone is registered: the app is closed, its user away. 668 is an executive without a filter."""
    world = new_world(executive(), executive("668", filtering=Filtering(enabled=False)))
    if dnd:
        world.core.remember([Setting("dnd", extension, value="on")])
    lee = world.phone("601")
    lee.call(called).expect_ended()
    world.run(1)
    filtered = called == "667"
    assert missed_by(world, extension) == [("601", "refused" if dnd and not filtered else "missed")]
    assert missed_by(world, "677") == []


def test_a_call_of_which_the_own_phones_are_not_picked_up_was_missed_by_nobody(new_world: Callable[..., World]) -> None:
    world = new_world(media=FakeMedia())
    sam = world.phone("676")
    world.core.stack.tick(world.wire.now)
    assert world.core.calls.dial("676", "602").outcome.done
    world.core.stack.tick(world.wire.now)
    sam.expect_call()
    world.run(40)
    assert missed_by(world, "602") == [] and len(missed_by(world, "676")) == 1


def test_what_a_rule_refuses_concerns_the_caller_only(world: World) -> None:
    world.phone("677").call("#64668*602").expect_ended(403)
    world.run(1)
    assert missed_by(world, "602") == [] and len(missed_by(world, "677")) == 1
