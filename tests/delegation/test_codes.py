"""Feature codes that set something: what is remembered, what the phone shows, and what a wrong code is answered."""

from dataclasses import replace

import pytest

from b2bua.delegation.model import Delegation, Directory, Executive, Room
from b2bua.delegation.people import Divert, DutyProfile, OnBehalf, User
from b2bua.delegation.plan import Setting
from tests.delegation.organisation import NOW, USERS, call, changed, directory, outside, ringing, user

SALES = User("500", "Sales", "", kind="group")
OFFICE = (
    Executive(
        "667",
        "+6221500600",
        delegations=(
            Delegation("676", "667"),
            Delegation("677", "667", frozenset({"receive"})),
            Delegation("678", "667", frozenset({"receive", "manage"})),
        ),
        on_behalf=OnBehalf(sticky_seconds=3600),
    ),
    Executive("668", delegations=(Delegation("676", "668"),)),
    Executive("500", kind="group", delegations=(Delegation("601", "500", frozenset({"receive"})),)),
)
PROFILES = (
    DutyProfile("Day", "1", frozenset({"676"}), frozenset({"667"})),
    DutyProfile("Night", "2", frozenset({"676"}), frozenset({"668"}), active=False),
)


def where(**changes: object) -> Directory:
    return directory(*OFFICE, **{"users": (*USERS, SALES), **changes})


@pytest.mark.parametrize(
    ("caller", "dialled", "settings", "shown"),
    [
        ("667", "#61", [Setting("filter", "667", "", "on")], "Filter on: Olivia Boss"),
        ("667", "#62", [Setting("filter", "667", "", "off")], "Filter off: Olivia Boss"),
        ("678", "#62667", [Setting("filter", "667", "", "off")], "Filter off: Olivia Boss"),
        ("676", "#65667", [Setting("opt", "676", "667", None)], "Opted in for Olivia Boss"),
        ("676", "#66667", [Setting("opt", "676", "667", "out")], "Opted out of Olivia Boss"),
        ("676", "#66+6221500667", [Setting("opt", "676", "667", "out")], "Opted out of Olivia Boss"),
        ("676-667", "#66", [Setting("opt", "676", "667", "out")], "Opted out of Olivia Boss"),
        ("676", "#67667", [Setting("call_as", "676", "", "667", NOW.timestamp() + 3600)], "Calling as Olivia Boss"),
        ("676", "#67668", [Setting("call_as", "676", "", "668", None)], "Calling as Victor Chief"),
        ("676", "#68", [Setting("call_as", "676")], "Calling as yourself"),
        ("676", "#71600", [Setting("divert", "676", "", "on"), Setting("divert_to", "676", "", "600")], "Diverted to 600"),
        ("676", "#71+4930123456", [Setting("divert", "676", "", "on"), Setting("divert_to", "676", "", "+4930123456")], "Diverted to +4930123456"),
        ("676", "#72", [Setting("divert", "676", "", "off")], "Divert off"),
        ("601", "*78", [Setting("dnd", "601", "", "on")], "Do not disturb on"),
        ("601", "*79", [Setting("dnd", "601", "", "off")], "Do not disturb off"),
    ],
)  # fmt: skip
def test_obeyed(caller: str, dialled: str, settings: list[Setting], shown: str) -> None:
    extension, _, line = caller.partition("-")
    plan = call(user(extension, line or None), dialled, where())
    assert (plan.action, plan.settings, plan.confirmation) == ("set", tuple(settings), shown)


def test_duty_on_and_off() -> None:
    found = where(duty_profiles=PROFILES)
    assert call("676", "#692", found).settings == (Setting("duty", "676", "", "Night"),)
    assert call("676", "#60", found).settings == (Setting("duty", "676", "", ""),)


@pytest.mark.parametrize(
    ("caller", "dialled", "status", "says"),
    [
        ("676", "#65", 484, "incomplete: dial #65 and the executive's extension"),
        ("676", "#66", 484, "incomplete: dial #66 and the executive's extension"),
        ("676", "#67", 484, "incomplete: dial #67 and the executive's extension"),
        ("676", "#71", 484, "incomplete: dial #71 and the number"),
        ("678", "#61", 484, "incomplete: dial #61 and the executive's extension"),
        ("676", "#69", 484, "incomplete: dial #69 and the profile: 1 for Day or 2 for Night"),
        ("676", "#65999", 404, "999 is no executive"),
        ("676", "#65601", 404, "601 is no executive"),
        ("676", "#67999", 404, "nobody has the extension 999"),
        ("676", "#699", 404, "you have no duty profile 9: dial 1 for Day or 2 for Night"),
        ("676", "#71999", 404, "nobody has the number 999"),
        ("676", "#99", 404, "there is no feature code #99"),
        ("676", "*12345", 404, "there is no feature code *12345"),
        ("676", "*91", 403, "this is no shared phone: nobody logs out here"),
        ("676", "*90677*4711", 403, "this is no shared phone: nobody logs in here"),
        ("677", "#66667", 403, "667 does not let you opt in and out"),
        ("601", "#66667", 403, "you are no assistant of 667"),
        ("601", "#61", 403, "you are no executive: there is no filter to switch"),
        ("676", "#61667", 403, "you may not switch the filter of 667"),
        ("676", "#61500", 403, "500 is a group and has no filter"),
        ("677", "#67667", 403, "you may not call as 667"),
        ("676", "#67676", 403, "this is your own extension"),
        ("601", "#67667", 403, "you may not call as 667"),
        ("600", "#71600", 403, "you are nobody's assistant: there is nothing to divert"),
        ("600", "#72", 403, "you are nobody's assistant: there is nothing to divert"),
        ("676", "#71112", 403, "calls cannot be diverted to an emergency number"),
        ("676", "#71500", 403, "calls cannot be diverted to 500, whose calls others take"),
        ("676", "#71668", 403, "calls cannot be diverted to 668, whose calls others take"),
        ("676", "#71676", 403, "676 diverts back to you"),
        ("677", "#71676", 403, "676 diverts back to you"),
        ("601", "#691", 403, "you have no duty profile"),
        ("601", "#60", 403, "you have no duty profile"),
    ],
)  # fmt: skip
def test_refused_with_words(caller: str, dialled: str, status: int, says: str) -> None:
    found = where(users=(*changed("676", divert=Divert(enabled=True, number="677")), SALES), duty_profiles=PROFILES)
    if dialled == "#71":
        found = where()
    plan = call(caller, dialled, found)
    assert (plan.action, plan.final_status, plan.warning, plan.settings) == ("refuse", status, says, ())


def test_divert_on_without_a_number_goes_where_it_went_before() -> None:
    plan = call("676", "#71", where(), state=[Setting("divert_to", "676", "", "600")])
    assert (plan.settings, plan.confirmation) == ((Setting("divert", "676", "", "on"),), "Diverted to 600")


def test_a_trunk_cannot_dial_codes() -> None:
    assert call(outside(), "#62", where()).final_status == 404


def test_the_next_call_sees_what_a_code_has_set() -> None:
    found = where()
    assert ringing(call("601", "667", found)) == [["676", "677", "678"]]
    found = found.with_state(found.state.with_settings(call("676", "#66667", found).settings))
    assert ringing(call("601", "667", found)) == [["677", "678"]]
    found = found.with_state(found.state.with_settings(call("667", "#62", found).settings))
    assert ringing(call("601", "667", found)) == [["667"]]
    found = found.with_state(found.state.with_settings((*call("667", "#61", found).settings, *call("676", "#65667", found).settings)))
    assert ringing(call("601", "667", found)) == [["676", "677", "678"]]


ROOM = Room("750", "Board room", frozenset({"667"}), numbers=("+6221500750",))


@pytest.mark.parametrize(
    ("caller", "dialled", "feature", "argument"),
    [
        ("676", "##20", "push_back", ""),
        ("676", "#63", "push", ""),
        ("676", "*86", "push_announced", ""),
        ("667", "*11", "pull", ""),
        ("667", "*11676", "pull", "676"),
        ("667", "*11+6221500676", "pull", "676"),
        ("676", "*11676", "pull", "676"),
        ("667", "*15676", "barge_in", "676"),
        ("676", "*80677", "listen", "677"),
        ("676", "*81677", "whisper", "677"),
        ("676", "*82", "barge", ""),
        ("676", "*82677", "barge", "677"),
        ("601", "*68", "park", ""),
        ("601", "*68702", "park", "702"),
        ("676", "*687667", "park", "7667"),
        ("601", "*88", "retrieve", ""),
        ("601", "*88701", "retrieve", "701"),
        ("601", "701", "retrieve", "701"),
        ("667", "7667", "retrieve", "7667"),
        ("601", "*97600", "pick_up", "600"),
        ("601", "**500", "pick_up", "500"),
        ("601", "*98", "pick_up_group", ""),
        ("601", "*83", "lock", ""),
        ("601", "*84", "unlock", ""),
        ("676", "*85", "give_back", ""),
        ("601", "750", "conference", "750"),
        ("676", "#64667*750", "conference", "750"),
    ],
)
def test_a_code_that_concerns_another_call(caller: str, dialled: str, feature: str, argument: str) -> None:
    plan = call(caller, dialled, where(executives=(replace(OFFICE[0], slot="7667"), *OFFICE[1:]), rooms=(ROOM,)))
    assert (plan.action, plan.feature, plan.argument, plan.stages, plan.anchored) == ("join", feature, argument, (), True)


@pytest.mark.parametrize(
    ("caller", "dialled", "status", "says"),
    [
        ("601", "##20", 403, "you are nobody's assistant: there is nobody to send the call to"),
        ("601", "#63", 403, "you are nobody's assistant: there is nobody to send the call to"),
        ("676", "*15", 484, "incomplete: dial *15 and the extension of who is in the call"),
        ("676", "*80", 484, "incomplete: dial *80 and the extension of who is in the call"),
        ("676", "*81", 484, "incomplete: dial *81 and the extension of whom you want to whisper to"),
        ("676", "*97", 484, "incomplete: dial *97 and the extension that rings"),
        ("676", "**", 484, "incomplete: dial ** and the extension that rings"),
        ("676", "*11999", 404, "nobody has the extension 999"),
        ("676", "*15500", 403, "500 is a group: dial *15 and the extension of a user"),
        ("676", "*80676", 403, "this is your own extension"),
        ("676", "*68799", 404, "there is no park slot 799"),
        ("676", "*68601", 404, "there is no park slot 601"),
        ("676", "*68750", 404, "there is no park slot 750"),
        ("601", "*687667", 403, "7667 is the park slot of 667"),
        ("601", "7667", 403, "7667 is the park slot of 667"),
    ],
)
def test_digits_that_cannot_be_meant(caller: str, dialled: str, status: int, says: str) -> None:
    plan = call(caller, dialled, where(executives=(replace(OFFICE[0], slot="7667"), *OFFICE[1:]), rooms=(ROOM,)))
    assert (plan.action, plan.final_status, plan.warning) == ("refuse", status, says)


def test_the_outside_reaches_rooms_with_a_number_and_no_slot() -> None:
    found = where(rooms=(ROOM,))
    plan = call(outside(), "6221500750", found)
    assert (plan.action, plan.feature, plan.argument, plan.direction) == ("join", "conference", "750", "incoming")
    assert [call(outside(), dialled, found).final_status for dialled in ("750", "701", "*88701")] == [404, 404, 404]


def test_a_user_whose_extension_is_a_slot_is_called() -> None:
    found = where(users=(*USERS, SALES, User("701", "Nina New", "secret")))
    assert ringing(call("601", "701", found)) == [["701"]]


@pytest.mark.parametrize(("dialled", "action"), [("*15676", "refuse"), ("750", "refuse"), ("##20", "join"), ("*68", "join")])
def test_without_the_engine_what_needs_the_mixer_is_refused(dialled: str, action: str) -> None:
    plan = call("677", dialled, where(rooms=(ROOM,), media_mode="direct"))
    assert plan.action == action
    assert not plan.anchored
    if action == "refuse":
        assert (plan.final_status, plan.warning) == (488, "this needs the media engine, and media.mode is direct")
