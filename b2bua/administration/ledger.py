"""The accounts as they stand, in memory as in the database, and the audit of what is done to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from b2bua import logs
from b2bua.administration import secrets
from b2bua.administration.admission import NoUser
from b2bua.administration.book import Actor, Changed
from b2bua.administration.entries import Op
from b2bua.administration.sessions import Run
from b2bua.administration.standing import ADMINISTRATOR, enabled_user, may_have_account
from b2bua.delegation.model import Directory, User
from b2bua.store.ports import AccountRow, AccountStore, AuditQuery, AuditRow, Entry

LOOK_SECONDS: Final = 1.0
"""How soon it is noticed what another process, a command or another server, has done to an account."""
NOTICED_AT_ONCE: Final = 1000
_ACCOUNTS: Final = AuditQuery(kind="account")
_log = logs.get("accounts")


class People(Protocol):
    """What is needed of the book: the status of users, and the audit."""

    listeners: list[Callable[[int, frozenset[tuple[str, str]]], None]]

    def entry(self, kind: str, key: str) -> Entry | None: ...
    async def change(self, actor: Actor, ops: Sequence[Op], *, cases: bool = False) -> Changed: ...
    async def note(self, rows: Sequence[AuditRow]) -> None: ...
    async def audit(self, query: AuditQuery, limit: int = 100) -> list[AuditRow]: ...


class Ledger:
    """Every account's row. Whoever reads one and writes it back holds `lock` meanwhile.

    Other processes may change an account, too, and write the audit after it: `look` takes that over.
    """

    def __init__(
        self, store: AccountStore, book: People, directory: Callable[[], Directory], wall: Callable[[], float], run: Run
    ) -> None:
        self._store, self._book, self._run = store, book, run
        self.directory, self.wall = directory, wall
        self.lock = asyncio.Lock()
        self.overtaken: Callable[[str], None] = lambda _: None
        """Told the account whose password another process has set."""
        self.looked: Callable[[], Awaitable[None]] = _nothing_more
        """Asked after each look of `follow`."""
        self._rows: dict[str, AccountRow] = {}
        self._invitations: dict[str, str] = {}
        self._noticed = 0

    async def load(self) -> None:
        """Everything from the database."""
        newest = await self._book.audit(_ACCOUNTS, 1)
        self._noticed = newest[0].id if newest else 0
        for row in await self._run(self._store.accounts):
            self._take(row)

    async def follow(self) -> None:
        """`look` again and again."""
        failing = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
                await self.looked()
                failing = False
            except Exception as error:  # noqa: BLE001 - whatever the database has: who may sign in stays as it was
                if not failing:
                    _log.error("accounts cannot be read", reason=str(error))
                failing = True

    async def look(self) -> None:
        """Take over what has been done to accounts since; what was done here is there already."""
        rows = await self._book.audit(_ACCOUNTS._replace(after_id=self._noticed), NOTICED_AT_ONCE)
        for account in {row.key for row in rows}:
            async with self.lock:
                if account in self._rows or account == ADMINISTRATOR or account in self.directory().users:
                    await self._read(account)
        self._noticed = max((row.id for row in rows), default=self._noticed)

    def get(self, account: str) -> AccountRow | None:
        return self._rows.get(account)

    def __contains__(self, account: object) -> bool:
        return account in self._rows

    def __iter__(self) -> Iterator[AccountRow]:
        return iter(tuple(self._rows.values()))

    def invited(self, secret: str) -> AccountRow | None:
        """Whose activation link this is, as long as it counts."""
        row = self._rows.get(self._invitations.get(secrets.digest(secret), ""))
        return row if row is not None and self.wall() < row.invited_until else None

    async def save(self, account: str, **changes: Any) -> None:
        """Change a row, or make one."""
        async with self.lock:
            await self.write(account, **changes)

    async def write(self, account: str, **changes: Any) -> None:
        """The same with the lock held: what is in memory is what was written last."""
        row = await self.latest(account) or AccountRow(account, "", must_change=False)
        row = row._replace(**changes)
        await self._run(self._store.save_account, row)
        self._take(row)

    async def latest(self, account: str) -> AccountRow | None:
        """With the lock held: the account as the database has it now. One that was forgotten does not come back by that."""
        if account in self._rows:
            await self._read(account)
        return self._rows.get(account)

    def forget(self, account: str) -> None:
        """From now on there is no such account; `delete` removes it from the database."""
        row = self._rows.pop(account)
        self._invitations.pop(row.invitation, None)

    async def delete(self, account: str) -> None:
        """With the lock held."""
        await self._run(self._store.delete_account, account)

    def user(self, extension: str) -> User:
        """Raises NoUser, also for whoever can have no account."""
        user = self.directory().users.get(extension)
        if user is None or not may_have_account(user):
            raise NoUser
        return user

    def enabled(self, extension: str) -> User:
        """A user who may sign in. Raises NoUser, NotPossible."""
        return enabled_user(self.directory(), extension)

    async def note(self, actor: Actor, account: str, action: str, **after: object) -> None:
        """A row of the audit."""
        row = AuditRow(0, self.wall(), actor.name, actor.via, "account", account, action, None, after or None, actor.group)
        await self._book.note([row])

    async def _read(self, account: str) -> None:
        former, stored = self._rows.get(account), await self._run(self._store.account, account)
        if stored is None or stored == former:
            return
        self._take(stored)
        if former is not None and stored.password != former.password:
            self.overtaken(account)

    def _take(self, row: AccountRow) -> None:
        former = self._rows.get(row.name)
        if former is not None:
            self._invitations.pop(former.invitation, None)
        self._rows[row.name] = row
        if row.invitation:
            self._invitations[row.invitation] = row.name


async def _nothing_more() -> None:
    """Nobody has asked for more."""
