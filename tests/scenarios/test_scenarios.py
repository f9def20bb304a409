"""Every scenario of scenarios/, played against the real server; every party is graded.

The scenarios have their own people, numbers and addresses, so they run side by side (tests/support/stage.py); a test waits for its own
and judges it.
"""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.office import Draft
from scenarios.registry import Scenario, scenarios
from tests.support.grading import EVERY_CALL
from tests.support.network import wait_for
from tests.support.stage import Stage

pytestmark = [pytest.mark.needs("sipp"), pytest.mark.timeout(240)]


def _parameter(each: Scenario) -> object:
    return pytest.param(each.name, id=f"{each.rows.replace(' ', '+')}-{each.name}")


@pytest.mark.parametrize("name", [_parameter(each) for each in scenarios()])
def test_scenario(stage: Stage, name: str) -> None:
    stage.play(name).judge(*EVERY_CALL)


def _extension(draft: Draft, label: str) -> str:
    return next(user.extension for user in draft.users if user.label == label)


def _record(stage: Stage, view: str) -> dict[str, Any]:
    """The only record of a user, in that user's view."""
    found = wait_for(lambda: stage.server.history(view), f"the record of {view}")
    assert len(found) == 1
    return found[0]


def test_records_in_the_two_views(stage: Stage) -> None:
    """F1, F2: the executive sees who answered, the assistant for whom; on behalf, both the identity and the actor."""
    for name in ("ring_all", "by_code"):
        stage.play(name)
    draft = stage.drafts["ring_all"]
    boss, two = _extension(draft, "boss"), _extension(draft, "two")
    for seen in (_record(stage, boss), _record(stage, two)):
        assert (seen["direction"], seen["outcome"], seen["executive"], seen["answered_by"]) == ("incoming", "answered", boss, two)
        assert seen["caller"].endswith("0007")
        assert seen["started"] <= seen["answered"] <= seen["ended"]
        assert [each["party"] for each in seen["segments"] if each["kind"] == "talk"] == [two]
    assert stage.server.history(_extension(draft, "one")) == []

    draft = stage.drafts["by_code"]
    boss, sam = _extension(draft, "boss"), _extension(draft, "samantha")
    for seen in (_record(stage, boss), _record(stage, sam)):
        assert (seen["direction"], seen["on_behalf_of"], seen["actor"]) == ("outgoing", boss, sam)
        assert seen["caller"] == draft.executives[0]["caller_id"]


def test_calls_that_came_to_nothing_are_recorded(stage: Stage) -> None:
    expected = {"ring_all_runs_out": "missed", "caller_gives_up": "cancelled", "rollover_at_once": "answered"}
    for name in expected:
        stage.play(name)
    rows = stage.server.history()
    for name, outcome in expected.items():
        boss = _extension(stage.drafts[name], "boss")
        [row] = [row for row in rows if row["executive"] == boss]
        assert row["outcome"] == outcome, name
        assert (row["answered"] is not None) == (row["answered_by"] is not None) == (outcome == "answered"), name


def test_the_log_tells_of_no_bug(stage: Stage) -> None:
    stage.finish()
    for server in stage.servers.values():
        assert "Traceback" not in server.log.read_text(encoding="utf-8"), server.tail(200)


def test_nothing_is_left(stage: Stage) -> None:
    stage.finish()
    for server in stage.servers.values():
        server.wait_idle()
