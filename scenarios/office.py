"""The organisation that a scenario needs, and the two configuration files that describe it to the server.

All scenarios of a run share one server, so that they can run side by side; what keeps them apart is that each `Draft` has its
own users, numbers, trunk and loopback addresses, derived from its place in the list: scenario 12 of the network 127.66 has
extensions 12xx, outside numbers +1555012xxxx and parties at 127.66.12.1, 127.66.12.2, … The server sits at 127.66.0.1; a second one,
for scenarios in which the sound never comes to the server (`media: {mode: direct}`), at 127.66.0.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import yaml

from scenarios.parties import Callee, Caller, Registrant
from scenarios.script import Script, Seat

DOMAIN = "acme.test"
PARKED_SECONDS = 9
"""After so long a parked call comes back: sooner than a party gives up waiting for it."""

Mode = Literal["auto", "direct"]
"""`media.mode` of the server on which a scenario is played."""
HOSTS: Final[Mapping[Mode, int]] = {"auto": 1, "direct": 2}
"""The last byte of each server's address."""

ScriptT = TypeVar("ScriptT", bound=Script)


@dataclass(slots=True)
class User:
    """A user with the phones it has; every phone is a `Seat`."""

    label: str
    extension: str
    name: str
    password: str
    number: str
    seats: list[Seat]
    fields: dict[str, Any] = field(default_factory=dict)


Entry = User | tuple[User, Mapping[str, Any]]
"""An assistant, member or agent, alone or with settings of their own."""


@dataclass(slots=True)
class Executive:
    """An executive, the assistants in ring order, and how calls to the executive ring."""

    user: User
    assistants: list[User]
    caller_id: str

    @property
    def extension(self) -> str:
        """The executive's extension."""
        return self.user.extension

    @property
    def number(self) -> str:
        """The executive's main number."""
        return self.user.number


@dataclass(slots=True)
class Trunk:
    """A trunk and the seat of the carrier's switch behind it; `outside(n)` are numbers that are reached over it."""

    name: str
    seat: Seat
    prefix: str
    trusted: bool

    def outside(self, index: int = 1) -> str:
        """The outside number with this index (0–9999)."""
        return f"{self.prefix}{index:04d}"


@dataclass(slots=True)
class Group:
    """A group, queue or service: an extension and numbers, no phones."""

    extension: str
    name: str
    number: str
    caller_id: str


@dataclass(slots=True)
class Mailbox:
    """Something behind a SIP URI that takes calls: a voicemail system."""

    name: str
    seat: Seat

    @property
    def uri(self) -> str:
        """As it stands in the directory."""
        return self.seat.contact


Who = User | Executive | Trunk | Mailbox | Seat
"""Whoever can call or be called."""

Message = Any  # tests.support.sipp.Message: the graders get what the parties saw
Grader = Callable[[Mapping[str, Sequence[Message]]], None]
"""Looks at what all parties saw, by party name; raises AssertionError."""


class Draft:
    """One scenario in the making: its organisation and its parties."""

    def __init__(self, index: int, name: str, net: str, media: Mode = "auto") -> None:
        self.index = index
        self.name = name
        self.media: Mode = media
        self.host = f"{net}.0.{HOSTS[media]}"
        self.server = f"{self.host}:5060"
        self.scripts: list[Script] = []
        self.graders: list[Grader] = []
        self.users: list[User] = []
        self.trunks: list[dict[str, Any]] = []
        self.executives: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.services: list[dict[str, Any]] = []
        self.duty_profiles: list[dict[str, Any]] = []
        self.rooms: list[dict[str, Any]] = []
        self.caller_groups: dict[str, list[str]] = {}
        self.schedules: dict[str, dict[str, Any]] = {}
        self._act = 1
        self._net = net
        self._next_host = 0

    # -- the organisation

    def _ip(self) -> str:
        self._next_host += 1
        return f"{self._net}.{self.index}.{self._next_host}"

    def user(
        self, label: str, *, phones: int = 1, extension: str | None = None, transport: str = "udp", registers: bool = False,
        **fields: Any,
    ) -> User:  # fmt: skip
        """A user whose phones are known by permanent contacts, unless it `registers`. `fields` go into the directory as they are."""
        extension = extension or f"{self.index:02d}{len(self.users):02d}"
        name = f"{label.capitalize()} X{self.index:02d}"
        password = f"secret-{extension}"
        seats = [Seat(self._ip(), extension, name, DOMAIN, password, transport) for _ in range(phones)]
        number = f"+62215{self.index:03d}{len(self.users):02d}"
        if not registers and phones:
            fields = {"contacts": [seat.contact for seat in seats], **fields}
        user = User(label, extension, name, password, number, seats, {"numbers": [number], **fields})
        self.users.append(user)
        return user

    def executive(
        self,
        assistants: Sequence[Entry],
        *,
        label: str = "boss",
        phones: int = 1,
        alerting: Mapping[str, Any] | None = None,
        rollover: Mapping[str, Any] | None = None,
        filtering: Mapping[str, Any] | None = None,
        own: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Executive:
        """An executive; an assistant given as a pair brings its own rights or ring time. `own`: what holds for the executive as a user."""
        caller_id = f"+62215{self.index:03d}{50 + len(self.users)}"
        user = self.user(label, phones=phones, **(own or {}))
        user.fields["numbers"] = [user.number, caller_id]
        people = [each[0] if isinstance(each, tuple) else each for each in assistants]
        self.executives.append({
            "extension": user.extension,
            "caller_id": caller_id,
            "filtering": {"enabled": True, "mode": "simple", "type": "all", **(filtering or {})},
            "alerting": {"mode": "ring_all", "ring_seconds": 15, **(alerting or {})},
            "rollover": {"after_seconds": None, "action": "hangup", **(rollover or {})},
            "assistants": _entries(assistants),
            **fields,
        })  # fmt: skip
        return Executive(user, people, caller_id)

    def group(
        self, members: Sequence[Entry], *, label: str = "group", alerting: Mapping[str, Any] | None = None, **fields: Any
    ) -> Group:
        """A group, or with `type="queue"` a queue; a member given as a pair brings its own ring time."""
        group, entry = self._shared(label, 70 + len(self.groups), alerting, fields)
        self.groups.append({**entry, "numbers": [group.number], "members": _entries(members)})
        return group

    def service(
        self, agents: Sequence[Entry], *, label: str = "desk", alerting: Mapping[str, Any] | None = None, **fields: Any
    ) -> Group:
        """A service such as a help desk; an agent given as a pair brings their own direction."""
        service, entry = self._shared(label, 80 + len(self.services), alerting, fields)
        numbers = [service.number, service.caller_id]
        self.services.append({**entry, "numbers": numbers, "caller_id": service.caller_id, "agents": _entries(agents)})
        return service

    def _shared(
        self, label: str, place: int, alerting: Mapping[str, Any] | None, fields: Mapping[str, Any]
    ) -> tuple[Group, dict[str, Any]]:
        """What groups and services have in common."""
        number = f"+62215{self.index:03d}{place}"
        group = Group(f"{self.index:02d}{place}", f"{label.capitalize()} X{self.index:02d}", number, f"{number}9")
        entry = {
            "extension": group.extension, "name": group.name, "alerting": {"ring_seconds": 15, **(alerting or {})},
            "rollover": {"action": "hangup"}, **fields,
        }  # fmt: skip
        return group, entry

    def room(self, *, label: str = "room", moderators: Sequence[User] = (), **fields: Any) -> Group:
        """A conference room."""
        place = 90 + len(self.rooms)
        room = Group(f"{self.index:02d}{place}", f"{label.capitalize()} X{self.index:02d}", f"+62215{self.index:03d}{place}", "")
        chosen = [user.extension for user in moderators]
        self.rooms.append({"number": room.extension, "name": room.name, "moderators": chosen, **fields})
        return room

    def duty(self, name: str, agents: Sequence[User], responsible_for: Sequence[Executive | Group], **fields: Any) -> str:
        """A duty profile; the digits that a phone dials for it. Names and digits are the directory's, so they are made unique."""
        code = f"{self.index:03d}{len(self.duty_profiles)}"
        self.duty_profiles.append({
            "name": f"{name} X{self.index:02d}", "code": code, "agents": [agent.extension for agent in agents],
            "responsible_for": [each.extension for each in responsible_for], **fields,
        })  # fmt: skip
        return code

    def callers(self, name: str, *numbers: str) -> str:
        """A caller group; its name in the directory."""
        self.caller_groups[f"{name}{self.index}"] = list(numbers)
        return f"{name}{self.index}"

    def schedule(self, name: str, **fields: Any) -> str:
        """A schedule; its name in the directory."""
        self.schedules[f"{name}{self.index}"] = fields
        return f"{name}{self.index}"

    def mailbox(self, name: str = "mailbox") -> Mailbox:
        """A voicemail system with an address of its own."""
        return Mailbox(name, Seat(self._ip(), name, name, DOMAIN))

    def line(self, assistant: User, executive: Executive) -> Seat:
        """The delegated line of the assistant, on a phone of its own."""
        name = f"{assistant.extension}-{executive.extension}"
        return Seat(self._ip(), name, assistant.name, DOMAIN, assistant.password)

    def other_phone(self, user: User) -> Seat:
        """Another phone of the user, which calls and is never called."""
        return self.seat(user, ip=self._ip())

    def seat(self, user: User, /, **changes: Any) -> Seat:
        """A seat at the user's first phone, with something else than it should have: another account, a wrong password."""
        return replace(user.seats[0], **changes)

    def trunk(self, name: str = "carrier", *, trusted: bool = True, transport: str = "udp", **fields: Any) -> Trunk:
        """A trunk, with the carrier's switch as its only address."""
        prefix = f"+1555{self.index:03d}"
        seat = Seat(self._ip(), f"{prefix}0000", "Outside", self.host, None, transport)
        suffix = "" if transport == "udp" else f";transport={transport}"
        self.trunks.append({
            "name": f"{name}{self.index:02d}",
            "uri": f"sip:{seat.ip}:5060{suffix}",
            "addresses": [seat.ip],
            "trusted": trusted,
            "numbers": [f"^{re.escape(prefix)}[0-9]{{4}}$"],
            **fields,
        })  # fmt: skip
        return Trunk(name, seat, prefix, trusted)

    # -- the parties

    def then(self) -> None:
        """The next act: whoever is added from here on begins when everybody before has played their part."""
        self._act += 1

    def _seat(self, who: Who, phone: int) -> tuple[str, Seat]:
        if isinstance(who, Executive):
            who = who.user
        if isinstance(who, User):
            return (who.label if len(who.seats) == 1 else f"{who.label}{phone + 1}"), who.seats[phone]
        return (f"line{who.user}", who) if isinstance(who, Seat) else (who.name, who.seat)

    def caller(self, who: Who, phone: int = 0) -> Caller:
        """A party that calls."""
        name, seat = self._seat(who, phone)
        return self._add(Caller(f"{name}-calls", seat))

    def callee(self, who: Who, phone: int = 0) -> Callee:
        """A party that is called."""
        return self._add(Callee(*self._seat(who, phone)))

    def registrant(self, who: User | Seat, phone: int = 0) -> Registrant:
        """A phone that registers before everything else."""
        name, seat = self._seat(who, phone)
        return self._add(Registrant(f"{name}-registers", seat))

    def silent(self, who: Who, phone: int = 0) -> None:
        """A party that must be left alone, as long as this act lasts: anything that reaches it fails the scenario."""
        party = self.callee(who, phone).invited()
        party.silent = True

    def grade(self, grader: Grader) -> None:
        """Adds a judgement over what all parties saw."""
        self.graders.append(grader)

    def _add(self, script: ScriptT) -> ScriptT:
        script.act = self._act
        if self._act > 1:
            script.name += f"-{self._act}"
        if any(script.name == other.name for other in self.scripts):
            raise ValueError(f"{self.name}: two parties are called {script.name}")
        self.scripts.append(script)
        return script


def configuration(drafts: Iterable[Draft], net: str, **changes: Any) -> tuple[str, str]:
    """The two files that one server needs for all `drafts`: b2bua.yaml and directory.yaml. `changes` replace settings."""
    drafts = list(drafts)
    [(media, host)] = {(draft.media, draft.host) for draft in drafts} or {("auto", f"{net}.0.1")}
    server: dict[str, Any] = {
        "domain": DOMAIN,
        "listen": [f"udp://{host}:5060", f"tcp://{host}:5060"],
        "http": {"listen": f"{host}:8080"},
        "directory": "directory.yaml",
        "state": "state",
        "drain_seconds": 2,
        "trunks": [trunk for draft in drafts for trunk in draft.trunks],
        "emergency": ["112", "911"],
        "digest": ["MD5"],
        "media": {"mode": media, "address": host, "ports": "20000-20999"},
        **changes,
    }
    directory = {
        "organisation": "Scenarios",
        "users": [
            {"extension": user.extension, "name": user.name, "password": user.password, **user.fields}
            for draft in drafts
            for user in draft.users
        ],
        "executives": [executive for draft in drafts for executive in draft.executives],
        "parking": {"recall_seconds": PARKED_SECONDS},
        "groups": [group for draft in drafts for group in draft.groups],
        "services": [service for draft in drafts for service in draft.services],
        "conferences": [room for draft in drafts for room in draft.rooms],
        "duty_profiles": [profile for draft in drafts for profile in draft.duty_profiles],
        "caller_groups": {name: numbers for draft in drafts for name, numbers in draft.caller_groups.items()},
        "schedules": {name: schedule for draft in drafts for name, schedule in draft.schedules.items()},
    }
    return _yaml(server), _yaml(directory)


def _entries(people: Iterable[Entry]) -> list[Any]:
    """Assistants, members or agents as the directory writes them."""
    return [{"extension": each[0].extension, **each[1]} if isinstance(each, tuple) else each.extension for each in people]


def _yaml(document: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def write(folder: Path, drafts: Iterable[Draft], net: str, **changes: Any) -> Path:
    """Writes both files into `folder`; returns the path of b2bua.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    server, directory = configuration(drafts, net, **changes)
    (folder / "directory.yaml").write_text(directory, encoding="utf-8")
    config = folder / "b2bua.yaml"
    config.write_text(server, encoding="utf-8")
    return config
