"""Signed-in browsers and programs' tokens: in memory, because every request asks, and in the database, because a restart signs nobody out.

What a browser or program shows is a random secret; what is kept is its SHA-256. Times are seconds since the epoch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol, TypeVar

from b2bua import logs
from b2bua.administration import secrets
from b2bua.administration.secrets import Unsuitable
from b2bua.store.ports import AccountStore, SessionRow, TokenRow

IDLE_SECONDS: Final = 12 * 3600.0
"""A browser that asks nothing for so long is signed out."""
LONGEST_SECONDS: Final = 7 * 86_400.0
"""So is every browser after so long."""
SEEN_SECONDS: Final = 300.0
"""How exactly it is known when a session or token was used last: each is written at most so often."""
MAX_SESSIONS: Final = 20
"""Browsers of one account; one more, and the one that was used longest ago is signed out."""
MAX_TOKENS: Final = 20
MAX_AGENT: Final = 200
MAX_DAYS: Final = 3650
DAY: Final = 86_400.0
SCOPES: Final = ("read", "write")
_T = TypeVar("_T")
_log = logs.get("accounts")


class Run(Protocol):
    """Has the one thread of the store do something, in the order in which it was asked."""

    def __call__(self, work: Callable[..., _T], /, *arguments: object) -> Awaitable[_T]: ...


class Background:
    """Writes that nobody waits for: when something was used last."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it beside what asks; what goes wrong is told in the log."""

        async def once() -> None:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever the database has: nobody waits for it
                _log.error("accounts cannot be written", reason=str(error))

        task = asyncio.get_running_loop().create_task(once(), name="accounts")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)


class Sessions:
    """Every session that is not over."""

    def __init__(self, store: AccountStore, run: Run, background: Background) -> None:
        self._store, self._run, self._background = store, run, background
        self._rows: dict[str, SessionRow] = {}
        self._accounts: dict[str, set[str]] = {}
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        """Here, and perhaps not in the database yet."""

    def load(self, rows: Iterable[SessionRow]) -> None:
        for row in rows:
            self._keep(row)

    async def look(self) -> set[str]:
        """Take over what other processes have begun and ended; returns the accounts of those that have ended."""
        known = set(self._rows)
        stored = {row.id: row for row in await self._run(self._store.sessions)}
        over = [self._rows[each] for each in known - stored.keys() if each in self._rows]
        for row in over:
            self._forget(row)
        for row in stored.values():
            if row.id not in self._rows and row.id not in self._ended:
                self._keep(row)
        self._ended &= stored.keys()
        return {row.account for row in over}

    def find(self, secret: str, now: float) -> SessionRow | None:
        """The session of a cookie, None when there is none or its time is over."""
        row = self._rows.get(secrets.digest(secret))
        return row if row is not None and lives(row, now) else None

    def used(self, row: SessionRow, now: float) -> None:
        """Somebody has asked something with it."""
        if now - row.seen < SEEN_SECONDS or row.id not in self._rows:
            return
        self._rows[row.id] = row._replace(seen=now)
        self._background.begin(lambda: self._write(row.id))

    async def begin(self, account: str, agent: str, now: float) -> str:
        """A new session; returns what the cookie holds."""
        secret = secrets.new_secret()
        row = SessionRow(secrets.digest(secret), account, now, now, _shown(agent)[:MAX_AGENT])
        self._begun.add(row.id)
        self._keep(row)  # before the first await: a change of the password that comes now ends it, too
        try:
            await self._run(self._store.save_session, row)
        except BaseException:
            self._forget(row)
            raise
        others = sorted((each for each in self.of(account) if each.id != row.id), key=lambda each: each.seen)
        living = [each for each in others if lives(each, now)]
        for each in [*(each for each in others if not lives(each, now)), *living[: max(0, len(living) + 1 - MAX_SESSIONS)]]:
            await self.end(each)
        return secret

    def is_ours(self, row: SessionRow) -> bool:
        """Whether this server has begun it, since it runs."""
        return row.id in self._begun

    def of(self, account: str) -> list[SessionRow]:
        return [self._rows[each] for each in self._accounts.get(account, ())]

    async def end(self, row: SessionRow) -> None:
        """Over in memory at once, whatever the database says."""
        self._forget(row)
        await self._run(self._store.delete_session, row.id)

    async def end_all(self, account: str, but: str = "") -> None:
        """Every session of the account, except the one with the id `but`."""
        over = [each for each in self.of(account) if each.id != but]
        for row in over:
            self._forget(row)
        for row in over:
            await self._run(self._store.delete_session, row.id)

    async def sweep(self, now: float) -> None:
        """Remove those whose time is over."""
        for row in [each for each in self._rows.values() if not lives(each, now)]:
            await self.end(row)

    def _keep(self, row: SessionRow) -> None:
        self._rows[row.id] = row
        self._accounts.setdefault(row.account, set()).add(row.id)

    def _forget(self, row: SessionRow) -> None:
        self._begun.discard(row.id)
        self._ended.add(row.id)
        self._rows.pop(row.id, None)
        mine = self._accounts.get(row.account, set())
        mine.discard(row.id)
        if not mine:
            self._accounts.pop(row.account, None)

    async def _write(self, session_id: str) -> None:
        row = self._rows.get(session_id)
        if row is not None:
            await self._run(self._store.session_used, row.id, row.seen)


class Tokens:
    """Every token."""

    def __init__(self, store: AccountStore, run: Run, background: Background) -> None:
        self._store, self._run, self._background = store, run, background
        self._rows: dict[str, TokenRow] = {}
        self._secrets: dict[str, str] = {}
        self._revoked: set[str] = set()
        """Here, and perhaps not in the database yet."""

    async def look(self) -> set[str]:
        """Take over what other processes have made and revoked; returns the accounts of those that are revoked."""
        known = set(self._rows)
        stored = {row.id: row for row in await self._run(self._store.tokens)}
        over = [self._rows[each] for each in known - stored.keys() if each in self._rows]
        for row in over:
            self._forget(row)
        self.load(row for row in stored.values() if row.id not in self._rows and row.id not in self._revoked)
        self._revoked &= stored.keys()
        return {row.account for row in over}

    def load(self, rows: Iterable[TokenRow]) -> None:
        for row in rows:
            self._rows[row.id] = row
            self._secrets[row.secret] = row.id

    def find(self, secret: str, now: float) -> TokenRow | None:
        """The token, None when it is unknown, revoked or its time is over."""
        row = self._rows.get(self._secrets.get(secrets.digest(secret), ""))
        return row if row is not None and (not row.expires or now < row.expires) else None

    def used(self, row: TokenRow, now: float) -> None:
        """Somebody has asked something with it."""
        if now - row.used >= SEEN_SECONDS and row.id in self._rows:
            self._rows[row.id] = row._replace(used=now)
            self._background.begin(lambda: self._write(row.id))

    async def make(self, account: str, name: str, scope: str, days: int | None, now: float) -> tuple[TokenRow, str]:
        """A new one and its secret, which is shown once. Raises Unsuitable."""
        shown = _shown(name).strip()
        if not 1 <= len(shown) <= 60:
            raise Unsuitable("name", "must have 1 to 60 characters")
        if scope not in SCOPES:
            raise Unsuitable("scope", "must be read or write")
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise Unsuitable("days", f"must be 1 to {MAX_DAYS}")
        mine = self.of(account)
        if len(mine) >= MAX_TOKENS:
            raise Unsuitable("name", f"would be token number {MAX_TOKENS + 1}; revoke one that is not needed any more")
        if shown in (each.name for each in mine):
            raise Unsuitable("name", "is the name of another token of yours; choose one that tells them apart")
        secret = secrets.new_token()
        expires = 0.0 if days is None else now + days * DAY
        row = TokenRow(secrets.new_id(), secrets.digest(secret), account, shown, now, expires, 0.0, scope)
        self.load([row])
        try:
            await self._run(self._store.save_token, row)
        except BaseException:
            self._forget(row)
            raise
        return row, secret

    def of(self, account: str) -> list[TokenRow]:
        """The oldest first."""
        return sorted((each for each in self._rows.values() if each.account == account), key=lambda each: each.created)

    async def revoke(self, row: TokenRow) -> None:
        self._forget(row)
        await self._run(self._store.delete_token, row.id)

    async def revoke_all(self, account: str) -> None:
        over = self.of(account)
        for row in over:
            self._forget(row)
        for row in over:
            await self._run(self._store.delete_token, row.id)

    def _forget(self, row: TokenRow) -> None:
        self._revoked.add(row.id)
        self._rows.pop(row.id, None)
        self._secrets.pop(row.secret, None)

    async def _write(self, token_id: str) -> None:
        row = self._rows.get(token_id)
        if row is not None:
            await self._run(self._store.token_used, row.id, row.used)


def lives(row: SessionRow, now: float) -> bool:
    """Whether its time is not over."""
    return now - row.seen < IDLE_SECONDS and now - row.created < LONGEST_SECONDS


def _shown(text: str) -> str:
    """On one line, and without what could change how the rest is read."""
    return "".join(each if each.isprintable() else " " for each in text)
