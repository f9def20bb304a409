"""An office of real phones on one server, shared by the tests of a module: who hears whom is measured, and nothing is left of a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from scenarios.office import Draft, Executive, Trunk, User, write
from tests.support.audio import SoundHeard, describe, heard, windows_of
from tests.support.baresip import Baresip
from tests.support.network import wait_for
from tests.support.phone import Phone
from tests.support.phones import Start, phones
from tests.support.pjsua import Pjsua
from tests.support.server import Server

RECALL_SECONDS = 2
"""After so long a call that nobody takes comes back: the shortest that the tests can see passing."""
PARKED_SECONDS = 5
"""The same for a parked call: a little longer than it takes to speak the slot."""
FOUND = 0.8
"""So well a shipped sound must be found (1: it is there as it is in its file)."""
CLEAR_SECONDS = 0.8
"""So much of a tone must be heard."""


@dataclass
class Desk:
    """The server, the people, and their phones."""

    server: Server
    draft: Draft
    start: Start
    keep: ExitStack
    people: Mapping[str, User]
    boss: Executive
    carrier: Trunk
    running: dict[str, Pjsua] = field(default_factory=dict)
    others: list[Baresip] = field(default_factory=list)

    def phone(self, label: str, tone: int, codec: str = "PCMU") -> Pjsua:
        """The registered PJSUA2 phone of somebody; the one that runs already where there is one."""
        if label not in self.running:
            self.running[label] = self.start(Pjsua, self.people[label].seats[0], tone, codec)
        return self.running[label]

    def baresip(self, label: str, tone: int) -> Baresip:
        """The registered baresip of somebody."""
        found = next((each for each in self.others if each.account.user == self.people[label].extension), None)
        if found is None:
            found = self.start(Baresip, self.people[label].seats[0], tone)
            self.others.append(found)
        return found

    def extension(self, label: str) -> str:
        """Whom to dial."""
        return self.people[label].extension

    def ports(self) -> int:
        """UDP ports of the media engine that are in use."""
        return int(self.server.health()["media_ports"])

    def over(self) -> None:
        """Everybody has hung up, and nothing is left of any call but what transactions have to remember."""
        for phone in self.running.values():
            phone.hangup_all()
        for other in self.others:
            other.hangup()

        def left() -> dict[str, int]:
            return {key: count for key, count in self.server.busy().items() if key not in ("transactions", "timers")}

        try:
            wait_for(lambda: not left(), "the end of all calls", 8)
        except TimeoutError as error:
            raise AssertionError(f"after everybody has hung up the server still counts {left()}\n{self.server.tail()}") from error

        everybody: list[Phone] = [*self.running.values(), *self.others]
        for each in everybody:
            each.events.forget()

    def last_record(self) -> dict[str, Any]:
        """The history row of the call that began last."""
        return max(wait_for(self.server.history, "a record"), key=lambda row: str(row["started"]))

    def restart(self) -> None:
        """kill -9 of the signalling process, and another one in its place."""
        self.server.kill()
        self.server = self.keep.enter_context(Server(self.server.config))


@contextmanager
def desk(folder: Path, net: str, index: int, parked_seconds: float = PARKED_SECONDS, **server: Any) -> Iterator[Desk]:
    """An executive (`boss`) with three assistants, who have every right but to change things, and three colleagues."""
    draft = Draft(index, f"desk{index}", net)
    people = {label: draft.user(label, registers=True) for label in ("sam", "ana", "bea", "lee", "mia", "kim")}
    rights = {"rights": ["receive", "call", "pick_up_held", "join", "listen", "whisper"]}
    boss = draft.executive([(people[label], rights) for label in ("sam", "ana", "bea")], recall_seconds=RECALL_SECONDS, join_tone=False)
    boss.user.fields.pop("contacts")
    carrier = draft.trunk()
    config = write(folder / "server", [draft], net, **{"digest": ["MD5"], "log": {"level": "debug"}, **server})
    _recall_after(config.parent / "directory.yaml", parked_seconds)
    with ExitStack() as keep, Server(config) as running, phones(folder, running.address) as start:
        yield Desk(running, draft, start, keep, {**people, "boss": boss.user}, boss, carrier)


def _recall_after(directory: Path, seconds: float) -> None:
    """Parked calls come back so soon."""
    written = yaml.safe_load(directory.read_text(encoding="utf-8"))
    written["parking"] = {"recall_seconds": seconds, "ring_seconds": 10}
    directory.write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")


def _all_heard(path: Path, tones: Iterable[int]) -> bool:
    return all(heard(path, tone) >= CLEAR_SECONDS for tone in tones)


def hear(who: Mapping[Pjsua, Iterable[Pjsua]]) -> None:
    """From now on each phone hears exactly these others, all at once: their tones, and nobody else's, its own included."""
    for phone in who:
        phone.record_anew()
    everybody = {phone.account.tone for phone in who}
    for phone, others in who.items():
        tones = {other.account.tone for other in others}
        path = phone.record()
        what = f"{phone.account.user} to hear {sorted(tones)}"
        try:
            wait_for(partial(_all_heard, path, tones), what)
        except TimeoutError as error:
            raise AssertionError(f"{error}; {describe(path)}") from error
        strangers = {tone: found for tone in everybody - tones if (found := windows_of(path, tone)) > 2}
        if strangers:
            raise AssertionError(f"{phone.account.user} hears only {sorted(tones)}, but also {strangers} windows; {describe(path)}")


def hears_sound(phone: Pjsua, sound: str, seconds: float = 8.0) -> None:
    """Until this shipped sound is in the phone's recording."""
    found = SoundHeard(phone.record, sound)
    wait_for(lambda: found() > FOUND, f"{phone.account.user} to hear the sound {sound}", seconds)


def talk(caller: Pjsua, callee: Pjsua, number: str) -> None:
    """A call that is answered."""
    callee.events.forget()
    caller.dial(number)
    callee.events.wait("incoming")
    callee.answer()
    caller.events.wait("established")
    callee.events.wait("established")
