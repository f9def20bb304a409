"""rtpengine as a second engine: what a call gets from it when it answers, answers late or wrong, dies and comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from b2bua.media.engine import Statistics
from b2bua.media.rtpengine_reports import parse_event, statistics
from tests.media.fake_rtpengine import CLIENT, CONTROL, Answers, Site, event
from tests.wire import Conditions, Packet

OFFER = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
ANSWER = OFFER.replace(b"10.0.0.1", b"10.0.0.2").replace(b"4000", b"5000")
UNAVAILABLE = (503, "Media Engine Unavailable")


def to_engine(packet: Packet) -> bool:
    return packet.destination == CONTROL


def to_us(packet: Packet) -> bool:
    return packet.destination == CLIENT


def about(command: str) -> Any:
    return lambda packet: to_engine(packet) and b":" + command.encode() in packet.data


def relayed(site: Site, call: str = "call-1") -> Any:
    """A relay with an answered call of anna and bert."""
    relay, answers = site.relay(call), Answers()
    relay.offer(OFFER, "anna", "bert", answers.done)
    relay.answer(ANSWER, "bert", "anna", answers.done)
    site.wire.run(0.1)
    assert [answer.status for answer in answers] == [0, 0]
    return relay


# The descriptions of a call.


def test_both_descriptions_lead_to_the_engine() -> None:
    site, offered, answered = Site(), Answers(), Answers()
    relay = site.relay()
    relay.offer(OFFER, "anna", "bert", offered.done)
    site.wire.run(0.1)
    assert b"c=IN IP4 127.7.7.1" in offered.one.body and b"m=audio 30002 " in offered.one.body
    relay.answer(ANSWER, "bert", "anna", answered.done)
    site.wire.run(0.1)
    assert b"m=audio 30004 " in answered.one.body
    assert not any(host in body for body in (offered.one.body, answered.one.body) for host in (b"c=IN IP4 10.",))


def test_tags_name_who_offered_and_who_answers() -> None:
    """As in SIP: From is who offers, also in the answer."""
    site = Site()
    relay = relayed(site)
    relay.offer(ANSWER, "bert", "anna", Answers().done)  # bert's re-INVITE
    relay.answer(OFFER, "anna", "bert", Answers().done)
    site.wire.run(0.1)
    asked = [(each["command"], each["from-tag"], each["to-tag"]) for each in site.fake.requests if "sdp" in each]
    assert asked == [
        ("offer", "anna", "bert"), ("answer", "anna", "bert"), ("offer", "bert", "anna"), ("answer", "bert", "anna"),
    ]  # fmt: skip
    assert site.fake.calls == {"call-1": {"bert": 30002, "anna": 30004}}


def test_branches_of_a_fork_have_ports_of_their_own_until_they_are_forgotten() -> None:
    site, answers = Site(), Answers()
    relay = site.relay()
    for branch in ("bert", "carl", "dora"):
        relay.offer(OFFER, "anna", branch, answers.done)
    site.wire.run(0.1)
    assert len({answer.body for answer in answers}) == 3
    relay.answer(ANSWER, "carl", "anna", answers.done)
    relay.forget("bert")
    relay.forget("dora")
    site.wire.run(0.1)
    assert sorted(site.fake.calls["call-1"]) == ["anna", "carl"]


def test_requests_of_a_call_keep_their_order_those_of_others_do_not_wait() -> None:
    site = Site()
    site.wire.drop(lambda packet: about("offer")(packet) and b"slow" in packet.data)
    slow, quick = Answers(), Answers()
    relay = site.relay("slow")
    relay.offer(OFFER, "anna", "bert", slow.done)
    relay.offer(OFFER, "anna", "carl", slow.done)
    site.relay("quick").offer(OFFER, "anna", "bert", quick.done)
    site.wire.run(0.1)
    assert (len(slow), len(quick)) == (0, 1)
    site.wire.run(0.2)
    assert [each["to-tag"] for each in site.fake.requests if each.get("call-id") == "slow"] == ["bert", "carl"]
    assert len(slow) == 2


def test_asks_for_what_keeps_strangers_out_and_addresses_in() -> None:
    site = Site()
    relayed(site)
    for request in site.fake.requests[-2:]:
        assert {b"origin", b"session-connection"} <= set(request["replace"])
        assert b"strict-source" in request["flags"]
        assert request["ICE"] == "remove" and request["rtcp-mux"] == [b"demux"]
        assert b"no-NULL_HMAC_SHA1_80" in request["SDES"]


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        ({"result": "error", "error-reason": "Failed to parse SDP"}, (488, "Not Acceptable Here")),
        ({"result": "error", "error-reason": "Incomplete SDP specification"}, (488, "Not Acceptable Here")),
        ({"result": "error", "error-reason": "Error rewriting SDP"}, (488, "Not Acceptable Here")),
        ({"result": "error", "error-reason": "Ran out of ports"}, UNAVAILABLE),
        ({"result": "error", "error-reason": "Unknown call-id"}, UNAVAILABLE),
        ({"result": "load limit", "message": "Parallel session limit reached"}, UNAVAILABLE),
        ({"result": "error"}, UNAVAILABLE),
        ({"result": "ok"}, UNAVAILABLE),
        ({"result": "ok", "sdp": ""}, UNAVAILABLE),
        ({"result": "ok", "sdp": 7}, UNAVAILABLE),
        ({"sdp": "v=0"}, UNAVAILABLE),
        ({}, UNAVAILABLE),
        ({"result": [], "error-reason": {"a": []}}, UNAVAILABLE),
    ],
)
def test_refusals_of_the_engine_become_answers_to_the_phone(reply: dict[str, Any], refused: tuple[int, str]) -> None:
    site, answers = Site(), Answers()
    site.fake.scripted["offer"] = [reply]
    site.relay().offer(OFFER, "anna", "bert", answers.done)
    site.wire.run(0.1)
    assert answers.refused == refused
    assert site.engine.available


def test_a_description_too_long_for_a_datagram_is_refused_at_once() -> None:
    site, answers = Site(), Answers()
    site.relay().offer(OFFER + b"a=x\r\n" * 20_000, "anna", "bert", answers.done)
    assert answers.refused[0] == 488
    assert "offer" not in site.fake.commands()


# What goes wrong on the way.


@pytest.mark.parametrize(("lost", "seconds"), [(1, 0.25), (2, 0.5), (3, 1.0)])
@pytest.mark.parametrize("way", ["there", "back"])
def test_what_is_lost_is_sent_again(lost: int, seconds: float, way: str) -> None:
    site, answers = Site(), Answers()
    relay = site.relay()
    site.wire.drop(to_engine if way == "there" else to_us, lost)
    relay.offer(OFFER, "anna", "bert", answers.done)
    site.wire.run(seconds - 0.01)
    assert not answers
    site.wire.run(0.02)
    assert answers.one.status == 0
    assert site.fake.commands().count("offer") == 1, "done once, however often it was asked"


def test_repeated_replies_wrong_cookies_and_garbage_are_ignored_and_counted() -> None:
    site, answers = Site(), Answers()
    receive = site.engine.exchange.receive
    relayed(site)
    for stray in (*site.fake.replies[-2:], b"", b" ", b"x", b"nobody d6:result2:oke", b"\xff" * 1400, b"d6:result4:ponge"):
        receive(stray)
    assert site.engine.counts["ignored"] == 8
    site.wire.drop(to_us)
    site.relay("call-2").offer(OFFER, "anna", "bert", answers.done)
    site.wire.run(0.1)
    cookie = site.fake.replies[-1].partition(b" ")[0]
    for garbage in (b"", b"i1e", b"garbage", b"d6:result2:ok", b"le", b"d6:result2:okeX"):
        receive(cookie + b" " + garbage)
    assert not answers
    assert site.engine.counts["ignored"] == 14
    site.wire.run(0.3)  # and the right one is still taken
    assert answers.one.status == 0


def test_five_percent_loss_and_reordering_lose_no_call() -> None:
    site, answers, told = Site(), Answers(), Answers()
    site.wire.conditions = Conditions(loss=0.05, duplicate=0.05, reorder=0.1)
    for number in range(300):
        relay = site.relay(f"call-{number}")
        relay.offer(OFFER, "anna", "bert", answers.done)
        relay.answer(ANSWER, "bert", "anna", answers.done)
        site.wire.run(1.5)
        relay.close(told.done)
    site.wire.run(5)
    assert [answer.status for answer in answers] == [0] * 600
    assert len(told) == 300
    assert site.fake.calls == {}


# A dead engine.


def test_a_dead_engine_refuses_within_two_seconds_and_then_at_once() -> None:
    site, first, second, third = Site(), Answers(), Answers(), Answers()
    relay = site.relay("call-1")
    site.wire.run(1.5)
    site.fake.die()
    relay.offer(OFFER, "anna", "bert", first.done)
    relay.offer(OFFER, "anna", "carl", second.done)
    began = site.wire.now
    assert site.wire.run_until(lambda: first and second, 3)
    assert site.wire.now - began <= 2.0
    assert first.refused == second.refused == UNAVAILABLE
    assert not site.engine.available
    site.relay("call-2").offer(OFFER, "anna", "bert", third.done)
    assert third.refused == UNAVAILABLE


def test_it_is_found_dead_by_the_ping_when_nobody_calls_and_found_when_it_is_back() -> None:
    site, answers = Site(), Answers()
    site.wire.run(20)
    assert site.engine.available
    site.fake.die()
    site.wire.run(4.1)
    assert not site.engine.available
    site.wire.run(60)
    assert not site.engine.available
    site.fake.start()
    site.wire.run(1.1)
    assert site.engine.available
    site.relay().offer(OFFER, "anna", "bert", answers.done)
    site.wire.run(0.1)
    assert answers.one.status == 0


def test_an_engine_that_is_not_there_at_the_start() -> None:
    verdicts: list[bool] = []
    site = Site(alive=False)
    site.engine.first_verdict = lambda: verdicts.append(site.engine.available)
    refused = Answers()
    site.relay().offer(OFFER, "anna", "bert", refused.done)
    assert refused.refused == UNAVAILABLE
    site.wire.run(2)
    assert verdicts == [False]
    site.fake.start()
    site.wire.run(1.1)
    assert site.engine.available


def test_one_silent_call_does_not_make_the_engine_dead() -> None:
    site, silent, other = Site(), Answers(), Answers()
    site.fake.scripted["offer"] = [None]
    relay = site.relay("call-1")
    relay.offer(OFFER, "anna", "bert", silent.done)
    relay.offer(OFFER, "anna", "carl", silent.done)
    site.wire.run(0.5)
    site.relay("call-2").offer(OFFER, "anna", "bert", other.done)
    site.wire.run(1.6)
    assert [answer.status for answer in silent] == [503, 503], "who waited behind it has waited long enough"
    assert other.one.status == 0
    assert site.engine.available


def test_running_calls_outlive_a_restart_of_the_engine_and_the_next_reinvite_heals_them() -> None:
    site, answers = Site(), Answers()
    relay = relayed(site)
    site.fake.die()
    site.wire.run(10)
    site.fake.start()
    site.wire.run(2)
    assert site.fake.calls == {}
    relay.offer(OFFER, "anna", "bert", answers.done)
    relay.answer(ANSWER, "bert", "anna", answers.done)
    site.wire.run(0.1)
    assert [answer.status for answer in answers] == [0, 0]
    assert sorted(site.fake.calls["call-1"]) == ["anna", "bert"]


def test_a_relay_made_again_after_our_own_restart_goes_on() -> None:
    site, answers = Site(), Answers()
    relayed(site)
    again = site.relay("call-1")
    again.offer(OFFER, "bert", "anna", answers.done)
    site.wire.run(0.1)
    assert b"m=audio 30004 " in answers.one.body
    again.close(answers.done)
    site.wire.run(0.1)
    assert site.fake.calls == {}


# The end of a call.


def test_close_gives_the_ports_back_and_tells_once() -> None:
    site, told = Site(), Answers()
    relay = relayed(site)
    relay.close(told.done)
    site.wire.run(0.1)
    assert told.one == ()
    assert site.fake.calls == {}
    assert site.fake.requests[-1]["delete delay"] == 0
    assert site.engine.counts["relays"] == 0
    again, refused = Answers(), Answers()
    relay.close(again.done)
    relay.offer(OFFER, "anna", "bert", refused.done)
    relay.forget("bert")
    site.wire.run(0.1)
    assert again.one == ()
    assert refused.refused[0] == 481
    assert site.fake.calls == {}


def test_a_call_that_ends_while_its_offer_is_under_way_leaves_nothing() -> None:
    """Whatever is lost: the delete goes after the offer."""
    for lost in range(4):
        site, answers, waiting, told = Site(), Answers(), Answers(), Answers()
        relay = site.relay()
        site.wire.drop(to_engine, lost)
        relay.offer(OFFER, "anna", "bert", answers.done)
        relay.offer(OFFER, "anna", "carl", waiting.done)
        relay.close(told.done)
        assert waiting.refused[0] == 481
        site.wire.run(6)
        assert answers.one.status == 0 and told.one == ()
        assert site.fake.calls == {}
        assert site.fake.commands() == ["offer", "query", "delete"]


def test_a_delete_that_did_not_arrive_is_done_when_the_engine_is_back() -> None:
    site, told = Site(), Answers()
    relay = relayed(site)
    site.wire.cut(CONTROL[0])  # out of reach, and running
    relay.close(told.done)
    site.wire.run(4.1)
    assert told.one == ()
    late = Answers()
    site.relay("call-2").close(late.done)
    assert late.one == ()
    site.wire.heal(CONTROL[0])
    site.wire.run(2.1)
    assert site.fake.calls == {}


def test_stopping_tells_everybody_and_leaves_no_timer() -> None:
    site, answers = Site(), Answers()
    site.fake.die()
    site.relay().offer(OFFER, "anna", "bert", answers.done)
    site.engine.exchange.stop()
    assert answers.refused == UNAVAILABLE
    before = len(site.wire.trace)
    site.wire.run(60)
    assert len(site.wire.trace) == before


def test_a_bug_in_one_callers_answer_does_not_stop_its_relay() -> None:
    site, answers = Site(), Answers()
    relay = site.relay()
    relay.offer(OFFER, "anna", "bert", lambda answer: answer.no_such_thing)
    relay.offer(OFFER, "anna", "carl", answers.done)
    with pytest.raises(AttributeError):
        site.wire.run(0.1)
    site.wire.run(0.1)
    assert answers.one.status == 0


# Keys.


@pytest.mark.parametrize(("code", "key"), [(0, "0"), (9, "9"), (10, "*"), (11, "#"), (12, "A"), (15, "D")])
def test_keys_are_told_to_the_call(code: int, key: str) -> None:
    site = Site()
    relayed(site)
    site.log(event=code)
    assert site.digits() == [("anna", key)]


def test_events_of_strange_calls_and_garbage_are_counted_and_nothing_else() -> None:
    site = Site()
    relay = relayed(site)
    site.log("call-2")
    strange: tuple[tuple[str, Any], ...] = (
        ("event", 16), ("event", -1), ("event", "1"), ("type", "x"), ("source_tag", None), ("callid", []),
    )  # fmt: skip
    for key, value in strange:
        site.engine.event_received(json.dumps(event("call-1", "anna") | {key: value}).encode())
    for garbage in (b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b"1", b"null", b'{"type": "DTMF"}'):
        site.engine.event_received(garbage)
    assert site.told == []
    assert site.engine.counts["strange_events"] == 15
    relay.close(Answers().done)
    site.log()
    assert site.told == [], "a call that is over hears no keys"


def test_an_event_as_rtpengine_writes_it() -> None:
    text = (
        b'{"callid":"c1","source_tag":"A","tags":["C","A"],"type":"DTMF","timestamp":1795312576,'
        b'"source_ip":"127.7.7.2","event":11,"duration":120,"volume":10}'
    )
    assert parse_event(text) == ("c1", "A", "#")


# Statistics.


def stream(packets: int, errors: int = 0, ssrc: int | None = None, kind: bytes = b"RTP") -> dict[str, Any]:
    counted = {"flags": [kind, b"filled"], "stats": {"packets": packets, "errors": errors, "bytes": 172 * packets}}
    return counted if ssrc is None else counted | {"SSRC": ssrc}


def party(name: str, hears: str, *streams: dict[str, Any]) -> dict[str, Any]:
    heard = [{"tag": hears.encode(), "type": b"offer/answer"}]
    return {"tag": name.encode(), "subscriptions": heard, "medias": [{"type": b"audio", "streams": list(streams)}]}


def test_counts_of_both_parties() -> None:
    """What anna (SSRC 11) has reported is about what bert sends."""
    reply: Any = {
        "tags": {
            "anna": party("anna", "bert", stream(500, ssrc=11), stream(9, kind=b"RTCP")),
            "bert": party("bert", "anna", stream(480, 5, ssrc=22), stream(9, kind=b"RTCP")),
            "<untagged 3>": party("", "anna", stream(1)),
        },
        "SSRC": {"11": {"cumulative loss": 7, "average MOS": {"MOS": 43, "jitter": 4}}},
    }
    assert statistics(reply) == (
        Statistics("anna", received=500, sent=475, lost=0, jitter_ms=0.0, silent_seconds=0.0, foreign=0),
        Statistics("bert", received=475, sent=500, lost=7, jitter_ms=4.0, silent_seconds=0.0, foreign=5),
    )


@pytest.mark.parametrize(
    "reply",
    [
        {}, {"tags": []}, {"tags": {"anna": 3}}, {"tags": {"anna": {}}}, {"tags": b"x", "SSRC": 4},
        {"tags": {"anna": {"tag": b""}}},
    ],
)  # fmt: skip
def test_a_reply_without_counts_has_none(reply: Any) -> None:
    assert statistics(reply) == ()


def test_odd_counts_are_zero() -> None:
    reply: Any = {
        "tags": {
            "anna": {"tag": b"anna", "subscriptions": [1, {}], "medias": [1, {"streams": {}}, {"streams": [2, stream(-4, 3)]}]}
        },
        "SSRC": [],
    }
    assert statistics(reply) == (Statistics("anna", 0, 0, 0, 0.0, 0.0, 3),)


def test_what_was_counted_is_told_at_the_end() -> None:
    site, told = Site(), Answers()
    relay = relayed(site)
    site.fake.scripted["query"] = [{"result": "ok", "tags": {"anna": party("anna", "bert", stream(50))}}]
    relay.close(told.done)
    site.wire.run(0.1)
    assert [(each.termination, each.received) for each in told.one] == [("anna", 50)]


def test_events_survive_json() -> None:
    assert parse_event(json.dumps({"type": "DTMF", "callid": "ä", "source_tag": "b", "event": 0}).encode()) == ("ä", "b", "0")
