"""Trust: who calls is decided by digest or by the trunk's address, no header of a phone reaches the other leg, nothing starts a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls import identity
from b2bua.calls.ports import Trunk as TrunkPort
from b2bua.delegation.plan import Caller, Presentation
from b2bua.sip.message import Request, parse_message
from b2bua.sip.values import Uri
from tests.calls.plans import decide, mailbox, outside, phones, ring, stage
from tests.phones import Phone, PhoneCall, Trunk, rejects, uri_of
from tests.plain_sip import user_of
from tests.world import FAR_NUMBER, NUMBER, SERVER, World, configuration

NewWorld = Callable[..., World]

FORGED = [
    "P-Asserted-Identity: <sip:667@acme.test>",
    "Diversion: <sip:666@acme.test>;reason=unconditional",
    "History-Info: <sip:666@acme.test>;index=1",
    "Alert-Info: <http://evil.test/siren.wav>",
    "Call-Info: <http://evil.test/photo.jpg>;purpose=icon",
    "Referred-By: <sip:666@acme.test>",
    "Remote-Party-ID: <sip:666@acme.test>",
    "X-Evil: 666",
    "User-Agent: Evil/6.6.6",
    "Organization: Evil 666",
    "Identity: evil666",
    "P-Charging-Vector: icid-value=666",
]


# What phones say does not count and does not cross.


@pytest.mark.parametrize("called", ["602", "667", NUMBER, FAR_NUMBER])
def test_headers_of_a_phone_change_no_right_and_reach_no_leg(world: World, called: str) -> None:
    lee = world.phone("601")
    party: Phone = {"602": world.phone("602"), "667": world.phone("676"), NUMBER: world.carrier, FAR_NUMBER: world.far}[called]
    lee.call(called, FORGED)
    invite = party.expect_call().invite
    assert b"666" not in invite.data and b"evil" not in invite.data.lower()
    asserted = user_of(invite.get("p-asserted-identity"))
    assert asserted == {"602": "601", "667": "601", NUMBER: "+6221500602", FAR_NUMBER: ""}[called]


def test_who_calls_is_the_account_and_not_from(world: World) -> None:
    lee, mia = world.phones("601", "602")
    call = PhoneCall(lee)
    lee.calls.append(call)
    call.local_text = '"Olivia Boss" <sip:667@acme.test>'
    call.dial("sip:602@acme.test", [], sdp=True, reliable=False)
    mia.expect_call(shows=("Lee Colleague", "601"))


def test_an_assistants_right_does_not_come_from_a_header(world: World) -> None:
    lee = world.phone("601")
    lee.call(f"#64667*{NUMBER}", ["P-Asserted-Identity: <sip:676@acme.test>", "From-Evil: 676"]).expect_ended(403)


def test_wrong_password_unknown_user_and_none_look_alike(world: World) -> None:
    good = world.phone("601")
    world.phone("602")
    world.run(33)
    seen: list[Any] = []
    for user, password in (("601", "wrong"), ("999", "wrong"), ("601", "")):
        phone = Phone(world.wire, user, ("127.0.2.1", 6000 + len(seen)), SERVER, password=password)
        world.parties.append(phone)
        call = phone.call("602")
        call.expect_ended(407)
        answer = call.responses[-1]
        seen.append((answer.status, answer.reason, [name for name, _ in answer.headers]))
    assert seen[0] == seen[1] == seen[2]
    assert world.at_rest() == {}, "challenged without keeping state"
    assert good.registered


def test_an_unauthenticated_request_gets_one_datagram_for_one(world: World) -> None:
    stranger = Trunk(world.wire, "x", ("127.0.9.9", 5060), SERVER)
    for n in range(20):
        stranger.send_raw(
            f"INVITE sip:601@acme.test SIP/2.0\n{stranger.via()}\nFrom: <sip:601@acme.test>;tag=a{n}\nTo: <sip:601@acme.test>\n"
            f"Call-ID: flood{n}\nCSeq: 1 INVITE\nContact: <sip:x@127.0.9.9>\nMax-Forwards: 70\nContent-Length: 0\n\n"
        )
    world.run(40)
    assert len(stranger.log) == 20 and {h.message.status for h in stranger.log} == {407}
    assert world.health["timers"] == 0


def test_challenges_offer_sha_256_first(world: World) -> None:
    lee = world.phone("601")
    lee.call("999").expect_ended(404)
    challenge = next(h.message for h in lee.log if h.message.status == 407)
    lines = challenge.all("proxy-authenticate")
    assert ["SHA-256" in lines[0], "MD5" in lines[1]] == [True, True]
    assert all('realm="acme.test"' in line for line in lines)


def test_unknown_trunk_and_domain_are_403(world: World) -> None:
    world.phone("601")
    stranger = Trunk(world.wire, "stranger", ("127.0.9.9", 5060), SERVER)
    world.parties.append(stranger)
    stranger.call_from("+33123456", "+6221500602").expect_ended(403)
    world.carrier.call("sip:601@elsewhere.test").expect_ended(403)


# The trunk.


def test_the_identity_that_a_trusted_trunk_asserts_is_believed(world: World) -> None:
    lee = world.phone("601")
    world.carrier.call_from(
        "+111", "+6221500602", ['P-Asserted-Identity: "Marie" <sip:+33123456@x>', "P-Asserted-Identity: <tel:+33123456>"]
    )
    call = lee.expect_call(shows=("Marie", "+33123456"))
    assert user_of(call.invite.get("p-asserted-identity")) == "+33123456"


def test_the_identity_that_an_untrusted_trunk_asserts_is_dropped(world: World) -> None:
    lee = world.phone("601")
    world.far.call_from("+111", "+6221500602", ['P-Asserted-Identity: "Marie" <sip:+33123456@x>'])
    call = lee.expect_call(shows=("", "+111"))
    assert call.invite.get("p-asserted-identity") == ""  # nobody vouches for what this trunk says in From either


@pytest.mark.parametrize("headers", [["Privacy: id"], ["Privacy: user"], ["Privacy: user;id;critical"]])
def test_privacy_from_the_trunk_is_honoured(world: World, headers: list[str]) -> None:
    lee = world.phone("601")
    world.carrier.call_from("+33123456", "+6221500602", ["P-Asserted-Identity: <sip:+33123456@x>", *headers], display="Marie")
    call = lee.expect_call(shows=("Anonymous", "anonymous"))
    assert b"33123456" not in call.invite.data and b"Marie" not in call.invite.data


@pytest.mark.parametrize("host", ["127.0.0.2", "anonymous.invalid", "acme.test"])
def test_an_anonymous_from_hides_what_a_trusted_trunk_asserts(world: World, host: str) -> None:
    """The carrier sends no Privacy; the assistant, the phones and the history know nobody."""
    lee, sam = world.phones("601", "676")
    asserted = ['P-Asserted-Identity: "Marie" <sip:+33123456@127.0.0.2>']
    for called, phone in (("+6221500602", lee), ("+6221500667", sam)):
        mine = PhoneCall(world.carrier)
        world.carrier.calls.append(mine)
        mine.local_text = f"<sip:anonymous@{host}>"
        mine.dial(f"sip:{called}@acme.test", asserted, sdp=True, reliable=False)
        invite = phone.expect_call().invite
        assert uri_of(invite.get("from")) == "sip:anonymous@anonymous.invalid"
        assert b"33123456" not in invite.data and b"Marie" not in invite.data
        mine.cancel()
        mine.expect_ended(487)
    world.run(1)
    assert {row.caller for row in world.history} == {"anonymous"}


# A confidential contact (A24): private on every leg that belongs to an assistant.

SPOUSE = Presentation("Secret Spouse", "+15559998888")
CONFIDENTIAL = ring(
    executive="667",
    confidential=True,
    present=SPOUSE,
    asserted=SPOUSE,
    present_outside=None,
    present_assistant=Presentation("Private → Olivia Boss", "anonymous"),
    diversion_reason="unconditional",
)


@pytest.mark.parametrize("outside_shows", [None, SPOUSE])
@pytest.mark.parametrize("number", [NUMBER, FAR_NUMBER])
def test_a_confidential_caller_is_private_where_an_assistant_diverts_to(
    world: World, monkeypatch: pytest.MonkeyPatch, number: str, outside_shows: Presentation | None
) -> None:
    trunk = world.far if number == FAR_NUMBER else world.carrier
    mobile = outside(number, "assistant", trunk="far" if number == FAR_NUMBER else "carrier", for_executive="667", diverted_by="676")
    own = world.phone("667")
    stages = (stage(phones("667", "user")), stage(mobile), stage(mailbox("sip:vm@127.0.9.9:5070", role="assistant")))
    vm = Phone(world.wire, "vm", ("127.0.9.9", 5070), SERVER)
    world.parties.append(vm)
    decide(monkeypatch, CONFIDENTIAL._replace(stages=stages, present_outside=outside_shows))
    caller = PhoneCall(world.carrier)
    world.carrier.calls.append(caller)
    caller.local_text = f'"{SPOUSE.name}" <sip:{SPOUSE.number}@127.0.0.2>'
    caller.dial("sip:667@acme.test", ["Subject: Dinner, darling"], sdp=True, reliable=False)
    theirs = own.expect_call(shows=(SPOUSE.name, SPOUSE.number))
    theirs.reject(486)
    at_mobile = trunk.expect_call(shows=("Private → Olivia Boss", "anonymous"))
    at_mobile.reject(486)
    at_mailbox = vm.expect_call(shows=("Private → Olivia Boss", "anonymous"))
    for invite in (at_mobile.invite, at_mailbox.invite):
        assert invite.get("p-asserted-identity") == "" and invite.get("subject") == ""
        for secret in (b"15559998888", b"Spouse", b"darling"):
            assert secret not in invite.data
    caller.cancel()
    caller.expect_ended(487)


def test_a_confidential_call_is_open_to_everybody_who_is_no_assistant(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    decide(monkeypatch, CONFIDENTIAL._replace(stages=(stage(outside(NUMBER)),)))
    world.phone("601").call("667")
    assert user_of(world.carrier.expect_call(shows=(SPOUSE.name, SPOUSE.number)).invite.get("p-asserted-identity")) == SPOUSE.number


@pytest.mark.parametrize("privacy", ["id", "user", "header;user"])
@pytest.mark.parametrize("called", ["602", "667", NUMBER, FAR_NUMBER])
def test_privacy_of_a_user_is_honoured(world: World, privacy: str, called: str) -> None:
    lee = world.phone("601")
    party: Phone = {"602": world.phone("602"), "667": world.phone("676"), NUMBER: world.carrier, FAR_NUMBER: world.far}[called]
    lee.call(called, [f"Privacy: {privacy}"])
    invite = party.expect_call().invite
    assert uri_of(invite.get("from")) == "sip:anonymous@anonymous.invalid" or called == "667"
    if called == NUMBER:
        assert user_of(invite.get("p-asserted-identity")) == "+6221500602" and invite.get("privacy") == "id"
    else:
        assert b"601" not in invite.data and b"Lee" not in invite.data and b"+6221500602" not in invite.data
        assert invite.get("p-asserted-identity") == ""


def test_a_trunk_may_not_call_out_again(world: World) -> None:
    for number in (NUMBER, "112", f"#64667*{NUMBER}"):
        world.carrier.call_from("+33123456", number.replace("#", "%23")).expect_ended(404)
    assert not [c for c in world.carrier.calls if c.incoming]


# The B leg shows nothing of the A leg.


@pytest.mark.parametrize("number", [f"#64667*{NUMBER}", f"#64667*{FAR_NUMBER}"])
def test_nothing_names_the_assistant_or_the_callers_leg(world: World, number: str) -> None:
    """Whole messages, the whole call long."""
    sam = world.phone("676")
    trunk = world.far if FAR_NUMBER in number else world.carrier
    mine = sam.call(number)
    theirs = trunk.expect_call()
    theirs.ring(183, sdp=True)
    theirs.answer()
    mine.expect_up()
    mine.hold().expect(200)
    mine.resume().expect(200)
    mine.info("5")
    theirs.hold().expect(200)
    mine.hang_up(['Reason: SIP;cause=200;text="Sam says good-bye"'])
    theirs.expect_ended()
    world.run(1)
    secrets = {
        "the A leg's Call-ID": mine.call_id,
        "its From tag": mine.local_tag,
        "its To tag": mine.remote_tag,
        "its branch": mine.invite.branch,
        "its Via and Contact": "127.0.1.1:5060",
        "its extension": "sip:676",
        "its number": "+6221500676",
        "its name": "Sam",
        "who it is for": "sip:667@",
        "credentials": "uthorization",
        "the code": "#64",
        "escaped": "%23",
    }
    for packet in world.sent_to(trunk):
        text = packet.data.decode()
        head, _, body = text.partition("\r\n\r\n")
        for what, secret in secrets.items():
            assert secret not in head, f"{what} in\n{text}"
        if body:
            origin = next((line for line in body.split("\r\n") if line.startswith("o=")), "")
            assert "127.0.1.1" not in origin and "- 1 " not in origin


def test_the_called_leg_is_not_shown_to_the_caller(world: World) -> None:
    lee = world.phone("601")
    mine, theirs = world.talk(lee, world.carrier, number=NUMBER)
    theirs.hold().expect(200)
    theirs.hang_up()
    mine.expect_ended()
    for packet in world.sent_to(lee):
        head = packet.data.partition(b"\r\n\r\n")[0].decode()
        for secret in (theirs.call_id, theirs.local_tag, theirs.remote_tag, theirs.invite.branch, "127.0.0.2"):
            assert secret not in head, head


def test_the_callers_media_address_is_only_where_media_needs_it(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    assert theirs.remote_sdp is not None
    assert theirs.remote_sdp.origin == "-" and theirs.remote_sdp.session > 2**30
    assert b"127.0.1.1" not in theirs.invite.body.split(b"c=")[0]
    theirs.answer()
    mine.expect_up()
    assert mine.remote_sdp is not None and mine.remote_sdp.session not in (1, theirs.remote_sdp.session)


# Nothing starts a line.


INJECTIONS = [
    '"Marie\\\r\nX-Evil: 1" <sip:+33123456@x>',
    '"Marie\\\rX-Evil: 1" <sip:+33123456@x>',
    '"Marie\\\nX-Evil: 1" <sip:+33123456@x>',
    '"Marie\rX-Evil: 1" <sip:+33123456@x>',
    '"Marie\nX-Evil: 1" <sip:+33123456@x>',
    '"Marie" <sip:+33%0d%0aX-Evil%3a1@x>',
    '"Marie" <sip:%0d%0aX-Evil%3a%201%0d%0a@x>',
    '"Marie\\" <sip:evil@x>" <sip:+33123456@x>',
    '"Marie\u2028X-Evil: 1\x85\x0b\x0c" <sip:+33123456@x>',
    '"\\\\" <sip:+33123456@x>',
    '"Marie\x00\x1b[31m" <sip:+33123456@x>',
    "Marie Evil <sip:+33%22%3e%3csip%3aevil@x>",
]


@pytest.mark.parametrize("called", ["+6221500602", "+6221500667"])
@pytest.mark.parametrize("address", INJECTIONS)
@pytest.mark.parametrize("where", ["From", "P-Asserted-Identity", "Subject", "Priority", "Privacy", "Reason"])
def test_nothing_in_a_header_starts_a_line_on_the_other_leg(world: World, address: str, where: str, called: str) -> None:
    lee, sam = world.phones("601", "676")
    trunk = world.carrier
    text = f"INVITE sip:{called}@acme.test SIP/2.0\r\n{trunk.via()}\r\nTo: <sip:{called}@acme.test>\r\nCall-ID: evil\r\nCSeq: 1 INVITE\r\n"
    text += f"Contact: {trunk.contact}\r\nMax-Forwards: 70\r\n"
    text += f"From: {address};tag=x\r\n" if where == "From" else f"From: <sip:+33123456@x>;tag=x\r\n{where}: {address}\r\n"
    trunk.transmit((text + "Content-Length: 0\r\n\r\n").encode(), (SERVER, "UDP"))
    world.run(0.5)
    calls = [call for phone in (lee, sam) for call in phone.calls]
    for call in calls:
        assert "x-evil" not in [name for name, _ in call.invite.headers]
        assert not any(
            "\x1b" in value or "\x00" in value for name, value in call.invite.headers if name in ("from", "p-asserted-identity")
        )
        call.reject(486)
    world.run(0.5)
    assert all("\n" not in row.caller and "\r" not in row.caller for row in world.history)
    world.well_formed()


def test_a_dialled_number_with_escapes_stays_in_its_place(world: World) -> None:
    lee = world.phone("601")
    for dialled in ("%0d%0aX-Evil:1", "6%22%3e", "60%00", "%", "%zz", "a" * 3000, "+1%0d%0a5551234"):
        lee.call(f"sip:{dialled}@acme.test").expect_ended()
    lee.call(f"#64%0d%0a*{NUMBER}").expect_ended()
    assert all(row.called.isprintable() for row in world.history)


# Where requests may come from.


def impostor(world: World, call: PhoneCall) -> Phone:
    """Somebody at another address who knows everything about a call."""
    evil = Phone(world.wire, call.phone.user, ("127.0.66.6", 5060), SERVER)
    world.parties.append(evil)
    return evil


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "PRACK", "OPTIONS"])
@pytest.mark.parametrize("side", ["caller", "called"])
def test_a_request_in_a_dialog_from_another_host_is_481(world: World, method: str, side: str) -> None:
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    call = mine if side == "caller" else theirs
    evil = impostor(world, call)
    data = call._request(method, [], b"")
    call.local_seq -= 1
    evil.send_raw(data.replace(call.phone.host_port.encode(), evil.host_port.encode()))
    world.run(1)
    assert [h.message.status for h in evil.log] == [481]
    assert mine.state == theirs.state == "up"
    mine.hang_up().expect(200)
    theirs.expect_ended()


def test_cancel_from_another_host_is_481(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    evil = impostor(world, mine)
    request = mine.invite
    lines = [
        f"Via: {request.all('via')[0]}",
        f"From: {request.get('from')}",
        f"To: {request.get('to')}",
        f"Call-ID: {request.call_id}",
    ]
    lines += [f"CSeq: {request.cseq[0]} CANCEL", "Max-Forwards: 70", "Content-Length: 0"]
    evil.send_raw("\n".join([f"CANCEL {request.uri} SIP/2.0", *lines, "", ""]))
    world.run(1)
    assert [h.message.status for h in evil.log] == [481]
    assert theirs.state == "ringing"


def test_an_ack_from_another_host_does_not_count(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mine.auto_ack = False
    mia.expect_call().answer()
    world.run(0.1)
    evil = impostor(world, mine)
    ok = mine.responses[-1]
    evil.send_raw(mine._ack(ok, b"", mine.remote_target, mine.remote_text, mine.routes))
    world.run(3)
    assert [h.message.status for h in lee.log].count(200) >= 3, "still repeated"
    mine.acknowledge()


def test_a_trunk_may_speak_from_any_of_its_addresses(new_world: NewWorld) -> None:
    """A carrier with several media gateways sends the BYE from another one."""
    trunks = [
        {
            "name": "carrier",
            "uri": "sip:127.0.0.2:5090",
            "addresses": ["127.0.0.2", "127.0.0.4"],
            "numbers": ["^\\+"],
            "trusted": True,
        }
    ]
    world = new_world(config=configuration(trunks=trunks))
    lee = world.phone("601")
    mine, theirs = world.talk(lee, world.carrier, number=NUMBER)
    other = Trunk(world.wire, "other", ("127.0.0.4", 5090), SERVER)
    data = theirs._request("BYE", [])
    theirs.state = "ended"
    other.send_raw(data.replace(world.carrier.host_port.encode(), other.host_port.encode()))
    mine.expect_ended()
    assert [h.message.status for h in other.log] == [200]


def test_requests_for_no_dialog_are_481(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    target = mine.remote_target
    for to, call_id in ((mine.remote_text + "x", mine.call_id), (mine.remote_text, "another-call")):
        for number, method in enumerate(("BYE", "UPDATE", "INFO", "INVITE", "PRACK")):
            from_ = f"{mine.local_text};tag={mine.local_tag}"
            attempt = lee.request(method, target, [f"X: {number}"], to=to, call_id=call_id, cseq=str(50 + number), from_=from_)
            attempt.expect(481)
    assert theirs.state == "up"


def test_an_old_cseq_is_500_and_an_absorbed_retransmission_is_not(world: World) -> None:
    """RFC 3261 §12.2.2."""
    mine, _ = world.talk(*world.phones("601", "602"))
    mine.info("1").expect(200)
    mine.local_seq -= 2
    mine.info("2").expect(500)
    mine.local_seq += 5
    mine.info("3").expect(200)


# The functions themselves.


def request_with(headers: str, from_: str = "<sip:+33@x>") -> Request:
    message = parse_message(
        f"INVITE sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP 1.1.1.1;branch=z9hG4bK1\r\nFrom: {from_};tag=1\r\nTo: <sip:1@x>\r\nCall-ID: a\r\n"
        f"CSeq: 1 INVITE\r\n{headers}\r\n".encode("utf-8", "surrogateescape")
    )
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SIP;cause=200", "Reason: SIP;cause=200\r\n"),
        ('Q.850 ; cause=16 ;text="x"', "Reason: Q.850;cause=16\r\n"),
        ("SIP;cause=2000", ""),
        ("SIP", ""),
        ("", ""),
        ("<script>;cause=1", ""),
    ],
)
def test_reason_crosses_as_protocol_and_cause(text: str, expected: str) -> None:
    assert identity.reason_header(request_with(f"Reason: {text}\r\n")) == expected


@given(st.text())
def test_a_user_part_is_always_one_word(user: str) -> None:
    escaped = identity.escape_user(user)
    assert escaped.isascii() and not set(escaped) & set(' \r\n\t"<>@:;?\\')
    assert Uri.parse(f"sip:{escaped}@x").user_text == user


@given(st.text(), st.text(min_size=1))
@settings(max_examples=300)
def test_a_presentation_is_always_one_address(name: str, number: str) -> None:
    text = identity.name_addr(Presentation(name.replace("\r", "").replace("\n", ""), number), "acme.test")
    assert "\r" not in text and "\n" not in text


def caller(headers: str, trusted: bool = True, from_: str = "<sip:+33@x>") -> Caller:
    return identity.caller_of_trunk(request_with(headers, from_), TrunkPort("t", Uri.parse("sip:x"), trusted, lambda flow: True))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("P-Asserted-Identity: <sip:+44@x>\r\n", "+44"),
        ("P-Asserted-Identity: <sip:x>, <tel:+44>\r\n", "+44"),
        ("P-Asserted-Identity: <<<\r\n", "+33"),
        ("P-Asserted-Identity: <sip:x>\r\n", "+33"),
        ("", "+33"),
        ("Privacy: id\r\n", ""),
        ("Privacy: none\r\n", "+33"),
        ("Privacy: header;session\r\n", "+33"),
        ("Privacy: none\r\nP-Asserted-Identity: <sip:+44@x>\r\n", "+44"),
    ],
)
def test_the_caller_of_a_trunk(headers: str, expected: str) -> None:
    found: Any = caller(headers)
    assert (found.number, found.anonymous) == (expected, not expected)


ANONYMOUS, NO_NUMBER, PLAIN = ("", True, False), ("", True, True), ("+44", False, False)
ASSERTED = "P-Asserted-Identity: <sip:+44@x>\r\n"


@pytest.mark.parametrize(
    ("from_", "headers", "expected"),
    [
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', "", ANONYMOUS),
        ("<sip:c8oqz84zk7z@anonymous.invalid>", "", ANONYMOUS),
        ("<sip:anonymous@127.0.0.2>", "", ANONYMOUS),
        ("<sip:Anonymous@carrier.example>", "", ANONYMOUS),
        ("<sip:anonymous@carrier.example;user=phone>", "", ANONYMOUS),
        ("<sip:%61nonymous@carrier.example>", "", ANONYMOUS),
        ("<sip:anonymous;phone-context=+49@carrier.example;user=phone>", "", ANONYMOUS),
        ("<sip:restricted@127.0.0.2>", "", ANONYMOUS),
        ("<sip:PRIVATE@127.0.0.2>", "", ANONYMOUS),
        ("<sip:withheld@127.0.0.2>", "", ANONYMOUS),
        ("<sip:privateer@127.0.0.2>", "", ("privateer", False, False)),
        ('"Anonymous" <sip:+33@x>', "", ("+33", False, False)),
        ("<sip:unavailable@127.0.0.2>", "", NO_NUMBER),
        ("<sip:Unknown@unknown.invalid>", "", NO_NUMBER),
        ("<sip:127.0.0.2>", "", NO_NUMBER),
        # What the trunk asserts is for the trunk and us, unless the caller does not mind.
        ("<sip:anonymous@anonymous.invalid>", ASSERTED, ANONYMOUS),
        ("<sip:anonymous@carrier.example>", ASSERTED, ANONYMOUS),
        ("<sip:anonymous@anonymous.invalid>", f"{ASSERTED}Privacy: header\r\n", ANONYMOUS),
        ("<sip:anonymous@anonymous.invalid>", f"{ASSERTED}Privacy: header;session\r\n", ANONYMOUS),
        ("<sip:anonymous@anonymous.invalid>", f"{ASSERTED}Privacy: none\r\n", PLAIN),
        ("<sip:anonymous@anonymous.invalid>", f"{ASSERTED}Privacy: id;none\r\n", ANONYMOUS),
        ("<sip:unavailable@x>", ASSERTED, PLAIN),
        ("<sip:+33@x>", "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>\r\n", ANONYMOUS),
        ("<sip:+33@x>", "P-Asserted-Identity: <sip:restricted@x>\r\n", ANONYMOUS),
        ("<sip:+33@x>", "P-Asserted-Identity: <sip:unavailable@x>\r\n", NO_NUMBER),
        ("<sip:anonymous@anonymous.invalid>", "Privacy: none\r\n", NO_NUMBER),
        ("<sip:restricted@carrier.example>", "Privacy: none\r\n", NO_NUMBER),
    ],
)
def test_who_calls_anonymously_over_a_trunk(from_: str, headers: str, expected: tuple[str, bool, bool]) -> None:
    found = caller(headers, from_=from_)
    assert (found.number, found.anonymous, found.unavailable) == expected
    assert found.name == ("Anonymous" if from_ == '"Anonymous" <sip:+33@x>' else "")


@pytest.mark.parametrize(
    ("from_", "headers", "expected"),
    [
        ("<sip:601@acme.test>", "", False),
        ("<sip:anonymous@anonymous.invalid>", "", True),
        ("<sip:anonymous@acme.test>", "", True),
        ("<sip:anonymous@acme.test>", "Privacy: none\r\n", False),
        ("<sip:anonymous@acme.test>", "Privacy: session\r\n", True),
        ("<sip:private@acme.test>", "", False),  # which may be an extension
        ("<sip:601@acme.test>", "Privacy: user\r\n", True),
        ("<sip:601@acme.test>", "Privacy: header\r\n", False),
    ],
)
def test_which_users_want_privacy(from_: str, headers: str, expected: bool) -> None:
    assert identity.wants_privacy(request_with(headers, from_)) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [("<sip:667@acme.test>", "667"), ("sip:667@evil.test", ""), ("<<", None), ("<tel:+1>", "+1")]
)
def test_preferred_identity(value: str, expected: str | None) -> None:
    assert identity.preferred_identity(request_with(f"P-Preferred-Identity: {value}\r\n"), {"acme.test"}) == expected


def test_a_refused_call_on_behalf_names_nobody_either(world: World) -> None:
    sam = world.phone("676")
    world.carrier.behaviour = rejects(486)
    sam.call(f"#64667*{NUMBER}").expect_ended(486)
    assert b"sip:676" not in b"".join(packet.data for packet in world.sent_to(world.carrier))
