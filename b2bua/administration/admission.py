"""The words in which accounts are spoken of: who has come in, what has been made, and why somebody stays out."""

from __future__ import annotations

from typing import Literal, NamedTuple

from b2bua.administration.viewer import Viewer

PinAnswer = Literal["ok", "wrong", "locked", "must_change", "none", "busy"]
"""must_change: it is right, and came from a reset. none: there is no PIN, or nobody who might log in. busy: try again in some seconds."""


class WrongPassword(Exception):
    """The account does not exist, may not sign in, or has another password: which of these is nobody's business."""


class LinkOver(Exception):
    """The activation link was used, is too old, or was replaced by another."""


class NotPossible(Exception):
    """What an administrator asks for does not fit the state of the user; the text says what does."""


class NoUser(Exception):
    """There is no such user, or not one who can have an account."""


class SignedIn(NamedTuple):
    """A new session."""

    secret: str
    """For the cookie."""
    csrf: str
    must_change: bool


class Pass(NamedTuple):
    """Who has come in, and how."""

    viewer: Viewer
    must_change: bool
    """Nothing may be done before the password has been changed."""
    csrf: str
    """What unsafe requests must bring along; "" for a token."""
    id: str
    """Of the session or token."""


class Invitation(NamedTuple):
    """An activation link."""

    secret: str
    until: float


class AccountState(NamedTuple):
    """What an administrator sees of an account."""

    name: str
    status: str
    """As in the user's entry."""
    has_password: bool
    must_change: bool
    has_pin: bool
    pin_must_change: bool
    invited_until: float
    """0: there is no link."""
    signed_in: float
    """0: never."""
    sessions: int
    tokens: int
