"""Credentials for a trunk that challenges us: given only to the trunk they are configured for."""

from __future__ import annotations

import re
from typing import Protocol

from b2bua.sip.message import Response, header
from b2bua.sip.values import SipError

_AUTHORIZATION = re.compile(rb"^(Proxy-Authorization|Authorization): ([^\r\n]*)\r\n", re.MULTILINE)


class Answerer(Protocol):
    """What `b2bua.sip.digest.DigestClient` does."""

    def answer(self, challenges: list[str], method: str, uri: str, body: bytes = b"", *, sent: str | None = None) -> str | None: ...
    def authorize(self, method: str, uri: str, body: bytes = b"") -> str | None: ...


class Credentials:
    """The digest account of one trunk, as header lines."""

    __slots__ = ("_digest", "_proxy")

    def __init__(self, digest: Answerer) -> None:
        self._digest = digest
        self._proxy = True

    def answer(self, response: Response, method: str, uri: str, body: bytes) -> str | None:
        """The header line that answers a 401 or 407, None when it must not or cannot be answered."""
        self._proxy = response.status == 407
        name = "proxy-authenticate" if self._proxy else "www-authenticate"
        try:
            value = self._digest.answer(response.get_all(name), method, uri, body)
        except (SipError, ValueError):
            return None
        return None if value is None else self._line(value)

    def ahead(self, method: str, uri: str, body: bytes) -> str:
        """The header line that goes ahead of a challenge (RFC 7616 §3.4.5), "" before the first one."""
        try:
            value = self._digest.authorize(method, uri, body)
        except ValueError:  # a Contact of the trunk's that cannot stand in quotes: then it has to ask first
            return ""
        return "" if value is None else self._line(value)

    @staticmethod
    def of(request: bytes) -> str:
        """The credentials lines of a request that was sent."""
        return "".join(match[0].decode() for match in _AUTHORIZATION.finditer(request))

    def _line(self, value: str) -> str:
        return header("Proxy-Authorization" if self._proxy else "Authorization", value)


def may_retry(credentials: Credentials | None, response: Response) -> bool:
    """Whether a 401 or 407 can be answered at all."""
    return credentials is not None and response.status in (401, 407)
