"""The digest accounts of a directory."""

from __future__ import annotations

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
