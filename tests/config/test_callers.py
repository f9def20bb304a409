"""Caller groups and lists of callers: whom they mean, and what is refused or warned of."""

import pytest

from b2bua.delegation.callers import ANYBODY, Callers
from tests.config.conftest import Files, read, refused, warned

pytestmark = pytest.mark.usefixtures("no_linter")

GROUPS = "caller_groups"


def test_words_numbers_prefixes_extensions_and_groups(organisation: Files) -> None:
    organisation.change(organisation.directory, ('[family, "+4930*"]', '[external, family, "+49 (30)*", Sam]'), ('"676", name', "Sam, name"),
                        ('"676", "+62', 'Sam, "+62'), ('{extension: "676", callers', "{extension: Sam, callers"),
                        ('agents: ["676", {', "agents: [Sam, {"), ('agents: ["676", "677"]', 'agents: [Sam, "677"]'))  # fmt: skip
    olivia = read(organisation).executives["667"]
    family = Callers(frozenset(), frozenset({"=Sam", "62811999", "4930123456"}), ("1555",), "family")
    assert olivia.confidential == family
    assert olivia.filtering.criteria[0].callers == Callers(
        frozenset({"external"}), family.numbers, ("1555", "4930"), "external, family, +49 (30)*, Sam"
    )
    assert [each.callers.text for each in olivia.delegations] == ["press", "anybody"]
    assert olivia.delegations[1].callers == ANYBODY


def test_nobody_is_confidential_unless_written(organisation: Files) -> None:
    organisation.change(organisation.directory, ("confidential: [family]", "confidential: []"))
    assert read(organisation).executives["667"].confidential is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  press:", "  internal:", f"10: {GROUPS}.internal: internal has a meaning of its own; write another name"),
        ("  press:", '  "600":', f"10: {GROUPS}.600: 600 is the extension of a user; write another name"),
        ("  press:", '  "500":', f"10: {GROUPS}.500: 500 is the extension of a user; write another name"),
        ("  press:", '  "+49":', f"10: {GROUPS}.+49: '+49' is no name; write one that begins with a letter"),
        ("  press:", "  press*:", f"10: {GROUPS}.press*: 'press*' is no name"),
    ],
)
def test_names_of_groups(organisation: Files, old: str, new: str, expected: str) -> None:
    """The name is wrong, and whoever uses the good one misses it."""
    missing = (
        f"11: {GROUPS}.family[2]: 'press' is no caller",
        "29: executives[0].filtering.criteria[1].from[0]: 'press' is no caller",
        "32: executives[0].on_behalf.classes.press: 'press' is no caller group",
        "34: executives[0].assistants[0].callers[0]: 'press' is no caller",
    )
    refused(organisation, old, new, expected, *missing)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["+1555*", "+4930123456"]', "+1555*", f"10: {GROUPS}.press: is text, not a list; write a list of any, internal,"),
        ('["+1555*", "+4930123456"]', "[]", f"10: {GROUPS}.press: is empty, so nobody is meant; write a list of any"),
        ('"+1555*"', '"+*"', f"10: {GROUPS}.press[0]: is '+*'; write at least one digit before the *, for example"),
        ('"+1555*"', '"*"', f"10: {GROUPS}.press[0]: is '*'; write at least one digit before the *"),
        ('"+1555*"', "null", f"10: {GROUPS}.press[0]: is nothing; write a list of any"),
        ('"+1555*"', "press", f"10: {GROUPS}.press[0]: 'press' is this caller group or one below; write only groups that stand above"),
        ('"+1555*"', "family", f"10: {GROUPS}.press[0]: 'family' is this caller group or one below"),
        ('"+1555*"', "externl", f"10: {GROUPS}.press[0]: 'externl' is no caller; did you mean `external`?"),
        ("confidential: [family]", "confidential: [familie]", "24: executives[0].confidential[0]: 'familie' is no caller; did you mean `family`?"),
        ("confidential: [family]", "confidential: family", "24: executives[0].confidential: is text, not a list; write a list"),
        ("from: [press, anonymous]", "from: []", "29: executives[0].filtering.criteria[1].from: is empty, so nobody is meant"),
        ("callers: [press]", "callers: []", "34: executives[0].assistants[0].callers: is empty, so nobody is meant"),
        ("classes: {press:", "classes: {pres:", "32: executives[0].on_behalf.classes.pres: 'pres' is no caller group; did you mean `press`?"),
    ],
)  # fmt: skip
def test_what_is_refused(organisation: Files, old: str, new: str, expected: str) -> None:
    refused(organisation, old, new, expected)


def test_a_mistyped_extension_is_warned_of(organisation: Files) -> None:
    warned(
        organisation,
        '["676", "+62 811-999", press]',
        '["678", "110", "+62 811-999"]',
        f"11: {GROUPS}.family[0]: 678 is nobody's extension, and short for an outside number; did you mean `67",
        f"11: {GROUPS}.family[1]: 110 is nobody's extension",
    )


def test_the_same_mistake_is_reported_wherever_it_stands(organisation: Files) -> None:
    organisation.change(organisation.directory, ("confidential: [family]", "confidential: [legal]"))
    refused(organisation, "callers: [press]", "callers: [legal]", "24: executives[0].confidential[0]:", "34: executives[0].assistants[0].callers[0]:")


def test_a_group_of_words_is_no_class_of_numbers(organisation: Files) -> None:
    organisation.change(organisation.directory, ("classes: {press:", "classes: {all:"))
    warned(organisation, "users:\n", "  all: [external]\nusers:\n", "33: executives[0].on_behalf.classes.all: has no numbers")
