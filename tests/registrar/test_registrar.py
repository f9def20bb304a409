"""REGISTER as phones see it (RFC 3261 §10.3, RFC 3327, RFC 5626, RFC 4475 §3.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.message import Response
from tests.support.registrations import DOMAIN, Bench, FakeFlow, Phone

A, B = "sip:667@192.0.2.1:5060", "sip:667@192.0.2.2:5060"


@pytest.fixture
def bench() -> Bench:
    return Bench()


def contacts(response: Response) -> list[str]:
    return response.get_all("contact")


# -- who may register


def test_an_unauthenticated_request_is_challenged_and_leaves_nothing(bench: Bench) -> None:
    (response,) = bench.receive(Phone(bench).request(f"Contact: <{A}>\r\n"))
    assert response.status == 401
    sha, md5 = response.get_all("www-authenticate")
    assert f'realm="{DOMAIN}"' in sha and "SHA-256" in sha and "MD5" in md5
    assert bench.at_rest() and bench.location.count == 0


def test_existing_and_unknown_users_look_alike(bench: Bench) -> None:
    known, unknown = Phone(bench, "667", "wrong"), Phone(bench, "999", "wrong")
    answers = [phone.add(A) for phone in (known, unknown)]
    assert [(each.status, sorted(each.names())) for each in answers] == [(401, sorted(answers[0].names()))] * 2
    assert bench.at_rest()


def test_a_right_password_registers(bench: Bench) -> None:
    response = Phone(bench).add(A, ";expires=600;unknownparam;q=0.5")
    assert response.status == 200
    assert contacts(response) == [f"<{A}>;unknownparam;q=0.5;expires=600"]
    assert response.get("expires") == "600"
    assert response.get("date") == "Mon, 21 Sep 2026 14:30:00 GMT"
    assert response.tokens("supported") == {"path", "outbound"}
    (binding,) = bench.location.contacts("667")
    assert (binding.contact, binding.q, binding.flow) == (A, 0.5, bench.flow)
    bench.pass_time(33)
    assert bench.at_rest()


def test_a_retransmission_is_answered_from_its_transaction(bench: Bench) -> None:
    phone = Phone(bench)
    challenge = bench.receive(phone.request(f"Contact: <{A}>\r\n"))[0]
    value = phone.digest.answer(challenge.get_all("www-authenticate"), "REGISTER", f"sip:{DOMAIN}")
    again = phone.request(f"Contact: <{A}>\r\n", authorization=f"Authorization: {value}\r\n")
    assert [each.status for _ in range(3) for each in bench.receive(again)] == [200, 200, 200]
    assert bench.registrar.counters["accepted"] == 1


def test_a_stale_nonce_is_said_to_be_stale(bench: Bench) -> None:
    phone = Phone(bench)
    challenge = bench.receive(phone.request())[0].get_all("www-authenticate")
    value = phone.digest.answer(challenge, "REGISTER", f"sip:{DOMAIN}")
    bench.pass_time(400)
    (response,) = bench.receive(phone.request(authorization=f"Authorization: {value}\r\n"))
    assert response.status == 401
    assert all("stale=true" in each for each in response.get_all("www-authenticate"))


def test_nobody_registers_for_somebody_else(bench: Bench) -> None:
    assert Phone(bench, "676").register(f"Contact: <{A}>\r\n", to=f"<sip:667@{DOMAIN}>").status == 403
    assert Phone(bench, "677").register(f"Contact: <{A}>\r\n", to=f"<sip:676-667@{DOMAIN}>").status == 403
    assert Phone(bench, "667").register(f"Contact: <{A}>\r\n", to=f"<sip:{DOMAIN}>").status == 403
    assert bench.location.count == 0


def test_an_assistant_may_authenticate_as_themselves_on_a_delegated_line(bench: Bench) -> None:
    """Their password was set before the line came, and of passwords only digests are kept."""
    assert Phone(bench, "676").register("Contact: <sip:line@192.0.2.1>\r\n", to=f"<sip:676-667@{DOMAIN}>").status == 200
    assert Phone(bench, "678").register("Contact: <sip:line@192.0.2.1>\r\n", to=f"<sip:678-667@{DOMAIN}>").status == 403  # no use
    assert [each.contact for each in bench.location.contacts("676-667")] == ["sip:line@192.0.2.1"]
    assert bench.location.contacts("676") == ()


def test_a_delegated_line_is_an_account_of_its_own(bench: Bench) -> None:
    assert Phone(bench, "676-667").add("sip:line@192.0.2.1").status == 200
    assert [each.contact for each in bench.location.contacts("676-667")] == ["sip:line@192.0.2.1"]
    assert bench.location.contacts("676") == ()
    assert Phone(bench, "677-667").add("sip:line@192.0.2.1").status == 200  # may call
    assert Phone(bench, "678-667").add("sip:line@192.0.2.1").status == 403  # neither call nor receive


@pytest.mark.parametrize("options", [{"uri": "sip:evil.test"}, {"to": "<sip:667@evil.test>"}])
def test_a_foreign_domain_is_refused(bench: Bench, options: dict[str, str]) -> None:
    assert Phone(bench).register(f"Contact: <{A}>\r\n", **options).status == 403
    assert bench.at_rest()


def test_an_alias_of_the_domain_is_ours(bench: Bench) -> None:
    assert Phone(bench).register(f"Contact: <{A}>\r\n", uri="sip:127.0.0.1:5060", to="<sip:667@127.0.0.1>").status == 200
    assert bench.location.count == 1


@pytest.mark.parametrize("to", ["<isbn:2983792873>", "<http://www.example.com>", "<tel:667>"])
def test_to_must_be_a_sip_address(bench: Bench, to: str) -> None:
    assert Phone(bench).register(f"Contact: <{A}>\r\n", to=to).status == 400


def test_what_is_required_and_unknown_is_refused(bench: Bench) -> None:
    response = Phone(bench).register("Require: path, gruu\r\n")
    assert (response.status, response.get("unsupported")) == (420, "gruu")


# -- what it does


def test_every_binding_is_listed_and_a_fetch_changes_nothing(bench: Bench) -> None:
    Phone(bench).add(A)
    bench.now += 0.5
    Phone(bench).add(B)
    bench.pass_time(99.75)
    response = Phone(bench).register()
    assert contacts(response) == [f"<{B}>;expires=3500", f"<{A}>;expires=3500"]  # the most recent first
    saved = bench.store.saved
    assert Phone(bench).register().status == 200
    assert bench.store.saved == saved


@pytest.mark.parametrize(
    ("headers", "granted"), [("", 3600), ("Expires: 120\r\n", 120), ("Expires: 4294967297\r\n", 86400), ("Expires: x\r\n", 3600)]
)
def test_expiry(bench: Bench, headers: str, granted: int) -> None:
    assert contacts(Phone(bench).add(A, headers=headers)) == [f"<{A}>;expires={granted}"]


def test_too_brief(bench: Bench) -> None:
    response = Phone(bench).register(f"Contact: <{A}>\r\nContact: <{B}>;expires=59\r\n")
    assert (response.status, response.get("min-expires")) == (423, "60")
    assert bench.location.count == 0
    assert Phone(bench).add(A, ";expires=60").status == 200


def test_removing_one_and_all(bench: Bench) -> None:
    phone = Phone(bench)
    phone.register(f"Contact: <{A}>, <{B}>\r\n")
    assert contacts(phone.add(A, ";expires=0")) == [f"<{B}>;expires=3600"]
    response = phone.register("Contact: *\r\nExpires: 0\r\n")
    assert (response.status, contacts(response), bench.location.count) == (200, [], 0)


@pytest.mark.parametrize("headers", ["Contact: *\r\n", "Contact: *\r\nExpires: 60\r\n", f"Contact: *, <{A}>\r\nExpires: 0\r\n"])
def test_the_star_stands_alone_and_with_expires_0(bench: Bench, headers: str) -> None:
    phone = Phone(bench)
    phone.add(A)
    assert phone.register(headers).status == 400
    assert bench.location.count == 1


def test_an_older_request_is_refused(bench: Bench) -> None:
    phone = Phone(bench)
    phone.add(A)
    bench.pass_time(40)  # past the transactions, which would know it for a merged request
    phone.cseq = 0
    assert phone.add(A).status == 500
    assert bench.location.count == 1


def test_limits(bench: Bench) -> None:
    small = Bench(max_contacts=1, max_bindings=2)
    assert Phone(small).add(A).status == 200
    assert Phone(small).add(B).status == 403
    assert Phone(small, "676").add(A).status == 200
    response = Phone(small, "677").add(A)
    assert (response.status, response.get("retry-after")) == (503, "60")


def test_contact_parameters_and_escaped_headers_are_kept_as_they_are(bench: Bench) -> None:
    """RFC 4475 §3.3.12 to §3.3.14, and §3.1.1.4."""
    phone = Phone(bench)
    response = phone.register(
        "Contact: sip:+19725552222@gw1.example.net;unknownparam\r\n"
        "Contact: <sip:+19725552223@gw1.example.net;unknownparam>\r\n"
        "m: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\r\n"
        "Contact: <sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>\r\n"
    )
    assert sorted(each.partition(";expires")[0] for each in contacts(response)) == [
        "<sip:%00%00@host5.example.com>",
        "<sip:%00@host5.example.com>",
        "<sip:+19725552222@gw1.example.net>;unknownparam",
        "<sip:+19725552223@gw1.example.net;unknownparam>",
        "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
    ]


@pytest.mark.parametrize(
    "contact",
    [
        "sip:user@example.com?Route=%3Csip:sip.example.com%3E",  # RFC 4475 §3.1.2.13
        "<tel:667>",
        "<mailto:a@b.c>",
        "<sip:a@b",
        "<>",
        "<sip:caf\udce9@b.c>",
        f"<sip:{'a' * 1100}@b.c>",
    ],
)
def test_contacts_that_are_none(bench: Bench, contact: str) -> None:
    assert Phone(bench).register(f"Contact: {contact}\r\n").status == 400
    assert bench.location.count == 0


def test_path_is_kept_and_echoed(bench: Bench) -> None:
    response = Phone(bench).add(A, headers="Supported: path\r\nPath: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n")
    assert response.get_all("path") == ["<sip:p2.example;lr>", "<sip:p1.example;lr>"]
    assert bench.location.contacts("667")[0].path == ("<sip:p2.example;lr>", "<sip:p1.example;lr>")
    many = ", ".join(["<sip:p.example;lr>"] * 6)
    assert Phone(bench).add(B, headers=f"Path: {many}\r\n").status == 400


OUTBOUND = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";reg-id='


def test_outbound(bench: Bench) -> None:
    phone = Phone(bench)
    response = phone.add(A, OUTBOUND + "1", "Supported: path, outbound\r\n")
    assert (response.get("require"), response.get("flow-timer")) == ("outbound", "120")
    assert contacts(response) == [f"<{A}>{OUTBOUND}1;expires=3600"]
    phone.flow = FakeFlow(("192.0.2.1", 5999))
    assert len(contacts(phone.add(A, OUTBOUND + "2", "Supported: outbound\r\n"))) == 2
    assert len(contacts(phone.add(B, OUTBOUND + "1", "Supported: outbound\r\n"))) == 2
    assert [each.contact for each in bench.location.contacts("667")] == [B, A]


def test_without_supported_outbound_the_flow_number_does_not_count(bench: Bench) -> None:
    response = Phone(bench).add(A, OUTBOUND + "1")
    assert response.get("require") is None
    assert bench.location.contacts("667")[0].reg_id is None


def test_outbound_refusals(bench: Bench) -> None:
    phone, supported = Phone(bench), "Supported: outbound\r\n"
    assert phone.register(f"Contact: <{A}>{OUTBOUND}1, <{B}>{OUTBOUND}2\r\n{supported}").status == 400
    via = "Via: SIP/2.0/UDP edge.example;branch=z9hG4bKe\r\n"
    assert phone.register(f"Contact: <{A}>{OUTBOUND}1\r\n{supported}", vias=via).status == 439
    path = "Path: <sip:edge.example;lr;ob>\r\n"
    assert phone.register(f"Contact: <{A}>{OUTBOUND}1\r\n{supported}{path}", vias=via).status == 200


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60))
def test_no_contact_raises_out_of_the_stack(text: str) -> None:
    bench = Bench()
    assert Phone(bench).register(f"Contact: {text}\r\n").status in (200, 400)
    bench.pass_time(100)
    assert bench.at_rest()
