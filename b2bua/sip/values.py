"""Typed header values (RFC 3261 §20, §25): immutable, parsed once, cached by their text.

All are tuples: cheap to make, comparable, shareable. `parse` raises `SipError(400)` on what the grammar does not allow.
Texts are `str` decoded as UTF-8 with surrogate escapes, so every byte survives a round trip.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple
from urllib.parse import unquote

CACHED_TEXTS = 4096
CACHED_LENGTH = 512  # longer texts are parsed each time, so that a flood of odd ones cannot pin memory

Params = Mapping[str, str | None]


class SipError(ValueError):
    """What a peer sent cannot be served; carries the response that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


# Every pattern below is linear in its text: no two neighbouring parts can match the same character run.
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.\-_]*)"
_URI = re.compile(
    r"(?P<scheme>[Ss][Ii][Pp][Ss]?):"
    r"(?:(?P<user>[^@:\s<>\"]*)(?::(?P<password>[^@\s<>\"]*))?@)?" + _HOST + r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<params>(?:;[^;?@\s<>\"]+)*)"
    r"(?:\?(?P<headers>[^\s<>\"@]*))?"
)
_TEL = re.compile(r"[Tt][Ee][Ll]:(?P<user>[0-9A-Fa-f*#+().\-]+)(?P<params>(?:;[^;?\s<>\"]+)*)")
_OTHER_URI = re.compile(r"(?!(?:[Ss][Ii][Pp][Ss]?|[Tt][Ee][Ll]):)([A-Za-z][A-Za-z0-9+.\-]*):[^\s<>\"]+")
_PARAM = re.compile(r"\s*;\s*([^\s;=,\"<>]+)\s*(?:=\s*(\"[^\"\\]*(?:\\.[^\"\\]*)*\"|[^\s;,\"<>]+))?\s*", re.DOTALL)
_NAME_ADDR = re.compile(
    r"(?:\"(?P<quoted>[^\"\\]*(?:\\.[^\"\\]*)*)\"\s*|(?P<plain>[^\"<>,;\\]*))<(?P<uri>[^<>\s\"]+)>(?P<params>\s*;.*)?", re.DOTALL
)
_ADDR_SPEC = re.compile(r"(?P<uri>[^<>\s\";?,]+)(?P<params>\s*;[^?]*)?", re.DOTALL)
_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z0-9\-.!%*_+`'~]+)\s+" + _HOST + r"(?:\s*:\s*(?P<port>[0-9]{1,5}))?(?P<params>\s*;.*)?",
    re.DOTALL,
)
# What nearly every Via and From looks like; the rest goes the long way.
_USUAL_VIA = re.compile(r"SIP/2\.0/(UDP|TCP|TLS) ([a-z0-9][a-z0-9.\-]*)(?::([0-9]{1,5}))?;branch=([A-Za-z0-9\-.!%*_+`'~]+)(;rport)?")
_USUAL_ADDRESS = re.compile(r"(?:\"([^\"\\]*)\" ?)?<([^<>\s\"]+)>(?:;tag=([A-Za-z0-9\-.!%*_+`'~]+))?")
_VIA_START = re.compile(r"SIP\s*/\s*[0-9.]+\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+" + _HOST + r"(?:\s*:\s*([0-9]{1,5}))?")
_BRANCH = re.compile(r";\s*branch\s*=\s*([A-Za-z0-9\-.!%*_+`'~]+)")
_ITEM = re.compile(r"(?:[^,\"<]+|\"[^\"\\]*(?:\\.[^\"\\]*)*\"|<[^<>]*>)+", re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_NO_PARAMS: dict[str, str | None] = {}


def split_values(text: str) -> list[str]:
    """The comma-separated values of one header line, commas in quotes and angle brackets left alone (RFC 3261 §7.3.1).

    Raises `SipError(400)` for a quote or bracket that never closes.
    """
    if "," not in text:
        return [text]
    if '"' not in text and "<" not in text:
        return [value.strip() for value in text.split(",")]
    values: list[str] = []
    at, end = 0, len(text)
    while at <= end:
        match = _ITEM.match(text, at)
        if match is not None:
            at = match.end()
            values.append(match[0].strip())
        else:
            values.append("")
        if at < end and text[at] != ",":
            raise SipError(400, "Bad List")
        at += 1
    return values


def parse_params(text: str | None) -> dict[str, str | None]:
    """`;name=value;flag` as a mapping with lower-case names; quoted values keep their quotes. Raises `SipError(400)`."""
    if not text or text.isspace():
        return _NO_PARAMS
    params: dict[str, str | None] = {}
    at, end = 0, len(text)
    while at < end:
        match = _PARAM.match(text, at)
        if match is None:
            raise SipError(400, "Bad Parameter")
        params.setdefault(match[1].lower(), match[2])
        at = match.end()
    return params


def unquote_string(text: str) -> str:
    """A quoted-string without its quotes and backslashes; any other text as it is."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", text[1:-1])
    return text


def quote_string(text: str) -> str:
    """`text` as a quoted-string. Control characters, line ends above all, are taken out: a name must not make a header."""
    clean = text if text.isprintable() else _NOT_PRINTABLE.sub(" ", text)
    if "\\" in clean or '"' in clean:
        clean = clean.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{clean}"'


def _host(text: str) -> str:
    if text[0] == "[":
        try:
            return IPv6Address(text[1:-1]).compressed
        except AddressValueError:
            raise SipError(400, "Bad IPv6 Reference") from None
    return text.lower()


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    port = int(text)
    if port > 65535:
        raise SipError(400, "Bad Port")
    return port


class Uri(NamedTuple):
    """A SIP, SIPS or tel URI (RFC 3261 §19.1, RFC 3966). `host` has no brackets; other schemes have only `scheme` set.

    `user` is the text as written, percent-escapes kept; `user_text` is the same decoded.
    """

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    params: Params
    headers: str

    @staticmethod
    def parse(text: str) -> Uri:
        return _parse_uri_cached(text) if len(text) < CACHED_LENGTH else _parse_uri(text)

    @property
    def user_text(self) -> str:
        user = self.user or ""
        return unquote(user, errors="surrogateescape") if "%" in user else user

    @property
    def telephone(self) -> str:
        """`user_text` without the parameters of a telephone-subscriber: `112;phone-context=+62` is 112 (RFC 3261 §19.1.6)."""
        user = (self.user or "").partition(";")[0]
        return unquote(user, errors="surrogateescape") if "%" in user else user

    @property
    def hostport(self) -> str:
        """Host and, where one is written, the port; IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def transport(self) -> str:
        """The transport parameter in capitals, "" without one."""
        return (self.params.get("transport") or "").upper()


def _parse_uri(text: str) -> Uri:
    match = _URI.fullmatch(text)
    if match is not None:
        params = match["params"]
        return Uri(
            match["scheme"].lower(),
            match["user"],
            match["password"],
            _host(match[4]),
            _port(match["port"]),
            parse_params(params) if params else _NO_PARAMS,
            match["headers"] or "",
        )
    tel = _TEL.fullmatch(text)
    if tel is not None:
        return Uri("tel", tel["user"], None, "", None, parse_params(tel["params"]), "")
    other = _OTHER_URI.fullmatch(text)
    if other is not None:
        return Uri(other[1].lower(), None, None, "", None, _NO_PARAMS, "")
    raise SipError(400, "Bad URI")


_parse_uri_cached = lru_cache(CACHED_TEXTS)(_parse_uri)


class NameAddr(NamedTuple):
    """A name-addr or addr-spec with header parameters: From, To, Contact, Route, … (RFC 3261 §20.10).

    `display` is unquoted; `uri_text` is the URI exactly as written.
    """

    display: str
    uri_text: str
    params: Params

    @staticmethod
    def parse(text: str) -> NameAddr:
        return _parse_name_addr_cached(text) if len(text) < CACHED_LENGTH else _parse_name_addr(text)

    @property
    def uri(self) -> Uri:
        return Uri.parse(self.uri_text)

    @property
    def tag(self) -> str:
        """The tag parameter, "" without one."""
        return self.params.get("tag") or ""


def _parse_name_addr(text: str) -> NameAddr:
    usual = _USUAL_ADDRESS.fullmatch(text)
    if usual is not None:
        name, uri, tag = usual.groups()
        return NameAddr(name or "", uri, _NO_PARAMS if tag is None else {"tag": tag})
    text = text.strip()
    match = _NAME_ADDR.fullmatch(text)
    if match is not None:
        quoted = match["quoted"]
        display = _QUOTED_PAIR.sub(r"\1", quoted) if quoted is not None else match["plain"].strip()
        return NameAddr(display, match["uri"], parse_params(match["params"]))
    match = _ADDR_SPEC.fullmatch(text)
    if match is None:
        raise SipError(400, "Bad Address")
    return NameAddr("", match["uri"], parse_params(match["params"]))


_parse_name_addr_cached = lru_cache(CACHED_TEXTS)(_parse_name_addr)


class Via(NamedTuple):
    """One Via value (RFC 3261 §20.42). `host` has no brackets; `port` is None and `branch` "" where none is written."""

    transport: str
    host: str
    port: int | None
    branch: str
    params: Params

    @staticmethod
    def parse(text: str) -> Via:
        usual = _USUAL_VIA.fullmatch(text)
        if usual is not None:
            transport, host, port, branch, rport = usual.groups()
            number = None if port is None else int(port)
            if number is None or number < 65536:
                return Via(transport, host, number, branch, {"branch": branch} if rport is None else {"branch": branch, "rport": None})
        match = _VIA.fullmatch(text.strip())
        if match is None:
            raise SipError(400, "Bad Via")
        params = parse_params(match["params"])
        return Via(match["transport"].upper(), _host(match[2]), _port(match["port"]), params.get("branch") or "", params)

    @staticmethod
    def salvage(text: str) -> Via | None:
        """What can be read of a broken Via: enough to send the 400 that says so; None when not even that."""
        match = _VIA_START.match(text.strip())
        if match is None:
            return None
        found = _BRANCH.search(text)
        branch = found[1] if found else ""
        try:
            return Via(match[1].upper(), _host(match[2]), _port(match[3]), branch, {"branch": branch} if branch else _NO_PARAMS)
        except SipError:
            return None


def parse_cseq(text: str) -> tuple[int, str]:
    """CSeq as (number, method); the number fits 31 bits (RFC 3261 §8.1.1.5). Raises `SipError(400)`."""
    return _parse_cseq_cached(text) if len(text) < CACHED_LENGTH else _parse_cseq(text)


def _parse_cseq(text: str) -> tuple[int, str]:
    number, _, method = text.partition(" ")
    method = method.strip()
    if not (number.isascii() and number.isdigit()) or not method or len(number) > 10 or int(number) >= 2**31:
        fields = text.split()
        if len(fields) == 2 and fields[0].isascii() and fields[0].isdigit() and len(fields[0]) <= 40 and int(fields[0]) < 2**31:
            return int(fields[0]), fields[1]
        raise SipError(400, "Bad CSeq")
    return int(number), method


_parse_cseq_cached = lru_cache(CACHED_TEXTS)(_parse_cseq)


@lru_cache(CACHED_TEXTS)
def option_tags(text: str) -> frozenset[str]:
    """The comma-separated tokens of a header (Supported, Require, Allow, Privacy with its semicolons), lower-case."""
    return frozenset(token.strip().lower() for token in text.replace(";", ",").split(",") if token.strip())


def parse_seconds(text: str | None) -> int | None:
    """A delta-seconds value without its parameters; None when absent; what is too large counts as 2**31-1 (RFC 3261 §20.19)."""
    if text is None:
        return None
    digits = text.partition(";")[0].strip()
    if not (digits.isascii() and digits.isdigit()):
        raise SipError(400, "Bad Number Of Seconds")
    return min(int(digits[:12]), 2**31 - 1)
