"""What became of a call, as people read it."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from b2bua.store.ports import HistoryRow, Segment
from b2bua.store.story import duration, tell

NAMES = {"667": "Olivia Boss (667)", "676": "Sam Secretary (676)", "677": "Ana Aide (677)"}
NINE = 9 * 3600.0


def row(**changes: Any) -> HistoryRow:
    base = HistoryRow(
        "c1", NINE, NINE + 5.2, NINE + 70.2, "incoming", "+15551234567", "667", "667", "676", None, None, "answered",
        (
            Segment("ring", "676", NINE + 0.2, NINE + 5.2),
            Segment("ring", "677", NINE + 0.1, NINE + 5.2),
            Segment("talk", "676", NINE + 5.2, NINE + 70.2),
        ),
        200,
    )  # fmt: skip
    return base._replace(**changes)


def told(**changes: Any) -> list[str]:
    return tell(row(**changes), lambda each: NAMES.get(each, each), UTC).splitlines()


def test_a_call_that_an_assistant_answered() -> None:
    assert told() == [
        "What happened then:",
        "  09:00:00  Ana Aide (677) rang for 5.1 s",
        "  09:00:00  Sam Secretary (676) rang for 5.0 s",
        "  09:00:05  Sam Secretary (676) talked for 1 min 5 s",
        "  09:01:10  The end: Sam Secretary (676) had answered after 5.2 s and talked for 1 min 5 s.",
    ]


def test_a_call_on_behalf_says_who_really_spoke() -> None:
    talk = Segment("talk", "+15557654321", NINE, NINE + 12, "667")
    assert told(on_behalf_of="667", actor="676", answered_by="+15557654321", segments=(talk,))[1] == (
        "  09:00:00  +15557654321 talked for 12 s with Sam Secretary (676), who spoke as Olivia Boss (667)"
    )


@pytest.mark.parametrize(
    ("outcome", "status", "end"),
    [
        ("missed", 480, "The end: nobody had answered within 1 min 10 s; the caller was told 480."),
        ("cancelled", 487, "The end: the caller gave up after 1 min 10 s."),
        ("busy", 486, "The end: busy (486)."),
        ("refused", 403, "The end: refused (403)."),
        ("failed", 503, "The end: the call could not be carried out (503)."),
        ("answered", 200, "The server itself answered."),
    ],
)
def test_every_outcome(outcome: str, status: int, end: str) -> None:
    assert told(outcome=outcome, status=status, answered=None, answered_by=None, segments=()) == [
        "What happened then:",
        f"  09:01:10  {end}",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.7, "1 min 0 s"), (125, "2 min 5 s"), (3600, "1 h 0 min"), (7290, "2 h 1 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
