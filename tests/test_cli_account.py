"""``b2bua account reset``: whoever has the machine gets in again, beside a running server and without one."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from argon2.exceptions import VerifyMismatchError
from typer.testing import CliRunner, Result

from b2bua.administration.accounts import Accounts
from b2bua.administration.admission import WrongPassword
from b2bua.administration.book import open_book
from b2bua.administration.secrets import Hasher
from b2bua.cli import app
from b2bua.config import load
from b2bua.store.organisation.database import Organisation, open_organisation, place_of
from b2bua.store.ports import AccountRow, AuditQuery, AuditRow, SessionRow
from tests.administration.account_world import GOOD, OTHER, QUICK
from tests.support import postgres
from tests.support.network import network, wait_for
from tests.support.server import Server
from tests.test_cli_directory import DIRECTORY, SERVER

ONE_TIME = re.compile(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}\n")
NOT_EVERYBODY = DIRECTORY.replace("name: Ana Aide,", "name: Ana Aide, status: not_activated,")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b2bua.yaml").write_text(textwrap.dedent(SERVER).replace("what_if: what-if.yaml\n", ""))
    (tmp_path / "directory.yaml").write_text(textwrap.dedent(NOT_EVERYBODY))
    return tmp_path


@pytest.fixture(params=postgres.KINDS)
def anywhere(request: pytest.FixtureRequest, folder: Path) -> Iterator[Path]:
    """The folder, with the organisation on either database."""
    with postgres.place(request.param, folder) as place:
        if isinstance(place, str):
            with (folder / "b2bua.yaml").open("a") as file:
                file.write(f"database: {place}\n")
        yield folder


def reset(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["account", "reset", *arguments, "--config", str(folder / "b2bua.yaml")], catch_exceptions=False)


def organisation(folder: Path) -> Organisation:
    config = load(folder / "b2bua.yaml")
    return open_organisation(place_of(config.database, config.state))


def prepared(folder: Path, *rows: AccountRow) -> None:
    """As a server that was stopped has left it, with a session of each account."""
    opened = organisation(folder)
    config = load(folder / "b2bua.yaml")
    open_book(opened.directory, config, time.time).close()
    for row in rows:
        opened.accounts.save_account(row)
        opened.accounts.save_session(SessionRow(f"session of {row.name}", row.name, time.time(), time.time(), "Firefox"))
    opened.close()


def account(name: str, *, disabled: bool = False) -> AccountRow:
    return AccountRow(name, QUICK.hash(GOOD), must_change=False, pin="a hash", disabled=disabled, signed_in=1.0, changed=1.0)


def kept(folder: Path, name: str = "admin") -> tuple[AccountRow | None, list[str], list[AuditRow]]:
    """The account, whose sessions there are, and its audit."""
    opened = organisation(folder)
    try:
        sessions = [each.account for each in opened.accounts.sessions()]
        return opened.accounts.account(name), sessions, opened.directory.audit(AuditQuery(kind="account", key=name), 10)
    finally:
        opened.close()


def accepts(row: AccountRow | None, password: str) -> bool:
    with suppress(VerifyMismatchError):
        return row is not None and QUICK.verify(row.password, password)
    return False


def test_the_administrator_gets_another_one_time_password(anywhere: Path) -> None:
    prepared(anywhere, account("admin", disabled=True), account("676"))
    done = reset(anywhere)
    assert done.exit_code == 0 and ONE_TIME.fullmatch(done.stdout)
    password = done.stdout.strip()
    assert "admin" in done.stderr and password not in done.stderr, "once"
    row, sessions, audit = kept(anywhere)
    assert row is not None and accepts(row, password) and not accepts(row, GOOD)
    assert (row.must_change, row.disabled, row.pin) == (True, False, "a hash")
    assert sessions == ["676"]
    assert [(each.actor, each.via, each.action) for each in audit] == [(pwd.getpwuid(os.getuid()).pw_name, "command", "password reset")]
    assert password not in repr(audit)


def test_the_administrator_gets_in_whatever_the_directory_is_like(folder: Path) -> None:
    prepared(folder, account("admin"))
    (folder / "directory.yaml").write_text("users: [")
    password = reset(folder).stdout.strip()
    assert accepts(kept(folder)[0], password)
    done = reset(folder, "676")
    assert (done.exit_code, done.stdout) == (1, "") and "directory.yaml:2: " in done.stderr
    opened = organisation(folder)
    opened.accounts.delete_account("admin")
    opened.close()
    password = reset(folder).stdout.strip()
    assert accepts(kept(folder)[0], password), "also where the account is gone"


def test_a_user_gets_one_too(folder: Path) -> None:
    prepared(folder, account("admin"), account("676"))
    done = reset(folder, "676")
    row, sessions, audit = kept(folder, "676")
    assert accepts(row, done.stdout.strip()) and sessions == ["admin"] and len(audit) == 1
    done = reset(folder, "667")
    assert accepts(kept(folder, "667")[0], done.stdout.strip()), "who was never invited"


@pytest.mark.parametrize(("name", "told"), [("677", "Ana Aide"), ("999", "no user"), ("", "no user"), ("\x1b[2J", "no user")])
def test_whoever_can_have_no_password_is_refused(folder: Path, name: str, told: str) -> None:
    prepared(folder, account("admin"))
    done = reset(folder, name)
    assert (done.exit_code, done.stdout) == (1, "") and told in done.stderr and "\x1b" not in done.stderr
    opened = organisation(folder)
    assert [each.name for each in opened.accounts.accounts()] == ["admin"]
    opened.close()


def test_before_the_first_start_there_is_nothing_to_reset(folder: Path) -> None:
    done = reset(folder)
    assert (done.exit_code, done.stdout) == (1, "") and "when it starts" in done.stderr
    assert not (folder / "var").exists()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Accounts, Organisation]]:
    """The accounts of a server over this database."""
    opened = organisation(folder)
    book = open_book(opened.directory, load(folder / "b2bua.yaml"), time.time)
    accounts = Accounts(opened.accounts, book, lambda: book.directory, time.time, asyncio.to_thread, Hasher(QUICK))
    await accounts.open()
    try:
        yield accounts, opened
    finally:
        await accounts.close()
        book.close()
        opened.close()


def test_a_running_server_lets_the_old_password_go_and_the_new_one_in(folder: Path) -> None:
    """Whoever is signed in goes without anybody's asking; five wrong guesses do not keep the new password out."""
    prepared(folder, account("admin"), account("676"))

    async def story() -> None:
        async with running(folder) as (accounts, _):
            session = await accounts.sign_in("admin", GOOD, "Firefox", "192.0.2.1")
            other = await accounts.sign_in("676", GOOD, "Firefox", "192.0.2.1")
            for _ in range(5):
                with pytest.raises(WrongPassword):
                    await accounts.sign_in("admin", "forgotten", "Firefox", "192.0.2.2")
            told = asyncio.Event()
            accounts.listen(lambda name: told.set() if name == "admin" else None)
            new = (await asyncio.to_thread(reset, folder)).stdout.strip()
            await asyncio.wait_for(told.wait(), 5)
            assert accounts.by_session(session.secret) is None and accounts.sessions_of("admin") == []
            assert accounts.by_session(other.secret) is not None
            assert (await accounts.sign_in("admin", new, "Firefox", "192.0.2.1")).must_change
            with pytest.raises(WrongPassword):
                await accounts.sign_in("admin", GOOD, "Firefox", "192.0.2.1")
            chosen = await accounts.change_password("admin", new, OTHER, "Firefox", "192.0.2.1")
            assert accounts.by_session(chosen.secret) is not None

    asyncio.run(story())


def test_a_running_server_takes_a_user_who_had_no_account(folder: Path) -> None:
    prepared(folder, account("admin"))

    async def story() -> None:
        async with running(folder) as (accounts, _):
            new = (await asyncio.to_thread(reset, folder, "667")).stdout.strip()
            async with asyncio.timeout(5):
                while not accounts.state("667").has_password:  # noqa: ASYNC110 - nothing that could be waited for
                    await asyncio.sleep(0.05)
            assert (await accounts.sign_in("667", new, "Firefox", "192.0.2.1")).must_change

    asyncio.run(story())


def test_a_server_that_writes_the_account_before_it_has_looked_does_not_undo_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.administration.ledger.LOOK_SECONDS", 3600.0)
    prepared(folder, account("admin"), account("676"))

    async def story() -> None:
        async with running(folder) as (accounts, opened):
            new = (await asyncio.to_thread(reset, folder)).stdout.strip()
            with pytest.raises(WrongPassword):
                await accounts.change_password("admin", GOOD, OTHER, "Firefox", "192.0.2.1")
            assert accepts(opened.accounts.account("admin"), new)
            new = (await asyncio.to_thread(reset, folder, "676")).stdout.strip()
            told = asyncio.Event()
            accounts.listen(lambda name: told.set() if name == "676" else None)
            session = await accounts.sign_in("676", GOOD, "Firefox", "192.0.2.1")  # it has not looked; it writes when somebody signed in
            assert accepts(opened.accounts.account("676"), new)
            await asyncio.wait_for(told.wait(), 5)
            assert accounts.by_session(session.secret) is None

    asyncio.run(story())


def test_a_one_time_password_of_the_command_is_good_after_the_next_start(folder: Path) -> None:
    """And is the only one: the server prints another at each start only as long as nobody has ever administered."""
    with network() as net:
        text = (folder / "b2bua.yaml").read_text().replace("127.0.0.1:", f"{net}.0.1:")
        (folder / "b2bua.yaml").write_text(f"{text}media: {{mode: direct}}\n")
        url = f"http://{net}.0.1:8080"
        with Server(folder / "b2bua.yaml") as server:
            first = re.search(rb"one-time password  (\S+)", server.log.read_bytes())
            assert first
            with httpx.Client(base_url=url, headers={"Origin": url}) as browser:
                assert sign_in(browser, first[1].decode()) == 200
                assert choose(browser, first[1].decode(), GOOD) == 200
                new = reset(folder).stdout.strip()
                wait_for(lambda: browser.get("/api/v1/me").status_code == 401, "the session to end", 5.0)
                assert (sign_in(browser, GOOD), sign_in(browser, new)) == (401, 200)
        with Server(folder / "b2bua.yaml") as server, httpx.Client(base_url=url, headers={"Origin": url}) as browser:
            assert b"one-time password" not in server.log.read_bytes()
            assert sign_in(browser, new) == 200
            assert choose(browser, new, OTHER) == 200


def sign_in(browser: httpx.Client, password: str) -> int:
    answer = browser.post("/api/v1/session", json={"account": "admin", "password": password})
    browser.headers["X-CSRF-Token"] = answer.json().get("csrf", "")
    return answer.status_code


def choose(browser: httpx.Client, old: str, new: str) -> int:
    return browser.put("/api/v1/session/password", json={"old": old, "new": new}).status_code
