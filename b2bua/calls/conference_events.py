"""What watchers of a conference room are told (RFC 4575): who is in it, who is muted, on hold, or still waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from b2bua.calls import conference
from b2bua.calls.conversation import Conversation
from b2bua.calls.identity import ANONYMOUS_HOST, escape_user
from b2bua.calls.party import Party
from b2bua.sip import conference_info
from b2bua.sip.conference_info import Conference, Endpoint, MediaDirection, Status, User
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex

_NOBODY: Final[Mapping[str, User]] = {}


class Told(NamedTuple):
    """A document, and what has been told with it."""

    body: bytes
    memory: Mapping[str, User]


class ConferenceEvents:
    """The source of the package "conference"."""

    event = conference_info.EVENT
    content_type = conference_info.CONTENT_TYPE

    def __init__(self, index: CallIndex) -> None:
        self._index = index

    def admit(self, resource: str, watcher: str) -> None:
        """Moderators, and who is in the room, may watch it. Raises `SipError`: 404 for no room, 403."""
        room = self._index.directory.rooms.get(resource)
        if room is None:
            raise SipError(404, "No Such Conference")
        running = self._running(resource)
        inside = running is not None and any(party.extension == watcher and party.waits != "pin" for party in running.parties)
        if watcher not in room.moderators and not inside:
            raise SipError(403, "Only For Its Members")

    def document(self, resource: str, watcher: str, version: int, memory: Mapping[str, User] | None) -> Told | None:
        """Everything, or what has changed since."""
        found = self._conference(resource)
        users = {user.entity: user for user in found.users}
        if memory is None:
            return Told(conference_info.full(found, version), users)
        left = [entity for entity in memory if entity not in users]
        changed = [entity for entity, user in users.items() if memory.get(entity) != user]
        if not left and not changed:
            return None
        return Told(conference_info.partial(found, version, changed, left), users)

    def last(self, resource: str, watcher: str, version: int) -> bytes:
        """There is no such conference any more."""
        return conference_info.deleted(self._uri(resource), version)

    def _uri(self, user: str) -> str:
        return f"sip:{escape_user(user)}@{self._index.directory.domain}"

    def _running(self, number: str) -> Conversation | None:
        call = self._index.rooms.get(number)
        return call.conversation if call is not None else None

    def _conference(self, number: str) -> Conference:
        conversation = self._running(number)
        room = self._index.directory.rooms.get(number)
        subject = room.name if room is not None else ""
        if conversation is None:
            return Conference(self._uri(number), (), subject, active=False, maximum=conference.MOST_MEMBERS)
        parties: dict[str, list[Party]] = {}
        for party in conversation.parties:
            if party.waits != "pin":
                parties.setdefault(self._entity(party), []).append(party)
        users = tuple(_user(entity, found, conversation) for entity, found in parties.items())
        active = any(not party.waits for party in conversation.parties)
        return Conference(self._uri(number), users, subject, active, conversation.locked_by is not None, conference.MOST_MEMBERS)

    def _entity(self, party: Party) -> str:
        if party.shown.number == "anonymous":
            return f"sip:anonymous{party.leg.local.session_id}@{ANONYMOUS_HOST}"  # two who withhold their number are still two
        return self._uri(party.shown.number)


def _user(entity: str, parties: list[Party], conversation: Conversation) -> User:
    """One person, with each phone in the room."""
    first = parties[0]
    roles = ("moderator",) if conference.is_moderator(conversation, first.extension) else ("participant",)
    endpoints = tuple(Endpoint(f"{entity};leg={party.leg.local.session_id}", _status(party), "dialed-in", _audio(party)) for party in parties)
    return User(entity, first.shown.name, roles, endpoints)


def _status(party: Party) -> Status:
    if party.waits:
        return "pending"
    if party.holding:
        return "on-hold"
    return "muted-via-focus" if party.muted else "connected"


def _audio(party: Party) -> MediaDirection:
    if party.waits or party.holding:
        return "inactive"
    return "recvonly" if party.muted else "sendrecv"
