"""The explainer: readable by an executive, and by a program."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.delegation.explain import facts_for, nothing_decided, render_text, to_json
from b2bua.delegation.model import Alerting, Delegation, Executive, Rollover, User
from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, RoutePlan, Rule, Setting, Stage
from b2bua.delegation.policy import decide
from tests.delegation.organisation import NOW, USERS, assistants, directory

OLIVIA = Executive(
    "667",
    "+6221500600",
    alerting=Alerting(mode="sequential", executive="together", minimum_seconds=70),
    rollover=Rollover(90, "forward", "+15559876543"),
    delegations=assistants("667", "676", "677"),
)
DIRECTORY = directory(OLIVIA)


def explained(caller: str, dialled: str) -> str:
    facts = facts_for(caller, dialled, DIRECTORY)
    return render_text(facts, decide(facts, DIRECTORY, NOW), NOW, DIRECTORY)


@pytest.mark.parametrize(
    ("caller", "kind", "extension", "line", "number"),
    [
        ("676", "user", "676", None, "676"),
        ("+6221500676", "user", "676", None, "676"),
        ("676-667", "user", "676", "667", "676"),
        ("+15551234567", "trunk", None, None, "+15551234567"),
        ("+1 (555) 123-4567", "trunk", None, None, "+15551234567"),
        ("15551234567", "trunk", None, None, "15551234567"),
        ("+62 21 500 676", "user", "676", None, "676"),
        ("anonymous", "trunk", None, None, ""),
        ("Unavailable", "trunk", None, None, ""),
    ],
)
def test_who_calls(caller: str, kind: str, extension: str | None, line: str | None, number: str) -> None:
    found = facts_for(caller, "601", DIRECTORY).caller
    assert (found.kind, found.extension, found.line, found.number) == (kind, extension, line, number)
    assert found.trunk == ("carrier" if kind == "trunk" else None)


def test_a_number_withheld_and_a_number_that_never_came() -> None:
    anonymous, unavailable = (facts_for(each, "601", DIRECTORY).caller for each in ("anonymous", "unavailable"))
    assert (anonymous.anonymous, anonymous.unavailable) == (True, False)
    assert (unavailable.anonymous, unavailable.unavailable) == (True, True)
    assert "Somebody without a number (outside" in explained("unavailable", "667")


def test_a_number_as_a_phone_escapes_it() -> None:
    assert facts_for("676", "%2364667*%2B15551234567", DIRECTORY).dialled == "#64667*+15551234567"


OUTSIDER = Facts(Caller("trunk", None, None, "carrier", "+15551234567", "", False), "+6221500667")
ASSISTANTS = Stage(
    (
        Endpoint("user", "676", None, None, "assistant", "667", 18.0, devices="apps"),
        Endpoint("user", "676", None, None, "assistant", "667", devices="desk", after=18.0),
        Endpoint("number", None, "+628123456", "carrier", "assistant", "667", diverted_by="677"),
        Endpoint("user", "667", None, None, "executive", None, 2.0, alert="splash"),
        Endpoint("user", "667", None, None, "executive", None, alert="silent", lasting=True),
    ),
    30.0,
    "assistants",
)
MAILBOX = Stage((Endpoint("uri", None, "sip:vm@127.0.0.9:5070", None, "voicemail", None),), 30.0, "voicemail")
RECEPTION = Stage((Endpoint("user", "600", None, None, "forward", None),), 20.0, "forward", no_answer=(MAILBOX,))
OWN_PHONES = Stage(
    (Endpoint("user", "667", None, None, "executive", None),), 20.0, "executive", busy=(RECEPTION, MAILBOX), unreachable=(MAILBOX,)
)


def happens(plan: RoutePlan, facts: Facts = OUTSIDER) -> list[str]:
    """What is told after the rules."""
    lines = render_text(facts, plan, NOW, DIRECTORY).splitlines()
    return lines[lines.index("What happens:") + 1 :]


def test_a_filtered_call() -> None:
    plan = RoutePlan(
        "ring",
        (ASSISTANTS,),
        90.0,
        (MAILBOX,),
        present=Presentation("", "+15551234567"),
        present_assistant=Presentation("+15551234567 → Olivia Boss", "+15551234567"),
        trace=(Rule("past the filter", False, "the caller is nobody special"), Rule("filter", True, "it takes all calls")),
    )
    assert render_text(OUTSIDER, plan, NOW, DIRECTORY).splitlines() == [
        "+15551234567 (outside, over trunk carrier) calls +6221500667 on Monday, 2026-11-23 at 09:00 +0000",
        "",
        "The rules, in the order in which they were looked at:",
        "  no   past the filter: the caller is nobody special",
        "  yes  filter: it takes all calls",
        "",
        "What happens:",
        "  1. assistants, 30 s: Sam Secretary (676) on apps for 18 s, Sam Secretary (676) on desk phones after 18 s,"
        " +628123456 over trunk carrier instead of Ana Aide (677), who diverts, Olivia Boss (667) with one short ring,"
        " Olivia Boss (667) silently, until the end",
        "  When nobody is left to ring, and after 90 s at the latest:",
        "     voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "  Then: hang up (480).",
        "",
        'Assistants see "+15551234567 → Olivia Boss" <+15551234567>.',
        "Everybody else sees <+15551234567>.",
    ]


def test_the_rounds_of_a_queue_are_told_once() -> None:
    first, second = RECEPTION._replace(hold=50.0), RECEPTION._replace(seconds=30.0, name="assistant 600")
    rounds = (first, second, first, second, first._replace(seconds=20.0, hold=20.0))
    assert happens(RoutePlan("ring", rounds, None, (MAILBOX,)))[:7] == [
        "  1. forward, 20 s: Reception (600)",
        "        if nobody answers: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "  2. assistant 600, 30 s: Reception (600)",
        "        if nobody answers: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "  3. again every 50 s, until 120 s are over",
        "  When the wait is over:",
        "     voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
    ]


def test_a_queue_that_a_call_is_forwarded_to_and_its_overflow() -> None:
    once = MAILBOX._replace(hold=40.0)
    forwards = OWN_PHONES._replace(busy=(once, once, MAILBOX._replace(hold=0.0)), unreachable=(once,))
    assert happens(RoutePlan("ring", (forwards,), plain=True))[1:6] == [
        "        if busy: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "        then: again every 40 s, until 80 s are over",
        "        then: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "        if unreachable: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "        then: nothing else until 40 s are over",
    ]


def test_where_a_call_goes_on_stands_below_the_stage() -> None:
    assert happens(RoutePlan("ring", (OWN_PHONES, RECEPTION), plain=True)) == [
        "  1. executive, 20 s: Olivia Boss (667)",
        "        if busy: forward, 20 s: Reception (600)",
        "           if nobody answers: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "        then: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "        if unreachable: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "  2. forward, 20 s: Reception (600)",
        "        if nobody answers: voicemail, 30 s: mailbox sip:vm@127.0.0.9:5070",
        "  Then the caller hears what the called party answered, or 480 when nobody did.",
    ]


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (Setting("filter", "667", "", "off"), "Filtering of calls to Olivia Boss (667): off."),
        (Setting("filter", "667"), "Filtering of calls to Olivia Boss (667): as the directory says."),
        (Setting("opt", "676", "667", "out"), "Sam Secretary (676) takes calls for Olivia Boss (667): no, opted out."),
        (Setting("opt", "676", "667"), "Sam Secretary (676) takes calls for Olivia Boss (667): as the directory says."),
        (Setting("divert", "676", "", "on"), "Divert of Sam Secretary (676): on."),
        (Setting("divert_to", "676", "", "+628123456"), "Sam Secretary (676) diverts to: +628123456."),
        (Setting("dnd", "676", "", "on"), "Do not disturb for Sam Secretary (676): on."),
        (Setting("call_as", "676", "", "667"), "Sam Secretary (676) calls: as Olivia Boss (667)."),
        (Setting("call_as", "676", "", ""), "Sam Secretary (676) calls: as themselves."),
        (Setting("duty", "676", "", "Day"), "Sam Secretary (676) is on duty: with profile Day."),
        (Setting("duty", "676", "", ""), "Sam Secretary (676) is on duty: off duty."),
    ],
)
def test_a_code_that_sets_something(setting: Setting, text: str) -> None:
    assert happens(RoutePlan("set", settings=(setting,), confirmation="Done")) == [
        f"  {text}",
        '  The phone shows "Done", and the call ends.',
    ]


def test_what_a_call_leaves_in_memory() -> None:
    callback = Setting("callback", "667", "+15557654321", "676", NOW.timestamp() + 86400)
    assert happens(RoutePlan("ring", (MAILBOX,), plain=True, settings=(callback,)))[2:4] == [
        "  Remembered from now on:",
        "     A call from +15557654321 to Olivia Boss (667) rings Sam Secretary (676) first until Tuesday, 2026-11-24 at 09:00 +0000.",
    ]


def test_a_confidential_call() -> None:
    assert "The call is confidential: assistants whom it reaches see a private caller." in happens(
        RoutePlan("ring", (OWN_PHONES,), confidential=True)
    )


def test_a_decided_call_names_who_rings() -> None:
    lines = explained("+15551234567", "+6221500667").splitlines()
    assert "  1. assistant 676, 30 s: Sam Secretary (676), Olivia Boss (667), until the end" in lines
    assert "     rollover forward, 30 s: +15559876543 over trunk carrier" in lines


def test_every_code_that_is_obeyed_can_be_told() -> None:
    assert happens(decide(facts_for("667", "#62", DIRECTORY), DIRECTORY, NOW))[0] == "  Filtering of calls to Olivia Boss (667): off."


def test_a_call_that_may_be_forwarded_outside_tells_both_identities() -> None:
    text = explained("601", "667")
    assert 'Everybody else sees "Lee Colleague" <601>.' in text
    assert 'Outside numbers see "Lee Colleague" <+6221500602>.' in text


def test_a_call_on_behalf() -> None:
    text = explained("676", "#64667*+15551234567")
    assert 'The called party sees "Olivia Boss" <+6221500600>.' in text
    assert "Sam Secretary (676) speaks on behalf of Olivia Boss (667)." in text


@pytest.mark.parametrize(
    ("dialled", "line"),
    [
        ("*11", "  Pick up a held call, or pull a call, if there is such a call and the caller may."),
        ("*80667", "  Listen to a call (Olivia Boss (667)), if there is such a call and the caller may."),
        ("701", "  Retrieve a parked call (701), if there is such a call and the caller may."),
    ],
)
def test_a_feature_that_concerns_another_call(dialled: str, line: str) -> None:
    lines = explained("676", dialled).splitlines()
    assert lines[-1] == line
    assert "  yes  media: anchored: the feature joins this call to another one" in lines


def test_where_the_sound_goes_and_why() -> None:
    assert "  yes  media: anchored: Sam Secretary (676) may send the call back by ##20" in explained("676", "601").splitlines()
    assert "  no   media: direct: nobody in this call uses a feature during calls" in explained("601", "600").splitlines()


def test_a_refusal() -> None:
    assert explained("678", "#64667*+15551234567").splitlines()[-1] == "The call is refused with 403 (you may not call as 667)."


def test_as_data() -> None:
    facts = facts_for("+15551234567", "667", DIRECTORY)
    data = json.loads(json.dumps(to_json(facts, decide(facts, DIRECTORY, NOW), NOW)))
    assert data["at"] == "2026-11-23T09:00:00+00:00"
    assert data["caller"]["trunk"] == "carrier"
    assert data["rules"][0] == {"rule": "a user's number", "matched": True, "reason": "667 is Olivia Boss (667)"}
    assert data["plan"]["stages"][0]["endpoints"][0]["extension"] == "676"
    assert data["plan"]["rollover_after"] == 90
    assert "trace" not in data["plan"]


@pytest.mark.parametrize(
    ("caller", "meant"),
    [
        ("675", "Sam Secretary (676)"),
        ("676-66", "676-667"),
        ("Sam Secretery", "Sam Secretary (676)"),
        ("olivia", "Olivia Boss (667)"),
        ("anonymus", "anonymous"),
    ],
)
def test_who_is_nobody_is_asked_back(caller: str, meant: str) -> None:
    with pytest.raises(ValueError, match=r"nobody here is .*, and it is no outside number\. Did you mean .*\? Write ") as refused:
        facts_for(caller, "601", DIRECTORY)
    assert meant in str(refused.value)


@pytest.mark.parametrize("caller", ["", "99999", "+", "+12", "zzzzzzzz", "12345a", "+1555x", "1" * 21, "\n"])
def test_who_is_nobody_and_like_nobody_is_told_what_to_write(caller: str) -> None:
    with pytest.raises(ValueError, match="Write an extension"):
        facts_for(caller, "601", DIRECTORY)


def test_groups_do_not_call() -> None:
    sales = User("500", "Sales", "", kind="group")
    where = directory(Executive("500", kind="group", delegations=(Delegation("676", "500"),)), users=(*USERS, sales))
    with pytest.raises(ValueError, match=r"Sales \(500\) is a group and cannot call"):
        facts_for("500", "601", where)


def test_the_identity_that_a_phone_prefers() -> None:
    assert facts_for("676", "601", DIRECTORY, "667").preferred_identity == "667"
    assert facts_for("676", "601", DIRECTORY).preferred_identity is None


def test_a_call_of_which_nothing_is_kept_has_the_same_keys() -> None:
    facts = facts_for("676", "601", DIRECTORY)
    assert nothing_decided(NOW, "601").keys() == to_json(facts, decide(facts, DIRECTORY, NOW), NOW).keys()


CALLERS = st.sampled_from(["676", "676-667", "667", "601", "+15551234567", "anonymous", "unavailable"])


@given(CALLERS, st.text(max_size=100) | st.from_regex(r"[#*]{1,2}[0-9]{0,5}[*]?[0-9]{0,5}", fullmatch=True), st.text(max_size=20))
def test_anything_can_be_asked_and_nothing_moves_the_cursor(caller: str, dialled: str, preferred: str) -> None:
    facts = facts_for(caller, dialled, DIRECTORY, preferred)
    text = render_text(facts, decide(facts, DIRECTORY, NOW), NOW, DIRECTORY)
    assert all(line.isprintable() for line in text.split("\n"))
