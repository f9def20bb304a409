"""The 49 messages of RFC 4475 and the 12 of RFC 5118, each with the verdict that the RFC gives.

The bare stack answers what belongs to it; the handlers here stand for the rooms above it and say 200, 401 and 480. What only a
registrar or a call can refuse is named in `ABOVE`: here it must arrive there intact.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from b2bua.sip.flow import Flow
from b2bua.sip.message import MessageError, Request, parse_message
from b2bua.sip.values import SipError
from tests.sip.parts import FakeFlow, Rig, status_of

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "sip"
ABOVE = {"unksm2": "the registrar", "invut": "a call", "sdp01": "a call"}
STRICT = {
    # Where the RFC leaves a choice, the answer of this server.
    "badinv01": 400, "ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "badaspec": 400, "baddn": 400,
    "mismatch02": 400, "ipv6-bug-abnf-3-colons": 400, "baddate": 480, "regbadct": 401, "badbranch": 200, "zeromf": 200, "inv2543": 480,
    "semiuri": 200, "novelsc": 416, "mpart01": 405, "wsinv": 481,
}  # fmt: skip

pytestmark = pytest.mark.needs("../shared/sip")


class Case(NamedTuple):
    name: str
    kind: str
    accepted: str
    data: bytes


def cases() -> Iterator[Case]:
    for folder in ("rfc4475", "rfc5118"):
        table = SHARED / folder / "expected.tsv"
        if table.exists():
            with table.open(encoding="utf-8") as lines:
                for row in csv.DictReader(lines, delimiter="\t"):
                    yield Case(
                        row["file"][:-4], row["kind"], row["accepted_response"], (SHARED / folder / row["file"]).read_bytes()
                    )


CASES = {case.name: case for case in cases()}


def served(data: bytes, transport: str = "UDP") -> tuple[Rig, list[int], list[Request]]:
    """What the stack sent (100s left out), and what reached the handlers."""
    rig = Rig()
    reached: list[Request] = []

    def reject(status: int, request: Request, flow: Flow) -> None:
        reached.append(request)
        rig.stack.reject(request, flow, status)

    def refuse_call(request: Request, flow: Flow, now: float) -> None:
        reached.append(request)
        rig.stack.respond(rig.stack.accept(request, flow, now), 480, now=now)

    rig.stack.handlers["OPTIONS"] = lambda request, flow, now: reject(200, request, flow)
    rig.stack.handlers["REGISTER"] = lambda request, flow, now: reject(401, request, flow)
    rig.stack.handlers["INVITE"] = refuse_call
    out = rig.receive(data, FakeFlow(("192.0.2.77", 5060), transport))
    return rig, [status_of(answer) for answer in out if status_of(answer) != 100], reached


def test_all_are_there() -> None:
    assert len(CASES) == 49 + 12


@pytest.mark.parametrize("name", CASES)
def test_verdict(name: str) -> None:
    case = CASES[name]
    rig, statuses, reached = served(case.data)
    if name in ABOVE:
        assert len(reached) == 1, f"this is for {ABOVE[name]} to refuse"
    elif case.accepted == "none":
        assert statuses == []
    else:
        assert len(statuses) == 1
        accepted = {int(word) for word in case.accepted.replace("/", " ").split() if word.isdigit()}
        if accepted and "processed" not in case.accepted and "accept" not in case.accepted:
            assert statuses[0] in accepted
    if name in STRICT:
        assert statuses == [STRICT[name]]
    assert all(flow.remote[0] == "192.0.2.77" for _, flow, _ in rig.sent), "answers go to the source, whatever the message names"
    rig.settle()


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.accepted in ("-", "parse") or "481" in case.accepted]
)
def test_valid_ones_parse_with_everything_typed(name: str) -> None:
    message = parse_message(CASES[name].data)
    assert isinstance(message, Request)
    assert message.target.scheme in ("sip", "sips")
    assert message.values("via")
    assert message.from_.uri.scheme
    assert message.addresses("contact") or message.get("contact") is None
    assert message.encode() == CASES[name].data


@pytest.mark.parametrize("name", CASES)
def test_over_a_stream(name: str) -> None:
    """The same verdict over TCP, and nothing is left behind there either."""
    _, expected, _ = served(CASES[name].data)
    rig, statuses, _ = served(CASES[name].data, "TCP")
    assert statuses == expected
    rig.settle()


# What single messages are about.


def read(name: str) -> Request:
    message = parse_message(CASES[name].data)
    assert isinstance(message, Request)
    return message


def test_wsinv_reads_through_the_white_space() -> None:
    message = read("wsinv")
    assert (message.target.user, message.target.host) == ("vivekg", "chair-dnrc.example.com")
    assert message.to.tag == "1918181833n"
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.get("max-forwards") == "0068"
    assert (message.cseq, message.cseq_method) == (9, "INVITE")
    assert len(message.values("via")) == 3
    assert message.get("subject") == ""
    assert message.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.get("unknownheaderwithunusualvalue") == ";;,,;;,;"
    assert [route.uri.host for route in message.addresses("route")] == ["services.example.com"]


def test_intmeth_keeps_odd_bytes() -> None:
    message = read("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.to.display == "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f".replace("\\", "")


def test_escaped_users_are_decoded_and_not_cut() -> None:
    assert read("esc01").target.user_text == "sips:user@example.com"
    contacts = read("escnull").addresses("contact")
    assert [contact.uri.user_text for contact in contacts] == ["\0", "\0\0"]
    assert len(read("esc02").addresses("contact")) == 2


def test_dblreq_ends_where_it_says() -> None:
    assert read("dblreq").body == b""
    rig, statuses, _ = served(CASES["dblreq"].data)
    assert statuses == [401]
    assert rig.stack.counters["INVITE"] == 0


def test_semiuri() -> None:
    uri = read("semiuri").target
    assert (uri.user_text, dict(uri.params)) == ("user;par=u@example.net", {})


def test_mpart_is_framed_by_its_length() -> None:
    assert len(read("mpart01").body) == 553
    assert b"\0" in read("mpart01").body


def test_longreq() -> None:
    assert len(read("longreq").values("via")) == 34


def test_bext_names_what_is_not_supported() -> None:
    rig, statuses, _ = served(CASES["bext01"].data)
    assert statuses == [420]
    answer = parse_message(rig.sent[0][2])
    assert answer.tokens("unsupported") == {
        "nothingsupportsthis", "nothingsupportsthiseither", "noproxiessupportthis", "nordoanyproxiessupportthis",
    }  # fmt: skip


def test_501_says_what_is_allowed() -> None:
    rig, _, _ = served(CASES["intmeth"].data)
    assert "invite" in parse_message(rig.sent[0][2]).tokens("allow")


def test_contact_parameters_and_uri_parameters_stay_apart() -> None:
    of_header, of_uri = read("cparam01").addresses("contact")[0], read("cparam02").addresses("contact")[0]
    assert ("unknownparam" in of_header.params, "unknownparam" in of_header.uri.params) == (True, False)
    assert ("unknownparam" in of_uri.params, "unknownparam" in of_uri.uri.params) == (False, True)
    assert read("regescrt").addresses("contact")[0].uri.headers == "Route=%3Csip:sip.example.com%3E"


def test_regbadct_is_refused_by_whoever_reads_the_contact() -> None:
    with pytest.raises(SipError):
        read("regbadct").addresses("contact")


def test_ipv6_ports() -> None:
    ambiguous, plain = read("port-ambiguous").target, read("port-unambiguous").target
    assert (ambiguous.host, ambiguous.port) == ("2001:db8::10:5070", None)
    assert (plain.host, plain.port) == ("2001:db8::10", 5070)
    assert read("via-received-param-with-delim").via.params["received"] == "[2001:db8::9:255]"
    assert read("via-received-param-no-delim").via.params["received"] == "2001:db8::9:255"
    assert read("ipv6-correct-abnf-2-colons").target.host == "2001:db8::c000:201"


@pytest.mark.parametrize("name", ["scalarlg", "bigcode"])
def test_bad_responses_are_nobodys_business(name: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(CASES[name].data)
    assert caught.value.request is None
