"""Who may sign in: accounts with passwords and activation links, their sessions and tokens, and how often somebody may guess.

Everything is in memory, where each request asks, and in the database. No password, PIN, link or token is kept as it is: only what
cannot be turned back. An account of a user who is not in the directory any more is removed, so that whoever gets the extension next
starts without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

from b2bua import logs
from b2bua.administration import secrets
from b2bua.administration.admission import (
    AccountState,
    Invitation,
    LinkOver,
    NotPossible,
    NoUser,
    Pass,
    PinAnswer,
    SignedIn,
    WrongPassword,
)
from b2bua.administration.attempts import Attempts, TooMany, place_of
from b2bua.administration.book import Actor, Conflict
from b2bua.administration.entries import Put
from b2bua.administration.ledger import Ledger, People
from b2bua.administration.pins import Pins
from b2bua.administration.recovery import RESET
from b2bua.administration.secrets import Busy, Hasher, Unsuitable
from b2bua.administration.sessions import Background, Run, Sessions, Tokens, lives
from b2bua.administration.standing import ADMINISTRATOR, Standing, administrator, may_have_account
from b2bua.administration.viewer import Viewer
from b2bua.delegation.model import Directory, User
from b2bua.store.ports import AccountRow, AccountStore, AuditQuery, Newest, SessionRow, TokenRow

INVITATION_SECONDS: Final = 24 * 3600.0
FAILURES: Final = 5
"""Wrong passwords of one account, wrong PINs of one extension, in `attempts.WINDOW_SECONDS`."""
FAILURES_OF_ADDRESS: Final = 20
MAX_NAME: Final = 256
CHANGES: Final = 5
"""How often the status of a user is tried to be set while others change the same user."""
_MAY_BE_INVITED: Final = frozenset({"enabled", "invited", "not_activated"})
_log = logs.get("accounts")


class Accounts:
    """One for the server; `open` before anything else, `close` at the end. On the event loop."""

    def __init__(
        self, store: AccountStore, book: People, directory: Callable[[], Directory], wall: Callable[[], float], run: Run, hasher: Hasher | None = None
    ) -> None:
        """`run` has the one thread of the store do something, in the order in which it was asked."""
        self._store, self._book, self._directory, self._wall, self._run = store, book, directory, wall, run
        self._hasher = hasher or Hasher()
        self._background = Background()
        self._standing = Standing()
        self._failures = Attempts(FAILURES)
        self._addresses = Attempts(FAILURES_OF_ADDRESS)
        self._listeners: list[Callable[[str], None]] = []
        self._ledger = Ledger(store, book, directory, wall, run)
        self._ledger.overtaken = self._overtaken
        self._ledger.looked = self.look
        self._newest = Newest()
        self._following: asyncio.Task[None] | None = None
        self._sessions = Sessions(store, run, self._background)
        self._tokens = Tokens(store, run, self._background)
        self.pins = Pins(self._ledger, self._hasher, FAILURES)

    # -- life

    async def open(self) -> None:
        """Read everything; from now on the book tells when users change."""
        await self._ledger.load()
        self._sessions.load(each for each in await self._run(self._store.sessions) if each.account in self._ledger)
        self._tokens.load(each for each in await self._run(self._store.tokens) if each.account in self._ledger)
        await self._sessions.sweep(self._wall())
        self._book.listeners.append(self._directory_changed)
        self._look_at([row.name for row in self._ledger])
        self._following = asyncio.get_running_loop().create_task(self._ledger.follow(), name="accounts")

    async def close(self) -> None:
        """What is being written is finished; hashes that wait are not made."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        self._hasher.close()
        await self._background.finish()

    async def bootstrap(self) -> str | None:
        """The one-time password of the account `admin`, to be shown on the terminal; None when somebody can administer already.

        Another one at every start, until a super administrator has signed in and chosen a password; but for one that somebody has made by a
        reset, which is good until it is used.
        """
        if await self._was_reset():
            return None
        if any(row.signed_in and not row.must_change and self._is_super(row.name) for row in self._ledger):
            await self._end_unused()
            return None
        password = secrets.new_password()
        hashed = await self._hasher.hash(password)
        await self._ledger.save(ADMINISTRATOR, password=hashed, must_change=True, disabled=False, changed=self._wall())
        await self._sessions.end_all(ADMINISTRATOR)
        return password

    async def _was_reset(self) -> bool:
        row = self._ledger.get(ADMINISTRATOR)
        if row is None or not row.must_change:
            return False
        newest = await self._book.audit(AuditQuery(kind="account", key=ADMINISTRATOR), 1)
        return bool(newest) and newest[0].action == RESET

    async def _end_unused(self) -> None:
        """The password that an earlier start has shown must not open the door for ever, once others administer."""
        row = self._ledger.get(ADMINISTRATOR)
        if row is not None and row.must_change and not row.signed_in:
            await self._ledger.save(ADMINISTRATOR, password="", must_change=False)

    def listen(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Be told the name of an account when its rights have changed or a session or token of it has ended; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- coming in

    def viewer_of(self, account: str, via: str = "page", read_only: bool = False) -> Viewer | None:
        """As whom the account may look and change now; None: it may not."""
        row = self._ledger.get(account)
        if row is None or row.disabled:
            return None
        if account == ADMINISTRATOR:
            return administrator(via, read_only)
        return self._standing.viewer(self._directory(), account, datetime.fromtimestamp(self._wall(), UTC), via, read_only)

    def by_session(self, secret: str, *, used: bool = True) -> Pass | None:
        """Whose browser it is. `used` False: somebody only looks whether it still is."""
        now = self._wall()
        session = self._sessions.find(secret, now)
        row = self._ledger.get(session.account) if session is not None else None
        viewer = self.viewer_of(row.name) if row is not None else None
        if session is None or row is None or viewer is None or session.created < row.changed:
            return None
        if used:
            self._sessions.used(session, now)
        return Pass(viewer, row.must_change, secrets.csrf_of(secret), session.id)

    def by_token(self, secret: str, *, used: bool = True) -> Pass | None:
        """Whose program it is."""
        now = self._wall()
        token = self._tokens.find(secret, now)
        row = self._ledger.get(token.account) if token is not None else None
        viewer = self.viewer_of(row.name, f"token {token.name}", token.scope != "write") if row is not None and token is not None else None
        if token is None or row is None or viewer is None:
            return None
        if used:
            self._tokens.used(token, now)
        return Pass(viewer, row.must_change, "", token.id)

    async def sign_in(self, name: str, password: str, agent: str, address: str, old: str = "") -> SignedIn:
        """A new session for whoever knows the password. `name`: extension, e-mail address or account; `old`: the session that the browser
        has, which ends.

        Raises WrongPassword, TooMany, Busy.
        """
        account = self._named(name[:MAX_NAME])
        row = await self._proved(account, password, address)
        secret = await self._sessions.begin(account, agent, self._wall())
        former = self._sessions.find(old, self._wall()) if old else None
        if former is not None:
            await self.end_session(former)
        async with self._ledger.lock:
            if account in self._ledger:  # else the user has just been removed
                await self._ledger.write(account, signed_in=self._wall())
        _log.info("signed in", account=account, address=address)
        return SignedIn(secret, secrets.csrf_of(secret), row.must_change)

    def _named(self, name: str) -> str:
        """The account that is meant; what was typed, when none is."""
        typed = name.strip()
        if typed in self._ledger:
            return typed
        found = self._standing.by_email(self._directory(), typed) if "@" in typed else None
        return found or typed.casefold()

    async def _proved(self, account: str, password: str, address: str) -> AccountRow:
        """The account, whose password this is. The way is the same for accounts that there are not. Raises WrongPassword, TooMany, Busy."""
        now, place = self._wall(), place_of(address)
        wait = max(self._failures.wait(account, now), self._addresses.wait(place, now))
        if wait:
            raise TooMany(wait)
        self._failures.begin(account, now)
        self._addresses.begin(place, now)
        row = self._ledger.get(account)
        try:
            right = await self._hasher.verify(row.password if row is not None else "", password)
        except Busy:
            self._failures.succeed(account, now)
            self._addresses.succeed(place, now)
            raise
        latest = self._ledger.get(account)
        if not right or row is None or latest is None or latest.password != row.password or self.viewer_of(account) is None:
            _log.info("sign-in refused", account=account if row is not None else "(unknown)", address=address)
            raise WrongPassword
        self._failures.succeed(account, now)
        self._addresses.succeed(place, now)
        return latest

    # -- sessions and tokens

    def sessions_of(self, account: str) -> list[SessionRow]:
        """Those that are good."""
        row, now = self._ledger.get(account), self._wall()
        return [each for each in self._sessions.of(account) if lives(each, now) and row is not None and each.created >= row.changed]

    async def end_session(self, row: SessionRow) -> None:
        """Sign a browser out."""
        await self._sessions.end(row)
        self._tell(row.account)

    async def end_others(self, account: str, but: str) -> None:
        """Sign every browser out but the one with this session."""
        await self._sessions.end_all(account, but)
        self._tell(account)

    def tokens_of(self, account: str) -> list[TokenRow]:
        """The oldest first; also those whose time is over."""
        return self._tokens.of(account)

    async def make_token(self, account: str, name: str, scope: str, days: int | None) -> tuple[TokenRow, str]:
        """A token and its secret, which is shown once. Raises Unsuitable."""
        row, secret = await self._tokens.make(account, name, scope, days, self._wall())
        await self._ledger.note(Actor(account, "page"), account, "token made", token_name=row.name, scope=scope, expires=row.expires)
        return row, secret

    async def revoke(self, row: TokenRow) -> None:
        """A program comes in no more."""
        await self._tokens.revoke(row)
        self._tell(row.account)
        await self._ledger.note(Actor(row.account, "page"), row.account, "token revoked", token_name=row.name)

    # -- passwords and PINs

    async def change_password(self, account: str, old: str, new: str, agent: str, address: str) -> SignedIn:
        """Somebody's own; every session ends, and a new one begins. Raises WrongPassword, TooMany, Busy, Unsuitable.

        A wrong old one counts as a failed sign-in: whoever has found an open browser may not guess here either.
        """
        secrets.check_password(new, self._names(account))
        if secrets.same(secrets.normal(old), secrets.normal(new)):
            raise Unsuitable("password", "is the old one; choose another")
        row = await self._proved(account, old, address)
        hashed = await self._hasher.hash(new)
        async with self._ledger.lock:
            latest = await self._ledger.latest(account)
            if latest is None or latest.password != row.password:
                raise WrongPassword  # somebody has reset it meanwhile, and must not be undone
            await self._ledger.write(account, password=hashed, must_change=False, changed=self._wall())
        await self._sessions.end_all(account)
        secret = await self._sessions.begin(account, agent, self._wall())
        self._tell(account)
        await self._ledger.note(Actor(account, "page"), account, "password changed")
        return SignedIn(secret, secrets.csrf_of(secret), must_change=False)

    async def reset_password(self, actor: Actor, account: str) -> str:
        """A random one, which must be changed at first sign-in. Sessions and tokens end: whoever has had the account may have made some.
        Raises NoUser, NotPossible, Busy."""
        if account != ADMINISTRATOR:
            self._ledger.enabled(account)
        elif account not in self._ledger:
            raise NoUser
        password = secrets.new_password()
        hashed = await self._hasher.hash(password)
        await self._ledger.save(account, password=hashed, must_change=True, changed=self._wall(), invitation="", invited_until=0.0)
        await self._end_everything(account)
        self._failures.forget(account)
        await self._ledger.note(actor, account, RESET)
        return password

    async def _end_everything(self, account: str) -> None:
        await self._sessions.end_all(account)
        await self._tokens.revoke_all(account)
        self._tell(account)

    def _overtaken(self, account: str) -> None:
        """Another process has set the password: whoever has come in with the old one goes, and the new one need not wait for failures."""
        _log.info("password set by another process", account=account)
        self._failures.forget(account)
        self._background.begin(partial(self._end_older, account))

    async def _end_older(self, account: str) -> None:
        """What was begun before the password was set, or here, with the old one; also the tokens, when it was reset. What the other server has
        begun with the new one stays."""
        row = self._ledger.get(account)
        for each in self._sessions.of(account):
            if row is None or each.created <= row.changed or self._sessions.is_ours(each):
                await self._sessions.end(each)
        if row is None or row.must_change:
            await self._tokens.revoke_all(account)
        self._tell(account)

    async def look(self) -> None:
        """Take over the sessions and tokens that another server on the same database has made or ended."""
        newest = await self._run(self._store.newest)
        if newest == self._newest:
            return
        for account in await self._sessions.look() | await self._tokens.look():
            self._tell(account)
        self._newest = newest

    async def verify_pin(self, extension: str, pin: str) -> PinAnswer:
        """As `Pins.verify`."""
        return await self.pins.verify(extension, pin)

    def _names(self, account: str) -> list[str]:
        """What others would try as this account's password."""
        user = self._directory().users.get(account)
        return [account] if user is None else [account, user.name, *user.name.split(), user.email or "", *user.numbers]

    # -- activation: E5

    async def invite(self, actor: Actor, extension: str) -> Invitation:
        """A link with which the user chooses a password; an earlier one ends. Raises NoUser, NotPossible, and what `Book.change` raises."""
        user = self._ledger.user(extension)
        if user.status not in _MAY_BE_INVITED:
            raise NotPossible(f"{user.shown} is {user.status}: enable the user first")
        invitation = Invitation(secrets.new_secret(), self._wall() + INVITATION_SECONDS)
        await self._ledger.save(extension, invitation=secrets.digest(invitation.secret), invited_until=invitation.until)
        if user.status == "not_activated":
            await self._set_status(actor, extension, "invited")
        await self._ledger.note(actor, extension, "invited")
        return invitation

    def invited(self, secret: str, address: str) -> User:
        """Whose link it is. Raises LinkOver, TooMany."""
        place, now = place_of(address), self._wall()
        self._addresses.begin(place, now)
        row = self._ledger.invited(secret)
        user = self._directory().users.get(row.name) if row is not None else None
        if user is None or user.status not in _MAY_BE_INVITED:
            raise LinkOver
        self._addresses.succeed(place, now)
        return user

    async def activate(self, secret: str, password: str, pin: str, address: str) -> str:
        """The user has followed the link; returns the account. `pin` "": none. Raises LinkOver, Unsuitable, TooMany, Busy."""
        user = self.invited(secret, address)
        account = user.extension
        secrets.check_password(password, self._names(account))
        chosen: dict[str, object] = {}
        if pin:
            secrets.check_pin(pin, account, user.numbers)
            chosen = {"pin": await self._hasher.hash(pin), "pin_must_change": False}
        hashed = await self._hasher.hash(password)
        if self.invited(secret, address).status != "enabled":
            await self._set_status(Actor(account, "page"), account, "enabled")
        async with self._ledger.lock:
            self.invited(secret, address)  # of two at once the first has it
            over = {"invitation": "", "invited_until": 0.0, "disabled": False}
            await self._ledger.write(account, password=hashed, must_change=False, changed=self._wall(), **over, **chosen)
        await self._sessions.end_all(account)
        self._tell(account)
        await self._ledger.note(Actor(account, "page"), account, "activated")
        return account

    async def disable(self, actor: Actor, account: str) -> None:
        """The user's phones and sessions end at once. Raises NoUser, and what `Book.change` raises."""
        if account == ADMINISTRATOR:
            await self._switch_administrator(actor, disabled=True)
        else:
            self._ledger.user(account)
            await self._set_status(actor, account, "disabled")
            await self._end_everything(account)
        self._tell(account)

    async def enable(self, actor: Actor, account: str) -> None:
        """From whatever status, also without activation. Raises NoUser, and what `Book.change` raises."""
        if account == ADMINISTRATOR:
            await self._switch_administrator(actor, disabled=False)
        else:
            self._ledger.user(account)
            await self._set_status(actor, account, "enabled")

    def state(self, account: str) -> AccountState:
        """Raises NoUser."""
        row = self._ledger.get(account) or AccountRow(account, "", must_change=False)
        here = "disabled" if row.disabled else "enabled"
        status = here if account == ADMINISTRATOR else self._ledger.user(account).status
        return AccountState(
            account, status, row.password != "", row.must_change, row.pin != "", row.pin_must_change, row.invited_until, row.signed_in,
            len(self.sessions_of(account)), len(self.tokens_of(account)),
        )  # fmt: skip

    async def _set_status(self, actor: Actor, extension: str, status: str) -> None:
        for attempt in range(CHANGES):
            entry = self._book.entry("users", extension)
            if entry is None:
                raise NoUser
            if entry.body.get("status", "enabled") == status:
                return
            try:
                await self._book.change(actor, [Put("users", extension, {**entry.body, "status": status}, entry.revision)])
            except Conflict:
                if attempt == CHANGES - 1:
                    raise
            else:
                return

    async def _switch_administrator(self, actor: Actor, *, disabled: bool) -> None:
        if ADMINISTRATOR not in self._ledger:
            raise NoUser
        await self._ledger.save(ADMINISTRATOR, disabled=disabled)
        await self._sessions.end_all(ADMINISTRATOR)
        await self._ledger.note(actor, ADMINISTRATOR, "disabled" if disabled else "enabled")

    # -- the users of the directory

    def _directory_changed(self, _revision: int, keys: frozenset[tuple[str, str]]) -> None:
        changed = {key for kind, key in keys if kind == "users"} if keys else {row.name for row in self._ledger}
        self._look_at([each for each in changed if each in self._ledger])

    def _look_at(self, accounts: Sequence[str]) -> None:
        """What a change of these users means for their accounts."""
        users = self._directory().users
        for name in accounts:
            user = users.get(name)
            if name != ADMINISTRATOR and (user is None or not may_have_account(user)):
                self._ledger.forget(name)
                self._background.begin(partial(self._delete, name))
                _log.info("account removed: there is no such user any more", account=name)
            elif self.viewer_of(name) is None:
                self._background.begin(partial(self._sessions.end_all, name))
            self._tell(name)

    async def _delete(self, name: str) -> None:
        async with self._ledger.lock:
            if name not in self._ledger:  # else somebody has it anew
                await self._sessions.end_all(name)
                await self._tokens.revoke_all(name)
                await self._ledger.delete(name)

    def _is_super(self, name: str) -> bool:
        viewer = self.viewer_of(name)
        return viewer is not None and viewer.role == "super_admin"

    def _tell(self, account: str) -> None:
        for listener in tuple(self._listeners):
            listener(account)
