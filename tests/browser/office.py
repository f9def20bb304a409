"""Olivia's office as the browser tests find it: a server, its people with their phones and their pages, and the carrier outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from scenarios.office import Draft, Executive, Trunk, User, write
from tests.support.audio import TONES
from tests.support.browser import Site, site
from tests.support.carrier import Carrier
from tests.support.network import network, wait_for
from tests.support.phones import Start, phones
from tests.support.pjsua import Pjsua
from tests.support.server import Server

PEOPLE = {"sam": ("676", "Sam Secretary"), "ana": ("677", "Ana Aide"), "tom": ("678", "Tom Deputy"), "lee": ("601", "Lee Colleague"), "mia": ("602", "Mia Moore")}
BOSS = ("667", "Olivia Boss")
EVERYTHING = ["receive", "call", "pick_up_held", "join", "listen", "whisper", "opt", "manage"]
LITTLE = ["receive"]
TONE_OF = dict(zip(("sam", "ana", "tom", "lee", "mia", "boss"), TONES, strict=True))


@dataclass
class Office:
    """Sam (676) may do everything for Olivia (667), Ana (677) only takes calls; Tom, Lee and Mia are colleagues."""

    net: str
    server: Server
    site: Site
    boss: Executive
    people: Mapping[str, User]
    carrier: Carrier
    trunk: Trunk
    start: Start
    keep: ExitStack
    running: dict[str, Pjsua] = field(default_factory=dict)

    def phone(self, label: str) -> Pjsua:
        """Somebody's registered phone; the one that runs already where there is one."""
        if label not in self.running:
            self.running[label] = self.start(Pjsua, self.people[label].seats[0], TONE_OF[label])
        return self.running[label]

    def over(self) -> None:
        """Everybody has hung up, and the server has let go of every call."""
        for each in self.running.values():
            each.hangup_all()
        self.carrier.over()

        def left() -> dict[str, Any]:
            return {key: count for key, count in self.server.busy().items() if key in ("calls", "legs", "media_ports")}

        try:
            wait_for(lambda: not left(), "the end of all calls", 8)
        except TimeoutError as error:
            raise AssertionError(f"after everybody has hung up the server still counts {left()}\n{self.server.tail()}") from error
        for each in self.running.values():
            each.events.forget()

    def restart(self) -> None:
        """kill -9 of the server, and another one in its place."""
        self.server.kill()
        self.server = self.keep.enter_context(Server(self.server.config))


@contextmanager
def office(folder: Path, browser: Browser, **server: Any) -> Iterator[Office]:
    """The office, on a network of its own."""
    with ExitStack() as keep:
        net = keep.enter_context(network())
        draft = Draft(1, "browser", net)
        people = {label: draft.user(label, registers=True, extension=extension) for label, (extension, _) in PEOPLE.items()}
        delegates = [(people["sam"], {"rights": EVERYTHING}), (people["ana"], {"rights": LITTLE})]
        boss = draft.executive(delegates, own={"extension": BOSS[0]}, slot="7667", recall_seconds=20, join_tone=False)
        boss.user.fields.pop("contacts")
        boss.user.name = BOSS[1]
        for label, user in people.items():
            user.name = PEOPLE[label][1]
        trunk = draft.trunk()
        config = write(folder / "server", [draft], net, **{"digest": ["MD5"], **server})
        running = keep.enter_context(Server(config))
        carrier = keep.enter_context(Carrier(trunk.seat.ip, running.address))
        start = keep.enter_context(phones(folder, running.address))
        pages = keep.enter_context(site(f"http://{running.http}", running.log, browser))
        everybody = {**people, "boss": boss.user}
        yield Office(net, running, pages, boss, everybody, carrier, trunk, start, keep)
