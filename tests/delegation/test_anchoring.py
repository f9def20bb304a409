"""Which calls pass through the media engine from the start, and why."""

import pytest

from b2bua.delegation.model import Directory, Executive
from b2bua.delegation.people import Forwarding, MediaMode, Rollover, User
from b2bua.delegation.plan import Caller
from tests.delegation.organisation import USERS, assistants, call, changed, directory, outside, rule, user

SERVICE = Executive("510", kind="service", delegations=assistants("510", ("601", {"receive", "call"})))
PEOPLE = (*USERS, User("510", "Help Desk", "", ("+6221500510",), kind="service"), User("602", "Mia Colleague", "secret-602"))


def where(mode: MediaMode = "auto", **changes: object) -> Directory:
    olivia = Executive("667", "+6221500600", delegations=assistants("667", "676", "677"))
    return directory(olivia, SERVICE, **{"users": PEOPLE, "media_mode": mode, **changes})


@pytest.mark.parametrize(
    ("caller", "dialled", "reason"),
    [
        (user("601"), "667", "anchored: calls of Olivia Boss (667) may be sent back, picked up and joined"),
        (outside(), "+6221500667", "anchored: calls of Olivia Boss (667) may be sent back, picked up and joined"),
        (user("676"), "667", "anchored: Sam Secretary (676) may send the call back by ##20"),
        (user("667"), "601", "anchored: calls of Olivia Boss (667) may be sent back, picked up and joined"),
        (user("601"), "676", "anchored: Sam Secretary (676) may send the call back by ##20"),
        (outside(), "+6221500676", "anchored: Sam Secretary (676) may send the call back by ##20"),
        (user("676"), "+15551234567", "anchored: Sam Secretary (676) may send the call back by ##20"),
        (user("676"), "#64667*+15551234567", "anchored: calls of Olivia Boss (667) may be sent back, picked up and joined"),
        (user("600"), "510", "anchored: whoever answers for Help Desk (510) may give the call back by *85"),
        (user("601"), "#64510*+15551234567", "anchored: whoever answers for Help Desk (510) may give the call back by *85"),
        (user("601"), "701", "anchored: the feature joins this call to another one"),
        (user("601"), "602", "direct: nobody in this call uses a feature during calls"),
        (user("601"), "+15551234567", "direct: nobody in this call uses a feature during calls"),
        (outside(), "+6221500601", "direct: nobody in this call uses a feature during calls"),
        (user("676"), "112", "direct: nothing stands in the way of an emergency call"),
    ],
)
def test_the_reason_stands_in_the_explainer(caller: Caller, dialled: str, reason: str) -> None:
    found = where()
    plan = call(caller, dialled, found)
    anchored = reason.startswith("anchored")
    assert (plan.anchored, rule(plan, "media")) == (anchored, (anchored, reason))


def test_a_forward_that_may_lead_to_an_assistant_counts() -> None:
    """Who would answer is not known yet; with a media engine in the call from the start nothing has to change then."""
    people = tuple(each for each in changed("601", forwarding=Forwarding(no_answer="676")))
    found = where(users=(*people, *PEOPLE[-2:]))
    assert rule(call("600", "601", found), "media") == (True, "anchored: Sam Secretary (676) may send the call back by ##20")


def test_an_assistant_in_the_rollover_counts() -> None:
    found = directory(
        Executive("667", delegations=assistants("667", "676")),
        Executive("510", kind="group", rollover=Rollover(None, "forward", "676"), delegations=assistants("510", ("601", {"receive"}))),
        users=PEOPLE,
    )
    assert call("600", "510", found).anchored


@pytest.mark.parametrize("mode", ["anchored", "direct"])
@pytest.mark.parametrize(("caller", "dialled"), [("601", "667"), ("601", "600"), ("601", "112"), ("676", "+15551234567"), ("601", "701")])
def test_the_other_modes_say_so_whoever_calls(mode: MediaMode, caller: str, dialled: str) -> None:
    found = where(mode)
    plan = call(caller, dialled, found)
    anchored, reason = rule(plan, "media")
    assert (plan.anchored, anchored) == (mode == "anchored", mode == "anchored")
    assert dialled == "112" or reason == f"{mode}: media.mode is {mode}" or (dialled, mode) == ("701", "anchored")


def test_refusals_and_settings_have_no_sound() -> None:
    found = where("anchored")
    for dialled in ("#61", "#99"):
        assert not call("667", dialled, found).anchored
