"""Feature codes that were obeyed: the setting is made, the phone shows the confirmation, the server hangs up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from b2bua.calls.commands import Hold, Outcome
from b2bua.calls.service_call import joins_nothing
from b2bua.delegation.plan import RoutePlan, Setting
from b2bua.sip.values import SipError
from tests.calls.plans import decide
from tests.phones import Phone, PhoneCall
from tests.plain_sip import Sdp, display_of, param, user_of
from tests.world import World

FILTER_ON = (Setting("filter", "667", value="on"),)
OBEYED = RoutePlan("set", called="#61667", executive="667", settings=FILTER_ON, confirmation='Filter "Boss" on')


class Server:
    """The world with a memory of what has been set, and Sam's phone."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.made: list[Sequence[Setting]] = []
        monkeypatch.setattr(world.core.calls, "remember", self.made.append)
        decide(monkeypatch, OBEYED)
        self.sam = world.phone("676")

    def dial(self, *headers: str, sdp: bool = True) -> PhoneCall:
        return self.sam.call("#61667", headers, sdp=sdp)


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(world, monkeypatch)


def test_a_code_is_obeyed_answered_and_ended(server: Server) -> None:
    world, mine = server.world, server.dial()
    mine.expect_up()
    assert server.made == [FILTER_ON]
    answer = mine.responses[-1]
    shown = answer.get("p-asserted-identity")
    assert (display_of(shown), user_of(shown)) == ('Filter "Boss" on', "%2361667")
    assert mine.remote_sdp is not None and mine.remote_sdp.direction == "inactive" and mine.remote_sdp.port == 9
    assert (world.health["calls"], world.health["legs"], world.health["dialogs"]) == (1, 1, 1)
    world.run(1.3)
    assert mine.state == "up"
    mine.expect_ended(within=0.5)
    assert mine.ended_by == "them"
    assert mine.reason == r'SIP;cause=200;text="Filter \"Boss\" on"'
    world.run(0.5)
    assert (world.health["calls"], world.health["legs"], world.health["dialogs"]) == (0, 0, 0)


@pytest.mark.parametrize("text", ['Filter of "B\\ss" on', "off\r\nX-Evil: 1", "Büro „1“ \x85\u2028\udcff\x00 on", "long " * 100])
def test_whatever_the_confirmation_holds_it_is_a_quoted_string(
    server: Server, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """`World.settle` looks at every message."""
    decide(monkeypatch, OBEYED._replace(confirmation=text))
    mine = server.dial()
    mine.expect_up()
    shown = display_of(mine.responses[-1].get("p-asserted-identity"))
    assert shown.split()[:2] == text.split()[:2] and len(shown) <= 128
    mine.expect_ended()


def test_nobody_else_sees_it_in_the_history(server: Server) -> None:
    server.dial().expect_up()
    server.world.run(3)
    (row,) = server.world.history
    assert (row.outcome, row.status, row.answered_by, row.called) == ("answered", 200, None, "#61667")
    assert (row.parties, row.executive, row.segments) == (("676",), None, ())
    assert row.answered is not None and row.started <= row.answered < row.ended


def test_without_an_offer_ours_is_answered_in_the_ack(server: Server) -> None:
    mine = server.dial(sdp=False)
    mine.expect_up()
    assert mine.remote_sdp is not None and mine.remote_sdp.direction == "inactive"
    assert b"m=audio 9 RTP/AVP 0 8 101\r\n" in mine.responses[-1].data
    mine.expect_ended()


def test_the_caller_hangs_up_first(server: Server) -> None:
    mine = server.dial()
    mine.expect_up()
    mine.hang_up().expect(200)
    server.world.run(3)
    assert not server.sam.heard("BYE")
    assert server.world.health["calls"] == 0 and server.world.history[-1].outcome == "answered"


def test_a_cancel_that_crosses_the_answer(server: Server) -> None:
    mine = server.dial()
    server.world.wire.run_until(lambda: server.made, 1)
    mine.cancelled = True
    mine._send_cancel()
    server.world.run(3)
    assert (mine.status, mine.ended_by) == (200, "us"), "too late: answered, acknowledged and hung up"
    assert server.made == [FILTER_ON]
    assert server.world.health["calls"] == 0


def test_the_ack_never_comes(server: Server) -> None:
    mine = server.dial()
    mine.auto_ack = False
    server.world.run(30)
    assert server.world.health["calls"] == 1, "the 200 is repeated meanwhile"
    assert [h.message.status for h in server.sam.log].count(200) > 5
    server.world.run(4)
    assert server.world.health["calls"] == 0
    assert server.sam.heard("BYE"), "in case somebody is there after all"
    mine.state = "ended"


def test_the_phone_asks_for_something_meanwhile(server: Server) -> None:
    mine = server.dial("Supported: timer", "Session-Expires: 1800")
    mine.expect_up()
    assert param(mine.responses[-1].get("session-expires"), "refresher")
    held = mine.hold().expect(200)
    assert Sdp.parse(held.data).direction == "inactive"
    mine.update().expect(200)
    offered = mine.reinvite(sdp=False).expect(200)
    assert b"m=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=inactive\r\n" in offered.data, "what holds already"
    mine.info("1").expect(200)
    mine.refer("601").expect(403)
    outcomes: list[Outcome] = []
    server.world.core.calls.order(next(iter(server.world.core.calls.calls)), Hold("676"), outcomes.append)
    assert [each.status for each in outcomes] == [409]
    mine.send("UPDATE", [f"Contact: {server.sam.contact}"], b"v=0\r\nm=x\r\n").expect(488)
    mine.expect_ended()
    assert mine.ended_by == "them"


@pytest.mark.parametrize("acknowledged", [True, False])
def test_the_end_of_the_drain(server: Server, acknowledged: bool) -> None:
    mine = server.dial()
    if acknowledged:
        mine.expect_up()
    else:
        mine.auto_ack = False
        server.world.run(0.2)
    server.world.core.calls.hang_up_all()
    if not acknowledged:
        assert not server.sam.heard("BYE"), "not before the ACK (RFC 3261 §15)"
        mine.acknowledge()
    mine.expect_ended(within=0.5)
    assert server.world.health["calls"] == 0


@pytest.mark.parametrize("body", [b"hello", b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio\r\n"])
def test_an_offer_that_is_none_sets_nothing(server: Server, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sdp, "__bytes__", lambda _self: body)
    server.dial().expect_ended(488)
    assert server.made == []
    assert server.world.health["calls"] == 0 and server.world.history[-1].outcome == "failed"


def test_a_bug_in_what_is_remembered_is_500(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(settings: Sequence[Setting]) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(server.world.core.calls, "remember", bug)
    server.dial().expect_ended(500)
    assert [str(error) for error in server.world.bugs] == ["bug"]
    server.world.bugs.clear()


def test_over_tcp_and_with_required_reliability(server: Server) -> None:
    tom: Phone = server.world.phone("678", transport="TCP")
    mine = tom.call("#61667", ["Require: 100rel"])
    mine.expect_up()
    mine.expect_ended()


# The description itself.

_OURS = b"v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"


def answered(*streams: bytes, session: bytes = b"v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n") -> bytes:
    """The media lines of the answer, with their attributes."""
    answer = joins_nothing(session + b"".join(each + b"\r\n" for each in streams), "192.0.2.1")
    assert answer.startswith(_OURS + b"t=0 0\r\n")
    return answer.removeprefix(_OURS + b"t=0 0\r\n")


def test_audio_is_accepted_inactive_in_its_first_format() -> None:
    stream = (
        b"m=audio 4000 RTP/AVP 96 0\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=sendrecv"
    )
    assert answered(stream) == (b"m=audio 9 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=inactive\r\n")


@pytest.mark.parametrize(
    ("stream", "answer"),
    [
        (b"m=video 4002 RTP/AVP 97 98", b"m=video 0 RTP/AVP 97\r\n"),
        (b"m=audio 0 RTP/AVP 0", b"m=audio 0 RTP/AVP 0\r\n"),
        (b"m=audio 4000 RTP/SAVP 0", b"m=audio 0 RTP/SAVP 0\r\n"),
        (b"m=application 5000/2 TCP/BFCP *", b"m=application 0 TCP/BFCP *\r\n"),
    ],
)
def test_what_cannot_be_accepted_is_refused_and_keeps_its_place(stream: bytes, answer: bytes) -> None:
    audio = b"m=audio 4000 RTP/AVPF 0"
    ours = b"m=audio 9 RTP/AVPF 0\r\na=inactive\r\n"
    assert answered(stream, audio, audio) == answer + ours + b"m=audio 0 RTP/AVPF 0\r\n"
    assert answered(stream) == answer


def test_the_time_is_the_offers_and_line_ends_may_be_bare() -> None:
    offer = b"v=0\no=x 1 1 IN IP6 ::9\ns=-\nt=123 456\nm=audio 4000 RTP/AVP 0\n"
    assert joins_nothing(offer, "::1") == (
        b"v=0\r\no=- 0 0 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=123 456\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"
    )


@pytest.mark.parametrize(
    "offer", [b"", b"hello", b"m=audio 1 RTP/AVP 0", b"v=0\r\nm=audio 999999 RTP/AVP 0", b"v=0\r\nm=audio 1 RTP/AVP"]
)
def test_what_is_no_offer(offer: bytes) -> None:
    with pytest.raises(SipError) as refused:
        joins_nothing(offer, "192.0.2.1")
    assert refused.value.status == 488
