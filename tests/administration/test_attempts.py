"""How often somebody may guess."""

from __future__ import annotations

import pytest

from b2bua.administration.attempts import Attempts, TooMany, place_of


def test_five_in_any_quarter_of_an_hour() -> None:
    attempts = Attempts(5)
    for second in (0.0, 100.0, 200.0, 300.0, 400.0):
        attempts.begin("676", second)
    assert attempts.wait("676", 400.0) == 500
    with pytest.raises(TooMany) as refused:
        attempts.begin("676", 899.0)
    assert refused.value.seconds == 1
    attempts.begin("676", 900.0)
    assert attempts.wait("676", 900.0) == 100, "the window slides"
    attempts.begin("677", 900.0)


def test_whoever_goes_on_trying_keeps_nobody_out_for_ever() -> None:
    attempts = Attempts(5)
    for second in range(2000):
        try:
            attempts.begin("676", float(second))
        except TooMany as error:
            assert error.seconds <= 900
    assert attempts.wait("676", 2800.0) == 0


def test_a_good_attempt_takes_back_itself_alone() -> None:
    attempts = Attempts(2)
    attempts.begin("676", 1.0)
    attempts.begin("676", 2.0)
    attempts.succeed("676", 2.0)
    attempts.begin("676", 3.0)
    assert attempts.wait("676", 3.0) > 0
    attempts.succeed("676", 99.0)
    attempts.succeed("nobody", 1.0)
    assert attempts.wait("676", 3.0) > 0


def test_memory_is_bounded_and_what_is_over_is_forgotten() -> None:
    attempts = Attempts(5, keys=100)
    for number in range(1000):
        attempts.begin(f"guess {number}", 0.0)
    assert len(attempts) == 100
    for number in range(900, 1000):
        assert attempts.wait(f"guess {number}", 900.0) == 0
    assert len(attempts) == 0


def test_a_clock_that_was_wrong_locks_nobody_out() -> None:
    attempts = Attempts(5)
    for _ in range(5):
        attempts.begin("676", 1e12)
    assert attempts.wait("676", 1_790_000_000.0) == 0


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_whom_an_address_stands_for(address: str, place: str) -> None:
    assert place_of(address) == place
