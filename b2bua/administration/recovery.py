"""The way back in for whoever has the machine: a new one-time password, made beside the server or without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from b2bua.administration import secrets
from b2bua.administration.standing import ADMINISTRATOR, enabled_user
from b2bua.delegation.model import Directory
from b2bua.store.ports import AccountRow, AccountStore, AuditRow, DirectoryStore

RESET: Final = "password reset"
"""In the audit."""


def reset_password(
    accounts: AccountStore, audit: DirectoryStore, served: Callable[[], Directory], account: str, actor: str, now: float
) -> str:
    """A random one, which must be changed at first sign-in; the account's sessions and tokens end. `now`: seconds since the epoch. Blocks.

    `served`: asked for the user, not for the administrator, who is let in whatever state the directory is in, and enabled.
    Raises NoUser, NotPossible, Unavailable, and what `served` raises.
    """
    if account != ADMINISTRATOR:
        enabled_user(served(), account)
    password = secrets.new_password()
    row = accounts.account(account) or AccountRow(account, "", must_change=True)
    row = row._replace(password=secrets.hashed(password), must_change=True, changed=now)
    accounts.save_account(row._replace(invitation="", invited_until=0.0, disabled=False))
    for session in accounts.sessions():
        if session.account == account:
            accounts.delete_session(session.id)
    for token in accounts.tokens():
        if token.account == account:
            accounts.delete_token(token.id)
    audit.note([AuditRow(0, now, actor, "command", "account", account, RESET, None, None)])  # the last: a server reads the row after it
    return password

