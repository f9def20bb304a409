"""Who grades the graders: parties played against each other, without a server between them, each with one fault.

A harness that cannot fail proves nothing, so every way in which a scenario may fail is provoked here once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import pytest

from scenarios.checks import Check, absent, has, lacks, literal, nowhere, session, somewhere
from scenarios.office import Draft
from scenarios.registry import drafts
from scenarios.timing import hung_up
from tests.support import sipp
from tests.support.grading import EVERY_CALL, one_call_each, topology_hidden, well_formed
from tests.support.sipp import Message, Play

pytestmark = pytest.mark.needs("sipp")


def direct(net: str, index: int) -> tuple[Draft, str]:
    """A draft whose caller is a trunk (no digest), and the address of the phone that it calls."""
    return Draft(index, "direct", net), f"{net}.{index}.2:5060"


def play(net: str, tmp_path: Path, index: int, *checks: Check, transport: str = "udp") -> Play:
    """One plain call from party to party, the callee checking the INVITE."""
    draft, target = direct(net, index)
    carrier, ann = draft.trunk(transport=transport), draft.user("ann", transport=transport)
    draft.caller(carrier).invite(ann.number, display="Carol → Boss").rings().talks()
    draft.callee(ann).takes(*checks)
    play = Play(draft, tmp_path)
    play.run(target)
    return play


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_good_call_is_good(net: str, tmp_path: Path, transport: str) -> None:
    checks = [
        has("From", "Carol → Boss"),
        lacks("From", "Bob"),
        absent("P-Asserted-Identity"),
        nowhere("secret"),
        somewhere("m=audio"),
    ]
    played = play(net, tmp_path, 201 if transport == "udp" else 202, *checks, transport=transport)
    played.judge(well_formed_but_for_padding)
    assert [each.start for each in played.traces["ann"] if not each.sent][1:] == [
        each.start for each in played.traces["ann"] if each.start.startswith(("ACK", "BYE"))
    ]


def well_formed_but_for_padding(traces: Mapping[str, Sequence[Message]]) -> None:
    """SIPp pads the Content-Length that it writes."""
    for trace in traces.values():
        for message in trace:
            assert int(message.get("Content-Length")) == len(message.body.encode())


@pytest.mark.parametrize(
    "check",
    [
        has("From", "Bob"), has("P-Asserted-Identity", "."), lacks("From", "Carol"), absent("max-forwards"),
        somewhere("P-Preferred-Identity"), nowhere("m=audio"),
    ],
)  # fmt: skip
def test_a_failed_check_fails_the_party(net: str, tmp_path: Path, check: Check) -> None:
    played = play(net, tmp_path, 203, check)
    with pytest.raises(AssertionError, match=r"ann: SIPp exit status 1[\s\S]*[Rr]egexp match[\s\S]*INVITE sip:"):
        played.judge()


def test_a_message_too_many_fails_the_party(net: str, tmp_path: Path) -> None:
    draft, target = direct(net, 204)
    carrier, ann = draft.trunk(), draft.user("ann")
    draft.caller(carrier).invite(ann.number).rings().talks()
    draft.callee(ann).invited().ring().ring(status=183).pause(0.1).answer().byed()
    played = Play(draft, tmp_path)
    played.run(target)
    with pytest.raises(AssertionError, match="carrier-calls: SIPp exit status 1"):
        played.judge()


def test_a_message_that_does_not_come_fails_the_party_at_once(net: str, tmp_path: Path) -> None:
    draft, target = direct(net, 205)
    carrier, ann = draft.trunk(), draft.user("ann")
    draft.caller(carrier).invite(ann.number).rings().refused(486)
    draft.callee(ann).takes()
    played = Play(draft, tmp_path)
    played.run(target)
    with pytest.raises(AssertionError, match="carrier-calls: SIPp exit status 1"):
        played.judge()


def test_a_disturbed_silent_party_fails(net: str, tmp_path: Path) -> None:
    draft, target = direct(net, 206)
    carrier, ann = draft.trunk(), draft.user("ann")
    draft.caller(carrier).send(
        f"OPTIONS sip:{ann.extension}@{target} SIP/2.0",
        [
            "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK1",
            "From: <sip:a@b>;tag=1",
            "To: <sip:a@b>",
            "Call-ID: [call_id]",
            "CSeq: 1 OPTIONS",
        ],
    ).pause(0.1)
    draft.silent(ann)
    played = Play(draft, tmp_path)
    played.run(target)
    with pytest.raises(AssertionError, match="ann: was to be left alone, got OPTIONS"):
        played.judge()


def test_a_silent_party_that_is_left_alone_is_content(net: str, tmp_path: Path) -> None:
    draft, target = direct(net, 207)
    carrier, ann, bob = draft.trunk(), draft.user("ann"), draft.user("bob")
    draft.caller(carrier).invite(ann.number).rings().talks()
    draft.callee(ann).takes()
    draft.silent(bob)
    played = Play(draft, tmp_path)
    played.run(target)
    played.judge()


def test_acts_follow_each_other(net: str, tmp_path: Path) -> None:
    """The next act begins when everybody has played their part; who was to be left alone may be called then."""
    draft, target = direct(net, 209)
    carrier, ann = draft.trunk(), draft.user("ann")
    draft.silent(ann)
    draft.then()
    for _ in range(2):
        draft.caller(carrier).invite(ann.number).rings().talks()
        draft.callee(ann).takes()
        draft.then()
    played = Play(draft, tmp_path)
    played.run(target)
    played.judge()
    first, second = played.traces["ann-2"], played.traces["ann-3"]
    assert len(first) == len(second) == 6
    assert first[-1].when < second[0].when


def test_a_failed_act_is_the_last(net: str, tmp_path: Path) -> None:
    draft, target = direct(net, 210)
    carrier, ann = draft.trunk(), draft.user("ann")
    draft.caller(carrier).invite(ann.number).rings().refused(486)
    draft.callee(ann).takes()
    draft.then()
    draft.caller(carrier).invite(ann.number).rings().talks()
    draft.callee(ann).takes()
    played = Play(draft, tmp_path)
    played.run(target)
    with pytest.raises(AssertionError, match=r"carrier-calls: SIPp exit status 1.*ann-2: never had its turn"):
        played.judge()
    assert not played.traces["ann-2"]


@pytest.mark.parametrize(("index", "code"), [(211, "obeyed"), (212, "told")])
def test_an_answer_without_words_fails_who_dials_a_code(net: str, tmp_path: Path, index: int, code: str) -> None:
    draft, target = direct(net, index)
    carrier, ann = draft.trunk(), draft.user("ann")
    if code == "obeyed":
        draft.caller(carrier).obeyed("#61", "Filter on")
        draft.callee(ann).invited().answer(body=session("inactive")).bye()
    else:
        draft.caller(carrier).told("#61", 404, "no such code")
        draft.callee(ann).invited().reject(404)
    played = Play(draft, tmp_path)
    played.run(target)
    header = "P-Asserted-Identity" if code == "obeyed" else "Warning"
    with pytest.raises(AssertionError, match=f"carrier-calls: SIPp exit status 1.*{header}"):
        played.judge()


def test_a_dialog_can_be_named(net: str, tmp_path: Path) -> None:
    """Who names a dialog begins when there is one, and knows it from both sides."""
    draft, target = direct(net, 213)
    carrier, ann, bob = draft.trunk(), draft.user("ann"), draft.user("bob")
    first = draft.caller(carrier).invite(ann.number).rings().talks(0.5)
    second = draft.caller(bob)
    second.invite(f"sip:bob@{target}", f"X-Dialog: {second.dialog_of(first)}", f"X-Escaped: {second.dialog_of(first, escaped=True)}", password=None)
    draft.callee(ann).takes()
    play = Play(draft, tmp_path)
    play.run(target)
    began = next(each for each in play.traces["bob-calls"] if each.sent)
    answered = next(each for each in play.traces["ann"] if each.sent and each.status == 200)
    tags = [answered.get(header).partition("tag=")[2] for header in ("To", "From")]
    assert began.get("X-Dialog") == f"{answered.get('Call-ID')};to-tag={tags[0]};from-tag={tags[1]}"
    assert unquote(began.get("X-Escaped")) == began.get("X-Dialog")
    assert not set(began.get("X-Escaped")) & set("@;=")


def test_a_dialog_that_does_not_come_fails_who_names_it(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sipp, "DIALOG_SECONDS", 0.5)
    draft, target = direct(net, 214)
    carrier, ann, bob = draft.trunk(), draft.user("ann"), draft.user("bob")
    first = draft.caller(carrier).invite(ann.number).refused(486)
    second = draft.caller(bob)
    second.invite("ann", f"Replaces: {second.dialog_of(first)}")
    draft.callee(ann).pause(3)
    play = Play(draft, tmp_path)
    play.run(target)
    with pytest.raises(AssertionError, match="bob-calls: never had its turn"):
        play.judge()


def test_a_proxy_is_no_b2bua(net: str, tmp_path: Path) -> None:
    played = play(net, tmp_path, 208)
    with pytest.raises(AssertionError, match="direct: ann got 'INVITE"):
        played.judge(topology_hidden)


INVITE = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK{0}\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {0}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:c@d>\r\nContent-Length: {1}\r\n\r\n"


def test_graders_see_a_second_call_and_a_wrong_length() -> None:
    first, second = Message(0, False, INVITE.format("x", 0)), Message(1, False, INVITE.format("y", 7))
    one_call_each({"ann": [first]})
    well_formed({"ann": [first]})
    with pytest.raises(AssertionError, match="called 2 times"):
        one_call_each({"ann": [first, second]})
    with pytest.raises(AssertionError, match="got again"):
        one_call_each({"ann": [first, first]})
    with pytest.raises(AssertionError, match="Content-Length"):
        well_formed({"ann": [second]})


def test_a_hang_up_at_another_time_is_found() -> None:
    ack, bye = (f"{method} sip:a@b SIP/2.0\r\nCSeq: 1 {method}\r\n\r\n" for method in ("ACK", "BYE"))
    trace = [Message(10.0, True, ack), Message(11.6, False, bye)]
    hung_up("ann", 1.5)({"ann": trace})
    for seconds, seen in ((1.0, trace), (2.0, trace), (1.5, trace[:1])):
        with pytest.raises(AssertionError, match="ann"):
            hung_up("ann", seconds)({"ann": seen})


def test_every_scenario_has_its_own_people_and_places() -> None:
    made = drafts("127.66")
    addresses = [script.seat.ip for draft in made for script in draft.scripts if not script.before]
    extensions = [user.extension for draft in made for user in draft.users]
    assert len(extensions) == len(set(extensions))
    assert all(address.split(".")[2] == str(draft.index) for draft in made for address in {s.seat.ip for s in draft.scripts})
    assert addresses
    assert len(EVERY_CALL) == 5
    assert literal("+1*(a)") == r"\+1\*\(a\)"
    assert session().endswith("a=sendrecv\n")
