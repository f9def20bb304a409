"""The digest accounts of a directory."""

from __future__ import annotations

from dataclasses import replace

from b2bua.delegation.digests import digests_of
from b2bua.delegation.model import Directory, User
from b2bua.registrar.credentials import CredentialTable
from b2bua.sip.digest import hash_password
from tests.support.registrations import DOMAIN, directory


def test_every_user_and_every_delegated_line_is_an_account() -> None:
    table = CredentialTable.from_directory(directory(), DOMAIN)
    assert len(table) == 7
    assert table.password("667") == hash_password("667", DOMAIN, "secret-667")
    line = table.account("676-667")
    assert line is not None
    assert (line.extension, line.line, line.may_register) == ("676", "667", True)
    assert line.password == hash_password("676-667", DOMAIN, "secret-676")
    assert "676-667" in table
    assert "667-676" not in table
    assert table.account("nobody") is None
    assert table.password("nobody") is None


def test_a_line_needs_the_right_to_receive_or_to_call() -> None:
    table = CredentialTable.from_directory(directory(), DOMAIN)
    lines = ("676-667", "677-667", "678-667", "679-667")
    assert [table.may_register(name) for name in lines] == [True, True, False, False]


def test_a_table_made_upon_another_has_the_accounts_of_the_new_directory() -> None:
    company = directory()
    table = CredentialTable.from_directory(company, DOMAIN)
    users = [replace(each, password="new") if each.extension == "676" else each for each in company.users.values() if each.extension != "678"]
    boss = company.executives["667"]
    fewer = replace(boss, delegations=tuple(each for each in boss.delegations if each.assistant != "678"))
    later = Directory.build(domain=DOMAIN, users=users, executives=[fewer])
    again = CredentialTable.from_directory(later, DOMAIN, table)
    assert {each.name for each in again} == {each.name for each in table} - {"678", "678-667"}
    assert again.password("676") == hash_password("676", DOMAIN, "new")
    assert again.password("676-667") == hash_password("676-667", DOMAIN, "new")
    assert again.account("667") is table.account("667")
    assert table.password("676") == hash_password("676", DOMAIN, "secret-676")


def test_a_table_of_another_realm_is_hashed_anew() -> None:
    table = CredentialTable.from_directory(directory(), DOMAIN)
    assert CredentialTable.from_directory(directory(), "other.test", table).password("667") == hash_password("667", "other.test", "secret-667")


def test_digests_are_taken_as_they_are() -> None:
    digests = digests_of(("676",), DOMAIN, "secret")
    company = Directory.build(domain=DOMAIN, users=[User("676", "Sam", digests=digests)])
    assert CredentialTable.from_directory(company, DOMAIN).password("676") == hash_password("676", DOMAIN, "secret")
