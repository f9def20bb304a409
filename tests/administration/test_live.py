"""The live view: who is told what of the calls, and what that costs (D2, D4, D9, A24, C9, F3)."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from b2bua.administration.page import SIGNED_OUT, TOO_MANY, TRY_AGAIN, Page, PageClosed
from b2bua.administration.sight import PRIVATE
from b2bua.cluster.bus import CallView, DirectoryChanged, PartyView, RingingView
from b2bua.delegation.model import Delegation, Executive
from b2bua.delegation.plan import Setting
from tests.administration.live_world import (
    ALL,
    DIRECTORY,
    GROUP,
    OLIVIA,
    PEOPLE,
    STRANGER,
    VICTOR,
    LiveWorld,
    directory,
    held,
    inside,
    on_behalf,
    outside,
    parked,
    ringing,
    run,
    take,
    talking,
    viewer,
)
from tests.delegation.organisation import NOW, assistants

EVERYBODY = [each.extension for each in PEOPLE if each.kind == "person"]
OFFICE = {"667", "676", "677"}


def seen(world: LiveWorld, call: CallView, **viewers: Any) -> dict[str, dict[str, Any]]:
    """The call as each user sees it who does."""
    world.switchboard.running[call.id] = call
    found = {each: world.live.call(viewer(each, **viewers), call.id) for each in EVERYBODY}
    return {extension: shown for extension, shown in found.items() if shown is not None}


# --- who sees a call ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "who"),
    [
        (ringing(), OFFICE),
        (talking(), OFFICE),
        (held(), OFFICE),
        (parked(), OFFICE),
        (on_behalf(), OFFICE),
        (ringing(caller=outside("+15557001111")), OFFICE | {"600"}),  # of the press: the assistant for the press, too
        (talking(caller=inside("601")), OFFICE | {"601"}),
        (on_behalf(callee=inside("602")), OFFICE | {"602"}),
        (parked(by="601"), OFFICE | {"601"}),
        (talking(executive=None, called="601", who="601"), {"601"}),
        (ringing(executive="500", called="500", ringing=()), {"600", "601"}),
        (talking(executive="668", called="668", who="678"), {"668", "678"}),
    ],
)
def test_a_call_is_seen_by_its_parties_and_the_office_and_by_nobody_else(call: CallView, who: set[str]) -> None:
    assert seen(LiveWorld(), call).keys() == who


@pytest.mark.parametrize("role", ["user_admin", "super_admin"])
def test_administrators_see_no_call_by_being_one(role: Any) -> None:
    world = LiveWorld()
    world.switchboard.running["call-1"] = talking()
    assert world.live.calls(viewer("601", role)) == []
    assert world.live.calls(viewer(None, role)) == []
    state = take(world.live.connect(viewer(None, role)))[0]
    assert state["calls"] == [] and state["counts"] == {"talking": 1}


def test_a_user_is_not_told_how_many_calls_there_are() -> None:
    world = LiveWorld()
    world.switchboard.running["call-1"] = talking(executive="668", who="678")
    assert "counts" not in take(world.live.connect(viewer("601")))[0]


def test_a_manager_sees_the_calls_of_the_queue_and_no_other() -> None:
    world = LiveWorld()
    queue = ringing("call-2", executive="500", called="500", ringing=())
    world.switchboard.running.update({"call-1": talking(), "call-2": queue})
    assert [each["id"] for each in world.live.calls(viewer("678", "manager", offices=frozenset({"500"})))] == ["call-2"]


def test_a_delegation_that_is_over_shows_nothing_any_more() -> None:
    over = replace(OLIVIA, delegations=(Delegation("676", "667", ALL, ends=NOW + timedelta(minutes=1)), *assistants("667", "677")))
    world = LiveWorld(directory=directory(over, VICTOR, GROUP, users=PEOPLE))
    world.switchboard.put(talking(who="677"))
    page = world.open("676")
    assert list(page.calls) == ["call-1"]
    world.pass_time(121)
    state = take(page)[-1]
    assert state["type"] == "state" and state["executives"] == [] and state["calls"] == [] and page.calls == {}
    assert "667" not in {each["extension"] for each in state["people"]}
    world.switchboard.put(held(who="677"))
    assert not any(each["type"] == "call" for each in world.tell(page))


def test_without_a_right_that_is_about_calls_there_is_none_to_see() -> None:
    only_manages = replace(OLIVIA, delegations=(Delegation("676", "667", frozenset({"manage", "opt", "call"})),))
    world = LiveWorld(directory=directory(only_manages, VICTOR, GROUP, users=PEOPLE))
    assert seen(world, talking(who="667")).keys() == {"667"}


# --- what is hidden -------------------------------------------------------------------------------------------------------------

SECRET = outside("+628119990001", "Dr. Private")


@pytest.mark.parametrize("state", [ringing, talking, held, parked])
def test_a_confidential_contact_is_named_to_the_executive_only(state: Any) -> None:
    call = state(caller=SECRET) if state in (ringing, talking) else state()._replace(caller=SECRET)
    parties = tuple(SECRET if each.extension is None else each for each in call.parties)
    call = call._replace(confidential=True, parties=parties, note="the doctor +628119990001")
    shown = seen(LiveWorld(), call)
    assert "Dr. Private" in json.dumps(shown["667"])
    for extension in ("676", "677"):
        text = json.dumps(shown[extension])
        assert "Dr. Private" not in text and "628119990001" not in text
        assert shown[extension]["caller"]["name"] == PRIVATE and shown[extension]["level"] == "private"


def test_whom_an_executive_calls_in_confidence_is_hidden_too() -> None:
    call = on_behalf(callee=SECRET, confidential=True)._replace(caller=inside("667"), actor=None, executive="667", on_behalf_of=None)
    shown = seen(LiveWorld(), call._replace(parties=(inside("667"), SECRET)))
    assert "Dr. Private" not in json.dumps(shown["676"]) and shown["676"]["called"] == PRIVATE
    assert shown["676"]["answered_by"] is None


def test_a_locked_call_shows_only_that_it_is() -> None:
    shown = seen(LiveWorld(), talking(locked_by="676", note="secret"))
    assert shown["676"]["level"] == "whole" and "unlock" in shown["676"]["can"]
    for extension in ("667", "677"):
        assert shown[extension]["level"] == "closed" and shown[extension]["can"] == ()
        assert STRANGER not in json.dumps(shown[extension]) and "secret" not in json.dumps(shown[extension])


def test_the_executives_own_call_shows_an_assistant_that_it_is_and_not_with_whom() -> None:
    own = CallView("call-1", "talking", 0.0, 0.0, outside(), "667", None, None, None, (outside(), inside("667")), answered_by="667")
    shown = seen(LiveWorld(), own)
    assert shown.keys() == OFFICE  # Reception takes calls from the press only
    assert STRANGER not in json.dumps(shown["676"]) and "Carla" not in json.dumps(shown["676"])
    assert shown["676"]["owner"] == "667" and "join" in shown["676"]["can"]
    colleague = own._replace(caller=inside("667"), called="601", parties=(inside("667"),), ringing=(), state="ringing", answered_by=None)
    assert "601" not in json.dumps(seen(LiveWorld(), colleague)["676"])


def test_the_other_side_is_not_told_who_speaks_as_the_executive() -> None:
    shown = seen(LiveWorld(), on_behalf(callee=inside("602")))["602"]
    assert "676" not in json.dumps(shown) and "Sam" not in json.dumps(shown)
    assert [each["name"] for each in shown["parties"]] == ["Olivia Boss", "Mia Colleague"]
    assert seen(LiveWorld(), on_behalf(callee=inside("602")))["677"]["actor"] == "676"


def test_the_other_side_is_not_told_either_when_the_call_came_back_to_the_assistant() -> None:
    assert seen(LiveWorld(), on_behalf(callee=inside("602"), answered_by="676"))["602"]["answered_by"] is None


def test_who_calls_an_office_is_not_told_whom_it_rings_nor_its_notes() -> None:
    shown = seen(LiveWorld(), ringing(caller=inside("601"), note="an old friend", sent_by="676"))["601"]
    assert shown["ringing"] == [] and shown["note"] == "" and shown["sent_by"] == ""


def test_who_listens_is_told_to_nobody_but_themselves_and_the_executive() -> None:
    call = talking()._replace(parties=(outside(), inside("676"), inside("677", role="listen")))
    shown = seen(LiveWorld(), call)
    assert "677" not in [each["extension"] for each in shown["676"]["parties"]]
    assert "677" in [each["extension"] for each in shown["677"]["parties"]]
    assert "677" in [each["extension"] for each in shown["667"]["parties"]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),  # the page shows it as text
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("a\x00b\x1b[31mc\r\nd", "a b [31mc  d"),
        ("x" * 5000, "x" * 80),
        ("\udcff", ""),
        ("שלום", "שלום"),
    ],
)
def test_hostile_names_are_text(name: str, text: str) -> None:
    shown = seen(LiveWorld(), ringing(caller=outside("+1\u202e555\n", name)))["676"]
    assert shown["caller"]["name"].strip() == text.strip()
    assert shown["caller"]["number"].isprintable()
    json.dumps(shown).encode("ascii")


# --- what may be done -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "extension", "can"),
    [
        (ringing(), "676", ()),  # the own phone rings already
        (ringing(), "667", ("take",)),
        (talking(), "676", ("hold", "push", "give_back", "park", "transfer", "lock", "end")),
        (talking(parties=(outside(), inside("676", since=NOW.timestamp() - 6))), "676", ("hold", "push", "park", "transfer", "lock", "end")),
        (held(), "676", ("resume", "push", "park", "transfer", "lock", "end")),
        (held(), "677", ("take", "join")),
        (held(), "667", ("take", "join", "listen", "whisper")),
        (talking(), "677", ("join",)),
        (talking(who="677"), "676", ("join", "listen", "whisper")),
        (talking(), "667", ("take", "join", "listen", "whisper")),
        (parked(), "677", ("take",)),
        (talking(parties=(outside(), inside("676"), inside("667", role="listen"))), "667", ("barge", "end")),
        (talking(caller=inside("601")), "601", ("hold", "park", "transfer", "lock", "end")),
        (on_behalf(state="dialling", parties=(), ringing=(RingingView("676", "676"),)), "676", ("end",)),
        (on_behalf(state="dialling", parties=(), ringing=(RingingView("676", "676"),)), "677", ()),
    ],
)
def test_the_buttons_are_what_may_be_done(call: CallView, extension: str, can: tuple[str, ...]) -> None:
    call = call._replace(parties=tuple(each._replace(since=each.since or NOW.timestamp() - 60) for each in call.parties)) if call.state == "held" else call
    assert seen(LiveWorld(), call)[extension]["can"] == can


def test_a_moderator_of_a_room_may_mute() -> None:
    from b2bua.delegation.people import Room

    rooms = directory(OLIVIA, VICTOR, GROUP, users=PEOPLE, rooms=(Room("800", "Board", frozenset({"676"})),))
    call = talking(state="conference", room="800", executive=None, called="800", parties=(inside("676"), inside("601")))
    shown = seen(LiveWorld(directory=rooms), call)
    assert shown["676"]["can"] == ("end", "mute", "remove") and shown["601"]["can"] == ("end",)


# --- what pages are told --------------------------------------------------------------------------------------------------------


def test_a_page_is_told_the_state_first_and_then_what_changes() -> None:
    world = LiveWorld()
    world.switchboard.put(ringing())
    page = world.live.connect(viewer("676"))
    (state,) = take(page)
    assert state["type"] == "state" and state["now"] == NOW.timestamp() and state["me"]["extension"] == "676"
    assert [each["id"] for each in state["calls"]] == ["call-1"]
    assert [each["extension"] for each in state["executives"]] == ["667"]
    world.switchboard.put(talking())
    told = world.tell(page)
    assert [each["call"]["state"] for each in told if each["type"] == "call"] == ["talking"]
    world.switchboard.end("call-1", answered_by="676")
    assert {"type": "call_ended", "id": "call-1", "outcome": "answered", "answered_by": "676"} in world.tell(page)
    assert page.calls == {}


def test_the_executive_is_told_who_answered() -> None:
    """D9."""
    world = LiveWorld()
    page = world.open("667")
    world.switchboard.put(ringing())
    world.switchboard.put(talking())
    (told,) = [each["call"] for each in world.tell(page) if each["type"] == "call"]
    assert told["answered_by"] == "676" and told["names"]["676"] == "Sam Secretary"


def test_what_is_as_it_was_is_not_told_again() -> None:
    world = LiveWorld()
    page = world.open("677")
    for _ in range(3):
        world.switchboard.put(talking())
        world.pass_time(0.05)
    assert [each["type"] for each in take(page) if each["type"] == "call"] == ["call"]


def test_who_has_left_a_call_that_goes_on_is_told_that_it_is_none_of_theirs() -> None:
    world = LiveWorld()
    page = world.open("601")
    world.switchboard.put(talking(executive=None, called="601", who="601"))
    world.tell(page)
    world.switchboard.put(talking(executive=None, called="601", who="602"))
    assert {"type": "call_gone", "id": "call-1"} in world.tell(page)
    world.switchboard.put(held(executive=None, called="601", who="602"))
    assert not any("call" in each["type"] for each in world.tell(page))
    world.switchboard.end("call-1")
    assert world.live._calls_by_key == {}, "nothing is kept of a call that is over"


def test_those_who_may_do_the_same_and_see_different_things_are_told_different_things() -> None:
    """What is written once for several must be the same for them."""
    world = LiveWorld()
    assistant, executive = world.open("676"), world.open("667")
    world.switchboard.put(held(who="677", parties=(outside(), inside("677", holding=True), inside("602", role="listen"))))
    world.pass_time(0.05)
    (one,), (other,) = ([each["call"] for each in take(page) if each["type"] == "call"] for page in (assistant, executive))
    assert one["can"] == other["can"] and len(one["parties"]) == 2 and len(other["parties"]) == 3


def test_changes_within_a_batch_are_told_once() -> None:
    world = LiveWorld()
    page = world.open("677")
    for _ in range(10):
        world.switchboard.put(ringing())
        world.switchboard.put(held())
    assert [each["call"]["state"] for each in world.tell(page) if each["type"] == "call"] == ["held"]


def test_a_call_that_comes_and_goes_within_a_batch_is_not_told_at_all() -> None:
    world = LiveWorld()
    page = world.open("677")
    world.switchboard.put(ringing())
    world.switchboard.end("call-1")
    assert [each for each in world.tell(page) if each["type"].startswith("call")] == []


def test_nothing_is_told_of_calls_of_other_offices() -> None:
    world = LiveWorld()
    page = world.open("676")
    world.switchboard.put(talking("call-7", executive="668", called="668", who="678"))
    world.switchboard.end("call-7", answered_by="678")
    assert world.tell(page) == []


def test_who_answered_in_confidence_is_not_told_at_the_end_either() -> None:
    world = LiveWorld()
    call = CallView("call-1", "talking", 0.0, 0.0, inside("667"), SECRET.number, "667", None, None, (inside("667"), SECRET), confidential=True)
    world.switchboard.put(call)
    assistant, executive = world.open("676"), world.open("667")
    world.switchboard.end("call-1", answered_by=SECRET.number)
    world.pass_time(0.05)
    assert [each["answered_by"] for each in take(assistant) if each["type"] == "call_ended"] == [None]
    assert [each["answered_by"] for each in take(executive) if each["type"] == "call_ended"] == [SECRET.number]


def test_presence_follows_calls_phones_and_do_not_disturb() -> None:
    world = LiveWorld()
    page = world.open("676")

    def presence() -> list[str]:
        return [each["person"]["presence"] for each in world.tell(page) if each["type"] == "person" and each["person"]["extension"] == "667"]

    world.switchboard.put(ringing(ringing=ringing().ringing[:0]))
    assert presence() == []  # it rings for the executive, and not at the executive's
    world.switchboard.put(talking(who="667"))
    assert presence() == ["on_call"]
    world.switchboard.end("call-1")
    assert presence() == ["available"]
    world.switchboard.set(Setting("dnd", "667", "", "on"))
    assert presence() == ["do_not_disturb"]
    world.switchboard.set(Setting("dnd", "667"))
    world.switchboard.register("667", on=False)
    assert presence() == ["not_registered"]


def test_a_delegated_line_counts_as_a_phone() -> None:
    world = LiveWorld(registered={"676-667"})
    page = world.live.connect(viewer("667"))
    (state,) = take(page)
    assert {each["extension"]: each["presence"] for each in state["people"]}["676"] == "available"


def test_the_card_of_an_executive_says_how_things_stand() -> None:
    world = LiveWorld()
    page = world.open("677")
    world.switchboard.set(Setting("filter", "667", "", "off"), Setting("opt", "677", "667", "out"))
    (card,) = [each["executive"] for each in world.tell(page) if each["type"] == "executive"]
    assert card["filter"] == {"on": False, "mode": "simple", "calls": "all", "may_switch": False}
    assert card["mine"]["opted_in"] is False and card["mine"]["may_opt"] is True
    assert card["assistants"] is None  # only for the executive and for who manages
    assert card["slot"] == "7667" and [each["name"] for each in card["coverage"]["now"]] == ["Sam Secretary", "Ana Aide", "Reception"]
    managed = take(world.live.connect(viewer("676")))[0]["executives"][0]
    assert managed["filter"]["may_switch"] is True
    assert {each["extension"]: each["opted_in"] for each in managed["assistants"]} == {"676": True, "677": False, "600": True}


def test_an_executive_whom_nobody_reachable_covers_is_marked() -> None:
    world = LiveWorld()
    page = world.open("667")
    world.switchboard.register("676", on=False)
    world.switchboard.register("677", on=False)
    assert [each["executive"]["missed"] for each in world.tell(page) if each["type"] == "executive"] == [True]


def test_oneself_is_told_as_whom_one_may_call() -> None:
    world = LiveWorld()
    page = world.open("676")
    world.switchboard.set(Setting("call_as", "676", "", "667", NOW.timestamp() + 3600), Setting("divert_to", "676", "", "+6281"))
    (me,) = [each["me"] for each in world.tell(page) if each["type"] == "me"]
    assert me["call_as"] == {"executive": "667", "until": NOW.timestamp() + 3600}
    assert me["may_call_as"] == [{"extension": "667", "name": "Olivia Boss"}]
    assert me["divert"] == {"on": False, "number": "+6281"}


def test_who_has_logged_in_at_a_shared_phone_is_told_where_and_the_phone_who_it_is() -> None:
    world = LiveWorld()
    desk = replace(PEOPLE[0], extension="690", name="Desk by the window", type="shared")
    world.switchboard.serve(directory(OLIVIA, VICTOR, GROUP, users=(*PEOPLE, desk)))
    sam, window = world.open("676"), world.open("690")
    until = NOW.timestamp() + 3600

    def told(page: Page) -> list[tuple[Any, Any]]:
        return [(each["me"]["desks"], each["me"]["logged_in"]) for each in world.tell(page) if each["type"] == "me"]

    world.switchboard.set(Setting("hot_desk", "690", "", "676", until))
    world.switchboard.register("676")
    assert told(sam)[-1] == ([{"extension": "690", "name": "Desk by the window", "until": until}], None)
    assert told(window)[-1] == ([], {"extension": "676", "name": "Sam Secretary", "until": until})
    world.switchboard.set(Setting("hot_desk", "690"))
    world.switchboard.register("676")
    assert told(sam)[-1] == told(window)[-1] == ([], None)


def test_a_right_that_is_taken_away_takes_the_calls_away() -> None:
    world = LiveWorld()
    world.switchboard.put(talking(who="677"))
    page = world.open("676")
    world.switchboard.serve(directory(replace(OLIVIA, delegations=assistants("667", "677")), VICTOR, GROUP, users=PEOPLE))
    told = world.tell(page)
    assert {"type": "directory", "revision": 2} in told
    assert [each["calls"] for each in told if each["type"] == "state"] == [[]]
    assert page.recheck, "whoever serves the page asks whether it may still look"
    world.switchboard.put(held(who="677"))
    assert not any("call" in each["type"] for each in world.tell(page))


@pytest.mark.parametrize(
    ("kind", "key", "concerned"),
    [
        ("users", "676", True),  # oneself
        ("users", "677", True),  # a colleague
        ("users", "667", True),  # an executive of one's own
        ("users", "602", False),
        ("executives", "667", True),
        ("executives", "668", False),
        ("sites", "HQ", True),
    ],
)
def test_a_change_is_looked_at_by_the_pages_that_it_may_concern(kind: str, key: str, concerned: bool) -> None:
    world = LiveWorld()
    page = world.open("676")
    world.switchboard.bus.publish(DirectoryChanged(3, frozenset({(kind, key)})))
    assert world.tell(page) == [{"type": "directory", "revision": 3}]
    assert page.recheck is concerned


def test_a_new_name_is_told_to_who_sees_a_call_of_theirs() -> None:
    world = LiveWorld()
    world.switchboard.put(talking(caller=inside("601")))
    page = world.open("676")
    world.switchboard.bus.publish(DirectoryChanged(3, frozenset({("users", "601")})))
    assert page.recheck


def test_a_new_assistant_is_asked_to_look_again() -> None:
    world = LiveWorld()
    page = world.open("678")
    world.switchboard.directory = directory(replace(OLIVIA, delegations=assistants("667", "676", "678")), VICTOR, GROUP, users=PEOPLE)
    world.switchboard.bus.publish(DirectoryChanged(3, frozenset({("executives", "667")})))
    assert page.recheck


def test_a_viewer_who_is_somebody_else_now_is_told_everything_anew() -> None:
    world = LiveWorld()
    world.switchboard.put(ringing(executive="500", called="500", ringing=()))
    page = world.open("678", role="manager", offices=frozenset({"500"}))
    assert list(page.calls) == ["call-1"]
    assert world.live.renew(page, viewer("678")) and take(page)[0]["calls"] == []
    assert not world.live.renew(page, viewer("678"))


def test_a_page_that_comes_back_is_told_what_it_has_missed() -> None:
    world = LiveWorld()
    first = world.open("676")
    world.switchboard.put(ringing())
    world.live.disconnect(first)
    world.switchboard.put(held())
    again = world.live.connect(viewer("676"))
    assert [each["state"] for each in take(again)[0]["calls"]] == ["held"]
    world.switchboard.end("call-1")
    assert [each["type"] for each in world.tell(again) if each["type"].startswith("call")] == ["call_ended"]


# --- what it costs --------------------------------------------------------------------------------------------------------------


def test_nobody_listens_while_no_page_is_open() -> None:
    world = LiveWorld()
    assert not world.switchboard.bus
    page = world.open("676")
    assert world.switchboard.bus
    world.live.disconnect(page)
    assert not world.switchboard.bus and not [each for each in world.due if not each.cancelled]


def test_what_many_see_alike_is_written_once() -> None:
    """Fan-out: the number of times that something is written as JSON, and not the number of pages, is what a change costs."""
    colleagues = tuple(replace(PEOPLE[0], extension=f"9{number:02}", name=f"Assistant {number}", numbers=()) for number in range(40))
    olivia = Executive("667", delegations=assistants("667", *(each.extension for each in colleagues)))
    world = LiveWorld(directory=directory(olivia, users=(*PEOPLE, *colleagues)))
    pages = [world.open(each.extension) for each in colleagues for _ in range(5)]
    assert world.live.pages == 200
    before = world.live.serialised
    world.switchboard.put(talking("call-1", "667"))
    world.pass_time(1)
    assert all([each["call"]["id"] for each in take(page) if each["type"] == "call"] == ["call-1"] for page in pages)
    assert world.live.serialised - before == 2  # the call, and that Olivia is on it


def test_calls_that_no_page_may_see_are_not_written() -> None:
    world = LiveWorld()
    world.open("601")
    before = world.live.serialised
    for number in range(100):
        world.switchboard.put(talking(f"call-{number}"))
    world.pass_time(1)
    assert world.live.serialised == before


def test_pages_of_the_same_state_share_it() -> None:
    world = LiveWorld()
    for number in range(50):
        world.switchboard.put(talking(f"call-{number}", "667", started=1.0, since=1.0, parties=(outside(), inside("667"))))
    world.open("677")
    before = world.live.serialised
    world.open("677")
    assert world.live.serialised - before < 10


# --- pages that do not keep up --------------------------------------------------------------------------------------------------


def closed(page: Page) -> int:
    with pytest.raises(PageClosed) as error:
        run(page.next(0.0))
    return error.value.code


def test_a_page_with_too_much_waiting_is_dropped_and_the_others_are_not() -> None:
    world = LiveWorld()
    slow, quick = world.open("677"), world.open("676")
    for number in range(2000):
        world.switchboard.put(talking(f"call-{number % 7}", note="x" * 150, slot=str(number)))
        world.pass_time(0.05)
        take(quick)
        if slow.closed:
            break
    assert closed(slow) == TRY_AGAIN and number < 1999
    assert quick.closed is None and world.live.pages == 1


def test_a_page_that_takes_nothing_for_five_seconds_is_dropped() -> None:
    world = LiveWorld()
    page = world.open("677")
    world.switchboard.put(ringing())
    world.pass_time(0.05)
    run(page.next(0.0))  # what it is being sent, and never comes back from
    world.pass_time(5.1)
    world.switchboard.put(talking())
    world.pass_time(0.05)
    assert closed(page) == TRY_AGAIN and world.live.pages == 0


def test_a_state_that_is_large_is_no_reason_to_drop_a_page() -> None:
    world = LiveWorld()
    for number in range(800):
        world.switchboard.running[f"call-{number}"] = talking(f"call-{number}", note="x" * 150)
    page = world.live.connect(viewer("676"))
    assert len(take(page)[0]["calls"]) == 800


def test_the_eleventh_page_of_an_account_closes_the_first() -> None:
    world = LiveWorld()
    pages = [world.open("676") for _ in range(10)]
    other = world.open("677")
    world.open("676")
    assert closed(pages[0]) == TOO_MANY and all(each.closed is None for each in (*pages[1:], other))
    assert world.live.pages == 11


def test_too_many_pages_altogether_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.administration.live.MOST_PAGES", 2)
    world = LiveWorld()
    world.open("676")
    world.open("677")
    with pytest.raises(PageClosed) as error:
        world.live.connect(viewer("667"))
    assert error.value.code == TRY_AGAIN


def test_at_the_end_every_page_is_closed_so_that_it_comes_back() -> None:
    world = LiveWorld()
    pages = [world.open("676"), world.open("677")]
    world.live.close()
    assert [closed(each) for each in pages] == [1012, 1012] and not world.switchboard.bus


def test_what_waits_is_told_before_the_page_asks_who_looks() -> None:
    page = Page(viewer("676"), lambda: 0.0)
    page.send("{}")
    page.close(SIGNED_OUT, "over")
    assert closed(page) == SIGNED_OUT, "what waits is dropped with the right to see it"


def test_a_party_that_is_not_in_the_directory_does_no_harm() -> None:
    world = LiveWorld()
    page = world.open("676")
    world.switchboard.put(talking(parties=(outside(), PartyView("999", "999", "Gone"), inside("676"))))
    assert [each["type"] for each in world.tell(page) if each["type"] == "call"] == ["call"]


def test_the_directory_of_the_tests_is_as_they_say() -> None:
    assert DIRECTORY.is_executive("667") and not DIRECTORY.is_executive("500")
