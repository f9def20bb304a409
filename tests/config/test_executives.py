"""Assistants: whose calls they take, and from when until when."""

from datetime import UTC, datetime

import pytest

from b2bua.delegation.people import DEFAULT_RIGHTS, Delegation
from tests.config.conftest import Files, read, refused, warned

pytestmark = pytest.mark.usefixtures("no_linter")

SAM = "executives[0].assistants[0]"
"""In line 34."""
BOX = "from: 2026-12-01T08:00, until: 2026-12-24"


def sam(files: Files) -> Delegation:
    return read(files).executives["667"].delegations[0]


def test_every_key(organisation: Files) -> None:
    """Times are Olivia's, in Berlin, and the last day counts to its end."""
    found = sam(organisation)
    assert (found.callers.text, found.respect_hours, found.approval, found.rights) == ("press", True, "pending", DEFAULT_RIGHTS)
    assert (found.begins, found.ends) == (datetime(2026, 12, 1, 7, tzinfo=UTC), datetime(2026, 12, 24, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    ("box", "begins", "ends"),
    [
        ("from: 2026-12-01", datetime(2026, 11, 30, 23, tzinfo=UTC), None),
        ("until: 2027-03-28", None, datetime(2027, 3, 28, 22, tzinfo=UTC)),  # the day of 23 hours
        ("until: '2026-12-24 12:30'", None, datetime(2026, 12, 24, 11, 30, tzinfo=UTC)),
        ("until: 2026-12-24T00:00", None, datetime(2026, 12, 23, 23, tzinfo=UTC)),
        ("from: 2026-12-01T08:00:30+07:00, until: 2026-12-01T08:00Z", datetime(2026, 12, 1, 1, 0, 30, tzinfo=UTC), datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("from: 2026-12-01, until: 2026-12-01", datetime(2026, 11, 30, 23, tzinfo=UTC), datetime(2026, 12, 1, 23, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_the_forms_of_a_time_box(organisation: Files, box: str, begins: datetime | None, ends: datetime | None) -> None:
    organisation.change(organisation.directory, (BOX, box))
    assert (sam(organisation).begins, sam(organisation).ends) == (begins, ends)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (BOX, "until: tomorrow", f"34: {SAM}.until: is 'tomorrow'; write a date such as 2026-12-01, or date and time such as"),
        (BOX, "until: [2026-12-24]", f"34: {SAM}.until: is a list; write a date such as 2026-12-01"),
        (BOX, "from: 2026-02-29", f"34: {SAM}.from: is '2026-02-29', a day that is in no calendar; write another date"),
        (BOX, "from: 2026-12-01T24:30", f"34: {SAM}.from: is '2026-12-01T24:30', a time that is on no clock"),
        (BOX, "from: 9999-12-31", f"34: {SAM}.from: is '9999-12-31'; write a year from 2000 to 2199"),
        (BOX, "from: 2026-12-24, until: 2026-12-23", f"34: {SAM}.until: is not after `from`; write a later date"),
        (BOX, "from: 2026-12-24T08:00, until: 2026-12-24T08:00", f"34: {SAM}.until: is not after `from`"),
        (BOX, "begins: 2026-12-24", f"34: {SAM}.begins: is no key of this section; write one of extension, rights"),
        ("approval: pending", "approval: asked", f"34: {SAM}.approval: is 'asked'; write approved, pending or declined"),
        ("respect_hours: true", "respect_hours: often", f"34: {SAM}.respect_hours: is 'often'; write true or false"),
        ('      - "677"', '      - "500"', "35: executives[0].assistants[1]: 500 is a group; write the extension of a user"),
        ('      - "677"', '      - "510"', "35: executives[0].assistants[1]: 510 is a service; write the extension of a user"),
        ('- extension: "667"', '- extension: "500"', "22: executives[0].extension: 500 is a group; write the extension of a user"),
    ],
)  # fmt: skip
def test_what_is_refused(organisation: Files, old: str, new: str, expected: str) -> None:
    organisation.change(organisation.directory, ('["510", "667"]', '["510"]'))  # nobody is responsible for one who is no executive
    refused(organisation, old, new, expected)


def test_an_assistant_without_an_extension_is_looked_at_all_the_same(organisation: Files) -> None:
    organisation.change(organisation.directory, ("callers: [press]", "callers: [pres]"))
    refused(
        organisation,
        '{extension: "676", callers',
        "{callers",
        f"34: {SAM}.extension: is missing; write the extension of a user",
        f"34: {SAM}.callers[0]: 'pres' is no caller; did you mean `press`?",
    )


def test_cover_that_is_over_is_warned_of(organisation: Files) -> None:
    """It is noon in London on 2026-11-21 in these tests, one o'clock in Berlin."""
    warned(organisation, BOX, "until: 2026-11-21T13:01")
    warned(organisation, "T13:01", "T13:00", f"34: {SAM}.until: is over, so this delegation counts no more; write a later date")


def test_hours_of_somebody_who_has_none_are_warned_of(organisation: Files) -> None:
    warned(organisation, "hours: night", "hours: null", f"34: {SAM}.respect_hours: Sam Secretary (676) has no `hours`, so this changes")
