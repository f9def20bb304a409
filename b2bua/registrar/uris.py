"""Comparison of SIP URIs as RFC 3261 §19.1.4 has it: not transitive, so it cannot be a key."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from b2bua.sip.values import Params, Uri

_NEVER_IGNORED: Final = ("transport", "user", "ttl", "method", "maddr")


def same_uri(one: Uri, other: Uri) -> bool:
    """Whether both name the same resource.  User and password are compared exactly, after unescaping; all else without case."""
    return (
        one.host == other.host
        and one.port == other.port
        and one.scheme == other.scheme
        and one.user_text == other.user_text
        and unquote(one.password or "") == unquote(other.password or "")
        and _same_params(one.params, other.params)
        and _header_set(one.headers) == _header_set(other.headers)
    )


def _text(text: str | None) -> str:
    return unquote(text or "", errors="surrogateescape").lower()


def _same_params(one: Params, other: Params) -> bool:
    """A parameter in one URI only is ignored, unless it decides where a request goes."""
    if not one and not other:
        return True
    if any((name in one) != (name in other) for name in _NEVER_IGNORED):
        return False
    return all(_text(value) == _text(other[name]) for name, value in one.items() if name in other)


def _header_set(headers: str) -> frozenset[tuple[str, str]]:
    """`?name=value&…` as a set: order does not count, but a header in one URI only does."""
    if not headers:
        return frozenset()
    pairs = (each.partition("=") for each in headers.lstrip("?").split("&") if each)
    return frozenset((_text(name), unquote(value, errors="surrogateescape")) for name, _, value in pairs)
