"""What phones have set: the last word counts, None forgets, time ends it, and an older state never changes."""

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
