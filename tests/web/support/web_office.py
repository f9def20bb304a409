"""An application over a real book in SQLite, a switchboard that the test turns by hand, and clients who have signed in.

Everything runs in one event loop of the test's own; `office.run` waits for a coroutine, `office.as_("676")` asks as somebody.
"""

from __future__ import annotations

import asyncio
import inspect
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from b2bua.administration.accounts import Accounts
from b2bua.administration.book import Book, open_book
from b2bua.administration.imports import Imports
from b2bua.administration.live import Live
from b2bua.administration.ports import Dialled, PhoneView
from b2bua.administration.records import Records
from b2bua.administration.secrets import Hasher
from b2bua.administration.simulator import Simulator
from b2bua.calls.commands import Command, Outcome
from b2bua.cluster.bus import Bus, CallView, DirectoryChanged
from b2bua.config import Config, load
from b2bua.delegation.model import Directory
from b2bua.delegation.state import State
from b2bua.store.organisation import Organisation, open_organisation
from b2bua.store.ports import AccountRow, HistoryRow
from b2bua.web.app import create_app
from b2bua.web.services import PREFIX, Services

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # a Friday, 10:00 in Jakarta
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
T = TypeVar("T")

SERVER = """
domain: acme.test
listen: ["udp://127.0.0.1:0"]
http: {listen: "127.0.0.1:8080"}
directory: directory.yaml
state: var
"""
DIRECTORY = """
organisation: Acme
time_zone: Asia/Jakarta
number_inventory: ["+6221500600-699"]
sites:
  - {name: HQ, emergency_location: Jalan Sudirman 1}
  - {name: HQ 12, parent: HQ}
  - {name: Branch, managers: ["683"]}
cost_centres:
  - {name: Sales}
  - {name: Sales abroad, parent: Sales, code: "4712"}
schedules:
  office: {hours: {mon-fri: "08:00-17:00"}}
caller_groups:
  press: ["+1555700*"]
  family: ["+628119990001"]
users:
  - {extension: "667", name: Olivia Boss, password: boss-667, numbers: ["+6221500667", "+6221500600"], location: HQ, email: olivia@acme.test}
  - {extension: "668", name: Victor Chief, password: boss-668, numbers: ["+6221500668"], location: Branch}
  - {extension: "676", name: Sam Secretary, password: sam-676, numbers: ["+6221500676"], location: HQ, cost_centre: Sales}
  - {extension: "677", name: Ana Aide, password: ana-677, location: HQ}
  - {extension: "678", name: Tom Deputy, password: tom-678, location: Branch}
  - {extension: "601", name: Lee Colleague, password: lee-601, numbers: ["+6221500601"], location: HQ 12, cost_centre: Sales abroad, hours: office}
  - {extension: "602", name: Mia Colleague, password: mia-602, location: Branch}
  - {extension: "603", name: Lobby, password: lobby-603, location: HQ, type: limited, self_service: false}
  - {extension: "604", name: Nora Noservice, password: nora-604, location: HQ, self_service: false}
  - {extension: "680", name: Mona Manager, password: mona-680, location: HQ, manages: {sites: [HQ], groups: ["500"]}}
  - {extension: "683", name: Bea Branch, password: bea-683, location: HQ}
  - {extension: "690", name: Uma Useradmin, password: uma-690, location: HQ, role: user_admin}
  - {extension: "699", name: Sue Super, password: sue-699, location: HQ, role: super_admin}
phones:
  - {mac: "00:15:65:00:00:01", name: Desk of Olivia, model: T54W, user: "667", site: HQ}
  - {mac: "00:15:65:00:00:02", name: Desk of Sam, user: "676", site: HQ}
  - {mac: "00:15:65:00:00:03", name: Spare, site: Branch}
executives:
  - extension: "667"
    caller_id: "+6221500600"
    confidential: [family]
    filtering: {mode: criteria, criteria: [{name: Press, from: [press]}]}
    rollover: {action: forward, forward: "601"}
    assistants:
      - {extension: "676", rights: [receive, call, opt, manage]}
      - "677"
  - {extension: "668", rollover: {action: hangup}, assistants: ["677", {extension: "678", rights: [receive]}]}
groups:
  - {extension: "500", name: Sales queue, type: queue, members: ["601", "602"], rollover: {action: forward, forward: "604"}}
services:
  - {extension: "510", name: Help desk, agents: ["604"], rollover: {action: hangup}, managers: ["683"]}
duty_profiles:
  - {name: Help desk early, code: "1", agents: ["604"], responsible_for: ["510"]}
conferences:
  - {number: "800", name: Board room, moderators: ["667"], pin: "2580"}
"""
PEOPLE = ("admin", "667", "668", "676", "677", "678", "601", "602", "604", "680", "683", "690", "699")


@dataclass
class Desk:
    """`administration.ports.Switchboard`: nothing goes on unless a test says so."""

    book: Book
    config: Config
    at: datetime = NOW
    bus: Bus = field(default_factory=Bus)
    running: dict[str, CallView] = field(default_factory=dict)
    ordered: list[tuple[str, Command]] = field(default_factory=list)
    dialled: list[tuple[str, str, str | None]] = field(default_factory=list)
    pressed: list[tuple[str, str]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=lambda: Outcome(200, "done"))
    state: State = field(default_factory=State)
    draining: bool = False

    @property
    def directory(self) -> Directory:
        return self.book.directory.with_state(self.state)

    def now(self) -> datetime:
        return self.at

    def calls(self) -> Sequence[CallView]:
        return tuple(self.running.values())

    def call(self, call_id: str) -> CallView | None:
        return self.running.get(call_id)

    def phones(self, account: str) -> Sequence[PhoneView]:
        return ()

    def figures(self) -> Mapping[str, object]:
        return {"status": "ok"}

    async def order(self, call_id: str, command: Command) -> Outcome:
        self.ordered.append((call_id, command))
        return self.outcome

    async def dial(self, actor: str, number: str, on_behalf_of: str | None = None) -> Dialled:
        self.dialled.append((actor, number, on_behalf_of))
        return Dialled(self.outcome, "call-9")

    async def press(self, actor: str, dialled: str) -> Outcome:
        self.pressed.append((actor, dialled))
        return self.outcome


class NoHistory:
    """`store.ports.HistoryReader` of a server that has had no calls."""

    def rows(self, extension: str | None = None, limit: int = 1000, before: Any = None) -> list[HistoryRow]:
        return []

    def find(self, prefix: str) -> list[HistoryRow]:
        return []


async def at_once(function: Callable[..., T], *arguments: object) -> T:
    """`run` of the services, without a thread."""
    return function(*arguments)


class Person:
    """Somebody who has signed in, as a program does: asks and waits for the answer."""

    def __init__(self, office: WebOffice, client: httpx.AsyncClient) -> None:
        self._office = office
        self.client = client

    def ask(self, method: str, path: str, body: Any = None, *, tag: str | None = None, **more: Any) -> httpx.Response:
        """`tag`: the ETag for If-Match."""
        headers = {**more.pop("headers", {}), **({} if tag is None else {"If-Match": tag})}
        if body is not None:
            more["json"] = body
        return self._office.run(self.client.request(method, f"{PREFIX}{path}", headers=headers, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.ask("POST", path, body, **more)

    def put(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return self.ask("PUT", path, body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return self.ask("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("DELETE", path, **more)

    def tag(self, path: str) -> str:
        """The ETag as it is now."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return str(answer.headers["etag"])


class WebOffice:
    """Open one in a test by the fixture `office`, or `new_office(...)` for another directory."""

    def __init__(
        self, folder: Path, directory: str = DIRECTORY, template: Path | None = None, database: str | None = None, app: FastAPI | None = None
    ) -> None:
        """`template`: a database that is migrated already. `app`: that of an office before, for making one takes longer than most tests."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "b2bua.yaml").write_text(SERVER, "utf-8")
        (folder / "directory.yaml").write_text(directory, "utf-8")
        self.runner = asyncio.Runner()
        self.config = load(folder / "b2bua.yaml")
        place = folder / "organisation.sqlite"
        if template is not None and database is None:
            shutil.copyfile(template, place)
        self.at = NOW.timestamp()
        self.organisation: Organisation = open_organisation(database or place)
        self.book = open_book(self.organisation.directory, self.config, lambda: self.at)
        self.desk = Desk(self.book, self.config)
        self.accounts = Accounts(self.organisation.accounts, self.book, lambda: self.book.directory, lambda: self.at, at_once, Hasher(QUICK))
        self.services = Services(
            health=self.desk.figures,
            metrics=CollectorRegistry(),
            switchboard=self.desk,
            book=self.book,
            accounts=self.accounts,
            live=Live(self.desk, lambda: self.at),
            records=Records(NoHistory(), lambda: self.desk.directory, at_once),  # type: ignore[arg-type]
            imports=Imports(self.book, self.organisation.imports, lambda: self.at),
            simulator=Simulator(self.book, self.desk),
        )
        self.book.listeners.append(lambda revision, keys: self.desk.bus.publish(DirectoryChanged(revision, keys)))
        self.app = create_app(self.services) if app is None else app
        self.app.state.services = self.services
        self._people: dict[tuple[str, str], Person] = {}
        self._clients: list[httpx.AsyncClient] = []
        self._tokens = 0
        self._closed = False
        self.run(self._open())

    async def _open(self) -> None:
        hashed = QUICK.hash(PASSWORD)
        for name in PEOPLE:
            self.organisation.accounts.save_account(AccountRow(name, hashed, must_change=False, changed=self.at - 60))
        await self.accounts.open()

    def run(self, work: Coroutine[Any, Any, T] | Awaitable[T]) -> T:
        async def wait() -> T:
            return await asyncio.wait_for(work, 20)

        return self.runner.run(wait())

    def as_(self, account: str, scope: str = "write") -> Person:
        """`account`: an extension, or admin. "" for nobody."""
        if (account, scope) not in self._people:
            self._people[account, scope] = Person(self, self.client(account, scope))
        return self._people[account, scope]

    def token(self, account: str, scope: str = "write") -> str:
        self._tokens += 1
        return self.run(self.accounts.make_token(account, f"test {self._tokens}", scope, None))[1]

    def client(self, account: str = "", scope: str = "write") -> httpx.AsyncClient:
        """Of a program with a token of `account`; "": without any."""
        headers = {"Authorization": f"Bearer {self.token(account, scope)}"} if account else {}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        made = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=headers)
        self._clients.append(made)
        return made

    def sign_in(self, account: str, password: str = PASSWORD) -> tuple[httpx.AsyncClient, str]:
        """A browser with a session, and the session's CSRF token."""
        made = self.client()
        made.headers["Origin"] = "http://127.0.0.1:8080"
        answer = self.run(made.post(f"{PREFIX}/session", json={"account": account, "password": password}))
        assert answer.status_code == 200, answer.text
        csrf = self.run(made.get(f"{PREFIX}/me")).json()["csrf"]
        return made, csrf

    def close(self) -> None:
        """May be called again."""
        if self._closed:
            return
        self._closed = True

        async def finish() -> None:
            for each in self._clients:
                await each.aclose()
            for each in (self.services.imports, self.services.live, self.accounts):
                closing: Any = each.close()
                if inspect.isawaitable(closing):
                    await closing

        try:
            self.run(finish())
        finally:
            self.book.close()
            self.organisation.close()
            self.runner.close()
