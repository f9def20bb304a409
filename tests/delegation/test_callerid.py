"""What phones show (A17, B3), and that nothing unprintable gets there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.delegation import callerid
from b2bua.delegation.model import Alerting, Executive, User
from b2bua.delegation.plan import Caller, Presentation

ANNA = Presentation("Anna", "+15551234567")
NAMELESS = Presentation("", "+15551234567")
OLIVIA = User("667", "Olivia Boss", "secret", ("+6221500667",))


@pytest.mark.parametrize(
    ("mode", "caller", "shown"),
    [
        ("originator_executive", ANNA, "Anna → Olivia Boss"),
        ("originator_executive", NAMELESS, "+15551234567 → Olivia Boss"),
        ("executive_originator", ANNA, "Olivia Boss ← Anna"),
        ("originator", ANNA, "Anna"),
        ("originator", NAMELESS, "+15551234567"),
        ("executive", ANNA, "Olivia Boss"),
        ("custom", ANNA, "For the boss"),
    ],
)
def test_the_name_modes(mode: str, caller: Presentation, shown: str) -> None:
    plain = Alerting(name=mode, custom_name="For the boss")  # type: ignore[arg-type]
    assert callerid.to_assistant(caller, OLIVIA, plain).name == shown
    prefixed = Alerting(name=mode, custom_name="For the boss", name_prefix="[OB] ")  # type: ignore[arg-type]
    assert callerid.to_assistant(caller, OLIVIA, prefixed).name == f"[OB] {shown}"


@pytest.mark.parametrize(("mode", "shown"), [("originator", "+15551234567"), ("executive", "667"), ("custom", "9000")])
def test_the_number_modes(mode: str, shown: str) -> None:
    assert callerid.to_assistant(ANNA, OLIVIA, Alerting(number=mode, custom_number="9000")).number == shown  # type: ignore[arg-type]


def test_on_behalf() -> None:
    assert callerid.executive_outside(OLIVIA, Executive("667")) == Presentation("Olivia Boss", "+6221500667")
    assert callerid.executive_outside(OLIVIA, Executive("667", "+6221500600")).number == "+6221500600"
    assert callerid.executive_outside(User("1", "A", "s"), Executive("1")).number == "1"


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), min_size=1, max_size=300))
def test_whatever_a_trunk_sends_is_one_printable_line(name: str, number: str) -> None:
    shown = callerid.caller_inside(Caller("trunk", None, None, "carrier", number, name, anonymous=False))
    assert shown.name.isprintable()
    assert len(shown.name) <= callerid.MAX_NAME
    assert not set(shown.number) & set('<>"@: \r\n\t\\')
    quotable = callerid.quotable(name)
    assert quotable.isprintable()
    assert not set(quotable) & set('"\\')


def test_a_number_of_nothing_but_rubbish_is_anonymous() -> None:
    assert callerid.caller_inside(Caller("trunk", None, None, "c", "<>\r\n", "Eve", anonymous=False)) == callerid.ANONYMOUS
