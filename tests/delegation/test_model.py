"""The snapshot: accounts, lines, look-ups, and that it neither changes nor tells passwords."""

import timeit

import pytest

from b2bua.delegation.model import Account, DutyProfile, Executive, User
from b2bua.delegation.plan import Facts, Setting
from b2bua.delegation.policy import decide
from tests.delegation.organisation import NOW, USERS, assistants, directory, outside

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


def test_it_is_immutable() -> None:
    with pytest.raises(TypeError):
        DIRECTORY.users["1"] = User("1", "One", "s")  # type: ignore[index]
    with pytest.raises(AttributeError):
        DIRECTORY.domain = "other"  # type: ignore[misc]


DUTY = DutyProfile("Day", "1", frozenset({"676"}), frozenset({"667"}))


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        (Setting("dnd", "601", "", "on"), None),
        (Setting("dnd", "999", "", "on"), "there is no user 999"),
        (Setting("dnd", "500", "", "on"), "500 is a group"),
        (Setting("filter", "667", "", "off"), None),
        (Setting("filter", "676", "", "off"), "676 is no executive"),
        (Setting("filter", "999", "", "off"), "there is no user 999"),
        (Setting("divert", "676", "", "on"), None),
        (Setting("divert_to", "676", "", "999"), None),
        (Setting("divert", "600", "", "on"), "600 is nobody's assistant"),
        (Setting("divert_to", "600", "", "602"), "600 is nobody's assistant"),
        (Setting("opt", "676", "667", "out"), None),
        (Setting("opt", "601", "500", "out"), None),
        (Setting("opt", "676", "668", "out"), "676 is no assistant of 668"),
        (Setting("call_as", "676", "", "667"), None),
        (Setting("call_as", "676", "", "999"), "676 is no assistant of 999"),
        (Setting("duty", "676", "", "Day"), None),
        (Setting("duty", "676", "", ""), None),
        (Setting("duty", "676", "", "Night"), "676 has no duty profile Night"),
        (Setting("duty", "677", "", ""), "677 has no duty profile"),
        (Setting("callback", "667", "15551234567", "676", 9e9), None),
        (Setting("callback", "667", "15551234567", "601", 9e9), "601 is no assistant of 667"),
        (Setting("callback", "999", "15551234567", "676", 9e9), "there is no user 999"),
    ],
)
def test_settings_that_have_lost_their_owner(setting: Setting, why: str | None) -> None:
    sales = Executive("500", kind="group", delegations=assistants("500", "601"))
    users = (*USERS, User("500", "Sales", "", kind="group"))
    where = directory(Executive("667", delegations=assistants("667", "676", "677")), sales, users=users, duty_profiles=(DUTY,))
    assert where.dangling([setting]) == ([] if why is None else [(setting, why)])


def test_before_there_are_any_users_no_setting_has_lost_its_owner() -> None:
    assert directory(users=(), executives=()).dangling([Setting("dnd", "601", "", "on")]) == []


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
