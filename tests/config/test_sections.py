"""Alerting, rollover and on behalf, as executives, groups and services have them."""

import pytest

from b2bua.delegation.callers import Callers
from b2bua.delegation.people import Alerting, NumberClass, OnBehalf, Rollover
from tests.config.conftest import Files, read, refused

pytestmark = pytest.mark.usefixtures("no_linter")

VOICEMAIL = "sip:vm@127.0.0.9:5070"
ROLLOVER = "executives[0].rollover"
"""In line 31."""


def test_every_key(organisation: Files) -> None:
    boss = read(organisation).executives["667"]
    assert boss.alerting == Alerting(executive="splash", splash_seconds=3)
    assert boss.rollover == Rollover(0, "no_answer")
    press = NumberClass("press", Callers(numbers=frozenset({"4930123456"}), prefixes=("1555",), text="+1555*, +4930123456"), "self")
    assert boss.on_behalf == OnBehalf("assistant", "executive", (press,), sticky_seconds=8 * 3600, callback_seconds=24 * 3600)


@pytest.mark.parametrize(
    ("rollover", "expected"),
    [
        ("{}", Rollover(written=False)),
        ("{after_seconds: 7200}", Rollover(7200, written=False)),
        ("{action: hangup}", Rollover()),
        (f"{{action: voicemail, voicemail: '{VOICEMAIL}'}}", Rollover(None, "voicemail", VOICEMAIL)),
        (f"{{after_seconds: 20, action: {{voicemail: '{VOICEMAIL}'}}}}", Rollover(20, "voicemail", VOICEMAIL)),
        ("{action: {voicemail: 'sips:[::1]'}}", Rollover(None, "voicemail", "sips:[::1]")),
        ("{action: {forward: 500}}", Rollover(None, "forward", "500")),
        ("{action: forward, forward: '+6221500510'}", Rollover(None, "forward", "+6221500510")),
    ],
)
def test_the_forms_of_a_rollover(organisation: Files, rollover: str, expected: Rollover) -> None:
    organisation.change(organisation.directory, ("{after_seconds: 0, action: no_answer}", rollover))
    assert read(organisation).executives["667"].rollover == expected


def test_a_rollover_that_is_not_there_was_not_written(organisation: Files) -> None:
    organisation.change(organisation.directory, ("    rollover: {after_seconds: 0, action: no_answer}\n", ""))
    assert read(organisation).executives["667"].rollover == Rollover(written=False)


@pytest.mark.parametrize(
    ("rollover", "expected"),
    [
        ("{action: voicemail}", f"{ROLLOVER}.voicemail: is missing; write the SIP URI of the mailbox, for example"),
        ("{action: {voicemail: ''}}", f"{ROLLOVER}.action.voicemail: is missing; write the SIP URI of the mailbox"),
        ("{action: {voicemail: 600}}", f"{ROLLOVER}.action.voicemail: is '600'; write a SIP URI such as \"sip:vm@"),
        ("{action: voicemail, voicemail: 'sip:a b'}", f"{ROLLOVER}.voicemail: is 'sip:a b'; write a SIP URI such as"),
        ("{action: voicemail, voicemail: 'http://x'}", f"{ROLLOVER}.voicemail: is 'http://x'; write a SIP URI such as"),
        (f"{{action: hangup, voicemail: '{VOICEMAIL}'}}", f"{ROLLOVER}.voicemail: stands beside another action; write `action: voicemail`"),
        (f"{{voicemail: '{VOICEMAIL}'}}", f"{ROLLOVER}.voicemail: stands beside another action; write `action: voicemail`, or remove"),
        ("{action: {forward: 600, voicemail: x}}", f"{ROLLOVER}.action: is keys with values; write hangup, executive, no_answer,"),
        ("{action: hang_up}", f"{ROLLOVER}.action: is 'hang_up'; write hangup, executive, no_answer, {{forward: NUMBER}} or"),
        ("{action: {forward: '+62 21500 600'}}", f"{ROLLOVER}.action.forward: '+62 21500 600' is the executive; write `action: executive`"),
        (f"{{action: {{forward: '{VOICEMAIL}'}}}}", f"{ROLLOVER}.action.forward: '{VOICEMAIL}' leads nowhere; write a user's"),
        ("{action: no_answer, after_seconds: -1}", f"{ROLLOVER}.after_seconds: is '-1'; write seconds from 0 to 7200, or null"),
        ("none", f"{ROLLOVER}: is text, not keys with values; write keys such as after_seconds, action, forward"),
    ],
)  # fmt: skip
def test_which_rollovers_are_refused(organisation: Files, rollover: str, expected: str) -> None:
    refused(organisation, "{after_seconds: 0, action: no_answer}", rollover, f"31: {expected}")


def test_no_answer_needs_the_executives_own_forwarding(organisation: Files) -> None:
    refused(
        organisation,
        'no_answer: "600", ',
        "",
        f"31: {ROLLOVER}.action: is no_answer, but Olivia Boss (667) has no users[0].forwarding.no_answer; write that one",
    )


def test_no_mistake_hides_another(organisation: Files) -> None:
    organisation.change(organisation.directory, ("{executive: splash, splash_seconds: 3}", "{executive: loud, splash_seconds: 90, name: custom}"))
    refused(
        organisation,
        "{after_seconds: 0, action: no_answer}",
        "{after_seconds: soon, action: {forward: 999}}",
        "30: executives[0].alerting.executive: is 'loud'; write none, first, together, splash or silent",
        "30: executives[0].alerting.splash_seconds: is '90'; write seconds from 0.5 to 60",
        "30: executives[0].alerting.custom_name: is missing",
        f"31: {ROLLOVER}.after_seconds: is 'soon'",
        f"31: {ROLLOVER}.action.forward: '999' leads nowhere",
    )


@pytest.mark.parametrize(
    ("word", "shown"),
    [("true", "executive"), ("yes", "executive"), ("executive", "executive"), ("assistant", "assistant"), ("self", "self"), ("false", "self")],
)  # fmt: skip
def test_as_whom(organisation: Files, word: str, shown: str) -> None:
    organisation.change(organisation.directory, ("outside: assistant", f"outside: {word}"), ("{press: self}", f"{{press: {word}}}"))
    on_behalf = read(organisation).executives["667"].on_behalf
    assert (on_behalf.outside, on_behalf.classes[0].disclosure) == (shown, shown)


def test_the_first_class_written_is_the_first_looked_at(organisation: Files) -> None:
    organisation.change(organisation.directory, ("{press: self}", "{press: self, family: assistant}"))
    assert [each.name for each in read(organisation).executives["667"].on_behalf.classes] == ["press", "family"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("outside: assistant", "outside: boss", "32: executives[0].on_behalf.outside: is 'boss'; write executive (or true), assistant, or self"),
        ("outside: assistant", "outsid: true", "32: executives[0].on_behalf.outsid: is no key of this section; did you mean `outside`?"),
        ("{press: self}", "{press: nobody}", "32: executives[0].on_behalf.classes.press: is 'nobody'; write executive (or true)"),
        ("callback_hours: 24", "callback_hours: 169", "32: executives[0].on_behalf.callback_hours: is '169'; write hours from 0 (never) to 168"),
        ("sticky_hours: 8", "sticky_hours: x", "32: executives[0].on_behalf.sticky_hours: is 'x'; write hours from 0 (until cleared) to 168"),
    ],
)  # fmt: skip
def test_what_is_refused_on_behalf(organisation: Files, old: str, new: str, expected: str) -> None:
    refused(organisation, old, new, expected)
