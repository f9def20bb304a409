"""Accounts over a store in memory, a directory that can be changed, a clock that is moved, and hashes that cost nothing."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from argon2 import PasswordHasher

from b2bua.administration.accounts import Accounts
from b2bua.administration.book import Actor, Changed, Conflict
from b2bua.administration.entries import Op, Put
from b2bua.administration.secrets import Hasher
from b2bua.delegation.model import Delegation, Directory, Executive, User
from b2bua.delegation.organisation import Manages, Resources, Site
from b2bua.store.ports import AccountRow, AuditQuery, AuditRow, Entry, Newest, SessionRow, TokenRow

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
START = 1_790_000_000.0
ADMIN = Actor("admin", "page")
GOOD = "correct horse battery"
OTHER = "staple gun on Tuesday"

USERS = (
    User("667", "Olivia Boss", numbers=("+6221500667",), location="HQ", email="olivia@acme.test"),
    User("676", "Sam Secretary", location="HQ", email="sam@acme.test"),
    User("677", "Ana Aide", location="Branch", status="not_activated"),
    User("680", "Mia Manager", location="HQ", manages=Manages(("HQ",), ())),
    User("681", "Uma Useradmin", role="user_admin"),
    User("682", "Sue Super", role="super_admin"),
    User("690", "Lobby", type="limited"),
)
RESOURCES = Resources({"HQ": Site("HQ"), "Branch": Site("Branch", "HQ", managers=("676",)), "Far": Site("Far")})


class MemoryStore:
    """The store's port in memory; `calls` tells what was asked of it."""

    def __init__(self) -> None:
        self.rows: dict[str, AccountRow] = {}
        self.session_rows: dict[str, SessionRow] = {}
        self.token_rows: dict[str, TokenRow] = {}
        self.calls: list[str] = []

    def account(self, name: str) -> AccountRow | None:
        return self.rows.get(name)

    def accounts(self) -> list[AccountRow]:
        return list(self.rows.values())

    def save_account(self, row: AccountRow) -> None:
        self.calls.append(f"save_account {row.name}")
        self.rows[row.name] = row

    def delete_account(self, name: str) -> None:
        self.rows.pop(name, None)

    def by_invitation(self, digest: str) -> AccountRow | None:
        return next((each for each in self.rows.values() if each.invitation == digest), None)

    def sessions(self) -> list[SessionRow]:
        return list(self.session_rows.values())

    def save_session(self, row: SessionRow) -> None:
        self.calls.append(f"save_session {row.account}")
        self.session_rows[row.id] = row

    def delete_session(self, session_id: str) -> None:
        self.session_rows.pop(session_id, None)

    def tokens(self) -> list[TokenRow]:
        return list(self.token_rows.values())

    def save_token(self, row: TokenRow) -> None:
        self.token_rows[row.id] = row

    def delete_token(self, token_id: str) -> None:
        self.token_rows.pop(token_id, None)

    def newest(self) -> Newest:
        made = [max((each.created for each in rows), default=0.0) for rows in (self.session_rows.values(), self.token_rows.values())]
        return Newest(len(self.session_rows), made[0], len(self.token_rows), made[1])

    def session_used(self, session_id: str, at: float) -> None:
        if session_id in self.session_rows:
            self.calls.append(f"save_session {self.session_rows[session_id].account}")
            self.session_rows[session_id] = self.session_rows[session_id]._replace(seen=at)

    def token_used(self, token_id: str, at: float) -> None:
        if token_id in self.token_rows:
            self.token_rows[token_id] = self.token_rows[token_id]._replace(used=at)


class FakeBook:
    """Users, whose status can be changed."""

    def __init__(self, users: Sequence[User]) -> None:
        self.users = {each.extension: each for each in users}
        self.executives = (Executive("667", delegations=(Delegation("676", "667", frozenset({"receive", "manage"})),)),)
        self.revision = 1
        self.notes: list[AuditRow] = []
        self.changes: list[tuple[Actor, Op]] = []
        self.conflicts = 0
        self.listeners: list[Callable[[int, frozenset[tuple[str, str]]], None]] = []
        self._build()

    def _build(self) -> None:
        self.directory = Directory.build(domain="acme.test", users=self.users.values(), executives=self.executives, resources=RESOURCES)

    def entry(self, kind: str, key: str) -> Entry | None:
        user = self.users.get(key)
        return None if user is None else Entry(kind, key, 0, self.revision, {"extension": key, "name": user.name, "status": user.status})

    async def change(self, actor: Actor, ops: Sequence[Op], *, cases: bool = False) -> Changed:
        await asyncio.sleep(0)
        if self.conflicts:
            self.conflicts -= 1
            self.revision += 1
            raise Conflict("users", ops[0].key, self.entry("users", ops[0].key))
        for op in ops:
            assert isinstance(op, Put)
            self.changes.append((actor, op))
            self.users[op.key] = replace(self.users[op.key], status=op.body["status"])
        self.changed(*(op.key for op in ops))
        return Changed(self.revision, ())

    async def note(self, rows: Sequence[AuditRow]) -> None:
        self.notes += [row._replace(id=len(self.notes) + number) for number, row in enumerate(rows, 1)]

    async def audit(self, query: AuditQuery, limit: int = 100) -> list[AuditRow]:
        wanted = {field: value for field in ("kind", "key", "via") if (value := getattr(query, field))}
        found = [row for row in self.notes if row.id > query.after_id and all(getattr(row, field) == value for field, value in wanted.items())]
        return found[::-1][:limit]

    def put(self, user: User) -> None:
        """As somebody edits a user."""
        self.users[user.extension] = user
        self.changed(user.extension)

    def remove(self, extension: str) -> None:
        del self.users[extension]
        self.executives = ()
        self.changed(extension)

    def changed(self, *extensions: str) -> None:
        self.revision += 1
        self._build()
        for listener in tuple(self.listeners):
            listener(self.revision, frozenset(("users", each) for each in extensions))


class AccountWorld:
    """What a test plays in."""

    def __init__(self, hasher: Hasher | None = None) -> None:
        self.store = MemoryStore()
        self.book = FakeBook(USERS)
        self.now = START
        self.hasher = hasher or Hasher(QUICK)
        self.accounts = self.new_accounts()

    def new_accounts(self) -> Accounts:
        """As the server makes them at a start."""
        return Accounts(self.store, self.book, lambda: self.book.directory, lambda: self.now, self.run, self.hasher)

    async def restart(self) -> Accounts:
        self.book.listeners.clear()
        self.accounts = self.new_accounts()
        await self.accounts.open()
        return self.accounts

    async def run(self, work: Callable[..., Any], /, *arguments: object) -> Any:
        await asyncio.sleep(0)
        return work(*arguments)

    async def member(self, extension: str, password: str = GOOD, pin: str = "") -> None:
        """Give somebody an account, as an invitation does."""
        link = await self.accounts.invite(ADMIN, extension)
        await self.accounts.activate(link.secret, password, pin, "192.0.2.99")

    async def sign_in(self, name: str, password: str = GOOD, address: str = "192.0.2.1", old: str = "") -> str:
        """The cookie's secret."""
        return (await self.accounts.sign_in(name, password, "Firefox", address, old)).secret

    def everything_kept(self) -> str:
        """Whatever a reader of the database and the audit sees."""
        return repr((self.store.rows, self.store.session_rows, self.store.token_rows, self.book.notes, self.book.changes))


def played(story: Callable[[AccountWorld], Awaitable[None]]) -> Callable[[], None]:
    """A test that is a coroutine of a world."""

    @functools.wraps(story)
    def test() -> None:
        async def play() -> None:
            world = AccountWorld()
            await world.accounts.open()
            try:
                await story(world)
            finally:
                await world.accounts.close()

        asyncio.run(play())

    del test.__wrapped__  # type: ignore[attr-defined]  # pytest would ask for a fixture named world
    return test


def services_of(world: AccountWorld, **config: Any) -> Any:
    """Enough of `Services` for the routes of accounts."""
    http = SimpleNamespace(listen=SimpleNamespace(host="127.0.0.1", port=8080), url=config.pop("url", None))
    settings = SimpleNamespace(**{"http": http, "domain": "acme.test", "aliases": (), "advertise": None, **config})
    book = world.book

    class Board:
        config = settings

        @property
        def directory(self) -> Directory:
            return book.directory

    return SimpleNamespace(accounts=world.accounts, book=book, switchboard=Board(), config=settings, health=lambda: {"status": "ok"}, metrics=None)
