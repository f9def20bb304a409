"""PINs, with which people log in on shared phones (E7)."""

from __future__ import annotations

from b2bua import logs
from b2bua.administration import secrets
from b2bua.administration.admission import PinAnswer
from b2bua.administration.attempts import Attempts, TooMany
from b2bua.administration.book import Actor
from b2bua.administration.ledger import Ledger
from b2bua.administration.secrets import Busy, Hasher

_log = logs.get("accounts")


class Pins:
    """Every user may have one."""

    def __init__(self, ledger: Ledger, hasher: Hasher, wrong: int) -> None:
        """`wrong`: how many wrong ones of an extension are looked at in a quarter of an hour."""
        self._ledger, self._hasher = ledger, hasher
        self._attempts = Attempts(wrong)

    async def verify(self, extension: str, pin: str) -> PinAnswer:
        """Whether it is the PIN of the extension; after too many wrong ones no more is looked at for a while, not even a right one. A
        restart of the server forgets the wrong ones."""
        row, user, now = self._ledger.get(extension), self._ledger.directory().users.get(extension), self._ledger.wall()
        if row is None or row.disabled or not row.pin or user is None or not user.active:
            return "none"
        try:
            self._attempts.begin(extension, now)
        except TooMany:
            return "locked"
        try:
            right = await self._hasher.verify(row.pin, pin)
        except Busy:
            self._attempts.succeed(extension, now)
            return "busy"
        latest = self._ledger.get(extension)
        if not right or latest is None or latest.pin != row.pin:
            _log.info("wrong PIN", extension=extension)
            return "wrong"
        self._attempts.succeed(extension, now)
        return "must_change" if row.pin_must_change else "ok"

    async def choose(self, actor: Actor, extension: str, pin: str) -> None:
        """By the user, who has signed in. Raises Unsuitable, Busy, NoUser."""
        self._check(extension, pin)
        hashed = await self._hasher.hash(pin)
        await self._ledger.save(extension, pin=hashed, pin_must_change=False)
        await self._ledger.note(actor, extension, "PIN changed")

    async def reset(self, actor: Actor, extension: str) -> str:
        """A random one, which must be changed. Raises NoUser, NotPossible, Busy."""
        user = self._ledger.enabled(extension)
        pin = secrets.new_pin(extension, user.numbers)
        hashed = await self._hasher.hash(pin)
        await self._ledger.save(extension, pin=hashed, pin_must_change=True)
        await self._ledger.note(actor, extension, "PIN reset")
        return pin

    def _check(self, extension: str, pin: str) -> None:
        secrets.check_pin(pin, extension, self._ledger.user(extension).numbers)
