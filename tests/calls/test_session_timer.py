"""Session timers (RFC 4028) on both legs: agreed, refreshed, refused, and run out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.phones import PhoneCall, stays_silent
from tests.plain_sip import param
from tests.world import World, configuration

NewWorld = Callable[..., World]
TIMER = "Supported: timer"
WITH_UPDATE = "Allow: INVITE, ACK, CANCEL, BYE, UPDATE"
WITHOUT_UPDATE = "Allow: INVITE, ACK, CANCEL, BYE"
INTERVAL = 300


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world(config=configuration(session_expires=INTERVAL))


def call(world: World, offered: list[str], answered: list[str] | None = None) -> tuple[PhoneCall, PhoneCall]:
    """An answered call; the headers of the caller's INVITE and of the called phone's 200."""
    lee, mia = world.phones("601", "602")
    mia.behaviour = stays_silent
    mine = lee.call("602", offered)
    theirs = mia.expect_call()
    theirs.answer(answered or [])
    mine.expect_up()
    theirs.expect_up()
    return mine, theirs


def agreed(mine: PhoneCall) -> tuple[str, str, str]:
    """Interval, refresher and Require of the 200 that the caller got."""
    response = next(r for r in mine.responses if r.status == 200)
    value = response.get("session-expires")
    return value.partition(";")[0], param(value, "refresher"), response.get("require")


def refreshes(party: PhoneCall) -> list[str]:
    first = party.invite.cseq[0] if party.incoming else 0
    return [
        m.method
        for m in (h.message for h in party.phone.log)
        if m.method in ("INVITE", "UPDATE") and m.to_tag and m.cseq[0] > first
    ]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ("", "", "")),
        (["Session-Expires: 300"], ("", "", "")),
        ([TIMER], ("300", "uas", "")),
        ([TIMER, "Session-Expires: 120"], ("120", "uas", "")),
        ([TIMER, "Session-Expires: 120;refresher=uac"], ("120", "uac", "timer")),
        (["k: timer", "x: 120;refresher=uas"], ("120", "uas", "")),
        ([TIMER, "Session-Expires: 3600"], ("300", "uas", "")),
        ([TIMER, "Session-Expires: 3600", "Min-SE: 1000"], ("1000", "uas", "")),
    ],
)
def test_what_is_agreed_with_the_caller(world: World, headers: list[str], expected: tuple[str, str, str]) -> None:
    mine, _ = call(world, headers)
    assert agreed(mine) == expected


@pytest.mark.parametrize(("allow", "method"), [(WITH_UPDATE, "UPDATE"), (WITHOUT_UPDATE, "INVITE")])
@pytest.mark.parametrize("side", ["caller", "called"])
def test_we_refresh_and_nobody_notices(world: World, allow: str, method: str, side: str) -> None:
    if side == "caller":
        mine, theirs = call(world, [TIMER, allow])
        one, other = mine, theirs
    else:
        mine, theirs = call(world, [], [allow, TIMER, f"Session-Expires: {INTERVAL};refresher=uac"])
        one, other = theirs, mine
    before = one.remote_sdp
    world.run(4 * INTERVAL)
    got = refreshes(one)
    assert set(got) == {method} and 7 <= len(got) <= 9
    assert one.remote_sdp == before, "the same session, the same version"
    assert not refreshes(other)
    world.balanced()
    assert one.hears(other) and other.hears(one)


@pytest.mark.parametrize("side", ["caller", "called"])
def test_a_peer_who_should_refresh_and_does_not_is_given_up(world: World, side: str) -> None:
    if side == "caller":
        mine, theirs = call(world, [TIMER, "Session-Expires: 120;refresher=uac"])
    else:
        mine, theirs = call(world, [], ["Require: timer", "Session-Expires: 120;refresher=uas"])
    world.run(80)
    assert mine.state == theirs.state == "up"
    world.run(12)
    assert mine.state == theirs.state == "ended", "BYE some seconds before the session expires (RFC 4028 §10)"
    assert mine.ended_by == theirs.ended_by == "them"


@pytest.mark.parametrize("method", ["update", "reinvite"])
def test_a_peer_who_refreshes_keeps_the_call(world: World, method: str) -> None:
    mine, _ = call(world, [TIMER, "Session-Expires: 120;refresher=uac"])
    for _round in range(5):
        world.run(70)
        response = getattr(mine, method)(sdp=method == "reinvite", headers=[TIMER, "Session-Expires: 120;refresher=uac"]).expect(
            200
        )
        assert (response.get("session-expires"), response.get("require")) == ("120;refresher=uac", "timer")
    world.balanced()


def test_the_peer_hands_the_refreshing_over(world: World) -> None:
    mine, _ = call(world, [TIMER, "Session-Expires: 120;refresher=uac"])
    mine.update(sdp=False, headers=[TIMER, "Session-Expires: 120;refresher=uas"]).expect(200)
    world.run(200)
    assert refreshes(mine)
    world.balanced()


def test_an_interval_too_small_in_the_call(world: World) -> None:
    mine, _ = call(world, [TIMER])
    for attempt in (
        mine.update(sdp=False, headers=[TIMER, "Session-Expires: 60"]),
        mine.reinvite(headers=[TIMER, "Session-Expires: 60"]),
    ):
        assert attempt.expect(422).get("min-se") == "90"
    world.balanced()


def test_the_called_phone_wants_a_longer_interval(world: World) -> None:
    """422 with Min-SE: asked again with that."""
    lee, mia = world.phones("601", "602")
    seen: list[str] = []

    def behave(party: PhoneCall) -> None:
        seen.append(party.invite.get("session-expires"))
        if len(seen) == 1:
            party.reject(422, ["Min-SE: 900"])
        else:
            party.answer([f"Session-Expires: {seen[-1]};refresher=uac", TIMER])

    mia.behaviour = behave
    mine = lee.call("602")
    mine.expect_up()
    assert seen == ["300", "900"]
    one, two = (c.invite for c in mia.calls)
    assert one.call_id == two.call_id and two.cseq[0] == one.cseq[0] + 1


def test_a_422_that_asks_for_nothing_more_is_a_refusal(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = lambda party: party.reject(422, ["Min-SE: 90"])
    lee.call("602").expect_ended()
    assert len(mia.calls) == 1


def test_a_refused_refresh_is_tried_again_soon(world: World) -> None:
    mine, _ = call(world, [TIMER, WITH_UPDATE])
    answers = [491, 500, 200]
    mine.phone.hooks["UPDATE"] = lambda party, request: answers.pop(0) if answers else None
    world.run(INTERVAL / 2 + 10)
    assert len(refreshes(mine)) == 3
    world.balanced()


def test_a_phone_that_refuses_every_refresh_is_not_pestered(world: World) -> None:
    """It answers, so it lives, and the call goes on (RFC 4028 §10)."""
    mine, _ = call(world, [TIMER, WITH_UPDATE])
    mine.phone.hooks["UPDATE"] = lambda party, request: 488
    world.run(6 * INTERVAL)
    assert 6 < len(refreshes(mine)) < 20
    world.balanced()


def test_a_phone_that_allows_update_and_does_not_know_it(world: World) -> None:
    mine, _ = call(world, [TIMER, WITH_UPDATE])
    mine.phone.hooks["UPDATE"] = lambda party, request: 501
    world.run(INTERVAL + 20)
    assert refreshes(mine)[:2] == ["UPDATE", "INVITE"] and len(refreshes(mine)) <= 3
    world.balanced()


def test_a_refresh_whose_interval_is_too_small(world: World) -> None:
    mine, _ = call(world, [TIMER, WITH_UPDATE])
    seen: list[str] = []

    def refuse(party: PhoneCall | None, request: object) -> int | None:
        seen.append(request.get("session-expires"))  # type: ignore[attr-defined]
        return None

    mine.phone.hooks["UPDATE"] = refuse
    original = mine.phone.reply

    def reply(answer, status, headers=(), body=b"", **more):  # type: ignore[no-untyped-def]
        if answer.request.method == "UPDATE" and len(seen) == 1:
            original(answer, 422, ["Min-SE: 600"])
        else:
            original(answer, status, headers, body, **more)

    mine.phone.reply = reply  # type: ignore[method-assign]
    world.run(INTERVAL / 2 + 10)
    assert [value.partition(";")[0] for value in seen] == ["300", "600"]
    world.balanced()


@pytest.mark.parametrize("answer", [481, 408, 0])
def test_a_refresh_that_finds_nobody_ends_the_call(world: World, answer: int) -> None:
    mine, theirs = call(world, [TIMER, WITH_UPDATE])
    mine.phone.hooks["UPDATE"] = lambda party, request: answer
    world.run(INTERVAL / 2 + (40 if answer == 0 else 1))
    assert theirs.state == "ended"
    assert mine.state == "ended"


def test_a_cable_that_was_pulled_is_noticed(world: World) -> None:
    mine, theirs = call(world, [TIMER, WITH_UPDATE])
    mine.phone.vanish()
    world.run(INTERVAL / 2 + 40)
    theirs.expect_ended()
    world.patience = 40


def test_a_refresh_waits_for_an_offer_that_is_under_way(world: World) -> None:
    mine, theirs = call(world, [TIMER, WITH_UPDATE])
    world.run(INTERVAL / 2 - 1)
    theirs.phone.hooks["INVITE"] = lambda party, request: 0
    attempt = mine.hold()
    world.run(10)
    assert not refreshes(mine) and not attempt.done
    theirs.phone.hooks.clear()
    theirs.hang_up()
    mine.expect_ended()
    world.patience = 70
