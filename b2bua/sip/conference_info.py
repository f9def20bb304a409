"""Conference state (RFC 4575): who is in a conference, as ``application/conference-info+xml``, in full or only what has changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

CONTENT_TYPE: Final = "application/conference-info+xml"
EVENT: Final = "conference"
"""The event package, for the Event header."""

_NAMESPACE: Final = "urn:ietf:params:xml:ns:conference-info"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML cannot say, not even escaped

Status = Literal[
    "pending", "dialing-out", "dialing-in", "alerting", "on-hold", "connected", "muted-via-focus", "disconnecting", "disconnected"
]
"""Of an endpoint (RFC 4575 §5.7.1)."""
Joining = Literal["dialed-in", "dialed-out", "focus-owner"]
MediaDirection = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


class Endpoint(NamedTuple):
    """One device of a user in the conference."""

    entity: str
    """Its contact, or any URI that tells it apart."""
    status: Status = "connected"
    joining: Joining | None = None
    audio: MediaDirection | None = None
    """Which way its sound flows, seen by itself (RFC 4575 §5.8.5): recvonly hears and is not heard."""
    display: str = ""


class User(NamedTuple):
    """Somebody in the conference."""

    entity: str
    """Their address of record."""
    display: str = ""
    roles: tuple[str, ...] = ()
    """"moderator", "listener" …: words of our own."""
    endpoints: tuple[Endpoint, ...] = ()


class Conference(NamedTuple):
    """A conference. `entity` is its URI."""

    entity: str
    users: tuple[User, ...] = ()
    subject: str = ""
    active: bool = True
    """False before the host has come."""
    locked: bool = False
    maximum: int | None = None


def full(conference: Conference, version: int) -> bytes:
    """Everything: what a new subscriber gets. `version` goes up by one with each document of a subscription (RFC 4575 §5.1)."""
    root = _root(conference.entity, "full", version)
    description = SubElement(root, "conference-description")
    if conference.subject:
        _text(description, "subject", conference.subject)
    if conference.maximum is not None:
        _text(description, "maximum-user-count", str(conference.maximum))
    _state(root, conference)
    users = SubElement(root, "users", {"state": "full"})
    for user in conference.users:
        _user(users, user)
    return _written(root)


def partial(conference: Conference, version: int, changed: Iterable[str] = (), left: Iterable[str] = ()) -> bytes:
    """What has changed since the last document: the users with the entities `changed`, as they are now, and those who have `left`."""
    root = _root(conference.entity, "partial", version)
    _state(root, conference)
    users = SubElement(root, "users", {"state": "partial"})
    wanted = frozenset(changed)
    for user in conference.users:
        if user.entity in wanted:
            _user(users, user)
    for entity in left:
        SubElement(users, "user", {"entity": _clean(entity), "state": "deleted"})
    return _written(root)


def deleted(entity: str, version: int) -> bytes:
    """There is no such conference any more."""
    return _written(_root(entity, "deleted", version))


def _root(entity: str, state: str, version: int) -> Element:
    return Element("conference-info", {"xmlns": _NAMESPACE, "entity": _clean(entity), "state": state, "version": str(version)})


def _state(root: Element, conference: Conference) -> None:
    state = SubElement(root, "conference-state")
    _text(state, "user-count", str(len(conference.users)))
    _text(state, "active", str(conference.active).lower())
    _text(state, "locked", str(conference.locked).lower())


def _user(users: Element, user: User) -> None:
    element = SubElement(users, "user", {"entity": _clean(user.entity), "state": "full"})
    if user.display:
        _text(element, "display-text", user.display)
    if user.roles:
        roles = SubElement(element, "roles")
        for role in user.roles:
            _text(roles, "entry", role)
    for endpoint in user.endpoints:
        _endpoint(element, endpoint)


def _endpoint(user: Element, endpoint: Endpoint) -> None:
    element = SubElement(user, "endpoint", {"entity": _clean(endpoint.entity)})
    if endpoint.display:
        _text(element, "display-text", endpoint.display)
    _text(element, "status", endpoint.status)
    if endpoint.joining is not None:
        _text(element, "joining-method", endpoint.joining)
    if endpoint.audio is not None:
        media = SubElement(element, "media", {"id": "1"})
        _text(media, "type", "audio")
        _text(media, "status", endpoint.audio)


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = _clean(text)


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)


def _written(root: Element) -> bytes:
    document: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return document
