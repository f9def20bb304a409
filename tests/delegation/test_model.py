"""The snapshot: accounts, lines, look-ups, and that it neither changes nor tells passwords."""

import timeit

import pytest

from b2bua.delegation.model import Account, Executive, User
from b2bua.delegation.plan import Facts
from b2bua.delegation.policy import decide
from tests.delegation.organisation import NOW, assistants, directory, outside

DIRECTORY = directory()


def test_the_accounts_are_the_extensions_and_the_delegated_lines() -> None:
    names = {account.name for account in DIRECTORY.accounts()}
    assert names == {"667", "668", "676", "677", "678", "600", "601", "676-667", "677-667"}
    assert DIRECTORY.account("676-667") == Account("676-667", "676", "667", "secret-676")
    assert DIRECTORY.account("676") == Account("676", "676", None, "secret-676")
    assert DIRECTORY.account("667-676") is None
    assert all(DIRECTORY.account(account.name) == account for account in DIRECTORY.accounts())


def test_finding_a_user() -> None:
    for text in ("667", "+6221500667", "6221500600"):
        assert DIRECTORY.find(text) == DIRECTORY.users["667"]
    assert DIRECTORY.find("676-667") is None
    assert DIRECTORY.find("") is None


def test_the_domain_and_its_aliases_are_ours() -> None:
    where = directory(aliases=["PBX.acme.test"])
    assert where.is_ours("ACME.test")
    assert where.is_ours("pbx.acme.test")
    assert not where.is_ours("example.com")


def test_it_is_immutable() -> None:
    with pytest.raises(TypeError):
        DIRECTORY.users["1"] = User("1", "One", "s")  # type: ignore[index]
    with pytest.raises(AttributeError):
        DIRECTORY.domain = "other"  # type: ignore[misc]


def test_no_password_is_printed() -> None:
    text = f"{DIRECTORY!r} {DIRECTORY.users!r} {list(DIRECTORY.accounts())!r}"
    assert "secret" not in text


def test_a_decision_is_quick_in_a_large_organisation() -> None:
    """15 µs is the budget; the assertion allows for a machine that is busy with other tests."""
    users = [User(f"{number}", f"User {number}", "s", (f"+49{number:08}",)) for number in range(10_000, 20_000)]
    boss = Executive("10000", delegations=assistants("10000", *(f"{number}" for number in range(10_001, 10_011))))
    where = directory(boss, users=users)
    facts = Facts(outside(name="Anna"), "+4900010000")
    assert decide(facts, where, NOW).executive == "10000"
    best = min(timeit.repeat(lambda: decide(facts, where, NOW), number=200, repeat=5)) / 200
    assert best < 60e-6
