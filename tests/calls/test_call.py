"""Whole calls, as the parties notice them: plain calls, and every row of FEATURES.md that rings somebody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from b2bua.delegation.model import DEFAULT_RIGHTS, User
from tests.phones import answers, rejects, uri_of
from tests.plain_sip import user_of
from tests.world import FAR_NUMBER, NUMBER, USERS, Alerting, Delegation, Filtering, OnBehalf, Rollover, World, executive

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
NewWorld = Callable[..., World]


# Plain calls.


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_user_calls_a_user(world: World, transport: str) -> None:
    lee, mia = world.phone("601", transport=transport), world.phone("602", transport=transport)
    mine = lee.call("602")
    theirs = mia.expect_call(shows=("Lee Colleague", "601"))
    mine.expect_ringing()
    assert [r.status for r in mine.responses] == [407, 100, 180]
    theirs.answer()
    mine.expect_up()
    theirs.expect_up()
    assert mine.hears(theirs) and theirs.hears(mine)
    assert {name: world.health[name] for name in ("calls", "legs", "dialogs")} == {"calls": 1, "legs": 2, "dialogs": 2}
    theirs.hang_up().expect(200)
    mine.expect_ended()
    assert mine.ended_by == "them"
    world.run(1.0)
    row = world.history[-1]
    assert (row.direction, row.caller, row.called, row.answered_by, row.outcome) == ("internal", "601", "602", "602", "answered")
    assert row.answered is not None and row.started <= row.answered <= row.ended


def test_all_phones_of_a_user_ring_and_the_losers_log_no_missed_call(world: World) -> None:
    lee, *phones = world.phones("601", "602", "602", "602")
    mine = lee.call("602")
    ringing = [phone.expect_call() for phone in phones]
    ringing[1].answer()
    mine.expect_up()
    assert mine.hears(ringing[1])
    for loser in (ringing[0], ringing[2]):
        loser.expect_ended(487)
        assert loser.reason == ELSEWHERE
    assert len([r for r in mine.responses if r.status == 180]) == 1
    world.balanced()


def test_the_caller_hangs_up_and_the_called_party_notices(world: World) -> None:
    mine, theirs = world.talk(*world.phones("601", "602"))
    mine.hang_up().expect(200)
    theirs.expect_ended()
    assert theirs.ended_by == "them"


@pytest.mark.parametrize("status", [486, 480, 404, 600, 603])
def test_a_plain_call_ends_with_the_called_phones_own_word(world: World, status: int) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = rejects(status)
    lee.call("602").expect_ended(status)
    world.run(1.0)
    assert world.history[-1].outcome == {486: "busy", 600: "busy", 480: "missed", 404: "refused", 603: "refused"}[status]


def test_busy_wins_over_no_answer_and_a_6xx_silences_all_phones(world: World) -> None:
    lee, desk, app = world.phones("601", "602", "602")
    desk.behaviour, app.behaviour = rejects(486, after=1), rejects(480, after=2)
    lee.call("602").expect_ended(486)
    desk.behaviour, app.behaviour = rejects(603, after=1), lambda call: call.ring()
    mine = lee.call("602")
    mine.expect_ended(603)
    app.calls[-1].expect_ended(487)


def test_a_call_out_over_the_trunk(world: World) -> None:
    lee = world.phone("601")
    mine = lee.call(NUMBER)
    theirs = world.carrier.expect_call(shows=("Lee Colleague", "+6221500602"))
    assert user_of(theirs.invite.get("p-asserted-identity")) == "+6221500602"
    assert uri_of(theirs.invite.get("to")) == f"sip:{NUMBER}@127.0.0.2:5090"
    theirs.answer()
    mine.expect_up()
    assert mine.hears(theirs)
    theirs.hang_up()
    mine.expect_ended()
    world.run(1)
    assert (world.history[-1].direction, world.history[-1].answered_by) == ("outgoing", NUMBER)


def test_a_call_from_the_trunk_to_a_users_number(world: World) -> None:
    lee = world.phone("601")
    mine = world.carrier.call_from("+33123456", "+6221500602", display="Marie")
    theirs = lee.expect_call(shows=("Marie", "+33123456"))
    theirs.answer()
    mine.expect_up()
    mine.hang_up()
    theirs.expect_ended()
    world.run(1)
    assert (world.history[-1].direction, world.history[-1].caller) == ("incoming", "+33123456")


def test_unknown_number_nobody_registered_and_oneself(world: World) -> None:
    lee = world.phone("601")
    lee.call("999").expect_ended(404)
    lee.call("602").expect_ended(480)
    lee.call("601").expect_ended(486)
    lee.call("sip:602@elsewhere.test").expect_ended(403)
    world.carrier.call_from("+33123456", "+999999").expect_ended(404)
    assert [row.outcome for row in world.history] == ["refused", "missed", "busy", "refused"]


def test_nobody_answers(world: World) -> None:
    """A plain call rings three minutes, as long as Timer C of a proxy would let it."""
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    world.run(179)
    assert mine.state == "ringing"
    world.run(3)
    mine.expect_ended(480)
    theirs.expect_ended(487)
    assert theirs.reason == "", "it was missed, and the phone may say so"


def test_a_phone_that_is_gone(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mia.vanish()
    mine = lee.call("602")
    world.run(31)
    assert mine.state == "calling"
    mine.expect_ended(480)


def test_a_permanent_contact_rings_beside_the_registered_phones(new_world: NewWorld) -> None:
    gateway = User("603", "Gateway", "x", contacts=("sip:gw@127.0.0.77:5070",))
    world = new_world(users=(*USERS, gateway))
    lee = world.phone("601")
    device = world.phone("603", register=False, at=("127.0.0.77", 5070))
    mine = lee.call("603")
    theirs = device.expect_call()
    assert theirs.invite.uri == "sip:gw@127.0.0.77:5070"
    theirs.answer()
    mine.expect_up()


# A5: ring all.


def test_ring_all_first_answer_wins(world: World) -> None:
    sam, ana, olivia = world.phones("676", "677", "667")
    mine = world.carrier.call_from("+33123456", "+6221500667", display="Marie")
    at_sam, at_ana = sam.expect_call(), ana.expect_call()
    mine.expect_ringing()
    at_ana.answer()
    mine.expect_up()
    at_sam.expect_ended(487)
    assert at_sam.reason == ELSEWHERE
    assert mine.hears(at_ana) and at_ana.hears(mine)
    assert not olivia.calls, "executive: none"
    assert [r.status for r in mine.responses] == [100, 180, 200]
    world.balanced()
    mine.hang_up()
    world.run(1)
    row = world.history[-1]
    assert (row.executive, row.answered_by, row.outcome, row.direction) == ("667", "677", "answered", "incoming")
    assert {"667", "676", "677"} <= set(row.parties)


def test_ring_all_ends_after_the_total_ring_time_with_480(world: World) -> None:
    """A15 `hangup`."""
    sam, ana, lee = world.phones("676", "677", "601")
    mine = lee.call("667")
    at = [sam.expect_call(), ana.expect_call()]
    world.run(29)
    assert mine.state == "ringing"
    mine.expect_ended(480)
    for call in at:
        call.expect_ended(487)
        assert call.reason == ""
    world.run(1)
    assert world.history[-1].outcome == "missed"


def test_a_caller_who_waits_long_is_told_every_minute_that_it_rings(world: World) -> None:
    """Or a proxy between would give the call up (RFC 3261 §13.3.1.1)."""
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    theirs.ring()
    world.run(130)
    assert [each.status for each in mine.responses if 100 < each.status < 300] == [180, 180, 180]
    theirs.answer()
    mine.expect_up()
    world.run(130)
    assert [each.status for each in mine.responses if 100 < each.status < 300] == [180, 180, 180, 200]
    world.settle()


def test_the_delegated_line_rings_instead_of_the_phones_own_account(world: World) -> None:
    """B2: a line key rings for the executive."""
    line = world.phone("676-667")
    lee = world.phone("601")
    mine = lee.call("667")
    line.expect_call().answer()
    mine.expect_up()


@pytest.mark.parametrize("status", [486, 480, 603, 404, 500])
def test_a_refusal_of_one_assistant_only_removes_that_assistant(world: World, status: int) -> None:
    """A23, A18: her own busy, refusal or absence triggers nothing else."""
    sam, ana, lee = world.phones("676", "677", "601")
    sam.behaviour = rejects(status)
    mine = lee.call("667")
    at_ana = ana.expect_call()
    world.run(5)
    assert mine.state == "ringing"
    at_ana.answer()
    mine.expect_up()


def test_when_every_assistant_refuses_the_rollover_comes_at_once(world: World) -> None:
    sam, ana, lee = world.phones("676", "677", "601")
    sam.behaviour, ana.behaviour = rejects(486), rejects(603, after=1)
    mine = lee.call("667")
    mine.expect_ended(480, within=2)


def test_nobody_is_reachable(world: World) -> None:
    lee = world.phone("601")
    lee.call("667").expect_ended(480)
    assert world.history[-1].outcome == "missed"


# A6: sequential.


SEQUENTIAL = Alerting(mode="sequential", ring_seconds=10)


def test_sequential_rings_one_after_the_other_each_for_her_time(new_world: NewWorld) -> None:
    world = new_world(executive("667", Delegation("676", "667", ring_seconds=5), "677", "678", alerting=SEQUENTIAL))
    sam, ana, tom, lee = world.phones("676", "677", "678", "601")
    mine = lee.call("667")
    at_sam = sam.expect_call()
    world.run(4.5)
    assert not ana.calls
    at_ana = ana.expect_call(within=1)
    at_sam.expect_ended(487)
    world.run(9)
    assert not tom.calls
    at_tom = tom.expect_call(within=2)
    at_ana.expect_ended(487)
    at_tom.answer()
    mine.expect_up()
    assert [r.status for r in mine.responses] == [407, 100, 180, 200], "one 180, whoever rings"
    mine.hang_up()
    world.run(1)
    segments = [(s.kind, s.party) for s in world.history[-1].segments]
    assert segments == [("ring", "676"), ("ring", "677"), ("ring", "678"), ("talk", "678")]


def test_sequential_always_starts_at_the_first_and_a_refusal_goes_on_at_once(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676", "677", alerting=SEQUENTIAL))
    sam, ana, lee = world.phones("676", "677", "601")
    for _round in range(2):
        mine = lee.call("667")
        sam.expect_call().reject(486)
        ana.expect_call(within=0.5).reject(486)
        mine.expect_ended(480)


def test_sequential_skips_whoever_has_no_phone(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676", "677", alerting=SEQUENTIAL))
    ana, lee = world.phones("677", "601")
    lee.call("667")
    ana.expect_call(within=0.5)


# A7/A8: the executive's own phones.


@pytest.mark.parametrize("mode", ["ring_all", "sequential"])
def test_executive_first(new_world: NewWorld, mode: str) -> None:
    world = new_world(executive(alerting=Alerting(mode=mode, ring_seconds=20, executive="first", executive_seconds=6)))  # type: ignore[arg-type]
    olivia, sam, ana, lee = world.phones("667", "676", "677", "601")
    mine = lee.call("667")
    boss = olivia.expect_call(shows=("Lee Colleague", "601"))
    world.run(5.5)
    assert not sam.calls
    at_sam = sam.expect_call(within=1)
    boss.expect_ended(487)
    world.run(0.1)
    assert bool(ana.calls) == (mode == "ring_all")
    at_sam.answer()
    mine.expect_up()


def test_executive_together_ring_all(new_world: NewWorld) -> None:
    world = new_world(executive(alerting=Alerting(executive="together")))
    olivia, sam, ana, lee = world.phones("667", "676", "677", "601")
    mine = lee.call("667")
    at_sam, at_ana = sam.expect_call(), ana.expect_call()
    olivia.expect_call(shows=("Lee Colleague", "601")).answer()
    mine.expect_up()
    at_sam.expect_ended(487)
    at_ana.expect_ended(487)
    assert at_sam.reason == ELSEWHERE


def test_executive_together_sequential_rings_on_while_the_assistants_change(new_world: NewWorld) -> None:
    world = new_world(executive(alerting=Alerting(mode="sequential", ring_seconds=5, executive="together")))
    olivia, sam, ana, lee = world.phones("667", "676", "677", "601")
    mine = lee.call("667")
    boss, at_sam = olivia.expect_call(), sam.expect_call()
    at_ana = ana.expect_call(within=6)
    at_sam.expect_ended(487)
    assert boss.state == "ringing"
    at_ana.reject(486)
    world.run(1)
    assert boss.state == "ringing", "Ana is out early: Olivia rings for the rest of the time"
    mine.expect_ended(480, within=10)
    boss.expect_ended(487)
    assert len(olivia.calls) == 1


# A15: rollover.


def test_rollover_to_the_executive(new_world: NewWorld) -> None:
    world = new_world(executive(alerting=Alerting(ring_seconds=10), rollover=Rollover(action="executive")))
    olivia, sam, lee = world.phones("667", "676", "601")
    mine = lee.call("667")
    at_sam = sam.expect_call()
    boss = olivia.expect_call(within=11)
    at_sam.expect_ended(487)
    boss.answer()
    mine.expect_up()


@pytest.mark.parametrize("after", [None, 0.0, 4.0])
def test_rollover_forwards_outside_after_its_timer(new_world: NewWorld, after: float | None) -> None:
    world = new_world(executive(alerting=Alerting(ring_seconds=10), rollover=Rollover(after, "forward", NUMBER)))
    sam, lee = world.phones("676", "601")
    mine = lee.call("667")
    expected = 10.0 if after is None else after
    if expected:
        sam.expect_call()
        world.run(expected - 0.5)
        assert not world.carrier.calls
    theirs = world.carrier.expect_call(within=2)
    assert user_of(theirs.invite.get("diversion")) == "+6221500667", "outside knows her by number"
    theirs.answer()
    mine.expect_up()
    world.balanced()


def test_rollover_forwards_inside(new_world: NewWorld) -> None:
    world = new_world(executive(rollover=Rollover(None, "forward", "600")))
    sam, ana, desk, lee = world.phones("676", "677", "600", "601")
    sam.behaviour = ana.behaviour = rejects(486)
    mine = lee.call("667")
    theirs = desk.expect_call(shows=("Lee Colleague", "601"))
    assert user_of(theirs.invite.get("diversion")) == "667"
    theirs.answer()
    mine.expect_up()


def test_rollover_that_nobody_answers_ends_with_480(new_world: NewWorld) -> None:
    world = new_world(executive(alerting=Alerting(ring_seconds=5), rollover=Rollover(None, "executive")))
    olivia, sam, lee = world.phones("667", "676", "601")
    mine = lee.call("667")
    sam.expect_call()
    boss = olivia.expect_call(within=6)
    mine.expect_ended(480, within=7)
    boss.expect_ended(487)


# A16: the minimum ring.


def test_minimum_ring_all(new_world: NewWorld) -> None:
    alerting = Alerting(ring_seconds=5, minimum_seconds=12)
    world = new_world(executive(alerting=alerting, rollover=Rollover(3.0, "forward", NUMBER)))
    sam, lee = world.phones("676", "601")
    lee.call("667")
    sam.expect_call()
    world.run(11)
    assert not world.carrier.calls
    world.carrier.expect_call(within=2)


def test_minimum_sequential(new_world: NewWorld) -> None:
    world = new_world(executive(alerting=Alerting(mode="sequential", ring_seconds=4, minimum_seconds=15)))
    sam, ana, lee = world.phones("676", "677", "601")
    mine = lee.call("667")
    sam.expect_call()
    at_ana = ana.expect_call(within=5)
    world.run(9)
    assert at_ana.state == "ringing"
    mine.expect_ended(480, within=3)


# A17: what the assistant sees.


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("originator_executive", "Lee Colleague → Olivia Boss"),
        ("executive_originator", "Olivia Boss ← Lee Colleague"),
        ("originator", "Lee Colleague"),
        ("executive", "Olivia Boss"),
        ("custom", "VIP line"),
    ],
)
def test_the_name_that_the_assistant_sees(new_world: NewWorld, name: str, shown: str) -> None:
    world = new_world(executive(alerting=Alerting(name=name, custom_name="VIP line", name_prefix="* ")))  # type: ignore[arg-type]
    sam, lee = world.phones("676", "601")
    lee.call("667")
    sam.expect_call(shows=("* " + shown, "601"))


@pytest.mark.parametrize(("number", "shown"), [("originator", "601"), ("executive", "667"), ("custom", "700")])
def test_the_number_that_the_assistant_sees(new_world: NewWorld, number: str, shown: str) -> None:
    world = new_world(executive(alerting=Alerting(number=number, custom_number="700")))  # type: ignore[arg-type]
    sam, lee = world.phones("676", "601")
    lee.call("667")
    call = sam.expect_call(shows=("Lee Colleague → Olivia Boss", shown))
    assert user_of(call.invite.get("p-asserted-identity")) == "601", "the caller, whatever is shown"


def test_for_whom_the_call_is(world: World) -> None:
    sam, lee = world.phones("676", "601")
    lee.call("667")
    invite = sam.expect_call().invite
    assert uri_of(invite.get("diversion")) == "sip:667@acme.test"
    assert ";reason=unconditional" in invite.get("diversion")
    assert [uri_of(each) for each in invite.all("history-info")] == ["sip:667@acme.test", "sip:676@acme.test"]
    assert "info=delegated" in invite.get("alert-info")


# A9, A20: past the filter.


def test_the_assistants_reach_their_executive_directly_and_only_theirs(new_world: NewWorld) -> None:
    world = new_world(executive(), executive("668", "678"))
    olivia, victor, sam, tom = world.phones("667", "668", "676", "678")
    sam.call("667")
    olivia.expect_call(shows=("Sam Secretary", "676"))
    sam.call("668")
    tom.expect_call()
    assert not victor.calls


@pytest.mark.parametrize("passes", [True, False])
def test_other_executives_by_option(new_world: NewWorld, passes: bool) -> None:
    world = new_world(executive(filtering=Filtering(executives_pass=passes)), executive("668", "678"))
    olivia, sam, victor = world.phones("667", "676", "668")
    victor.call("667")
    world.run(1)
    assert (len(olivia.calls), len(sam.calls)) == ((1, 0) if passes else (0, 1))


@pytest.mark.parametrize("kind", ["all", "internal", "external", "off"])
def test_simple_filter(new_world: NewWorld, kind: str) -> None:
    filtering = Filtering(enabled=False) if kind == "off" else Filtering(type=kind)  # type: ignore[arg-type]
    world = new_world(executive(filtering=filtering))
    olivia, sam, lee = world.phones("667", "676", "601")
    lee.call("667")
    world.run(0.5)
    inside = "sam" if sam.calls else "olivia"
    world.hang_up_all()
    sam.calls.clear()
    olivia.calls.clear()
    world.carrier.call_from("+33123456", "+6221500667")
    world.run(0.5)
    outside = "sam" if sam.calls else "olivia"
    expected = {"all": ("sam", "sam"), "internal": ("sam", "olivia"), "external": ("olivia", "sam"), "off": ("olivia", "olivia")}
    assert (inside, outside) == expected[kind]


# B: calls on behalf.


@pytest.mark.parametrize("dialled", [f"%2364667*{NUMBER}", f"#64667*{NUMBER}"])
def test_on_behalf_by_feature_code(world: World, dialled: str) -> None:
    """B2, B3, B12: phones send `#` plain or escaped."""
    sam = world.phone("676")
    mine = sam.call(dialled)
    theirs = world.carrier.expect_call(shows=("Olivia Boss", "+6221500600"))
    assert user_of(theirs.invite.get("p-asserted-identity")) == "+6221500600"
    theirs.answer()
    mine.expect_up()
    mine.hang_up()
    world.run(1)
    row = world.history[-1]
    assert (row.caller, row.called, row.on_behalf_of, row.actor) == ("+6221500600", NUMBER, "667", "676")


def test_on_behalf_by_the_delegated_line(world: World) -> None:
    line = world.phone("676-667")
    line.call(NUMBER)
    theirs = world.carrier.expect_call(shows=("Olivia Boss", "+6221500600"))
    assert user_of(theirs.invite.get("p-asserted-identity")) == "+6221500600"


@pytest.mark.parametrize("uri", ["sip:667@acme.test", "sip:676-667@acme.test"])
def test_on_behalf_by_preferred_identity(world: World, uri: str) -> None:
    sam = world.phone("676")
    sam.call(NUMBER, [f"P-Preferred-Identity: <{uri}>"])
    theirs = world.carrier.expect_call(shows=("Olivia Boss", "+6221500600"))
    assert not theirs.invite.get("p-preferred-identity")


def test_without_a_chosen_caller_id_it_is_the_main_number(new_world: NewWorld) -> None:
    world = new_world(executive(caller_id=None))
    world.phone("676").call(f"#64667*{NUMBER}")
    world.carrier.expect_call(shows=("Olivia Boss", "+6221500667"))


def test_an_untrusted_next_hop_is_told_no_more_than_the_caller_id(world: World) -> None:
    world.phone("676").call(f"#64667*{FAR_NUMBER}")
    theirs = world.far.expect_call(shows=("Olivia Boss", "+6221500600"))
    for name in ("p-asserted-identity", "diversion", "history-info", "privacy", "remote-party-id", "referred-by"):
        assert theirs.invite.get(name) == ""


def test_on_behalf_without_the_right_is_403(new_world: NewWorld) -> None:
    """B5: `receive` alone rings, `call` alone calls."""
    receive = Delegation("676", "667", frozenset({"receive"}))
    call = Delegation("677", "667", frozenset({"call"}))
    world = new_world(executive("667", receive, call))
    sam, ana, lee = world.phones("676", "677", "601")
    sam.call(f"#64667*{NUMBER}").expect_ended(403)
    sam.call(NUMBER, ["P-Preferred-Identity: <sip:667@acme.test>"]).expect_ended(403)
    lee.call(f"#64667*{NUMBER}").expect_ended(403)
    assert not world.carrier.calls
    ana.call(f"#64667*{NUMBER}")
    world.carrier.expect_call(shows=("Olivia Boss", "+6221500600"))
    lee.call("667")
    sam.expect_call()
    assert not [c for c in ana.calls if c.incoming]


@pytest.mark.parametrize("inside", [False, True])
def test_inside_destinations_see_the_assistant(new_world: NewWorld, inside: bool) -> None:
    """B7."""
    world = new_world(executive(on_behalf=OnBehalf(inside="executive" if inside else "self")))
    sam, lee = world.phones("676", "601")
    sam.call("#64667*601")
    lee.expect_call(shows=("Olivia Boss", "667") if inside else ("Sam Secretary", "676"))


@pytest.mark.parametrize("how", ["code", "line", "header", "private"])
def test_an_emergency_call_carries_the_own_identity_whatever_was_chosen(world: World, how: str) -> None:
    """B9."""
    caller = world.phone("676-667" if how == "line" else "676")
    headers = {"header": ["P-Preferred-Identity: <sip:667@acme.test>"], "private": ["Privacy: id"]}.get(how, [])
    mine = caller.call("#64667*112" if how == "code" else "112", headers)
    theirs = world.carrier.expect_call(shows=("Sam Secretary", "+6221500676"))
    assert uri_of(theirs.invite.get("to")).startswith("sip:112@")
    assert user_of(theirs.invite.get("p-asserted-identity")) == "+6221500676"
    assert theirs.invite.get("privacy") == ""
    theirs.answer()
    mine.expect_up()


def test_useless_codes(world: World) -> None:
    sam = world.phone("676")
    sam.call("#64667").expect_ended(484)
    sam.call("#64999*601").expect_ended(404)


# A1, A2, A3: ten assistants ring, one of them answers.


def test_ten_assistants_ring_at_once(new_world: NewWorld) -> None:
    extensions = [str(700 + n) for n in range(10)]
    users = (*USERS, *(User(extension, f"A{extension}", "x") for extension in extensions))
    delegations = [Delegation(extension, "667", DEFAULT_RIGHTS) for extension in extensions]
    world = new_world(executive("667", *delegations), users=users)
    phones = world.phones(*extensions)
    lee = world.phone("601")
    mine = lee.call("667")
    calls = [phone.expect_call() for phone in phones]
    calls[7].answer()
    mine.expect_up()
    for call in calls[:7] + calls[8:]:
        call.expect_ended(487)
        assert call.reason == ELSEWHERE
    assert world.health["legs"] == 2


def test_an_assistant_of_two_executives_sees_for_whom_it_is(new_world: NewWorld) -> None:
    world = new_world(executive(), executive("668", "676"))
    sam, lee = world.phones("676", "601")
    sam.behaviour = answers(0.5)
    for extension, boss in (("667", "Olivia Boss"), ("668", "Victor Chief")):
        lee.call(extension)
        call = sam.expect_call(shows=(f"Lee Colleague → {boss}", "601"))
        assert user_of(call.invite.get("diversion")) == extension
