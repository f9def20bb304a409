"""What a dialled string leads to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.delegation.digits import normalise
from b2bua.delegation.model import TrunkRoute, User
from b2bua.delegation.numbering import Destination, NumberPlan

USERS = {
    each.extension: each for each in (User("667", "O", "s", ("+6221500667",)), User("a.b_1", "A", "s"), User("1.12", "E", "s"))
}
PLAN = NumberPlan(
    USERS,
    {"a.b_1-667": "a.b_1"},
    [TrunkRoute("first", (r"^\+?[0-9]{6,15}$",)), TrunkRoute("any", ("service", r"^\*"))],
    ["112"],
)


@pytest.mark.parametrize(
    ("dialled", "expected"),
    [
        ("667", Destination("inside", "667", extension="667")),
        ("a.b_1", Destination("inside", "a.b_1", extension="a.b_1")),
        ("a.b_1-667", Destination("inside", "a.b_1-667", extension="a.b_1")),
        ("+6221500667", Destination("inside", "+6221500667", extension="667")),
        ("6221500667", Destination("inside", "6221500667", extension="667")),
        ("112", Destination("emergency", "112", trunk="first")),
        ("1 1-2", Destination("emergency", "112", trunk="first")),
        ("1.12", Destination("inside", "1.12", extension="1.12")),
        ("(030) 123-456", Destination("outside", "030123456", trunk="first")),
        ("service", Destination("outside", "service", trunk="any")),
        ("*31#", Destination("outside", "*31#", trunk="any")),
        ("A.B_1", Destination("nowhere", "A.B_1")),
        ("12345", Destination("nowhere", "12345")),
        ("service\n", Destination("nowhere", "service\n")),
        ("service;x", Destination("nowhere", "service;x")),
        ("٦٦٧", Destination("nowhere", "٦٦٧")),
        ("", Destination("nowhere", "")),
    ],
)
def test_resolve(dialled: str, expected: Destination) -> None:
    assert PLAN.resolve(dialled) == expected


def test_a_long_string_is_not_even_matched() -> None:
    assert PLAN.resolve("service" * 10).kind == "nowhere"


@given(st.text(max_size=100))
def test_normalising_twice_is_normalising_once(dialled: str) -> None:
    assert normalise(normalise(dialled)) == normalise(dialled)


@given(st.text(max_size=100))
def test_nothing_unprintable_goes_out(dialled: str) -> None:
    found = PLAN.resolve(dialled)
    assert found.trunk is None or (found.number.isascii() and found.number.isprintable() and " " not in found.number)
