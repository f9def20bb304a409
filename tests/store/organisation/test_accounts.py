"""Accounts, sessions and tokens in the database."""

from __future__ import annotations

from b2bua.store.organisation import Organisation
from b2bua.store.ports import AccountRow, SessionRow, TokenRow

OLIVIA = AccountRow("667", "$argon2id$v=19$…", True, "$argon2id$pin", "abc", 1.79e9, True, 1.7e9, 1.6e9, True)
SESSION = SessionRow("s-1", "667", 1.79e9, 1.79e9 + 0.125, "Mozilla/5.0 🦊")
TOKEN = TokenRow("t-1", "d" * 64, "667", "‮backup", 1.79e9, 0.0, 1.0, "read")


def test_accounts_come_back_as_saved(organisation: Organisation) -> None:
    store = organisation.accounts
    plain = AccountRow("admin", "", False)
    store.save_account(OLIVIA)
    store.save_account(plain)
    assert store.account("667") == OLIVIA
    assert store.accounts() == [OLIVIA, plain]
    store.save_account(OLIVIA._replace(disabled=False, password="new"))
    assert store.account("667") == OLIVIA._replace(disabled=False, password="new")
    assert store.account("nobody") is None


def test_an_account_is_found_by_its_invitation_and_no_invitation_finds_none(organisation: Organisation) -> None:
    store = organisation.accounts
    store.save_account(OLIVIA)
    store.save_account(AccountRow("admin", "", False))
    assert store.by_invitation("abc") == OLIVIA
    assert store.by_invitation("") is None
    assert store.by_invitation("ab") is None


def test_what_a_stranger_sends_as_a_name_is_an_unknown_name(organisation: Organisation) -> None:
    organisation.accounts.save_account(OLIVIA)
    for name in ("667\0", "667' OR '1'='1", "\ud800", "6%", "x" * 100_000):
        assert organisation.accounts.account(name) is None
        assert organisation.accounts.by_invitation(name) is None


def test_sessions_come_back_as_saved_and_end(organisation: Organisation) -> None:
    store = organisation.accounts
    store.save_session(SESSION)
    store.save_session(SESSION._replace(id="s-2", agent="a\0b"))
    store.save_session(SESSION._replace(seen=2e9))
    assert store.sessions() == [SESSION._replace(seen=2e9), SESSION._replace(id="s-2", agent="a�b")]
    store.delete_session("s-1")
    store.delete_session("s-1")
    assert [each.id for each in store.sessions()] == ["s-2"]


def test_tokens_come_back_as_saved_and_end(organisation: Organisation) -> None:
    store = organisation.accounts
    store.save_token(TOKEN)
    store.save_token(TOKEN._replace(used=2e9))
    assert store.tokens() == [TOKEN._replace(used=2e9)]
    store.delete_token("t-1")
    assert store.tokens() == []


def test_an_account_goes_with_its_sessions_and_tokens(organisation: Organisation) -> None:
    store = organisation.accounts
    for name in ("667", "676"):
        store.save_account(OLIVIA._replace(name=name))
        store.save_session(SESSION._replace(id=f"s-{name}", account=name))
        store.save_token(TOKEN._replace(id=f"t-{name}", account=name))
    store.delete_account("667")
    assert [each.name for each in store.accounts()] == ["676"]
    assert [each.id for each in store.sessions()] == ["s-676"]
    assert [each.id for each in store.tokens()] == ["t-676"]
