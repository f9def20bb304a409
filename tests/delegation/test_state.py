"""What phones have set: the last word counts, None forgets, time ends it, and an older state never changes."""

import time

from b2bua.delegation.plan import Setting
from b2bua.delegation.state import NO_STATE, State

FILTER = Setting("filter", "667", "", "off")
OUT = Setting("opt", "676", "667", "out")
STICKY = Setting("call_as", "676", "", "667", 100.0)
CALLED = Setting("callback", "667", "15551234567", "676", 100.0)


def test_the_last_word_counts() -> None:
    state = State.of([FILTER, FILTER._replace(value="on")])
    assert state.value("filter", "667") == "on"


def test_each_key_is_its_own() -> None:
    state = State.of([FILTER, OUT])
    assert state.value("opt", "676", "667") == "out"
    assert state.value("opt", "676", "668") is None
    assert state.value("filter", "676") is None


def test_none_forgets() -> None:
    state = State.of([FILTER, OUT, CALLED]).with_settings([FILTER._replace(value=None), CALLED._replace(value=None)])
    assert list(state) == [OUT]
    assert not state.callbacks


def test_an_older_state_stays_as_it_is() -> None:
    before = State.of([OUT, CALLED])
    after = before.with_settings([OUT._replace(value=None), CALLED._replace(value="677")])
    assert (before.value("opt", "676", "667"), before.callback("667", "15551234567", 0)) == ("out", "676")
    assert (after.value("opt", "676", "667"), after.callback("667", "15551234567", 0)) == (None, "677")
    assert NO_STATE.value("filter", "667") is None


def test_time_ends_it() -> None:
    state = State.of([STICKY, CALLED, FILTER])
    assert state.value("call_as", "676", now=99.9) == "667"
    assert state.value("call_as", "676", now=100.0) is None
    assert state.callback("667", "15551234567", 100.0) is None
    assert state.expired(100.0) == [STICKY._replace(value=None, until=None), CALLED._replace(value=None, until=None)]
    assert list(state.with_settings(state.expired(100.0))) == [FILTER]


def test_a_callback_copies_no_others() -> None:
    """Thousands are remembered on a busy day; each call on behalf adds one."""
    before = State.of([FILTER, CALLED, Setting("callback", "668", "1", "678", 100.0)])
    after = before.with_settings([CALLED._replace(object="2")])
    assert after.settings is before.settings
    assert after.callbacks["668"] is before.callbacks["668"]
    assert after.subjects == {"667"}, "who has a filter setting; a callback sets nothing for anybody"


def callbacks(count: int, executive: str = "667") -> list[Setting]:
    """The first of them ends first."""
    return [Setting("callback", executive, f"1555{n:06}", "676", 1000.0 + n) for n in range(count)]


def test_too_many_callbacks_lose_the_oldest_tenth() -> None:
    state = State.of([FILTER, *reversed(callbacks(101)), *callbacks(100, "668")])
    assert State.of(callbacks(100)).overflow(100) == []
    forgotten = state.overflow(100)
    assert forgotten == [each._replace(value=None, until=None) for each in callbacks(101)[:10]]
    after = state.with_settings(forgotten)
    assert len(after.callbacks["667"]) == 91
    assert after.callbacks["668"] is state.callbacks["668"]
    assert after.overflow(100) == []


def test_far_too_many_callbacks_are_brought_down_to_the_limit_at_once() -> None:
    state = State.of([*callbacks(50), CALLED._replace(object="for ever", until=None)])
    after = state.with_settings(state.overflow(10))
    assert sorted(after.callbacks["667"]) == [*sorted(each.object for each in callbacks(50)[-9:]), "for ever"]


def test_one_more_callback_costs_little_however_many_there_are() -> None:
    """7 ms of each call on behalf were once spent on this, with 50,000 callbacks."""
    state, one_more = State.of(callbacks(5000)), [CALLED]
    costs = []
    for _ in range(30):
        started = time.thread_time()
        state.with_settings(one_more)
        costs.append(time.thread_time() - started)
    assert sorted(costs)[15] < 0.3e-3  # 0.02 ms; the bound allows for a busy machine
