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
from tests.administration.account_world import ADMIN, GOOD, OTHER, QUICK, USERS, FakeBook

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
