"""Feature codes: which string is which, and which renumbering is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.delegation.features import DEFAULT_CODES, CallAs, Dialled, FeatureCodes, conflicts, parse_call_as

CODES = FeatureCodes()


@pytest.mark.parametrize(
    ("dialled", "expected"),
    [
        ("#64667*+1555", Dialled("call_as", "#64", "667*+1555")),
        ("#64", Dialled("call_as", "#64", "")),
        ("##20", Dialled("push_back", "##20", "")),
        ("##201", None),
        ("*97601", Dialled("pick_up", "*97", "601")),
        ("**601", Dialled("pick_up_short", "**", "601")),
        ("*98", Dialled("pick_up_group", "*98", "")),
        ("667", None),
        ("+1555", None),
        ("", None),
        ("#", None),
        ("#99", None),
    ],
)
def test_what_a_dialled_string_means(dialled: str, expected: Dialled | None) -> None:
    assert CODES.match(dialled) == expected


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("667*+1555", ("667", "+1555")),
        ("667*", ("667", "")),
        ("667", ("667", "")),
        ("*112", ("", "112")),
        ("667**1", ("667", "*1")),
    ],
)
def test_the_argument_of_call_as(argument: str, expected: tuple[str, str]) -> None:
    assert parse_call_as(argument) == CallAs(*expected)


def test_the_shipped_codes_do_not_clash() -> None:
    assert conflicts({feature: shipped.code for feature, shipped in DEFAULT_CODES.items()}) == {}


@pytest.mark.parametrize(
    ("renumbered", "wrong"),
    [
        ({"push_back": "#63"}, {"push_back"}),
        ({"call_as": "#6"}, {"call_as"}),
        ({"push_back": "#641"}, {"push_back"}),
        ({"push_back": "#77", "push": "#77"}, {"push_back", "push"}),
        ({"push_back": "*99"}, set()),
        ({"call_as": "#63", "push": "#64"}, set()),
    ],
)
def test_a_renumbering_that_would_be_ambiguous(renumbered: dict[str, str], wrong: set[str]) -> None:
    assert set(conflicts(renumbered)) == wrong


@given(st.dictionaries(st.sampled_from(sorted(DEFAULT_CODES)), st.from_regex(r"\A[*#][0-9*#]{1,3}\Z"), max_size=4))
def test_without_conflicts_every_code_means_itself(renumbered: dict[str, str]) -> None:
    if conflicts(renumbered):
        return
    codes = FeatureCodes(renumbered)
    for feature, code in codes.codes.items():
        found = codes.match(code)
        assert found
        assert found.feature == feature
