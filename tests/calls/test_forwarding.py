"""Forwarding by outcome, devices one after the other, mailboxes, splashes: ring plans written by hand, seen from the phones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from b2bua.delegation.plan import Presentation, RoutePlan, Setting
from tests.calls.plans import decide, mailbox, outside, phones, ring, stage
from tests.phones import Phone, rejects, uri_of
from tests.plain_sip import Sip, param, user_of
from tests.world import FAR_NUMBER, NUMBER, SERVER, World

NewWorld = Callable[..., World]
Plans = Callable[[RoutePlan], None]
MAILBOX = "sip:vm@127.0.9.9:5070;transport=udp"


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Plans:
    """Decide on a plan for whoever calls from now on."""
    return lambda plan: decide(monkeypatch, plan)


def voicemail(world: World) -> Phone:
    made = Phone(world.wire, "vm", ("127.0.9.9", 5070), SERVER)
    world.parties.append(made)
    return made


def device(world: World, account: str, user_agent: str) -> Phone:
    made = world.phone(account, register=False)
    made.register(headers=[f"User-Agent: {user_agent}"])
    return made


def diversions(invite: Sip) -> list[tuple[str, str]]:
    """Whoever diverted the call, latest first, and why."""
    return [(user_of(each), param(each, "reason")) for each in invite.all("diversion")]


# Forwarding.


def test_busy_is_forwarded(world: World, plans: Plans) -> None:
    lee, mia, desk = world.phones("601", "602", "600")
    mia.behaviour = rejects(486)
    forward = phones("600", "forward", diverting="602", diversion="user-busy")
    plans(ring(stage(phones("602"), busy=[stage(forward)])))
    mine = lee.call("602")
    theirs = desk.expect_call(shows=("Lee Colleague", "601"))
    assert diversions(theirs.invite) == [("602", "user-busy")]
    assert user_of(theirs.invite.get("p-asserted-identity")) == "601"
    theirs.answer()
    mine.expect_up()
    world.balanced()
    mine.hang_up()
    theirs.expect_ended()
    world.run(1)
    assert world.history[-1].answered_by == "600"
    assert [each.party for each in world.history[-1].segments] == ["602", "600", "600"]


def test_who_is_not_there_is_forwarded_to_the_mailbox(world: World, plans: Plans) -> None:
    lee, vm = world.phone("601"), voicemail(world)
    box = mailbox(MAILBOX, diverting="602", diversion="unavailable")
    plans(ring(stage(phones("602"), unreachable=[stage(box)])))
    mine = lee.call("602")
    theirs = vm.expect_call(shows=("Lee Colleague", "601"))
    assert theirs.invite.uri == MAILBOX and uri_of(theirs.invite.get("to")) == MAILBOX
    assert user_of(theirs.invite.get("p-asserted-identity")) == "601", "a mailbox is inside"
    assert diversions(theirs.invite) == [("602", "unavailable")]
    theirs.answer()
    mine.expect_up()


def test_the_mailbox_of_a_rollover_is_told_whose_call_it_is(world: World, plans: Plans) -> None:
    vm, lee = voicemail(world), world.phone("601")
    plans(ring(stage(phones("676", "assistant")), executive="667", rollover=(stage(mailbox(MAILBOX)),)))
    lee.call("667")
    assert diversions(vm.expect_call().invite) == [("667", "no-answer")]


def test_a_mailbox_that_is_no_address_fails_like_a_phone(world: World, plans: Plans) -> None:
    lee, mia = world.phones("601", "602")
    plans(ring(stage(mailbox("sip:@@@:x")), stage(phones("602"))))
    lee.call("602")
    mia.expect_call()


def test_no_answer_is_forwarded_outside(world: World, plans: Plans) -> None:
    lee, desk = world.phones("601", "600")
    forward = outside(NUMBER, diverting="600", diversion="no-answer")
    plans(ring(stage(phones("600"), seconds=5, no_answer=[stage(forward)])))
    mine = lee.call("600")
    theirs = desk.expect_call()
    mine.expect_ringing()
    world.run(4)
    assert not world.carrier.calls
    mobile = world.carrier.expect_call(shows=("Lee Colleague", "+6221500602"))
    theirs.expect_ended(487)
    assert theirs.reason == "", "which was a missed call"
    assert diversions(mobile.invite) == [("+6221500601", "no-answer")], "by number, outside"
    mobile.answer()
    mine.expect_up()


def test_after_forwarding_the_caller_does_not_hear_that_the_first_was_busy(world: World, plans: Plans) -> None:
    lee, mia, desk = world.phones("601", "602", "600")
    mia.behaviour = rejects(486)
    plans(ring(stage(phones("602"), busy=[stage(phones("600", "forward"), seconds=3)])))
    mine = lee.call("602")
    theirs = desk.expect_call()
    mine.expect_ended(480, within=5)
    theirs.expect_ended(487)


def test_forwarding_ends_when_the_caller_gives_up(world: World, plans: Plans) -> None:
    lee, mia, desk = world.phones("601", "602", "600")
    mia.behaviour = rejects(486)
    plans(ring(stage(phones("602"), busy=[stage(phones("600", "forward"))])))
    mine = lee.call("602")
    theirs = desk.expect_call()
    mine.expect_ringing()
    mine.cancel()
    mine.expect_ended(487)
    theirs.expect_ended(487)


@pytest.mark.parametrize("trusted", [True, False])
def test_who_forwards_is_named_outside_by_number_or_not_at_all(world: World, plans: Plans, trusted: bool) -> None:
    lee = world.phone("601")
    number, trunk, party = (NUMBER, "carrier", world.carrier) if trusted else (FAR_NUMBER, "far", world.far)
    target = outside(number, trunk=trunk, diverted_by="676")
    plans(
        ring(stage(target), executive="667", present_assistant=Presentation("Lee → Olivia Boss", "601"), alert_info="delegated")
    )
    lee.call("667")
    invite = party.expect_call(shows=("Lee Colleague", "+6221500602")).invite
    expected = [("+6221500676", "unconditional"), ("+6221500667", "unconditional")]
    assert diversions(invite) == (expected if trusted else [])
    hops = [uri_of(each).partition("@")[0] for each in invite.all("history-info")]
    assert hops == (["sip:+6221500667", "sip:+6221500676", f"sip:{NUMBER}"] if trusted else [])
    assert not invite.get("alert-info") and b"Olivia" not in invite.data


def test_an_assistant_without_an_outside_number_is_not_named_outside(world: World, plans: Plans) -> None:
    lee = world.phone("601")
    plans(ring(stage(outside(NUMBER, diverted_by="677")), executive="667"))
    lee.call("667")
    invite = world.carrier.expect_call().invite
    assert diversions(invite) == [("+6221500667", "unconditional")]
    assert b"677" not in invite.data


def test_an_assistant_who_diverts_inside(world: World, plans: Plans) -> None:
    lee, tom = world.phones("601", "678")
    plans(ring(stage(phones("678", "assistant", diverted_by="676")), executive="667", alert_info="delegated"))
    lee.call("667")
    invite = tom.expect_call().invite
    assert diversions(invite) == [("676", "unconditional"), ("667", "unconditional")]
    assert [(user_of(each), param(each, "index"), param(each, "mp")) for each in invite.all("history-info")] == [
        ("667", "1", ""),
        ("676", "1.1", "1"),
        ("678", "1.1.1", "1.1"),
    ]
    assert [param(each, "info") for each in invite.all("alert-info")] == ["delegated"]


# Apps and desk phones (A22).


def test_apps_first_then_the_desk_phone(world: World, plans: Plans) -> None:
    lee = world.phone("601")
    app, desk = device(world, "602", "Linphone/5.2"), device(world, "602", "Yealink SIP-T54W")
    mobile = world.phone("602", register=False)
    mobile.register(contact=f'{mobile.contact};mobility="mobile"', headers=["User-Agent: Pocket"])
    plans(ring(stage(phones("602", devices="apps"), phones("602", devices="desk", after=6.0))))
    mine = lee.call("602")
    at_app = app.expect_call()
    mobile.expect_call()
    world.run(5)
    assert not desk.calls
    theirs = desk.expect_call()
    theirs.answer()
    mine.expect_up()
    at_app.expect_ended(487)
    assert 'text="Call completed elsewhere"' in at_app.reason


@pytest.mark.parametrize("status", [486, 603])
def test_an_app_that_refuses_lets_the_desk_phone_ring_unless_it_declines(world: World, plans: Plans, status: int) -> None:
    lee = world.phone("601")
    app, desk = device(world, "602", "Linphone/5.2"), device(world, "602", "Yealink SIP-T54W")
    app.behaviour = rejects(status)
    plans(ring(stage(phones("602", devices="apps"), phones("602", devices="desk", after=6.0))))
    mine = lee.call("602")
    if status == 486:
        desk.expect_call()
    else:
        mine.expect_ended(603)
        world.run(7)
        assert not desk.calls


def test_no_app_is_registered(world: World, plans: Plans) -> None:
    lee, desk = world.phone("601"), device(world, "602", "Yealink SIP-T54W")
    plans(ring(stage(phones("602", devices="apps"), phones("602", devices="desk", after=6.0))))
    lee.call("602")
    desk.expect_call(within=0.5)


def test_the_delegated_line_is_a_device_too(world: World, plans: Plans) -> None:
    """The line of a desk phone rings in place of its main account, and an app does not."""
    lee, app = world.phone("601"), device(world, "676", "Linphone/5.2")
    line = device(world, "676-667", "Yealink SIP-T54W")
    plans(ring(stage(phones("676", "assistant", for_executive="667", devices="desk")), executive="667"))
    lee.call("667")
    line.expect_call()
    assert not app.calls


def test_an_early_offer_is_not_asked_for_while_somebody_is_to_join(world: World, plans: Plans) -> None:
    lee = world.phone("601", reliable=True)
    app = device(world, "602", "Linphone/5.2")
    plans(ring(stage(phones("602", devices="apps"), phones("602", devices="desk", after=6.0))))
    lee.call("602", sdp=False)
    assert "100rel" not in app.expect_call().invite.get("require") + app.calls[-1].invite.get("supported")


# Alerting (A7, A8).


def test_a_splash(world: World, plans: Plans) -> None:
    lee, olivia, sam = world.phones("601", "667", "676")
    splash = phones("667", "executive", alert="splash", seconds=2.0)
    plans(ring(stage(splash, phones("676", "assistant")), executive="667", alert_info="delegated"))
    mine = lee.call("667")
    theirs = olivia.expect_call()
    assert theirs.invite.get("alert-info") == "<urn:alert:duration:short>, <http://acme.test>;info=splash"
    world.run(1.9)
    assert theirs.state == "ringing"
    theirs.expect_ended(487)
    assert theirs.reason == 'SIP;cause=200;text="Call completed elsewhere"', "no missed call"
    sam.expect_call().answer()
    mine.expect_up()


def test_a_silent_call(world: World, plans: Plans) -> None:
    lee, olivia = world.phones("601", "667")
    plans(ring(stage(phones("667", "executive", alert="silent")), executive="667"))
    lee.call("667")
    assert [param(each, "info") for each in olivia.expect_call().invite.all("alert-info")] == ["silent"]


# What a call leaves behind (B11).


def test_what_a_call_sets_is_remembered_when_it_starts(world: World, plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Sequence[Setting]] = []
    monkeypatch.setattr(world.core.calls, "remember", made.append)
    memory: Any = (Setting("callback", "667", NUMBER, "676", 1e9),)
    lee, mia = world.phones("601", "602")
    plans(ring(stage(phones("602")), settings=memory))
    lee.call("602")
    mia.expect_call()
    assert made == [memory]
