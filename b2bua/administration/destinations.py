"""Where people who are not administrators may have calls sent: extensions and numbers freely, a SIP URI only where the organisation calls anyway. Pure.

A call to a URI goes past the trunks, with who calls in it, to whatever host and port stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from b2bua.administration.entries import Body
from b2bua.delegation.model import Directory
from b2bua.errors import Refused

_SCHEME: Final = re.compile(r"\s*sips?:", re.IGNORECASE)
_URI: Final = re.compile(r"sips?:(?:[^@]*@)?(?P<host>\[[^\]]*\]|[^:;?>\s]*)(?P<port>:[0-9]+)?", re.IGNORECASE)


def check(before: Body | None, after: Body | None, directory: Directory) -> None:
    """That the entry names no host and port which it did not name before, but the server's domain and the trunks. Raises Refused."""
    new = set(_hosts(after)) - set(_hosts(before))
    strange = sorted(new - {directory.domain.lower(), *(each.host for each in directory.trunks if each.host)})
    if strange:
        raise Refused(403, f"calls to the host {strange[0]} need the role user_admin; write an extension, an outside number, or a URI at {directory.domain}")


def _hosts(value: Any) -> Iterator[str]:
    """HOST or HOST:PORT of every SIP URI within."""
    if isinstance(value, str):
        if _SCHEME.match(value):
            yield _host(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _hosts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _hosts(each)


def _host(uri: str) -> str:
    """Where a URI leads, as ``host`` or ``host:port``; all of one that says it twice, so that it is like no other."""
    found = _URI.match(uri)
    if found is None or uri.count("@") > 1 or "maddr" in uri.lower():
        return uri
    return (found["host"] + (found["port"] or "").removesuffix(":5060")).lower()
