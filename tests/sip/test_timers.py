"""The timer wheel: on time, in order, never early, nothing left behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.timers import Timer, TimerValues, TimerWheel


def drive(wheel: TimerWheel, until: float) -> None:
    while (due := wheel.next_deadline()) is not None and due <= until:
        wheel.fire(due)


def test_rfc_values() -> None:
    assert (TimerValues().t1, TimerValues().t2, TimerValues().t4, TimerValues().transaction) == (0.5, 4.0, 5.0, 32.0)


@pytest.mark.parametrize(
    ("seconds", "late"), [(0.0, 0.021), (0.003, 0.021), (0.5, 0.021), (3.99, 0.021), (4.0, 0.321), (32.0, 0.321), (3600.0, 0.321)]
)
@pytest.mark.parametrize("now", [0.0, 1000.0, 1000.013, 86_400.777, 4_000_000.123456])
def test_never_early_and_hardly_late(now: float, seconds: float, late: float) -> None:
    wheel, fired = TimerWheel(), []
    wheel.after(now, seconds, fired.append)
    due = wheel.next_deadline()
    assert due is not None
    assert now + seconds - 1e-5 <= due <= now + seconds + late
    assert due > now
    wheel.fire(due - 1e-4)
    assert fired == []
    wheel.fire(due)
    assert fired == [due]
    assert wheel.count == 0
    assert wheel.next_deadline() is None


@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.0, 2.0])
def test_round_values_are_exact(seconds: float) -> None:
    """T1 and its first doublings, started on a tick, come on their very instants."""
    wheel = TimerWheel()
    wheel.after(1000.0, seconds, lambda now: None)
    assert wheel.next_deadline() == 1000.0 + seconds
    assert wheel.fire(1000.0 + seconds - 0.001) == 0
    assert wheel.fire(1000.0 + seconds) == 1


def test_arguments_and_order() -> None:
    wheel, fired = TimerWheel(), []
    wheel.after(0.0, 2.0, lambda now, *args: fired.append(args), "second", 2)
    wheel.after(0.0, 1.0, lambda now, *args: fired.append(args), "first")
    wheel.after(0.0, 1.0, lambda now, *args: fired.append(args), "first too")
    assert wheel.fire(5.0) == 3
    assert fired == [("first",), ("first too",), ("second", 2)]


def test_cancel() -> None:
    wheel, fired = TimerWheel(), []
    timer = wheel.after(0.0, 1.0, fired.append)
    other = wheel.after(0.0, 1.0, fired.append)
    assert timer.pending
    timer.cancel()
    timer.cancel()
    assert not timer.pending
    assert timer.args == ()
    assert wheel.count == 1
    drive(wheel, 2.0)
    assert fired == [1.0]
    other.cancel()
    assert wheel.count == 0


def test_a_cancelled_bucket_wakes_nobody() -> None:
    wheel = TimerWheel()
    wheel.after(0.0, 1.0, lambda now: None).cancel()
    assert wheel.next_deadline() is None
    assert wheel.fire(10.0) == 0


def test_cancelling_a_neighbour_of_the_same_instant() -> None:
    wheel, fired = TimerWheel(), []
    timers: list[Timer] = []
    timers.append(wheel.after(0.0, 1.0, lambda now: timers[1].cancel()))
    timers.append(wheel.after(0.0, 1.0, fired.append))
    wheel.fire(1.0)
    assert fired == []
    assert wheel.count == 0


def test_a_callback_that_starts_timers_does_not_hang_the_wheel() -> None:
    wheel, fired = TimerWheel(), []

    def again(now: float) -> None:
        fired.append(now)
        wheel.after(now, 0.0, again)

    wheel.after(0.0, 0.0, again)
    for _ in range(5):
        due = wheel.next_deadline()
        assert due is not None
        assert wheel.fire(due) == 1
    assert fired == sorted(set(fired))


def test_a_late_tick_fires_everything_due_once() -> None:
    wheel, fired = TimerWheel(), []
    for seconds in range(1, 20):
        wheel.after(0.0, float(seconds), fired.append)
    assert wheel.fire(100.0) == 19
    assert fired == [100.0] * 19


def test_an_error_hurts_no_other_timer() -> None:
    errors: list[Exception] = []
    wheel, fired = TimerWheel(errors.append), []

    def bug(now: float) -> None:
        raise KeyError("bug")

    wheel.after(0.0, 1.0, bug)
    wheel.after(0.0, 1.0, fired.append)
    wheel.fire(1.0)
    assert fired == [1.0]
    assert [str(error) for error in errors] == ["'bug'"]
    assert wheel.count == 0


def test_without_on_error_it_is_raised() -> None:
    wheel = TimerWheel()

    def bug(now: float) -> None:
        raise KeyError("bug")

    wheel.after(0.0, 1.0, bug)
    with pytest.raises(KeyError):
        wheel.fire(1.0)


@given(
    st.lists(st.tuples(st.floats(0, 40), st.floats(0, 40), st.booleans()), max_size=40),
    st.lists(st.floats(0.01, 20), min_size=1, max_size=10),
)
def test_every_timer_fires_exactly_once(plans: list[tuple[float, float, bool]], steps: list[float]) -> None:
    """Whatever the mixture of starts, cancels and steps: each fires once, not before its time, or never when cancelled."""
    wheel = TimerWheel()
    fired: dict[int, list[float]] = {}
    timers: dict[int, Timer] = {}
    now = 0.0
    starts = sorted((start, number) for number, (start, _, _) in enumerate(plans))
    for step in [*steps, 200.0]:
        end = now + step
        while starts and starts[0][0] <= end:
            start, number = starts.pop(0)
            fired[number] = []
            timers[number] = wheel.after(start, plans[number][1], lambda at, n=number: fired[n].append(at))
        for number in list(timers):
            if plans[number][2] and number % 2:
                timers[number].cancel()
        wheel.fire(end)
        now = end
    assert wheel.count == 0
    for number, times in fired.items():
        start, seconds, cancelled = plans[number]
        assert len(times) <= 1
        if not (cancelled and number % 2):
            assert len(times) == 1
            assert times[0] >= start + seconds - 1e-5
