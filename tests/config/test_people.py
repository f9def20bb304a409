"""Users: time zones, devices, forwarding and divert, and where these may lead."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from b2bua.delegation.people import DeviceRings, Divert, Forwarding, User
from tests.config.conftest import Files, problems, read, refused

pytestmark = pytest.mark.usefixtures("no_linter")

LEADS = "write a user's extension or number, or one that a trunk takes"
OLIVIA, SAM, RECEPTION = "users[0]", "users[1]", "users[3]"
"""In lines 13, 15 and 18."""


def test_every_key(organisation: Files) -> None:
    users = read(organisation).users
    assert users["667"].forwarding == Forwarding(no_answer="600", no_answer_seconds=25)
    assert users["676"].divert == Divert(enabled=True, number="+6281234567")
    assert (users["600"].devices, users["602"].dnd) == (DeviceRings("apps_first", 12), True)
    assert (users["667"].hours and users["667"].hours.name, users["677"].hours) == ("office", None)


def test_the_defaults_are_those_of_the_domain(files: Files) -> None:
    assert read(files).users["677"] == User("677", "Ana Aide", "ana-677", location="HQ")


def test_time_zones(organisation: Files) -> None:
    """One's own, else the organisation's, else UTC; an executive has that of the user unless another is written."""
    directory = read(organisation)
    berlin, jakarta = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Jakarta")
    assert (directory.users["667"].time_zone, directory.users["676"].time_zone) == (berlin, jakarta)
    assert {directory.executives[each].time_zone for each in ("500", "510")} == {jakarta}
    assert directory.executives["667"].time_zone == berlin
    organisation.change(
        organisation.directory, ("time_zone: Asia/Jakarta\n", ""), ("    caller_id:", "    time_zone: Asia/Tokyo\n    caller_id:")
    )
    directory = read(organisation)
    assert directory.executives["667"].time_zone == ZoneInfo("Asia/Tokyo")
    assert directory.users["676"].time_zone is UTC


@pytest.mark.parametrize(
    "forwarding",
    [
        Forwarding(always="600", busy="+6221500500", no_answer="510"),
        Forwarding(busy="sip:vm@127.0.0.9:5070;user=phone", unreachable="sips:vm@[::1]"),
        Forwarding(busy="62 (21) 500676", no_answer="+15551234567", no_answer_seconds=1),
    ],
)
def test_where_forwarding_may_lead(organisation: Files, forwarding: Forwarding) -> None:
    """Extensions, groups, services, numbers of users, of groups and of trunks, URIs."""
    keys = ("always", "busy", "no_answer", "unreachable")
    text = ", ".join(f"{key}: {value!r}" for key in keys if (value := getattr(forwarding, key)))
    organisation.change(
        organisation.directory,
        ("{no_answer: \"600\", no_answer_seconds: 25}", f"{{{text}, no_answer_seconds: {forwarding.no_answer_seconds}}}"),
        ("action: no_answer", "action: hangup"),
    )
    assert read(organisation).users["667"].forwarding == forwarding


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Asia/Jakarta", "Asia/Yakarta", "2: time_zone: is 'Asia/Yakarta', which is no time zone; did you mean `Asia/Jakarta`?; write a"),
        ("Asia/Jakarta", "jakarta", "2: time_zone: is 'jakarta', which is no time zone; did you mean `Asia/Jakarta`?"),
        ("Asia/Jakarta", "../../etc/passwd", "2: time_zone: is '../../etc/passwd', which is no time zone"),
        ("Asia/Jakarta", "[]", "2: time_zone: is a list, which is no time zone; write a time zone such as Europe/Berlin, or UTC"),
        ("Europe/Berlin", "Europe", f"13: {OLIVIA}.time_zone: is 'Europe', which is no time zone"),
        ("apps_first", "app_first", f"18: {RECEPTION}.devices.order: is 'app_first'; write together, apps_first or desk_first"),
        ("rings: 2}}", "rings: -1}}", f"18: {RECEPTION}.devices.rings: is '-1'; write how many rings (6 seconds each) the first"),
        ("rings: 2}}", "seconds: 2}}", f"18: {RECEPTION}.devices.seconds: is no key of this section; write one of order, rings"),
        ("{order: apps_first, rings: 2}", "apps", f"18: {RECEPTION}.devices: is text, not keys with values; write keys such as order"),
        ("dnd: true", "dnd: maybe", "20: users[5].dnd: is 'maybe'; write true or false"),
        ('{no_answer: "600"', '{no_answer: "699"', f"14: {OLIVIA}.forwarding.no_answer: '699' leads nowhere; {LEADS}, or a URI such as"),
        ('{no_answer: "600"', '{no_answer: "600", busy: "667"', f"14: {OLIVIA}.forwarding.busy: '667' is Olivia Boss (667), whose calls these"),
        ('{no_answer: "600"', '{no_answer: "600", busy: "6221500600"', f"14: {OLIVIA}.forwarding.busy: '6221500600' is Olivia Boss (667)"),
        ('{no_answer: "600"', '{no_answer: "600", busy: "112"', f"14: {OLIVIA}.forwarding.busy: 112 is an emergency number; write another"),
        ('{no_answer: "600"', '{no_answer: "600", busy: ""', f"14: {OLIVIA}.forwarding.busy: '' leads nowhere; {LEADS}"),
        ('{no_answer: "600"', '{no_answer: "sip:vm@bad host"', f"14: {OLIVIA}.forwarding.no_answer: is 'sip:vm@bad host'; write a SIP URI such as"),
        ('{no_answer: "600"', '{no_answer: "600", budy: "601"', f"14: {OLIVIA}.forwarding.budy: is no key of this section; did you mean `busy`?"),
        ("no_answer_seconds: 25", "no_answer_seconds: 0", f"14: {OLIVIA}.forwarding.no_answer_seconds: is '0'; write seconds from 1 to 7200"),
        ('true, to: "+6281234567"', "true", f"16: {SAM}.divert.to: is missing; write the extension of a user, or an outside number"),
        ('to: "+6281234567"', 'to: "999"', f"16: {SAM}.divert.to: '999' leads nowhere; {LEADS}"),
        ('to: "+6281234567"', 'to: "sip:vm@x"', f"16: {SAM}.divert.to: 'sip:vm@x' leads nowhere; {LEADS}"),
        ('to: "+6281234567"', 'to: "676"', f"16: {SAM}.divert.to: '676' is Sam Secretary (676), whose calls these are; write another"),
        ('to: "+6281234567"', 'to: "911"', f"16: {SAM}.divert.to: 911 is an emergency number"),
        ('to: "+6281234567"', 'to: "500"', f"16: {SAM}.divert.to: '500' is a group; write the extension of a user, or an outside"),
        ('to: "+6281234567"', 'to: "+6221500510"', f"16: {SAM}.divert.to: '+6221500510' is a service; write the extension of a user"),
    ],
)  # fmt: skip
def test_what_is_refused(organisation: Files, old: str, new: str, expected: str) -> None:
    refused(organisation, old, new, expected)


@pytest.mark.parametrize("extension", ["admin", "ADMIN"])
def test_nobody_is_called_as_the_first_administrators_account(organisation: Files, extension: str) -> None:
    organisation.change(organisation.directory, ('extension: "601"', f"extension: {extension}"))
    assert problems(organisation)[0].endswith(f"extension: is '{extension}', the name of the first administrator's account; write another one")


def test_every_mistake_of_a_user_is_reported(organisation: Files) -> None:
    """Also those beside a key that is missing, and nobody who works with the user is blamed."""
    organisation.change(
        organisation.directory,
        ("name: Olivia Boss, ", "devices: {order: none}, "),
        ("hours: office, forwarding", "hours: ofice, forwarding"),
        ('"600", no_answer_s', '"999", no_answer_s'),
    )
    assert sorted(text.split(": ")[1] for text in problems(organisation)) == sorted(
        [f"{OLIVIA}.name", f"{OLIVIA}.devices.order", f"{OLIVIA}.hours", f"{OLIVIA}.forwarding.no_answer"]
    )


def test_a_forwarding_that_cannot_be_read_is_no_missing_one(organisation: Files) -> None:
    """The rollover `no_answer` goes to a forwarding that is wrong, and reported there alone."""
    refused(organisation, '{no_answer: "600"', "{no_answer: [600]", f"14: {OLIVIA}.forwarding.no_answer: is a list; write an extension")


def test_numbers_of_a_user_who_could_not_be_read_are_known_all_the_same(organisation: Files) -> None:
    refused(
        organisation,
        'numbers: ["+6221500677"]',
        'numbers: ["+6221500677", x], forwarding: {busy: "600"}, divert: {to: "+6221500677"}',
        "17: users[2].numbers[1]: is 'x'; write an outside number",
    )
