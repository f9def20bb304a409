"""Keys pressed during a call: every code is found, and every other key reaches the other side, in order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.delegation.features import Dialled
from b2bua.delegation.keypad import Keypad, Pressed

seeded = settings(max_examples=200, deadline=None, derandomize=True, database=None)

CODES = {"push_back": "##20", "push": "#63", "park": "*68", "lock": "*83", "short": "#7", "long": "#7412"}
ARGUMENTS = {"park": 3}


def keypad() -> Keypad:
    return Keypad(CODES, ARGUMENTS)


def typed(keys: str, pad: Keypad | None = None, start: float = 0.0) -> list[Pressed]:
    """What each key led to, pressed a fifth of a second apart."""
    pad = pad or keypad()
    return [pad.press(key, start + 0.2 * at) for at, key in enumerate(keys)]


def words(found: list[Pressed]) -> list[str]:
    """What was found, one word for each, flushed keys in brackets; nothing for nothing."""
    said: list[str] = []
    for pressed in found:
        said += [f"({pressed.flush})"] if pressed.flush else []
        said += [f"{pressed.code.feature}:{pressed.code.argument}"] if pressed.code else []
    return said


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("##20", ["push_back:"]),
        ("#63", ["push:"]),
        ("*83", ["lock:"]),
        ("*68701", ["park:701"]),
        ("*68#", ["park:"]),
        ("*687#", ["park:7"]),
        ("*687*83", ["park:7", "lock:"]),
        ("###20", ["(#)", "push_back:"]),
        ("####20", ["(#)", "(#)", "push_back:"]),
        ("##63", ["(#)", "push:"]),
        ("##2#63", ["(##2)", "push:"]),
        ("*6#63", ["(*6)", "push:"]),
        ("1234", ["(1)", "(2)", "(3)", "(4)"]),
        ("#5", ["(#5)"]),
        ("#A", ["(#A)"]),
        ("1##20", ["(1)", "push_back:"]),
        ("##20#63", ["push_back:", "push:"]),
        ("#7412", ["long:"]),
        ("#7#63", ["short:", "push:"]),
        ("*87", ["(*87)"]),
    ],
)
def test_what_keys_mean(keys: str, expected: list[str]) -> None:
    assert words(typed(keys)) == expected


def test_a_code_says_what_was_dialled() -> None:
    assert typed("*687#")[-1] == Pressed("", Dialled("park", "*68", "7"), "*687#")
    assert typed("###20")[2] == Pressed("#")


def test_a_key_that_can_begin_no_code_is_not_held_back() -> None:
    pad = keypad()
    assert pad.press("5", 0.0) == Pressed("5")
    assert pad.deadline is None


def test_keys_are_let_go_after_a_while() -> None:
    pad = keypad()
    typed("##2", pad)
    assert pad.deadline == pytest.approx(2.4)
    assert pad.tick(2.3) == Pressed()
    assert pad.tick(2.4) == Pressed("##2")
    assert pad.deadline is None
    assert pad.tick(9.0) == Pressed()


def test_how_long_can_be_chosen() -> None:
    pad = Keypad(CODES, wait=0.5)
    pad.press("#", 10.0)
    assert pad.deadline == 10.5


@pytest.mark.parametrize(("keys", "expected"), [("*68", "park:"), ("*6870", "park:70"), ("#7", "short:")])
def test_a_complete_code_is_obeyed_when_nothing_follows(keys: str, expected: str) -> None:
    pad = keypad()
    assert words(typed(keys, pad)) == []
    assert words([pad.tick(10.0)]) == [expected]
    assert pad.deadline is None


def test_what_follows_a_code_is_looked_at_at_once() -> None:
    """#7 and #7412 are codes: with #741 and then 9 it was #7, and 419 are keys for the other side."""
    pad = keypad()
    assert words(typed("#7419", pad)) == ["short:"]
    assert pad.deadline == pytest.approx(0.8)
    assert pad.tick(0.8) == Pressed("419")
    pad = keypad()
    assert words(typed("*68*", pad)) == ["park:"], "another code may begin with the key that ended this one"
    assert pad.tick(0.7) == Pressed()
    assert pad.deadline == pytest.approx(2.6)
    assert words(typed("83", pad, 0.8)) == ["lock:"]


def test_keys_that_had_waited_too_long_do_not_join_what_comes() -> None:
    """Even if the timer is late."""
    pad = keypad()
    pad.press("#", 0.0)
    assert pad.press("6", 2.0) == Pressed("#6")
    typed("*68", pad, 10.0)
    assert words([pad.press("7", 20.0)]) == ["park:"]
    assert pad.tick(20.0) == Pressed("7")


def test_without_codes_nothing_is_held_back() -> None:
    assert words(typed("##20", Keypad({"off": ""}))) == ["(#)", "(#)", "(2)", "(0)"]


KEYS = st.sampled_from([*"0123456789*#AD", "##20", "#63", "*68", "#741", "##", "#7"])
STEPS: st.SearchStrategy[list[tuple[str, float, bool]]] = st.lists(
    st.tuples(KEYS, st.sampled_from([0.1, 0.1, 0.1, 1.9, 2.0, 5.0]), st.booleans()), max_size=25
)
CODE_SETS = st.dictionaries(st.sampled_from("abcde"), st.text("#*12", min_size=1, max_size=4), max_size=5)


@seeded
@given(STEPS, st.just(CODES) | CODE_SETS, st.dictionaries(st.sampled_from(["park", *"abcde"]), st.integers(0, 3)))
def test_nothing_is_lost_or_reordered(
    steps: list[tuple[str, float, bool]], codes: dict[str, str], arguments: dict[str, int]
) -> None:
    pad = Keypad(codes, arguments)
    now, pressed, out = 0.0, "", ""

    def take(found: Pressed) -> None:
        nonlocal out
        out += found.flush + found.keys
        if found.code is None:
            assert found.keys == ""
            return
        assert found.code.code == codes[found.code.feature]
        assert found.keys.removesuffix("#" if found.code.argument != found.keys[len(found.code.code) :] else "") == (
            found.code.code + found.code.argument
        )
        assert len(found.code.argument) <= arguments.get(found.code.feature, 0)

    for keys, later, punctual in steps:
        for key in keys:
            pressed += key
            take(pad.press(key, now))
            now += 0.1
        now += later
        while punctual and pad.deadline is not None and pad.deadline <= now:
            before, known = pad.deadline, len(out)
            take(pad.tick(now))
            after: float | None = pad.deadline
            assert after is None or after > before or len(out) > known, "each look gets on"
    for _ in range(len(pressed) + 1):
        take(pad.tick(now + 10.0))
    assert pad.deadline is None
    assert out == pressed


@seeded
@given(st.text("0123456789*#", max_size=8), st.sampled_from(sorted(CODES)))
def test_a_code_is_found_after_any_other_keys(before: str, feature: str) -> None:
    """When the keys before it have been let go."""
    pad = keypad()
    typed(before, pad)
    while pad.deadline is not None:
        pad.tick(pad.deadline)
    found = typed(CODES[feature], pad, 20.0)
    found.append(pad.tick(30.0))
    assert words(found) == [f"{feature}:"]
