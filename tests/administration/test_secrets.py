"""Random secrets, what a chosen one must be like, and hashing beside the loop."""

from __future__ import annotations

import asyncio
import re
import threading
import unicodedata

import pytest
from argon2 import PasswordHasher, extract_parameters

from b2bua.administration import secrets
from b2bua.administration.secrets import Busy, Hasher, Unsuitable, check_password, check_pin
from tests.administration.account_world import QUICK

NAMES = ("676", "Sam Secretary", "Sam", "Secretary", "sam@acme.test", "+6221500676")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "zehn Zeichen", "lowercase1", "パスワードは長いほど良い", "كلمة مرور طويلة", "🔑🚪🏠🌳🐕🚗🌙⭐🔥💧", "Tr0ub4dor&3", "aB3!xY7?", "x" + "y1z2w3" * 40],
)
def test_any_script_will_do(password: str) -> None:
    check_password(password, NAMES)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "too short"),
        ("short", "too short"),
        ("ninechars", "too short"),
        ("aB3!xY7", "too short"),
        ("Sam Secretary", "name of yours"),
        ("SAM SECRETARY", "name of yours"),
        ("samsecretary", "name of yours"),
        ("secretarysecretary", "name of yours"),
        ("sam@acme.test", "name of yours"),
        ("+6221500676", "name of yours"),
        ("0123456789", "tried first"),
        ("9876543210", "tried first"),
        ("aaaaaaaaaaaaaaaa", "tried first"),
        ("ababababababab", "tried first"),
        ("password123!", "tried first"),
        ("Passwort2026", "tried first"),
        ("x" * 257, "longer than 256"),
        ("line\nbreaks here", "cannot be typed"),
        ("half a \ud83d surrogate", "cannot be typed"),
        ("nul\x00 nul nul", "cannot be typed"),
    ],
)
def test_what_others_would_try_is_refused_in_words(password: str, words: str) -> None:
    with pytest.raises(Unsuitable) as refused:
        check_password(password, NAMES)
    assert words in refused.value.text


@pytest.mark.parametrize("pin", ["8352", "90210", "1357924680"])
def test_good_pins(pin: str) -> None:
    check_pin(pin, "676", ["+6221500676"])


@pytest.mark.parametrize(
    "pin",
    ["", "123", "12345678901", "12a4", "-123", "1 23", "４３２５", "٤٢٥٣", "0000", "77777", "1234", "4321", "012345", "1212", "676767", "0676", "6760", "6766", "1500676"],
)
def test_bad_pins(pin: str) -> None:
    with pytest.raises(Unsuitable):
        check_pin(pin, "676", ["+6221500676"])


def test_random_ones_are_long_different_and_allowed() -> None:
    passwords = {secrets.new_password() for _ in range(200)}
    assert len(passwords) == 200
    for password in passwords:
        assert re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", password), password
        check_password(password, NAMES)
    pins = {secrets.new_pin("123") for _ in range(200)}
    assert len(pins) > 190
    for pin in pins:
        check_pin(pin, "123")
    assert len({secrets.new_secret() for _ in range(200)}) == 200
    assert len(secrets.new_secret()) == 43, "256 bits"


def test_the_page_token_tells_nothing_about_the_session() -> None:
    one, other = secrets.new_secret(), secrets.new_secret()
    assert secrets.csrf_of(one) == secrets.csrf_of(one)
    assert secrets.csrf_of(one) != secrets.csrf_of(other)
    assert secrets.digest(one) not in secrets.csrf_of(one)
    assert one not in secrets.csrf_of(one)


def hashed(work: object) -> None:
    async def play() -> None:
        hasher = Hasher(QUICK)
        try:
            await work(hasher)  # type: ignore[operator]
        finally:
            hasher.close()

    asyncio.run(play())


def test_the_same_password_from_another_keyboard() -> None:
    async def work(hasher: Hasher) -> None:
        typed = "Grüße aus Köln"
        stored = await hasher.hash(unicodedata.normalize("NFD", typed))
        assert await hasher.verify(stored, unicodedata.normalize("NFC", typed))
        assert not await hasher.verify(stored, typed.lower())

    hashed(work)


def test_what_is_no_hash_or_no_text_is_wrong_and_no_error() -> None:
    async def work(hasher: Hasher) -> None:
        stored = await hasher.hash("x")
        for kept, typed in (("", "x"), ("", ""), ("no hash", "x"), (stored, "\ud800"), (stored, "\x00"), (stored, "x" * 100_000)):
            assert await hasher.verify(kept, typed) is False
        assert await hasher.verify(stored, "x")

    hashed(work)


def test_hashes_are_made_in_a_thread_of_their_own_which_gives_way() -> None:
    async def work(hasher: Hasher) -> None:
        found: list[str] = []
        original = hasher._argon.hash
        hasher._argon = type("Spy", (), {"hash": lambda _self, secret: found.append(threading.current_thread().name) or original(secret)})()
        await asyncio.gather(*(hasher.hash("x") for _ in range(5)))
        assert set(found) == {"passwords_0"}

    hashed(work)


def test_few_wait_and_the_rest_are_sent_away_at_once() -> None:
    async def play() -> None:
        hasher = Hasher(QUICK, waiting=3)
        try:
            answers = await asyncio.gather(*(hasher.hash("x") for _ in range(10)), return_exceptions=True)
            assert [type(each) for each in answers] == [str] * 3 + [Busy] * 7
            assert await hasher.hash("x"), "and then it goes on"
            waiting = [asyncio.create_task(hasher.hash("x")) for _ in range(3)]
            await asyncio.sleep(0)
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert await hasher.hash("x"), "also after they have gone away"
        finally:
            hasher.close()

    asyncio.run(play())


def test_the_hash_is_as_slow_as_it_should_be() -> None:
    """RFC 9106 §4, second choice: 64 MiB, three passes; in one lane, so that one core is left."""
    assert isinstance(secrets.ARGON, PasswordHasher)
    parameters = extract_parameters(secrets.ARGON.hash("x"))
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == ("ID", 65_536, 3, 1)
