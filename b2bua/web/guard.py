"""What every request passes: the name by which the server is asked for, how much may be sent and how long that may take, and the headers
that every answer carries."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from b2bua.administration.ports import Switchboard
from b2bua.web.problems import problem
from b2bua.web.services import PREFIX, Services

MAX_BODY: Final = 16 << 10
"""Bytes of a request, where nothing longer is meant: what is sent without having signed in is among it, and is read on the loop of the calls."""
MAX_QUESTION: Final = 64 << 10
"""Of one with entries that are not saved yet, read on the loop, too."""
MAX_ENTRY: Final = 256 << 10
MAX_LIST: Final = 2 << 20
"""Of one that names many users."""
MAX_IMPORT: Final = (32 << 20) + (64 << 10)
"""Of one that brings a spreadsheet, with what is around it."""
BODY_SECONDS: Final = 30.0
"""How long a request may take to arrive."""
IMPORT_SECONDS: Final = 300.0
IMPORTS: Final = f"{PREFIX}/imports"
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
"""HOST or HOST:PORT (RFC 9110 §7.2) as there are, and nothing that a link would read otherwise."""
_LARGER: Final = {
    "bulk": MAX_LIST,
    **dict.fromkeys(("simulate", "what-if", "offices"), MAX_QUESTION),
    **dict.fromkeys(
        (
            "organisation", "users", "executives", "groups", "services", "duty-profiles", "conferences", "sites", "cost-centres", "phones",
            "schedules", "caller-groups",
        ),
        MAX_ENTRY,
    ),
}  # fmt: skip
"""By the first part of the path behind the prefix."""
OPEN_TO_ALL_NAMES: Final = frozenset({"/health", "/metrics"})
"""What probes ask for, by whatever name they know this machine; there is nothing in it about anybody."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)


@dataclass(frozen=True, slots=True)
class Origins:
    """By which names people reach the pages. Whoever makes a name of their own point here (DNS rebinding) has a page of theirs read ours; so
    the names are known, or are addresses, which nobody can make point elsewhere."""

    scheme: str
    """Of the address that people are told: https where something before us terminates TLS; "" when none is told."""
    place: str
    """HOST or HOST:PORT of that address, "" when none is told."""
    names: frozenset[str]
    any_address: bool
    """Whether we listen on every address of the machine."""

    @classmethod
    def of(cls, switchboard: Switchboard) -> Origins:
        """As the configuration says."""
        config = switchboard.config
        url = urlsplit(config.http.url or "")
        bound = config.http.listen.host
        listening = ip_address(bound)
        known = {config.domain, *config.aliases, config.advertise or "", url.hostname or "", bound, socket.gethostname()}
        if listening.is_loopback or listening.is_unspecified:
            known |= {"localhost", "127.0.0.1", "::1"}
        names = frozenset(each.strip("[]").lower() for each in known if each)
        return cls(url.scheme.lower(), url.netloc.lower(), names, listening.is_unspecified)

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by TLS."""
        return self.scheme == "https"

    def known(self, host: str) -> bool:
        """Whether this Host header (RFC 9110 §7.2) names us, on whatever port: there may be a forwarding before us."""
        if not _HOST.fullmatch(host):
            return False  # it stands in links that are sent to people
        name = _name_of(host)
        return name in self.names or (self.any_address and _is_address(name))

    def own(self, origin: str, host: str) -> bool:
        """Whether a page with this Origin (RFC 6454) is one of ours, asked for at `host`."""
        scheme, _, place = origin.lower().partition("://")
        if not place or scheme not in ("http", "https"):
            return False
        if self.place and place == self.place:
            return scheme == self.scheme
        return place == host.lower() and (scheme == "https" or not self.secure)

    def link(self, host: str) -> str:
        """How an address begins that is sent to somebody: as configured, else as it was asked for."""
        return f"{self.scheme}://{self.place}" if self.place else f"http://{host}"


def origins_of(connection: HTTPConnection) -> Origins:
    """Those of the server that got this request."""
    found: Origins = connection.state.origins
    return found


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from. A proxy on this machine that terminates TLS is believed about it; anybody else is not."""
    address = connection.client.host if connection.client is not None else ""
    forwarded = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    believed = origins_of(connection).secure and _is_address(address) and ip_address(address).is_loopback
    return forwarded if believed and _is_address(forwarded) else address


class Guard:
    """Pure ASGI, around the whole application."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._origins = Origins.of(services.switchboard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["origins"] = self._origins
        guarded = _headed(scope, send) if scope["type"] == "http" else send
        host = HTTPConnection(scope).headers.get("host", "")
        if not self._origins.known(host) and scope["path"] not in OPEN_TO_ALL_NAMES:
            await _misdirected(scope, receive, guarded)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._bounded(scope, receive, guarded)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        most, seconds = (MAX_IMPORT, IMPORT_SECONDS) if scope["path"] == IMPORTS else (most_of(scope["path"]), BODY_SECONDS)
        announced = HTTPConnection(scope).headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > most:
            await problem(413, _too_large(most), {"Connection": "close"})(scope, receive, send)
        else:
            await self._app(scope, _Body(receive, most, seconds), send)


class _Body:
    """Receives a request, and refuses it when it is too large or too slow. What comes after the body is waited for as long as it takes."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive = receive
        self._most = most
        self._left = most
        self._until = asyncio.get_running_loop().time() + seconds
        self._whole = False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "the request did not arrive in time") from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, _too_large(self._most))
        self._whole = not message.get("more_body", False)
        return message


def _headed(scope: Scope, send: Send) -> Send:
    static = scope["path"].startswith("/static/")

    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            _add_headers(message, () if static else (("cache-control", "no-store"),))
        await send(message)

    return headed


def _add_headers(message: Message, more: tuple[tuple[str, str], ...]) -> None:
    headers: list[Any] = list(message.get("headers", ()))
    there = {bytes(name).lower() for name, _ in headers}
    headers += [(name.encode(), value.encode()) for name, value in (*HEADERS, *more) if name.encode() not in there]
    message["headers"] = headers


async def _misdirected(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await problem(421, "this server is not known by that name; ask for it by its address, or write the name into `http.url`")(scope, receive, send)


def most_of(path: str) -> int:
    """How many bytes a request to this path may have, but for spreadsheets."""
    first = path.removeprefix(f"{PREFIX}/").partition("/")[0]
    return _LARGER.get(first, MAX_BODY)


def _too_large(most: int) -> str:
    return f"a request to this address may have {most >> 20} MiB" if most >> 20 else f"a request to this address may have {most >> 10} KiB"


def _name_of(host: str) -> str:
    """Without the port; an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
