"""What lets somebody in: random passwords, PINs and links; what a chosen one must be like; hashing, which is slow on purpose, beside the calls."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import threading
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

_T = TypeVar("_T")
ARGON: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
"""RFC 9106's choice for little memory, in one lane: about 100 ms of one core, never of two, for the calls need the other."""
MAX_WAITING: Final = 64
"""Who comes when so many wait already is asked to come again; with `ARGON` the last one waits for about seven seconds: an office that comes to work at nine
is let in."""
BUSY_SECONDS: Final = 3
"""When."""
HASH_SECONDS: Final = 20.0
"""How long a hash may take altogether, on a machine that is far too slow."""
NICE: Final = 5

ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what looks alike when it is read out or written down: i l o 0 1."""
TOKEN_PREFIX: Final = "b2b_"  # noqa: S105 - how a token begins is no secret
MIN_PASSWORD: Final = 10
MIN_MIXED: Final = 8
"""Enough when there are three kinds of characters in it."""
MAX_PASSWORD: Final = 256
MIN_VARIETY: Final = 5
"""Different characters that a password must have."""
_COMMON: Final = frozenset(
    "password password1 passw0rd passwort passwort1 kennwort qwertyuiop qwertzuiop asdfghjkl letmein welcome willkommen iloveyou administrator "
    "changeme geheim secret trustno1 sunshine football baseball superman princess".split()
)
"""Whoever guesses begins with these; also with digits and marks behind them."""
_SEQUENCES: Final = ("01234567890123456789", "98765432109876543210")
RESET_PIN_DIGITS: Final = 6


class Unsuitable(Exception):
    """A password or PIN that somebody has chosen and must not have; `text` says what to choose instead."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field, self.text = field, text


class Busy(Exception):
    """Too many passwords wait to be looked at; worth trying again after `seconds`."""

    def __init__(self, seconds: int = BUSY_SECONDS) -> None:
        super().__init__("too many sign-ins at once")
        self.seconds = seconds


def new_secret() -> str:
    """256 random bits, for a cookie or a link."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """For a program; its beginning lets people and scanners see what it is."""
    return TOKEN_PREFIX + new_secret()


def new_id() -> str:
    """For what is listed."""
    return secrets.token_hex(8)


def new_password() -> str:
    """To be read out and typed once: 79 random bits."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def new_pin(extension: str, numbers: Collection[str] = ()) -> str:
    """Six random digits that nobody would guess first."""
    while True:
        pin = "".join(secrets.choice("0123456789") for _ in range(RESET_PIN_DIGITS))
        with suppress(Unsuitable):
            check_pin(pin, extension, numbers)
            return pin


def digest(secret: str) -> str:
    """What is stored of a random secret: SHA-256, hexadecimal. Guessing 256 bits needs no slow hash to be hopeless."""
    return hashlib.sha256(_bytes(secret)).hexdigest()


def csrf_of(session_secret: str) -> str:
    """The token that a page must send with whatever it changes: only who has been given the page knows it."""
    mac = hmac.new(_bytes(session_secret), b"b2bua csrf", hashlib.sha256).digest()
    return urlsafe_b64encode(mac).rstrip(b"=").decode()


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(_bytes(one), _bytes(other))


def normal(password: str) -> str:
    """The same password from every keyboard: composed (NFC), as RFC 8265 §4.2 has it."""
    return unicodedata.normalize("NFC", password)


def check_password(password: str, names: Collection[str]) -> None:
    """Raises Unsuitable. `names`: what somebody who knows the person would try, the account, the extension, the name, the e-mail address."""
    chosen = normal(password)
    if any(unicodedata.category(each) in ("Cc", "Cs") for each in chosen):
        raise Unsuitable("password", "holds a character that cannot be typed; use letters, digits, marks and spaces")
    if len(chosen) > MAX_PASSWORD:
        raise Unsuitable("password", f"is longer than {MAX_PASSWORD} characters")
    if len(chosen) < MIN_MIXED or (len(chosen) < MIN_PASSWORD and _kinds(chosen) < 3):
        raise Unsuitable(
            "password",
            f"is too short: choose at least {MIN_PASSWORD} characters, or {MIN_MIXED} with small and capital letters, digits and marks",
        )
    plain = chosen.casefold().strip()
    if plain in {word for name in names for word in _words(name)}:
        raise Unsuitable("password", "is a name of yours, which is what others try first; choose something else")
    if len(set(plain)) < MIN_VARIETY or plain.rstrip("0123456789!?.,-_ ") in _COMMON or _is_sequence(plain):
        raise Unsuitable("password", "is one of those that are tried first; choose something else, for example four words")


def check_pin(pin: str, extension: str, numbers: Collection[str] = ()) -> None:
    """Raises Unsuitable. `numbers`: the outside numbers of the user."""
    if not (pin.isascii() and pin.isdecimal() and 4 <= len(pin) <= 10):
        raise Unsuitable("pin", "must be 4 to 10 digits")
    if len(set(pin)) == 1 or _is_sequence(pin) or pin[:2] * (len(pin) // 2) == pin:
        raise Unsuitable("pin", "is one of those that are tried first; choose another")
    if (len(extension) > 2 and extension in pin) or pin in extension * 4 or any(number.endswith(pin) for number in numbers):
        raise Unsuitable("pin", "is like your number, which everybody knows; choose another")


def _kinds(text: str) -> int:
    """How many of: small letters (and those of scripts that have no capitals), capitals, digits, everything else."""
    return len({"a" if each.isalpha() and not each.isupper() else "A" if each.isalpha() else "1" if each.isdecimal() else "!" for each in text})


def _words(name: str) -> tuple[str, ...]:
    plain = normal(name).casefold().strip()
    return (plain, plain.replace(" ", ""), plain[::-1], plain * 2, plain.partition("@")[0])


def _is_sequence(text: str) -> bool:
    return any(text in each for each in _SEQUENCES)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def hashed(secret: str, argon: PasswordHasher = ARGON) -> str:
    """What is stored of a password or PIN. Takes its time; a server has a `Hasher` for that."""
    return argon.hash(_bytes(normal(secret)))


class Hasher:
    """Argon2 in one thread that gives way to the calls, with a bounded queue."""

    def __init__(self, argon: PasswordHasher = ARGON, waiting: int = MAX_WAITING) -> None:
        self._argon = argon
        self._most = waiting
        self._waiting = 0
        self._pool = ThreadPoolExecutor(1, "passwords", initializer=_give_way)
        self._nobody = argon.hash(new_secret())

    async def hash(self, secret: str) -> str:
        """What is stored of a password or PIN. Raises Busy."""
        return await self._run(lambda: hashed(secret, self._argon))

    async def verify(self, stored: str, secret: str) -> bool:
        """Whether `stored` was made from `secret`. With "" it takes as long, and is wrong. Raises Busy."""
        return await self._run(lambda: self._verify(stored or self._nobody, secret) and stored != "")

    def close(self) -> None:
        """What waits is not looked at any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _verify(self, stored: str, secret: str) -> bool:
        try:
            return self._argon.verify(stored, _bytes(normal(secret)))
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= self._most:
            raise Busy
        self._waiting += 1
        try:
            async with asyncio.timeout(HASH_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1


def _give_way() -> None:
    """Linux has a priority for each thread; elsewhere this one stays as it is."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
