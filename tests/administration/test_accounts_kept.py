"""Accounts over the real database: what a restart of the server finds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from b2bua.administration.accounts import Accounts
from b2bua.administration.secrets import Hasher
from b2bua.store.organisation import open_organisation
from tests.administration.account_world import ADMIN, GOOD, OTHER, QUICK, USERS, AccountWorld, FakeBook, played

NOW = 1_790_000_000.0


def test_a_restart_signs_nobody_out_and_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "directory.sqlite"
    book = FakeBook(USERS)

    async def started(work: Callable[[Accounts], Any]) -> Any:
        organisation, thread = open_organisation(path), ThreadPoolExecutor(1)

        def run(function: Callable[..., Any], /, *arguments: object) -> Any:
            return asyncio.get_running_loop().run_in_executor(thread, function, *arguments)

        book.listeners.clear()
        accounts = Accounts(organisation.accounts, book, lambda: book.directory, lambda: NOW, run, Hasher(QUICK))
        await accounts.open()
        try:
            return await work(accounts)
        finally:
            await accounts.close()
            thread.shutdown()
            organisation.close()

    async def first(accounts: Accounts) -> tuple[str, str, str, str, str]:
        link = await accounts.invite(ADMIN, "676")
        await accounts.activate(link.secret, GOOD, "8352", "192.0.2.1")
        kept = await accounts.sign_in("676", GOOD, "Fire\x00fox 😀", "192.0.2.1")
        ended = await accounts.sign_in("676", GOOD, "Firefox", "192.0.2.1")
        await accounts.end_session(next(each for each in accounts.sessions_of("676") if each.agent == "Firefox"))
        _, token = await accounts.make_token("676", "crm", "read", 30)
        revoked, gone = await accounts.make_token("676", "old", "write", None)
        await accounts.revoke(revoked)
        return kept.secret, ended.secret, token, gone, (await accounts.invite(ADMIN, "677")).secret

    kept, ended, token, gone, link = asyncio.run(started(first))

    async def second(accounts: Accounts) -> None:
        found = accounts.by_session(kept)
        assert found is not None
        assert found.viewer.account == "676"
        assert accounts.by_session(ended) is None
        program = accounts.by_token(token)
        assert program is not None
        assert program.viewer.read_only
        assert accounts.by_token(gone) is None
        assert await accounts.verify_pin("676", "8352") == "ok"
        assert await accounts.activate(link, OTHER, "", "192.0.2.1") == "677"
        book.remove("676")

    asyncio.run(started(second))

    async def third(accounts: Accounts) -> None:
        assert accounts.by_session(kept) is None
        assert accounts.by_token(token) is None
        assert await accounts.sign_in("677", OTHER, "Firefox", "192.0.2.1")

    asyncio.run(started(third))
    data = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    for secret in (GOOD, OTHER, kept, ended, token, gone, link):
        assert secret.encode() not in data


# --- two servers on one database


@played
async def test_what_another_server_does_is_noticed(world: AccountWorld) -> None:
    """Signing in and out, tokens, and passwords; each server looks every second."""
    other = world.new_accounts()
    await other.open()

    async def noticed() -> None:
        world.now += 1
        for each in (world.accounts, other):
            await each._ledger.look()
            await each.look()
            await each._background.finish()

    try:
        await world.member("676")
        await noticed()
        here = await world.sign_in("676")
        _, token = await world.accounts.make_token("676", "script", "read", None)
        assert other.by_session(here) is None and other.by_token(token) is None
        await noticed()
        assert other.by_session(here) is not None and other.by_token(token) is not None
        told: list[str] = []
        other.listen(told.append)
        await world.accounts.revoke(world.accounts.tokens_of("676")[0])
        await world.accounts.end_session(world.accounts.sessions_of("676")[0])
        await noticed()
        assert other.by_session(here) is None and other.by_token(token) is None and "676" in told
        assert (await other.sign_in("676", GOOD, "Firefox", "192.0.2.2")).secret

        there = (await other.sign_in("676", GOOD, "Firefox", "192.0.2.2")).secret
        _, token = await other.make_token("676", "script", "read", None)
        await noticed()
        made = await world.accounts.change_password("676", GOOD, OTHER, "Firefox", "192.0.2.1")
        await noticed()
        assert other.by_session(there) is None, "begun with the old password"
        await noticed()
        assert world.accounts.by_session(made.secret) is not None and other.by_session(made.secret) is not None
        assert other.by_token(token) is not None, "whoever changes their own password keeps their programs"
        await world.accounts.reset_password(ADMIN, "676")
        await noticed()
        assert other.by_session(made.secret) is None and other.by_token(token) is None and world.accounts.by_token(token) is None
    finally:
        await other.close()


@played
async def test_what_another_server_has_ended_does_not_come_back_by_being_used(world: AccountWorld) -> None:
    await world.member("676")
    secret = await world.sign_in("676")
    other = world.new_accounts()
    await other.open()
    try:
        await world.accounts.end_session(world.accounts.sessions_of("676")[0])
        world.now += 400
        assert other.by_session(secret) is not None, "not noticed yet"
        await other._background.finish()
        assert world.store.session_rows == {}
    finally:
        await other.close()
