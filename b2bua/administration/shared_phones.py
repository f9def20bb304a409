"""Shared phones (E7) as administrators see them: where they stand, who has logged in, until when."""

from __future__ import annotations

from typing import Any

from b2bua.administration import rights
from b2bua.administration.book import Book
from b2bua.administration.ports import Switchboard
from b2bua.administration.viewer import Viewer
from b2bua.calls.commands import Outcome
from b2bua.delegation.features import LOG_OUT
from b2bua.delegation.hot_desk import is_shared
from b2bua.delegation.model import Directory


def shared_phones(viewer: Viewer, book: Book, directory: Directory, now: float) -> list[dict[str, Any]]:
    """Those whose entries the viewer sees whole, and whichever they have logged in on themselves."""
    found = [_phone(each.extension, directory, now) for each in directory.users.values() if is_shared(each)]
    return [each for each in found if may_log_out(viewer, each["extension"], each["user"], book)]


def may_log_out(viewer: Viewer, phone: str, user: str | None, book: Book) -> bool:
    """Whether the viewer looks after the phone, or is who has logged in there."""
    entry = book.entry("users", phone)
    return entry is not None and (rights.level_of(viewer, entry, book) == "whole" or (user is not None and user == viewer.extension))


def logged_in(directory: Directory, phone: str, now: float) -> str | None:
    """The extension of who has logged in on this shared phone."""
    return directory.state.value("hot_desk", phone, now=now) or None


async def log_out(switchboard: Switchboard, phone: str) -> Outcome:
    """As if the phone had dialled the code."""
    return await switchboard.press(phone, switchboard.directory.codes.codes[LOG_OUT])


def _phone(extension: str, directory: Directory, now: float) -> dict[str, Any]:
    phone, user = directory.users[extension], logged_in(directory, extension, now)
    setting = directory.state.settings.get(("hot_desk", extension, ""))
    return {
        "extension": extension,
        "name": phone.name,
        "location": phone.location,
        "user": user,
        "user_name": directory.users[user].name if user is not None and user in directory.users else None,
        "until": setting.until if user is not None and setting is not None else None,
    }
