"""From contexts to the plane: only what differs is asked for, names become numbers and back, and nothing is left in the end."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.media import native
from b2bua.media.engine import Address, Context, Digit, EngineError, Play, Played, PortLost, Silent
from b2bua.media.native import Counters, Event, NativeError
from b2bua.media.tables import Tables, translation
from b2bua.sip.description import Format
from tests.media.contexts import EVENTS, FORMATS, G722, OPUS, PCMA, PCMU, mix, party, relay, stream
from tests.media.fake_plane import FakePlane

SOUNDS = {"music": 7, "beep": 8}


@pytest.fixture
def plane() -> FakePlane:
    return FakePlane()


@pytest.fixture
def tables(plane: FakePlane) -> Tables:
    return Tables(plane.as_plane, SOUNDS)


def names(plane: FakePlane) -> list[str]:
    return [call[0] for call in plane.take()]


def handles(plane: FakePlane) -> tuple[int, ...]:
    """Of the members of the only context."""
    ((members, _),) = plane.contexts.values()
    return members


def test_a_relay_of_two_parties(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    a, b = handles(plane)
    calls = plane.take()
    assert ("open_stream", a, 0, 0, 20000) in calls
    assert ("set_remote", b, 0, ("127.0.0.9", 4000), None, ("127.0.0.9",)) in calls
    assert ("set_payloads", a, 0, ((0, 1, 8000), (8, 2, 8000), (101, 4, 8000)), ((0, 1, 8000), (8, 2, 8000), (101, 4, 8000))) in calls
    assert calls[-1] == ("set_context", next(iter(plane.contexts)), (a, b), None)


def test_the_same_context_again_changes_nothing(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    plane.take()
    tables.set(relay("c"))
    assert names(plane) == ["set_context"]


def test_a_party_that_moves_is_told_without_opening_its_port_anew(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    plane.take()
    tables.set(relay("c", party("a", 20000, remote=Address("127.0.0.8", 5000)), party("b", 20002)))
    assert names(plane) == ["set_remote", "set_context"]


def test_hold_changes_directions_only(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    plane.take()
    tables.set(relay("c", party("a", 20000, to_party=False), party("b", 20002)))
    assert names(plane) == ["set_direction", "set_context"]


def test_another_port_is_opened_and_configured_anew(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    plane.take()
    tables.set(relay("c", party("a", 20008), party("b", 20002)))
    assert names(plane) == ["open_stream", "set_remote", "set_direction", "set_payloads", "set_context"]


def test_streams_come_and_go_by_their_place(tables: Tables, plane: FakePlane) -> None:
    video = stream(20010, kind="video")
    refused = stream(0, kind="video")
    image = stream(20012, kind="image")
    both = party("a", 20000)._replace(streams=(stream(20000), video, image))
    tables.set(relay("c", both, party("b", 20002)))
    a, _ = handles(plane)
    kinds = {call[2]: call[3] for call in plane.take() if call[0] == "open_stream" and call[1] == a}
    assert kinds == {0: 0, 1: 1, 2: native.KIND_OTHER}
    assert sorted(tables.ports()) == [20000, 20002, 20010, 20012]
    tables.set(relay("c", both._replace(streams=(stream(20000), refused, image)), party("b", 20002)))
    assert names(plane) == ["close_stream", "set_context"]


def test_who_is_not_in_it_any_more_is_closed_and_counted_at_the_end(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    a, b = handles(plane)
    plane.counters = {a: Counters(10, 9, 2, 1, 0, 0, 0, 1.5, 0.25), b: Counters(5, 5, 0, 0, 0, 0, 0, 0.0, 0.0)}
    tables.set(relay("c", party("b", 20002), party("x", 20004)))
    assert a not in plane.terminations
    counted = {each.termination: each for each in tables.drop("c")}
    assert (counted["a"].received, counted["a"].sent, counted["a"].lost, counted["a"].foreign) == (10, 9, 2, 1)
    assert (counted["a"].jitter_ms, counted["a"].silent_seconds) == (1.5, 0.25)
    assert counted["b"].received == 5
    assert "x" in counted
    assert not plane.terminations and not plane.contexts


def test_dropping_what_is_not_there_counts_nothing(tables: Tables) -> None:
    assert tables.drop("nothing") == ()


def test_a_party_that_goes_to_another_context_keeps_its_port_and_leaves_the_first(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    a, _ = handles(plane)
    plane.take()
    tables.set(mix("d", party("a", 20000), hears={}))
    assert names(plane) == ["open_context", "set_context"]
    assert [each.termination for each in tables.drop("c")] == ["b"]
    assert a in plane.terminations
    assert [each.termination for each in tables.drop("d")] == ["a"]
    assert not plane.terminations


def test_a_party_at_another_address_is_a_new_one_and_the_old_one_is_counted(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    tables.set(relay("c", party("a", 20000, host="::1"), party("b", 20002)))
    assert sorted(plane.terminations.values()) == ["127.0.0.1", "::1"]
    assert sorted(each.termination for each in tables.drop("c")) == ["a", "a", "b"]
    assert not plane.terminations


def test_a_mix_says_who_hears_whom(tables: Tables, plane: FakePlane) -> None:
    three = [party(name, 20000 + 2 * index) for index, name in enumerate("abc")]
    tables.set(mix("m", *three, hears={"a": ("b",), "b": ("a",), "c": ("a", "b", "c", "stranger")}))
    ((_, hears),) = plane.contexts.values()
    assert tuple(hears) == (0b010, 0b001, 0b111)


def test_keys_are_taken_out_where_that_is_asked_for(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c", party("a", 20000, digits="take"), party("b", 20002, inband=True)))
    a, b = handles(plane)
    assert [call for call in plane.take() if call[0] == "set_digits"] == [("set_digits", a, True, False), ("set_digits", b, False, True)]
    tables.set(relay("c"))
    assert [call for call in plane.take() if call[0] == "set_digits"] == [("set_digits", a, False, False), ("set_digits", b, False, False)]


# Payload types.


def test_equal_payload_types_cross_as_they_are() -> None:
    assert translation(FORMATS, FORMATS) is None


def test_payload_types_are_translated_by_name() -> None:
    table = translation((PCMU, EVENTS, OPUS), (EVENTS._replace(payload_type=96), OPUS._replace(payload_type=101), PCMU))
    assert table is not None
    assert (table[0], table[101], table[111]) == (0, 96, 101)
    assert table[96] == native.DROP  # it would be taken for keys


def test_what_the_other_does_not_know_does_not_cross() -> None:
    table = translation((PCMU, G722, EVENTS), (PCMU, PCMA))
    assert table is not None
    assert (table[0], table[9], table[101]) == (0, native.DROP, native.DROP)


def test_of_several_with_one_name_the_parameters_decide() -> None:
    ours = (Format(97, "H264", 90000, 1, "packetization-mode=0"), Format(98, "H264", 90000, 1, "packetization-mode=1"))
    theirs = (Format(102, "H264", 90000, 1, "packetization-mode=1"), Format(104, "H264", 90000, 1, "packetization-mode=0"))
    table = translation(ours, theirs)
    assert table is not None
    assert (table[97], table[98]) == (104, 102)


def test_another_clock_is_another_format() -> None:
    table = translation((PCMU, EVENTS), (PCMU, EVENTS._replace(clock=48000)))
    assert table is not None and table[101] == native.DROP


def test_without_a_description_everything_crosses() -> None:
    assert translation((), FORMATS) is None
    assert translation(FORMATS, ()) is None


def test_a_relay_sets_the_translation_and_takes_it_back(tables: Tables, plane: FakePlane) -> None:
    other = (PCMU, EVENTS._replace(payload_type=96))
    tables.set(relay("c", party("a", 20000), party("b", 20002, sends=other, receives=other)))
    assert names(plane).count("set_translation") == 2
    tables.set(relay("c"))
    a, b = handles(plane)
    calls = plane.take()
    assert ("set_translation", a, 0, None) in calls and ("set_translation", b, 0, None) in calls


def test_a_party_that_comes_back_to_a_relay_is_translated_for_it_again(tables: Tables, plane: FakePlane) -> None:
    other = (PCMU, EVENTS._replace(payload_type=96))
    first = relay("c", party("a", 20000), party("b", 20002, sends=other, receives=other))
    tables.set(first)
    a, _ = handles(plane)
    tables.set(relay("d", party("a", 20000), party("x", 20004)))
    plane.take()
    tables.set(first)
    assert [call[3] is not None for call in plane.take() if call[:2] == ("set_translation", a)] == [True]


# Plays.


def played(plane: FakePlane, number: int = 1) -> Event:
    return Event(native.PLAYED, handles(plane)[0], number, False, 0, 0.0)


def hold(play: Play | None) -> Context:
    return relay("c", plays={} if play is None else {"a": play})


def test_a_play_begins_once_and_goes_on(tables: Tables, plane: FakePlane) -> None:
    tables.set(hold(Play("p", ("music", "beep"), loop=True)))
    assert plane.take()[-1] == ("start_play", handles(plane)[0], 1, (7, 8), True, False)
    tables.set(hold(Play("p", ("music", "beep"), loop=True)))
    assert "start_play" not in names(plane)


def test_another_play_takes_its_place_and_none_ends_it(tables: Tables, plane: FakePlane) -> None:
    tables.set(hold(Play("p", ("music",), loop=True)))
    plane.take()
    tables.set(hold(Play("q", ("beep",), over=True)))
    assert ("start_play", handles(plane)[0], 2, (8,), False, True) in plane.take()
    tables.set(hold(None))
    assert "stop_play" in names(plane)
    tables.set(hold(None))
    assert "stop_play" not in names(plane)


def test_a_play_that_is_over_is_told_and_does_not_begin_again(tables: Tables, plane: FakePlane) -> None:
    tables.set(hold(Play("p", ("beep",))))
    plane.happened = [played(plane)]
    assert tables.events() == [Played("a", "p")]
    plane.take()
    tables.set(hold(Play("p", ("beep",))))
    assert names(plane) == ["set_context"]


def test_a_play_that_was_taken_away_may_come_again(tables: Tables, plane: FakePlane) -> None:
    tables.set(hold(Play("p", ("beep",))))
    plane.happened = [played(plane)]
    tables.events()
    tables.set(hold(None))
    plane.take()
    tables.set(hold(Play("p", ("beep",))))
    assert "start_play" in names(plane)


def test_the_end_of_a_play_that_was_replaced_is_nobodys(tables: Tables, plane: FakePlane) -> None:
    tables.set(hold(Play("p", ("beep",))))
    tables.set(hold(Play("q", ("beep",))))
    plane.happened = [played(plane, 1)]
    assert tables.events() == []
    plane.happened = [played(plane, 2)]
    assert tables.events() == [Played("a", "q")]


def test_a_sound_that_is_none_is_an_error_and_the_rest_is_played_for_everybody(tables: Tables, plane: FakePlane) -> None:
    plays = {"a": Play("p", ("beeep", "beep")), "b": Play("q", ("music",), loop=True)}
    with pytest.raises(EngineError, match="no sound beeep"):
        tables.set(relay("c", plays=plays))
    assert [call[3] for call in plane.take() if call[0] == "start_play"] == [(8,), (7,)]


def test_nobody_waits_for_the_end_of_what_cannot_be_played(tables: Tables) -> None:
    with pytest.raises(EngineError):
        tables.set(hold(Play("p", ("beeep",))))
    assert tables.events() == [Played("a", "p")]


# What happens.


def test_events_are_told_by_name(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    a, b = handles(plane)
    plane.happened = [
        Event(native.DIGIT, a, ord("#"), False, 0, 0.0),
        Event(native.DIGIT, b, ord("5"), True, 0, 0.0),
        Event(native.SILENT, b, 0, False, 0, 10.5),
        Event(native.PORT_LOST, a, 20001, False, 98, 0.0),
    ]
    assert tables.events() == [Digit("a", "#"), Digit("b", "5", inband=True), Silent("b", 10.5), PortLost("a", 20001)]


def test_what_happened_at_a_closed_termination_is_nobodys(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    a, _ = handles(plane)
    tables.drop("c")
    plane.happened = [Event(native.DIGIT, a, ord("1"), False, 0, 0.0)]
    assert tables.events() == []


def test_keys_to_send(tables: Tables, plane: FakePlane) -> None:
    tables.set(relay("c"))
    tables.send_digits("a", "12#")
    assert plane.take()[-1] == ("send_digits", handles(plane)[0], "12#")
    with pytest.raises(EngineError, match="digits for x, which is not open"):
        tables.send_digits("x", "1")


# Too much, and trouble.


@pytest.mark.parametrize(
    ("context", "why"),
    [
        (relay("c", party("a", 20000), party("a", 20002)), "stands in it twice"),
        (relay("c", *(party(name, 20000) for name in "abc")), "a relay of 3 members"),
        (mix("c", *(party(f"p{each}", 20000) for each in range(33)), hears={}), "33 members; 32 fit"),
        (relay("c", party("a", 20000)._replace(streams=(stream(20000),) * 9)), "9 streams; 8 fit"),
    ],
)
def test_more_than_the_plane_holds_is_refused_before_anything_is_opened(
    tables: Tables, plane: FakePlane, context: Context, why: str
) -> None:
    with pytest.raises(EngineError, match=why):
        tables.set(context)
    assert plane.take() == []


@pytest.mark.parametrize(
    "refused",
    [
        *("open_context", "open_termination", "set_digits", "open_stream", "set_remote", "set_direction"),
        *("set_payloads", "set_context", "set_translation", "start_play"),
    ],
)
def test_whatever_the_plane_refuses_the_next_try_makes_it_whole_and_the_drop_leaves_nothing(
    tables: Tables, plane: FakePlane, refused: str
) -> None:
    other = (PCMU, EVENTS._replace(payload_type=96))
    parties = (party("a", 20000, digits="take"), party("b", 20002, sends=other, receives=other))
    wanted = relay("c", *parties, plays={"a": Play("p", ("music",))})
    plane.refuses = {refused}
    with pytest.raises(EngineError, match=refused):
        tables.set(wanted)
    plane.refuses = set()
    done = plane.take()
    tables.set(wanted)
    assert refused in [call[0] for call in plane.take()], done
    tables.drop("c")
    assert not plane.terminations and not plane.contexts


def test_a_member_to_whom_nothing_can_be_sent_is_silent_and_the_others_go_on(
    tables: Tables, plane: FakePlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An IPv6 address where our own is an IPv4 one: the plane refuses it."""
    accepts = plane.set_remote

    def set_remote(termination: int, stream: int, rtp: Any, rtcp: Any, sources: Any) -> None:
        if rtp is not None and ":" in rtp.host:
            raise NativeError("another family")
        accepts(termination, stream, rtp, rtcp, sources)

    monkeypatch.setattr(plane, "set_remote", set_remote)
    culprit = party("b", 20002, remote=Address("2001:db8::1", 4000), sources=("2001:db8::1",))
    three = (party("a", 20000), culprit, party("c", 20004))
    for hears in ({"a": ("c",), "c": ("a",)}, {"a": (), "c": ("a",)}):
        with pytest.raises(EngineError, match="b: another family"):
            tables.set(mix("x", *three, hears=hears, plays={"a": Play("p", ("music",))}))
        ((members, masks),) = plane.contexts.values()
        assert (len(members), list(masks)) == (3, [4 if hears["a"] else 0, 0, 1])
    done = plane.take()
    assert ("set_remote", members[1], 0, None, None, ()) in done
    assert [call[0] for call in done].count("start_play") == 1
    tables.set(mix("x", three[0], party("b", 20002), three[2], hears={}))
    assert ("set_remote", members[1], 0, Address("127.0.0.9", 4000), None, ("127.0.0.9",)) in plane.take()
    tables.drop("x")
    assert not plane.terminations and not plane.contexts


def test_what_is_left_of_a_refused_context_can_be_dropped(tables: Tables, plane: FakePlane) -> None:
    plane.refuses = {"open_stream"}
    with pytest.raises(EngineError):
        tables.set(relay("c"))
    tables.drop("c")
    assert not plane.terminations and not plane.contexts
