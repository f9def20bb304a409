"""The server configuration (``config/b2bua.yaml``): its schema and the checks that need more than one key."""

from __future__ import annotations

import ipaddress
import re
import warnings
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator

from b2bua.config.schema import SECRET, Report, Section, closest, quoted, read_section, shape
from b2bua.config.trunks import Source, parse_source
from b2bua.config.yamltree import Map
from b2bua.delegation.features import DEFAULT_CODES, conflicts
from b2bua.delegation.people import TrunkRoute
from b2bua.errors import Problem

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_TRUNK_URI = re.compile(
    r"sip:(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?(;transport=(?P<transport>[A-Za-z]+))?"
)
_EMERGENCY = re.compile(r"[0-9*#+]{1,15}")
_CODE = re.compile(r"[*#][0-9*#]{1,7}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HTTP_URL = re.compile(r"(?P<url>https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?)/?")
_DATABASE = re.compile(r"sqlite:///[^\s?]+|postgresql://[^\s/]*/[^\s]+")
_FILE: Final = "sqlite:///"
PORTS_OF_A_CALL: Final = 4
"""RTP and RTCP of its two parties."""
LATER_TRANSPORTS: Final = ("tls", "ws", "wss")
APPS: Final = (
    *("Linphone", "Zoiper", "Bria", "Groundwire", "Acrobits", "MicroSIP", "baresip", "PJSUA"),
    *("Jitsi", "Telephone", "Blink", "X-Lite", "Zoom", "Webex", "Ringotel"),
)
"""What the User-Agent of a softphone app says somewhere."""


class Listen(NamedTuple):
    """One listening socket."""

    transport: Literal["UDP", "TCP"]
    host: str
    """IP literal, IPv6 without brackets."""
    port: int
    """0 = any free port."""


class HostPort(NamedTuple):
    """An address to listen on."""

    host: str
    port: int


class Ports(NamedTuple):
    """A range of UDP ports, both ends included."""

    first: int
    last: int


def _ip(text: str) -> str:
    """The IP literal in its canonical form, without brackets; ValueError when it is none."""
    return str(ipaddress.ip_address(text.strip("[]")))


def _split_host_port(text: str) -> HostPort:
    """``127.0.0.1:5060`` or ``[::1]:5060``; ValueError when it is neither."""
    parts = urlsplit(f"//{text}")
    if parts.hostname is None or parts.port is None or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(text)
    return HostPort(_ip(parts.hostname), parts.port)


def _parse_listen(value: object) -> Listen:
    transport, _, rest = str(value).partition("://")
    if transport.lower() in LATER_TRANSPORTS:
        raise ValueError(f"{transport}:// is not supported yet; write udp:// or tcp://")
    try:
        host, port = _split_host_port(rest)
    except ValueError:
        raise ValueError(f"is {quoted(value)}; write udp://ADDRESS:PORT or tcp://ADDRESS:PORT with an IP address") from None
    if transport.lower() == "udp":
        return Listen("UDP", host, port)
    if transport.lower() == "tcp":
        return Listen("TCP", host, port)
    raise ValueError(f"is {quoted(value)}; write udp://ADDRESS:PORT or tcp://ADDRESS:PORT")


def _parse_http(value: object) -> HostPort:
    try:
        return _split_host_port(str(value))
    except ValueError:
        raise ValueError(f"is {quoted(value)}; write ADDRESS:PORT with an IP address, for example 127.0.0.1:8080") from None


HTTP_URL_HINT: Final = "the address under which browsers reach the page, for example https://pbx.example, or null"


def _parse_http_url(value: object) -> str | None:
    if value is None:
        return None
    found = _HTTP_URL.fullmatch(str(value))
    if found is None:
        raise ValueError(f"is {quoted(value)}; write {HTTP_URL_HINT}")
    return found["url"]


DATABASE_HINT: Final = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME, or null for a file in the folder `state`"


def _parse_database(value: object) -> str | None:
    """Neither the value nor a part of it is told: it may hold a password."""
    if value is None or (isinstance(value, str) and _DATABASE.fullmatch(value)):
        return value
    raise ValueError(f"cannot be used; write {DATABASE_HINT}")


def _parse_ports(value: object) -> Ports:
    first, _, last = str(value).partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) < int(last) <= 65535):
        raise ValueError(f"is {quoted(value)}; write FIRST-LAST between 1024 and 65535, for example 20000-20999")
    if int(first) % 2:
        raise ValueError(f"begins with the odd port {first}, and RTP ports are even; write {int(first) + 1}-{last}")
    if int(last) - int(first) + 1 < PORTS_OF_A_CALL:
        raise ValueError(f"is {quoted(value)}, too small: a call needs {PORTS_OF_A_CALL} ports; write for example 20000-20999")
    return Ports(int(first), int(last))


def _parse_media_address(value: object) -> str:
    found = _parse_ip(value)
    address = ipaddress.ip_address(found)
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"is {found}, which phones cannot send sound to; write an IP address of this machine that they reach")
    return found


def _parse_media_address6(value: object) -> str | None:
    found = None if value is None else _parse_media_address(value)
    if found is not None and ":" not in found:
        raise ValueError(f"is {found}, which is no IPv6 address; write that under `address`")
    return found


def _parse_rtpengine(value: object) -> HostPort | None:
    try:
        return None if value is None else _split_host_port(str(value))
    except ValueError:
        raise ValueError(f"is {quoted(value)}; write ADDRESS:PORT with an IP address, for example 127.0.0.1:2223") from None


def _parse_ip(value: object) -> str:
    try:
        return _ip(str(value))
    except ValueError:
        raise ValueError(f"is {quoted(value)}; write an IP address, for example 127.0.0.1") from None


def _parse_host(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if _HOST.fullmatch(text):
        return text.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        raise ValueError(f"is {quoted(value)}; write a host name or IP address, for example acme.test") from None
    return f"[{address}]" if address.version == 6 else str(address)


def _parse_emergency(value: object) -> str:
    if not _EMERGENCY.fullmatch(str(value)):
        raise ValueError(f'is {quoted(value)}; write the digits as they are dialled, for example "112"')
    return str(value)


def _parse_trunk_uri(value: object) -> str:
    """The next hop; the value is not quoted in errors, for it may hold a password that does not belong there."""
    match = _TRUNK_URI.fullmatch(str(value))
    if not match:
        raise ValueError("is no URI of a next hop; write sip:HOST or sip:HOST:PORT, credentials go to `auth`")
    if int(match["port"] or 5060) not in range(1, 65536):
        raise ValueError(f"has the port {match['port']}; write one from 1 to 65535")
    transport = (match["transport"] or "udp").lower()
    if transport in LATER_TRANSPORTS:
        raise ValueError(f"asks for {transport}, which is not supported yet; write ;transport=tcp or nothing")
    if transport not in ("udp", "tcp"):
        raise ValueError(f"asks for the transport {quoted(transport)}; write ;transport=tcp, ;transport=udp or nothing")
    return str(value)


def _parse_pattern(value: object) -> str:
    hint = "write one such as '^\\+?[0-9]{6,15}$'"
    if not isinstance(value, str):
        raise ValueError(f"is {quoted(value)}, not a regular expression; {hint}")  # noqa: TRY004 - pydantic reports ValueErrors
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what will mean something else one day
            re.compile(value)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        raise ValueError(f"is no regular expression ({error}); {hint}") from None
    return value


def _parse_address(value: object) -> str:
    parse_source(str(value))
    return str(value)


Host = Annotated[str, BeforeValidator(_parse_host)]
IpAddress = Annotated[str, BeforeValidator(_parse_ip)]
ListenAddress = Annotated[Listen, BeforeValidator(_parse_listen)]


class Http(Section):
    """``http:`` the API and the web page."""

    listen: Annotated[HostPort, BeforeValidator(_parse_http)] = Field(
        default=HostPort("127.0.0.1", 8080), description="ADDRESS:PORT, for example 127.0.0.1:8080"
    )
    url: Annotated[str | None, BeforeValidator(_parse_http_url)] = Field(default=None, description=HTTP_URL_HINT)
    """How browsers reach it, without a slash at the end; None: by the address that it listens on."""


class TrunkAuth(Section):
    """``auth:`` what the server answers a trunk's challenge with."""

    username: str = Field(min_length=1, description="the user name that the carrier gave")
    password: str = Field(min_length=1, repr=False, description="the password that the carrier gave", json_schema_extra=SECRET)
    realm: str | None = Field(
        default=None, description="the realm for which the credentials are good; null for the first one asked for"
    )
    registers: bool = Field(default=False, alias="register", description="true when the carrier wants a REGISTER, else false")


class Trunk(Section):
    """One entry of ``trunks:``, a way to the outside."""

    name: str = Field(description="a name of letters, digits, `.`, `_` and `-`")
    uri: Annotated[str, BeforeValidator(_parse_trunk_uri)] = Field(description="sip:HOST or sip:HOST:PORT")
    addresses: tuple[Annotated[str, BeforeValidator(_parse_address)], ...] = Field(
        default=(), description="a list of IP, IP:port or CIDR"
    )
    trusted: bool = Field(default=False, description="true or false")
    numbers: tuple[Annotated[str, BeforeValidator(_parse_pattern)], ...] = Field(
        default=(), description="a list of regular expressions"
    )
    auth: TrunkAuth | None = Field(default=None, description="{username: ..., password: ..., register: false} or null")
    emergency: bool = Field(default=False, description="true or false")

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"is {quoted(value)}; write letters, digits, `.`, `_` and `-`")
        return value

    @property
    def sources(self) -> tuple[Source, ...]:
        """`addresses`, parsed."""
        return tuple(parse_source(address) for address in self.addresses)

    @property
    def route(self) -> TrunkRoute:
        """What the decision needs of this trunk."""
        found = _TRUNK_URI.fullmatch(self.uri)
        port = "" if found is None or found["port"] in (None, "5060") else f":{found['port']}"
        return TrunkRoute(self.name, self.numbers, self.emergency, "" if found is None else f"{found['host'].lower()}{port}")


class Media(Section):
    """``media:`` where sound flows, and what carries it."""

    mode: Literal["auto", "direct", "anchored"] = Field(default="auto", description="auto, direct or anchored")
    address: Annotated[str, BeforeValidator(_parse_media_address)] = Field(
        default="127.0.0.1", description="the IP address of this machine that phones send sound to"
    )
    address6: Annotated[str | None, BeforeValidator(_parse_media_address6)] = Field(
        default=None, description="an IPv6 address besides, for phones that signal over IPv6, or null"
    )
    ports: Annotated[Ports, BeforeValidator(_parse_ports)] = Field(default=Ports(20000, 20999), description="FIRST-LAST")
    sounds: Path | None = Field(default=None, description="the folder of your own sounds, relative to this file, or null")
    engine: Literal["own", "rtpengine"] = Field(default="own", description="own or rtpengine")
    rtpengine: Annotated[HostPort | None, BeforeValidator(_parse_rtpengine)] = Field(
        default=None, description="HOST:PORT of rtpengine's ng socket, or null"
    )
    rtpengine_digits: Annotated[HostPort | None, BeforeValidator(_parse_rtpengine)] = Field(
        default=None, description="HOST:PORT where rtpengine reports keys (its --dtmf-log-dest), or null"
    )


class Limits(Section):
    """``limits:`` how much the server takes before it answers 503 or refuses."""

    calls: int = Field(default=15_000, ge=1, le=1_000_000, description="the most calls at a time, for example 15000")
    registrations_per_user: int = Field(default=10, ge=1, le=100, description="the most phones of one account, for example 10")
    message_bytes: int = Field(default=65_535, ge=4_096, le=65_535, description="the longest SIP message, from 4096 to 65535")
    connections: int = Field(default=4_096, ge=1, le=100_000, description="the most TCP connections, for example 4096")


class Log(Section):
    """``log:`` what is written to standard output."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="debug, info, warning or error")
    format: Literal["auto", "json", "console"] = Field(default="auto", description="auto, json or console")


class ServerFile(Section):
    """The schema of the file."""

    domain: Host = Field(description="the host part of the users' addresses, for example acme.test")
    aliases: tuple[Host, ...] = Field(default=(), description="a list of other host names of this server")
    listen: tuple[ListenAddress, ...] = Field(
        default=(Listen("UDP", "127.0.0.1", 5060), Listen("TCP", "127.0.0.1", 5060)),
        min_length=1,
        description="a list such as [udp://127.0.0.1:5060, tcp://127.0.0.1:5060]",
    )
    advertise: Host | None = Field(default=None, description="the public address, or null")
    http: Http = Field(default=Http(), description="{listen: 127.0.0.1:8080}")
    directory: Path = Field(default=Path("directory.yaml"), description="the path of the directory, relative to this file")
    state: Path = Field(default=Path("../var"), description="the folder for the database, relative to this file")
    database: Annotated[str | None, BeforeValidator(_parse_database)] = Field(
        default=None, repr=False, description=DATABASE_HINT, json_schema_extra=SECRET
    )
    drain_seconds: float = Field(default=300.0, ge=0, le=86_400, description="seconds from 0 to 86400")
    trunks: tuple[Trunk, ...] = Field(default=(), description="a list of trunks, each with name, uri, addresses and numbers")
    emergency: tuple[Annotated[str, BeforeValidator(_parse_emergency)], ...] = Field(
        default=("112", "911"), description='a list such as ["112", "911"]'
    )
    digest: tuple[Literal["SHA-256", "MD5"], ...] = Field(
        default=("SHA-256", "MD5"), min_length=1, description="a list of SHA-256 and MD5, most preferred first"
    )
    apps: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=APPS, description='a list of what the User-Agent of softphone apps says, for example ["Linphone", "Zoiper"]'
    )
    """Parts of the User-Agent that mark a phone as an app (A22)."""
    what_if: Path | None = Field(default=None, description="the path of the what-if cases, relative to this file, or null")
    feature_codes: dict[str, str] = Field(default={}, description='feature names with codes, for example {push_back: "##20"}')
    media: Media = Field(default=Media(), description="keys such as mode, address and ports")
    session_expires: int = Field(default=1_800, ge=90, le=86_400, description="seconds from 90 to 86400 (RFC 4028)")
    keep_alive: Literal["nat", "all", "none"] = Field(default="nat", description="nat, all or none")
    auto_answer: bool = Field(default=False, description="true or false: whether a phone is asked to answer by itself when its user clicks to dial")
    limits: Limits = Field(default=Limits(), description="keys such as calls and registrations_per_user")
    log: Log = Field(default=Log(), description="{level: info, format: auto}")
    node: str = Field(
        default="0", pattern=r"^[A-Za-z0-9]{1,8}$", description="one to eight letters or digits, another on each node"
    )


class Config(ServerFile):
    """The whole server configuration, with every default filled in; paths are ready to open."""

    file: Path
    """The file that this was read from."""
    warnings: tuple[Problem, ...] = ()
    """What is allowed in the file but probably not meant."""

    @property
    def routes(self) -> tuple[TrunkRoute, ...]:
        """What the decision needs of the trunks, in order."""
        return tuple(trunk.route for trunk in self.trunks)


def read_server(tree: Map, path: Path, report: Report) -> Config:
    """The configuration in `tree` as far as it can be read; every finding goes to `report`.

    What could not be read stands at its default, so that the directory can be checked nevertheless.
    """
    trunks = _read_trunks(tree.get("trunks", []), report)
    rest = {key: value for key, value in tree.items() if key != "trunks"}
    section, _ = read_section(ServerFile, rest, (), report)
    if section is None:  # without a domain; the rest shall be checked all the same
        section, _ = read_section(ServerFile, {**rest, "domain": "unknown.invalid"}, (), Report(report.file, tree))
    section = section or ServerFile(domain="unknown.invalid")
    _check_listen(section, report)
    _check_media(section, path, report)
    _check_codes(section, report)
    _check_emergency(section, trunks, report)
    if len(set(section.digest)) < len(section.digest):
        report.error(("digest",), "names an algorithm twice; write each once")
    values = dict(section) | {
        "trunks": tuple(trunk for _, trunk in trunks),
        "directory": path.parent / section.directory,
        "state": (path.parent / section.state).resolve(),
        "database": _place(section.database, path.parent),
        "what_if": section.what_if and path.parent / section.what_if,
        "media": section.media.model_copy(update={"sounds": section.media.sounds and path.parent / section.media.sounds}),
    }
    return Config.model_construct(**values, file=path, warnings=tuple(report.warnings))


def _place(database: str | None, folder: Path) -> str | None:
    """A file is meant as seen from the server's own file, as wherever it names one."""
    if database is None or not database.startswith(_FILE):
        return database
    return f"{_FILE}{(folder / database.removeprefix(_FILE)).resolve()}"


def _read_trunks(data: Any, report: Report) -> list[tuple[int, Trunk]]:
    """The trunks that can be read, each with its index."""
    if not isinstance(data, list):
        report.error(("trunks",), f"is {shape(data)}, not a list; write a list of trunks, or remove the key")
        return []
    found: list[tuple[int, Trunk]] = []
    names: dict[str, int] = {}
    sources: dict[str, str] = {}
    for index, item in enumerate(data):
        trunk, _ = read_section(Trunk, item, ("trunks", index), report)
        if trunk is None:
            continue
        if trunk.name in names:
            report.error(("trunks", index, "name"), f"{trunk.name} is also trunks[{names[trunk.name]}]; write another name")
        names.setdefault(trunk.name, index)
        for position, source in enumerate(trunk.sources):
            if source.network.prefixlen == 0:
                report.warn(
                    ("trunks", index, "addresses", position), f"{source} is everybody: anyone may call without a password; write the carrier's own"
                )
            other = sources.setdefault(str(source), trunk.name)
            if other != trunk.name:
                report.error(
                    ("trunks", index, "addresses", position), f"{source} is already an address of trunk {other}; remove one"
                )
        found.append((index, trunk))
    return found


def _check_listen(config: ServerFile, report: Report) -> None:
    seen: set[Listen] = set()
    for index, listen in enumerate(config.listen):
        if listen.port and listen in seen:
            report.error(("listen", index), "stands here twice; remove one")
        seen.add(listen)
        if ipaddress.ip_address(listen.host).is_unspecified and config.advertise is None:
            report.warn(("listen", index), "listens on every address; write under `advertise` the one that phones can reach")


def _check_media(config: ServerFile, path: Path, report: Report) -> None:
    media = config.media
    for index, listen in enumerate(config.listen):
        same = listen.host == media.address or ipaddress.ip_address(listen.host).is_unspecified
        if listen.transport == "UDP" and same and media.ports.first <= listen.port <= media.ports.last:
            report.error(("media", "ports"), f"holds port {listen.port}, on which listen[{index}] takes SIP; write another range")
    _check_rtpengine(config, report)
    if media.sounds is not None and not (path.parent / media.sounds).is_dir():
        report.error(("media", "sounds"), f"is no folder: {path.parent / media.sounds}; make it, or write null")


def _check_rtpengine(config: ServerFile, report: Report) -> None:
    media, digits = config.media, config.media.rtpengine_digits
    for key in ("rtpengine", "rtpengine_digits"):
        if media.engine == "own" and getattr(media, key) is not None:
            report.warn(("media", key), "is not used; write engine: rtpengine, or remove the key")
    if media.engine == "own":
        return
    if media.mode == "direct":
        report.error(("media", "engine"), "is rtpengine, but with mode direct no sound crosses it; write mode: auto, or engine: own")
    elif media.rtpengine is None:
        report.error(("media", "engine"), "is rtpengine, but nothing says where it is; write under `rtpengine` the HOST:PORT of its ng socket")
    elif digits is None:
        report.error(
            ("media", "engine"),
            "is rtpengine, but nobody would hear the keys that are pressed during a call (##20 …): start rtpengine with --dtmf-log-dest=HOST:PORT "
            "and write the same HOST:PORT under `rtpengine_digits`, or write engine: own",
        )
    elif digits == media.rtpengine:
        report.error(("media", "rtpengine_digits"), "is where rtpengine listens itself; write the address that it has as --dtmf-log-dest")
    elif digits.host == media.address and media.ports.first <= digits.port <= media.ports.last:
        report.error(("media", "rtpengine_digits"), f"is port {digits.port}, which is among `ports`; write another one")
    elif any(listen.transport == "UDP" and listen[1:] == digits for listen in config.listen):
        report.error(("media", "rtpengine_digits"), f"is port {digits.port}, which takes SIP; write another one")


def _check_codes(config: ServerFile, report: Report) -> None:
    known = {}
    for feature, code in config.feature_codes.items():
        where = ("feature_codes", feature)
        if feature not in DEFAULT_CODES:
            guess = closest(feature, list(DEFAULT_CODES)) or f"; write one of {', '.join(DEFAULT_CODES)}"
            report.error(where, f"is no feature{guess}")
        elif not _CODE.fullmatch(code):
            report.error(where, f'is {quoted(code)}; write * or # and then 1 to 7 of digits, * and #, for example "##20"')
        else:
            known[feature] = code
    for feature, reason in conflicts(known).items():
        report.error(("feature_codes", feature), reason)


def _check_emergency(config: ServerFile, trunks: list[tuple[int, Trunk]], report: Report) -> None:
    marked = [index for index, trunk in trunks if trunk.emergency]
    for index in marked[1:]:
        report.error(("trunks", index, "emergency"), f"is also true for trunks[{marked[0]}]; write it for one trunk only")
    if config.emergency and not report.tree.get("trunks"):
        report.warn(
            ("emergency",), "has no trunk to go out by: emergency calls are refused with 503; write a trunk under `trunks`"
        )
