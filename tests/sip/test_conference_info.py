"""Conference state documents, read back with an XML parser."""

from xml.etree.ElementTree import Element, fromstring

from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.conference_info import Conference, Endpoint, User, deleted, full, partial

ANN = User(
    "sip:667@example.com",
    "Ann <Office> & Co",
    ("moderator", "host"),
    (Endpoint("sip:667@192.0.2.7", "connected", "dialed-in", "sendrecv", 'desk "A"'), Endpoint("sip:667@192.0.2.8", "on-hold")),
)
BEN = User("sip:668@example.com", endpoints=(Endpoint("sip:668@192.0.2.9", "muted-via-focus", audio="recvonly"),))
ROOM = Conference("sip:800@example.com", (ANN, BEN), "Board", active=True, locked=True, maximum=20)
SPACE = "{urn:ietf:params:xml:ns:conference-info}"


def read(document: bytes) -> Element:
    root = fromstring(document)
    assert root.tag == SPACE + "conference-info"
    return root


def outline(element: Element) -> list[str]:
    """Element names in document order, with the text where there is one."""
    return [f"{e.tag.removeprefix(SPACE)}={e.text}" if e.text else e.tag.removeprefix(SPACE) for e in element.iter()][1:]


def test_everything() -> None:
    document = full(ROOM, 3)
    assert document.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    root = read(document)
    assert root.attrib == {"entity": "sip:800@example.com", "state": "full", "version": "3"}
    assert outline(root) == [
        "conference-description",
        "subject=Board",
        "maximum-user-count=20",
        "conference-state",
        "user-count=2",
        "active=true",
        "locked=true",
        "users",
        "user",
        "display-text=Ann <Office> & Co",
        "roles",
        "entry=moderator",
        "entry=host",
        "endpoint",
        'display-text=desk "A"',
        "status=connected",
        "joining-method=dialed-in",
        "media",
        "type=audio",
        "status=sendrecv",
        "endpoint",
        "status=on-hold",
        "user",
        "endpoint",
        "status=muted-via-focus",
        "media",
        "type=audio",
        "status=recvonly",
    ]
    assert [user.attrib for user in root.iter(SPACE + "user")] == [
        {"entity": "sip:667@example.com", "state": "full"},
        {"entity": "sip:668@example.com", "state": "full"},
    ]


def test_an_empty_room_waits_for_its_host() -> None:
    root = read(full(Conference("sip:800@example.com", active=False), 1))
    assert outline(root) == [
        "conference-description",
        "conference-state",
        "user-count=0",
        "active=false",
        "locked=false",
        "users",
    ]


def test_only_what_has_changed() -> None:
    root = read(partial(ROOM, 4, changed=["sip:668@example.com"], left=["sip:<gone>@example.com"]))
    assert (root.attrib["state"], root.attrib["version"]) == ("partial", "4")
    users = root.find(SPACE + "users")
    assert users is not None
    assert users.attrib == {"state": "partial"}
    assert [(user.attrib["entity"], user.attrib["state"], len(user)) for user in users] == [
        ("sip:668@example.com", "full", 1),
        ("sip:<gone>@example.com", "deleted", 0),
    ]
    assert "user-count=2" in outline(root)


def test_the_end() -> None:
    root = read(deleted("sip:800@example.com", 9))
    assert root.attrib == {"entity": "sip:800@example.com", "state": "deleted", "version": "9"}
    assert len(root) == 0


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_any_text_can_be_written(name: str, entity: str) -> None:
    """Also what XML cannot say, and bytes that were no UTF-8."""
    read(partial(ROOM._replace(users=(User(entity, name, (name,)),), entity=entity), 1, [entity], [name]))
    root = read(full(Conference(entity, (User(entity, name + "x\x00\udcff"),), name), 1))
    shown = root.find(f".//{SPACE}display-text")
    assert shown is not None
    assert (shown.text or "").endswith("x\ufffd\ufffd")
