"""Running calls, commands, click to dial and settings over the API: what is ordered, by whom, and what a refusal says."""

from collections.abc import Callable
from typing import Any

import pytest

from b2bua.administration.ports import Dialled
from b2bua.calls import commands
from b2bua.calls.commands import Outcome
from b2bua.cluster.bus import CallView, PartyView
from b2bua.delegation.plan import Setting
from tests.administration.live_world import held, on_behalf, outside, ringing, talking
from tests.fake_media import FakeMedia
from tests.plain_sip import user_of
from tests.web.support.web_office import WebOffice
from tests.world import World

OFFICE_LESS = "602"
"""Mia works for nobody."""


@pytest.fixture
def talks(office: WebOffice) -> WebOffice:
    """Sam talks to somebody who called Olivia."""
    office.desk.running["call-1"] = talking()
    return office


def test_one_is_shown_the_calls_of_ones_office_only(talks: WebOffice) -> None:
    talks.desk.running["call-2"] = talking("call-2", "602", executive=None, called="602")
    answer = talks.as_("677").get("/calls").json()
    assert [each["id"] for each in answer["items"]] == ["call-1"] and answer["total"] == 1
    assert talks.as_("admin").get("/calls").json() == {"items": [], "total": 0}
    assert talks.as_("676").get("/calls/call-1").json()["can"]


def test_a_call_that_one_may_not_see_is_not_there(talks: WebOffice) -> None:
    there = talks.as_(OFFICE_LESS).get("/calls/call-1")
    nowhere = talks.as_(OFFICE_LESS).get("/calls/call-9")
    assert there.status_code == nowhere.status_code == 404 and there.json() == nowhere.json()
    assert talks.as_(OFFICE_LESS).post("/calls/call-1/commands", {"command": "take"}).status_code == 404
    assert talks.desk.ordered == []


def test_nobody_who_has_not_signed_in_sees_or_orders_anything(talks: WebOffice) -> None:
    nobody = talks.as_("")
    assert nobody.get("/calls").status_code == 401
    for path, body in (
        ("/calls", {"number": "601"}),
        ("/calls/call-1/commands", {"command": "end"}),
        ("/settings", {"feature": "dnd_on"}),
    ):
        assert nobody.post(path, body).status_code == 401
        assert talks.as_("676", "read").post(path, body).status_code == 403
    assert (talks.desk.ordered, talks.desk.dialled, talks.desk.pressed) == ([], [], [])


COMMANDS: list[tuple[dict[str, Any], commands.Command]] = [
    ({"command": "hold"}, commands.Hold("676")),
    ({"command": "resume"}, commands.Resume("676")),
    ({"command": "park"}, commands.Park("676")),
    ({"command": "park", "slot": "705"}, commands.Park("676", "705")),
    ({"command": "push", "note": "about the contract"}, commands.PushBack("676", "about the contract")),
    ({"command": "push", "announced": True}, commands.PushBack("676", announced=True)),
    ({"command": "transfer", "target": "601"}, commands.Transfer("676", "601")),
    ({"command": "give_back"}, commands.GiveBack("676")),
    ({"command": "lock"}, commands.Lock("676")),
    ({"command": "unlock"}, commands.Lock("676", on=False)),
    ({"command": "take"}, commands.Take("676", "take")),
    ({"command": "join"}, commands.Take("676", "join")),
    ({"command": "listen"}, commands.Take("676", "listen")),
    ({"command": "whisper", "target": "677"}, commands.Take("676", "whisper", "677")),
    ({"command": "barge"}, commands.BargeIn("676")),
    ({"command": "mute", "party": "601"}, commands.Mute("676", "601")),
    ({"command": "unmute", "party": "601"}, commands.Mute("676", "601", on=False)),
    ({"command": "remove", "party": "601"}, commands.Remove("676", "601")),
    ({"command": "end"}, commands.End("676")),
]


def test_commands_are_ordered_by_who_asks(talks: WebOffice) -> None:
    for body, command in COMMANDS:
        answer = talks.as_("676").post("/calls/call-1/commands", body)
        assert answer.status_code == 200 and answer.json() == {"words": "done"}
        assert talks.desk.ordered.pop() == ("call-1", command)


NONSENSE: list[Any] = [
    {},
    {"command": "explode"},
    {"command": "transfer"},
    {"command": "mute"},
    {"command": "hold", "actor": "667"},  # nobody speaks for somebody else
    {"command": "push", "note": "x" * 201},
    {"command": ["hold"]},
    [],
    "hold",
]


def test_what_is_no_command_is_refused_with_what_is_wrong(talks: WebOffice) -> None:
    for body in NONSENSE:
        answer = talks.as_("676").post("/calls/call-1/commands", body)
        assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json", body
        assert answer.json()["findings"] and talks.desk.ordered == []


OUTCOMES = [
    (Outcome(202, "your phones ring"), 202),
    (Outcome(403, "this call is private"), 403),
    (Outcome(404, "there is no such call"), 404),
    (Outcome(409, "your phones ring already"), 409),
    (Outcome(480, "none of your phones can be reached"), 409),
    (Outcome(486, "slot 701 is occupied"), 409),
    (Outcome(488, "no sound passes"), 409),
    (Outcome(491), 409),
    (Outcome(504, "not in time"), 504),
]


@pytest.mark.parametrize(("path", "body"), [("/calls/call-1/commands", {"command": "take"}), ("/calls", {"number": "601"})])
def test_a_refusal_says_what_the_server_said(talks: WebOffice, path: str, body: dict[str, str]) -> None:
    for outcome, status in OUTCOMES:
        talks.desk.outcome = outcome
        answer = talks.as_("676").post(path, body)
        assert answer.status_code == status
        said = answer.json()
        if status == 202:
            assert said["words"] == outcome.words
        else:
            assert said["sip_status"] == outcome.status and (said["detail"] == outcome.words or not outcome.words)


def test_click_to_dial_says_as_whom(office: WebOffice) -> None:
    office.desk.outcome = Outcome(202, "your phones ring")
    sam = office.as_("676")
    assert sam.post("/calls", {"number": "+15551234567", "as": "667"}).json() == {"call": "call-9", "words": "your phones ring"}
    sam.post("/calls", {"number": " 601 "})
    sam.post("/calls", {"number": "601", "as": "676"})
    sam.post("/calls", {"number": "*97667", "as": "676"})
    assert office.desk.dialled == [
        ("676", "+15551234567", "667"), ("676", "601", None), ("676", "601", "676"), ("676", "*97667", "676"),
    ]  # fmt: skip
    assert office.as_("admin").post("/calls", {"number": "601"}).status_code == 403
    for body in ({}, {"number": ""}, {"number": "1" * 81}, {"number": "601", "as": "667", "actor": "667"}):
        assert sam.post("/calls", body).status_code == 422


@pytest.mark.parametrize(("number", "called"), [("601", "601"), ("+15551234567", "+15551234567"), ("112", "112"), ("#74112", "112")])
@pytest.mark.parametrize("as_", [None, "676"])
def test_what_the_page_dials_as_oneself_is_what_is_called(
    office: WebOffice, new_world: Callable[..., World], number: str, called: str, as_: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the server itself, against the sticky choice of the phone where that was asked for."""
    world = new_world(media=FakeMedia())
    world.core.remember([Setting("call_as", "676", value="667")])
    sam, lee = world.phones("676", "601")

    async def dial(actor: str, number: str, on_behalf_of: str | None = None) -> Dialled:
        return Dialled(*world.core.calls.dial(actor, number, on_behalf_of))

    monkeypatch.setattr(office.desk, "dial", dial)
    answer = office.as_("676").post("/calls", {"number": number, **({} if as_ is None else {"as": as_})})
    assert answer.status_code == 202, answer.text
    world.core.stack.tick(world.wire.now)
    sam.expect_call().answer()
    theirs = (lee if called == "601" else world.carrier).expect_call()
    assert user_of(theirs.invite.get("to")) == called
    if called == "112" or (called != "601" and as_ is not None):
        assert theirs.caller == ("Sam Secretary", "+6221500676")


SETTINGS = [
    ({"feature": "filter_off", "executive": "667"}, "#62667"),
    ({"feature": "filter_on"}, "#61"),
    ({"feature": "opt_out", "executive": "667"}, "#66667"),
    ({"feature": "opt_in", "executive": "667"}, "#65667"),
    ({"feature": "divert_on", "number": "+6281234"}, "#71+6281234"),
    ({"feature": "divert_on"}, "#71"),
    ({"feature": "divert_off"}, "#72"),
    ({"feature": "dnd_on"}, "*78"),
    ({"feature": "dnd_off"}, "*79"),
    ({"feature": "call_as_set", "executive": "667"}, "#67667"),
    ({"feature": "call_as_clear"}, "#68"),
    ({"feature": "duty_on", "code": "1"}, "#691"),
    ({"feature": "duty_off"}, "#60"),
]


def test_settings_are_what_the_phone_would_dial(office: WebOffice) -> None:
    for body, dialled in SETTINGS:
        assert office.as_("676").post("/settings", body).json() == {"words": "done"}
        assert office.desk.pressed.pop() == ("676", dialled)


NO_SETTINGS = [
    {"feature": "opt_out"},
    {"feature": "dnd_on", "executive": "667"},
    {"feature": "divert_on", "number": "1*2"},
    {"feature": "opt_out", "executive": "667*#61"},
    {"feature": "call_as_set", "executive": "667 "},
    {"feature": "park"},
    {"feature": "dnd_on", "actor": "667"},
]


def test_a_setting_that_would_be_another_code_is_refused(office: WebOffice) -> None:
    for body in NO_SETTINGS:
        answer = office.as_("676").post("/settings", body)
        assert answer.status_code == 422 and answer.json()["findings"] and office.desk.pressed == [], body


def test_a_setting_that_is_refused_says_why(office: WebOffice) -> None:
    office.desk.outcome = Outcome(403, "667 does not let you opt in and out")
    answer = office.as_("676").post("/settings", {"feature": "opt_out", "executive": "667"})
    assert answer.status_code == 403 and answer.json()["detail"] == "667 does not let you opt in and out"


def test_a_confidential_call_is_private_in_the_api_too(office: WebOffice) -> None:
    secret = outside("+628119990001", "Dr. Private")
    office.desk.running["call-1"] = ringing(caller=secret, confidential=True, parties=(secret,))
    assert "Private" in office.as_("677").get("/calls").text and "Dr." not in office.as_("677").get("/calls").text
    assert "Dr. Private" in office.as_("667").get("/calls").text


def test_hostile_names_are_json_and_nothing_else(office: WebOffice) -> None:
    hostile = PartyView(None, "+1</script>", "<script>alert(1)</script>\u202e\x00")
    office.desk.running["call-1"] = ringing(caller=hostile)
    answer = office.as_("677").get("/calls")
    assert answer.headers["content-type"] == "application/json" and answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["items"][0]["caller"]["name"] == "<script>alert(1)</script>"


def test_every_state_of_a_call_can_be_shown(office: WebOffice) -> None:
    shapes: list[CallView] = [held("call-2"), on_behalf("call-3"), on_behalf("call-4", state="dialling", parties=())]
    office.desk.running.update({each.id: each for each in shapes})
    assert {each["id"] for each in office.as_("677").get("/calls").json()["items"]} == {"call-2", "call-3", "call-4"}
