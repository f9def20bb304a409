"""Our INVITE: targets one after the other, credentials, session interval, early dialogs, and answers of every kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from b2bua.sip.flow import Target
from tests.phone_transactions import Answer
from tests.phones import PhoneCall, Sip, Trunk, rejects, stays_silent
from tests.plain_sip import digest_answer, param
from tests.world import CARRIER, NUMBER, SERVER, TRUNKS, World, configuration

NewWorld = Callable[..., World]
NAMED = [{**TRUNKS[1], "uri": "sip:carrier.test"}]
ACCOUNT = {"username": "acme", "password": "trunk-secret", "realm": "carrier.test"}


# Fail-over (RFC 3263 §4.3).


def answer_if_ringing(call: PhoneCall) -> None:
    if call.state == "ringing":
        call.answer()


def spread(new_world: NewWorld) -> tuple[World, Trunk, Trunk]:
    """A trunk with two hosts."""
    world = new_world(config=configuration(trunks=NAMED))
    second = Trunk(world.wire, "second", ("127.0.0.2", 5091), SERVER)
    world.parties.append(second)
    world.dns["carrier.test"] = [Target("UDP", *CARRIER), Target("UDP", "127.0.0.2", 5091)]
    return world, world.carrier, second


@pytest.mark.parametrize("failure", ["503", "silence", "unreachable"])
def test_the_next_target_is_tried(new_world: NewWorld, failure: str) -> None:
    world, first, second = spread(new_world)
    lee = world.phone("601")
    if failure == "503":
        first.behaviour = rejects(503)
    else:
        world.wire.unreachable = failure == "unreachable"
        first.vanish()
    mine = lee.call(NUMBER)
    theirs = second.expect_call(within=35)
    theirs.answer()
    mine.expect_up()
    if failure == "503":
        one, two = first.calls[0].invite, theirs.invite
        assert one.call_id == two.call_id and two.cseq[0] == one.cseq[0] + 1 and one.branch != two.branch


@pytest.mark.parametrize("late", ["rings", "answers", "refuses"])
@pytest.mark.parametrize("second_answers", [True, False])
def test_a_target_that_speaks_after_it_was_given_up(new_world: NewWorld, late: str, second_answers: bool) -> None:
    """Whoever answers first has the call; the other one is cancelled, or acknowledged and ended."""
    for offset in [step * 0.00025 for step in range(-14, 15)]:
        world, first, second = spread(World)
        lee = world.phone("601")
        first.behaviour = second.behaviour = stays_silent
        mine = lee.call(NUMBER)
        at_first = first.expect_call()
        at_second = second.expect_call(within=6)
        at_second.ring()
        mine.expect_ringing()
        if second_answers:
            world.wire.after(0.01, partial(answer_if_ringing, at_second))

        def speak(call: PhoneCall = at_first) -> None:
            actions: dict[str, Callable[[], None]] = {
                "rings": call.ring,
                "answers": call.answer,
                "refuses": partial(call.reject, 486),
            }
            actions[late]()

        world.wire.after(0.01 + offset, speak)
        world.run(3)
        up = [call for call in (at_first, at_second) if call.state == "up"]
        if second_answers or late == "answers":
            assert mine.state == "up" and len(up) == 1, world.report(f"{len(up)} talk")
        else:
            assert mine.state == "ringing" and at_second.state == "ringing" and at_first.state == "ended"
        world.balanced()
        world.settle(40)


def test_the_caller_gives_up_while_two_targets_are_asked(new_world: NewWorld) -> None:
    world, first, second = spread(new_world)
    lee = world.phone("601")
    first.behaviour = second.behaviour = stays_silent
    mine = lee.call(NUMBER)
    at_first = first.expect_call()
    at_second = second.expect_call(within=6)
    mine.cancel()
    mine.expect_ended(487)
    at_first.ring()
    at_second.answer()
    at_first.expect_ended(487)
    at_second.expect_ended()


@pytest.mark.parametrize("status", [486, 404, 500, 603])
def test_any_other_refusal_is_the_last_word(new_world: NewWorld, status: int) -> None:
    world, first, second = spread(new_world)
    first.behaviour = rejects(status)
    world.phone("601").call(NUMBER).expect_ended(status)
    assert not second.calls


def test_every_target_fails(new_world: NewWorld) -> None:
    world, first, second = spread(new_world)
    first.behaviour = second.behaviour = rejects(503)
    world.phone("601").call(NUMBER).expect_ended(503)
    world.dns["carrier.test"] = []
    world.parties[-1].call(NUMBER).expect_ended(503)


def test_a_slow_resolver_and_a_caller_who_gives_up(new_world: NewWorld) -> None:
    world = new_world(config=configuration(trunks=NAMED))
    waiting: list[Callable[..., Any]] = []
    world.core.calls._resolve = lambda uri, done: waiting.append(done)
    lee = world.phone("601")
    mine = lee.call(NUMBER)
    world.run(1)
    mine.cancel()
    mine.expect_ended(487)
    waiting[0]([Target("UDP", *CARRIER)])
    world.run(1)
    assert not world.carrier.calls


# Digest of a trunk.


class Guarded(Trunk):
    """Asks for credentials on every request but ACK and CANCEL, and keeps what it got. `fresh` new nonces, whatever was sent."""

    def __init__(self, world: World, *, status: int = 407, realm: str = "carrier.test", nonces: int = 1) -> None:
        super().__init__(world.wire, "carrier", CARRIER, SERVER)
        world.parties.append(self)
        world._carrier = self
        self.status, self.realm, self.left = status, realm, nonces
        self.nonce = "n0"
        self.good: list[str] = []
        self.bad: list[str] = []

    def _receive_request(self, heard: Any, way: Any) -> None:
        request: Sip = heard.message
        if (
            request.method not in ("ACK", "CANCEL")
            and (request.branch, request.method) not in self._answers
            and not self._proven(request)
        ):
            name = "Proxy-Authenticate" if self.status == 407 else "WWW-Authenticate"
            answer = self._answers[request.branch, request.method] = Answer(self, request, way)
            self.bad.append(request.method)
            self.reply(
                answer, self.status, [f'{name}: Digest realm="{self.realm}", nonce="{self.nonce}", algorithm=MD5, qop="auth"']
            )
            return
        super()._receive_request(heard, way)

    def _proven(self, request: Sip) -> bool:
        value = request.get("proxy-authorization" if self.status == 407 else "authorization")
        if not value or param(value.replace(", ", ";"), "nonce") != self.nonce:
            return False
        fields = dict(part.strip().split("=", 1) for part in value.removeprefix("Digest ").split(", "))
        challenge = f'Digest realm="{self.realm}", nonce="{self.nonce}", algorithm=MD5, qop="auth"'
        right = digest_answer(
            challenge,
            request.method,
            request.uri,
            "acme",
            "trunk-secret",
            cnonce=fields["cnonce"].strip('"'),
            count=int(fields["nc"], 16),
        )
        assert fields["response"] in right and fields["uri"] == f'"{request.uri}"'
        self.good.append(request.method)
        return True

    def renew(self) -> None:
        self.nonce = f"n{len(self.good) + len(self.bad)}"


def guarded(new_world: NewWorld, **settings: Any) -> tuple[World, Guarded]:
    world = new_world(config=configuration(trunks=[{**TRUNKS[1], "auth": ACCOUNT}]))
    return world, Guarded(world, **settings)


@pytest.mark.parametrize("status", [407, 401])
def test_a_trunk_that_asks_for_credentials_on_everything(new_world: NewWorld, status: int) -> None:
    world, trunk = guarded(new_world, status=status)
    lee = world.phone("601")
    mine, theirs = world.talk(lee, trunk, number=NUMBER)
    assert (trunk.bad, trunk.good) == (["INVITE"], ["INVITE"])
    trunk.renew()
    mine.hold().expect(200)
    trunk.renew()
    mine.hang_up().expect(200)
    theirs.expect_ended()
    assert trunk.bad == ["INVITE", "INVITE", "BYE"]
    assert trunk.good == ["INVITE", "INVITE", "BYE"]


def test_credentials_go_ahead_while_the_nonce_is_good(new_world: NewWorld) -> None:
    world, trunk = guarded(new_world)
    lee = world.phone("601")
    for _round in range(2):
        mine, theirs = world.talk(lee, trunk, number=NUMBER)
        mine.hold().expect(200)
        mine.hang_up().expect(200)
        theirs.expect_ended()
    assert trunk.bad == ["INVITE"]
    acks = [
        m for m in (h.message for h in trunk.log) if m.method == "ACK" and m.branch not in {c.invite.branch for c in trunk.calls}
    ]
    assert all(ack.get("proxy-authorization") for ack in acks[1:]), "the ACK of a 2xx carries what its INVITE carried"


def test_an_answer_is_given_only_for_the_realm_that_it_is_for(new_world: NewWorld) -> None:
    world, trunk = guarded(new_world, realm="evil.test")
    mine = world.phone("601").call(NUMBER)
    mine.expect_ended(502)
    assert trunk.bad == ["INVITE"] and not trunk.good
    assert not [h for h in trunk.log if h.message.get("proxy-authorization")]


def test_wrong_credentials_are_tried_once(new_world: NewWorld) -> None:
    world, trunk = guarded(new_world)
    trunk._proven = lambda request: False  # type: ignore[method-assign]
    world.phone("601").call(NUMBER).expect_ended(502)
    assert trunk.bad == ["INVITE", "INVITE"]


def test_a_challenge_of_somebody_else_gets_no_credentials(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = lambda call: call.reject(407, ['Proxy-Authenticate: Digest realm="acme.test", nonce="x"'])
    mine = lee.call("602")
    mine.expect_ended(502)
    assert len(mia.calls) == 1
    assert b"uthorization" not in b"".join(p.data for p in world.sent_to(mia) if p.start_line.startswith("INVITE"))


def test_the_callers_credentials_do_not_cross(world: World) -> None:
    mine, _ = world.talk(world.phone("601"), world.carrier, number=NUMBER)
    assert "proxy-authorization" in [name for name, _ in mine.invite.headers]
    assert not any(b"uthorization" in packet.data for packet in world.sent_to(world.carrier))


# Strange answers.


@pytest.mark.parametrize("status", [302, 305, 380])
def test_a_redirection_is_not_followed(world: World, status: int) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = lambda call: call.reject(status, ["Contact: <sip:evil@192.0.2.66>"])
    mine = lee.call("602")
    mine.expect_ended(480)
    assert mine.responses[-1].get("contact") == ""
    assert not any(packet.destination[0] == "192.0.2.66" for packet in world.wire.trace)


def test_a_2xx_that_makes_no_dialog(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602")
    theirs = mia.expect_call()
    assert theirs.invite_answer is not None
    mia.reply(theirs.invite_answer, 200, ["Contact: <tel:+1>"], bytes(theirs.local_sdp))
    theirs.state = "ended"
    mine.expect_ended(502)


def test_a_2xx_with_a_broken_body_is_ended(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602")
    theirs = mia.expect_call()
    theirs.local_sdp = b"garbage"  # type: ignore[assignment]
    theirs.remote_sdp = None
    theirs.answer()
    mine.expect_ended(488)
    theirs.expect_ended()


def test_responses_with_a_foreign_branch_are_dropped(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602")
    theirs = mia.expect_call()
    answer = theirs.invite_answer
    assert answer is not None
    for change in (
        (answer.request.branch.encode(), b"z9hG4bKforged"),
        (theirs.call_id.encode(), b"other-call"),
        (b"INVITE\r\n", b"BYE\r\n"),
    ):
        mia.reply(answer, 200, [f"Contact: {mia.contact}"], bytes(theirs.local_sdp))
        good, answer.data = answer.data, b""
        world.wire.trace.pop()
        world.wire._events.clear()
        mia.transmit(good.replace(*change), answer.way)
        world.run(1)
        assert mine.state == "calling"
    theirs.state, answer.data = "trying", b""
    theirs.answer()
    mine.expect_up()


def test_a_response_with_two_vias_is_dropped(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602")
    theirs = mia.expect_call()
    answer = theirs.invite_answer
    assert answer is not None
    mia.reply(answer, 180, ["Via: SIP/2.0/UDP 192.0.2.66"])
    world.run(0.5)
    assert mine.state == "calling"


def test_many_early_dialogs_do_not_grow_without_bound(world: World) -> None:
    lee = world.phone("601")
    world.carrier.behaviour = stays_silent
    mine = lee.call(NUMBER)
    theirs = world.carrier.expect_call()
    for n in range(100):
        theirs.ring(183, tag=f"fork-{n}", sdp=True)
    world.run(0.5)
    assert world.health["dialogs"] <= 40
    theirs.answer(tag="fork-99")
    mine.expect_up()


def test_a_request_too_large_for_a_datagram_goes_over_tcp(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = PhoneCall(lee)
    lee.calls.append(mine)
    big = bytes(mine.local_sdp) + b"".join(b"a=x-codec:%d parameter\r\n" % n for n in range(60))
    mine.local_sdp = big  # type: ignore[assignment]
    mine.dial("sip:602@acme.test", [], sdp=True, reliable=False)
    theirs = mia.expect_call()
    assert "SIP/2.0/TCP" in theirs.invite.all("via")[0]
    theirs.reject(486)
    mine.expect_ended(486)


def test_without_tcp_it_is_a_large_datagram_after_all(world: World) -> None:
    lee, mia = world.phones("601", "602")
    world.wire.unlisten(mia.at)
    mine = PhoneCall(lee)
    lee.calls.append(mine)
    mine.local_sdp = bytes(mine.local_sdp) + b"".join(b"a=x-codec:%d parameter\r\n" % n for n in range(60))  # type: ignore[assignment]
    mine.dial("sip:602@acme.test", [], sdp=True, reliable=False)
    theirs = mia.expect_call()
    assert "SIP/2.0/UDP" in theirs.invite.all("via")[0]
    theirs.reject(486)
    mine.expect_ended(486)


@pytest.mark.parametrize("lr", [True, False])
def test_record_route_of_the_called_side(world: World, lr: bool) -> None:
    """ACK, re-INVITE and BYE follow the route set of the 2xx, loose or strict (RFC 3261 §12.2.1.1)."""
    lee = world.phone("601")
    world.carrier.behaviour = stays_silent
    mine = lee.call(NUMBER)
    theirs = world.carrier.expect_call()
    route = "<sip:127.0.0.2:5090;lr>" if lr else "<sip:127.0.0.2:5090>"
    theirs.answer([f"Record-Route: {route}", "Record-Route: <sip:192.0.2.9;lr>"])
    mine.expect_up()
    mine.hang_up().expect(200)
    world.run(0.1)
    theirs.state, world.patience = "ended", 40
    theirs.invite_answer.settled = True  # type: ignore[union-attr]
    routes = ["<sip:192.0.2.9;lr>", route]
    for method in ("ACK", "BYE"):
        request = world.requests_to(world.carrier, method)
        assert not request, "the first hop of the reversed set is elsewhere"
    elsewhere = [Sip(p.data) for p in world.wire.trace if p.destination[0] == "192.0.2.9"]
    assert {m.method for m in elsewhere} == {"ACK", "BYE"}
    assert all(m.all("route") == routes and m.uri == theirs.phone.contact.strip("<>") for m in elsewhere)


BROKEN = [
    "Contact: <tel:+1>", "Contact: <<>", "Contact:", "Session-Expires: soon", "Session-Expires: 99999999999999;refresher=x", "Min-SE: x",
    "Record-Route: <<>", "Record-Route: nonsense", "RSeq: x", "Require: 100rel", "Require: unknown", "Allow:", "Retry-After: x",
    "Content-Type: text/plain", "Warning: x", "To: <sip:x@y>;tag=other", "WWW-Authenticate: Digest", "Reason: \x00",
]  # fmt: skip


@pytest.mark.parametrize("status", [180, 183, 200, 202, 401, 422, 486, 503, 699])
@pytest.mark.parametrize("line", BROKEN)
def test_a_response_with_a_broken_header_leaves_nobody_waiting(world: World, status: int, line: str) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602")
    theirs = mia.expect_call()
    assert theirs.invite_answer is not None
    name = line.partition(":")[0]
    contact = [] if name == "Contact" else [f"Contact: {mia.contact}"]
    mia.reply(theirs.invite_answer, status, [line, *contact], bytes(theirs.local_sdp), tag=theirs._tag(), insist=status >= 300)
    if name in ("Content-Type", "To"):  # it stands there twice then
        data = theirs.invite_answer.data
        first = data.index(f"\r\n{name}: ".encode()) + 2
        theirs.invite_answer.data = data[:first] + data[data.index(b"\r\n", first) + 2 :]
    theirs.state = "ringing" if status < 200 else "up" if status < 300 else "ended"
    world.run(1.0)
    if status < 200:
        theirs.answer()
        mine.expect_up()
    elif status < 300:
        world.run(3)
        assert mine.state in ("up", "ended")
        theirs.state = mine.state
    else:
        mine.expect_ended()
    world.patience = 80


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("status", [180, 200, 422, 488])
@pytest.mark.parametrize("line", [line for line in BROKEN if not line.startswith(("Content-Type", "To"))])
def test_in_the_call_too(world: World, method: str, status: int, line: str) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = lambda call: call.answer(["Allow: INVITE, ACK, BYE, UPDATE", "Session-Expires: 300;refresher=uac"])
    mine = lee.call("602")
    mine.expect_up()
    theirs = mia.expect_call()
    theirs.expect_up()
    usual = mia.reply

    def reply(answer: Answer, code: int, headers: Any = (), body: bytes = b"", **more: Any) -> None:
        if answer.request.method != method or not answer.request.to_tag:
            usual(answer, code, headers, body, **more)
        elif status < 200:
            usual(answer, status, [line], **more)
            usual(answer, code, headers, body, **more)
        else:
            usual(answer, status, [line], bytes(theirs.local_sdp) if status == 200 else b"", **more)

    mia.reply = reply  # type: ignore[method-assign,assignment]
    attempt = mine.reinvite("sendonly") if method == "INVITE" else mine.update("sendonly")
    world.run(3.0)
    assert attempt.done, "whoever asked gets an answer"
