"""The filter of an executive and its criteria."""

import pytest

from b2bua.delegation.callers import ANYBODY, Callers
from b2bua.delegation.people import Criterion, Filtering
from tests.config.conftest import Files, read, refused, warned

pytestmark = pytest.mark.usefixtures("no_linter")

CRITERIA = "executives[0].filtering.criteria"
"""In lines 28 and 29."""


def filtering(files: Files) -> Filtering:
    return read(files).executives["667"].filtering


def test_every_key(organisation: Files) -> None:
    users = read(organisation).users
    office, night = users["667"].hours, users["676"].hours
    found = filtering(organisation)
    assert (found.enabled, found.mode, found.type) == (True, "criteria", "all")
    vips, press = found.criteria
    assert vips == Criterion("VIPs", False, vips.callers)
    assert vips.callers.text == "family, +4930*"
    assert press == Criterion(
        "Press",
        True,
        Callers(frozenset({"anonymous"}), frozenset({"4930123456"}), ("1555",), "press, anonymous"),
        frozenset({"6221500600"}),
        during=night,
        outside=office,
        holidays=office,
    )


def test_a_criterion_needs_no_key_at_all(organisation: Files) -> None:
    organisation.change(organisation.directory, ("{name: VIPs, filter: false, from: [family, \"+4930*\"]}", "{}"))
    assert filtering(organisation).criteria[0] == Criterion("criterion 1", True, ANYBODY)


@pytest.mark.parametrize("dialled", ["667", "+62 (21) 500-600", "6221500667"])
def test_the_executives_own_numbers_may_be_written_in_any_form(organisation: Files, dialled: str) -> None:
    organisation.change(organisation.directory, ('dialled: ["+6221500600"]', f'dialled: ["{dialled}"]'))
    assert filtering(organisation).criteria[1].dialled <= {"667", "6221500600", "6221500667"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("mode: criteria", "mode: criterion", "26: executives[0].filtering.mode: is 'criterion'; write simple or criteria"),
        ("name: VIPs", 'name: "VI\\x07Ps"', f"28: {CRITERIA}[0].name: contains a control character"),
        ("filter: false", "filter: no way", f"28: {CRITERIA}[0].filter: is 'no way'; write true or false"),
        ('from: [family, "+4930*"]', "callers: [family]", f"28: {CRITERIA}[0].callers: is no key of this section; write one of name, filter, from"),
        ('dialled: ["+6221500600"]', "dialled: []", f"29: {CRITERIA}[1].dialled: is empty, so no call matches; write one of the executive's"),
        ('dialled: ["+6221500600"]', 'dialled: ["667", "676"]', f"29: {CRITERIA}[1].dialled[1]: '676' is not a number of Olivia Boss (667); write one of 667, +6221500667, +6221500600"),
        ('dialled: ["+6221500600"]', 'dialled: "667"', f"29: {CRITERIA}[1].dialled: is text, not a list; write a list of the executive's own"),
    ],
)  # fmt: skip
def test_what_is_refused(organisation: Files, old: str, new: str, expected: str) -> None:
    refused(organisation, old, new, expected)


def test_no_criterion_hides_another_nor_the_rest_of_itself(organisation: Files) -> None:
    organisation.change(organisation.directory, ("{name: VIPs, filter: false, from: [family", "{name: VIPs, filter: maybe, from: [famly"))
    refused(
        organisation,
        "during: night",
        "during: knight",
        f"28: {CRITERIA}[0].filter:",
        f"28: {CRITERIA}[0].from[0]: 'famly' is no caller; did you mean `family`?",
        f"29: {CRITERIA}[1].during: 'knight' is no schedule; did you mean `night`?",
    )


def test_criteria_of_a_simple_filter_are_not_looked_at(organisation: Files) -> None:
    """Except those that say "do not filter", and those that are switched off anyway."""
    expected = f"29: {CRITERIA}[1]: is not looked at; write `mode: criteria` above, or `filter: false` here"
    warned(organisation, "mode: criteria", "mode: simple", expected)
    warned(organisation, "holidays: office}", "holidays: office, active: false}")
    assert not filtering(organisation).criteria[1].active


def test_the_type_is_not_looked_at_beside_criteria(organisation: Files) -> None:
    warned(organisation, "mode: criteria\n", "mode: criteria\n      type: internal\n", "27: executives[0].filtering.type: is internal, which is not")


def test_two_criteria_of_one_name(organisation: Files) -> None:
    warned(organisation, "name: Press", "name: VIPs", f"29: {CRITERIA}[1].name: 'VIPs' is the name of a criterion above, too")
