"""SIP messages (RFC 3261 §7): bytes in, lazily typed messages out, and bytes again.

Parsing splits the header block into lines and no further; a value is parsed when somebody asks for it. The text is
decoded as UTF-8 with surrogate escapes, so every byte of a value that nobody touches leaves exactly as it came.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from b2bua.sip.values import CACHED_LENGTH, CACHED_TEXTS, NameAddr, SipError, Uri, Via, option_tags, parse_cseq, split_values

MAX_HEADERS: Final = 256
MAX_HEADER_BYTES: Final = 32 * 1024
MAX_MESSAGE_BYTES: Final = 65_535

# RFC 3261 §7.3.3 and the compact forms registered since.
_COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
_NAMED_METHODS: Final = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "UPDATE", "PRACK", "INFO"})
_COMMON: Final = (
    "Via From To Call-ID CSeq Contact Max-Forwards Content-Length Content-Type Allow Supported Require User-Agent Server Record-Route "
    "Route Expires Authorization Proxy-Authorization WWW-Authenticate Proxy-Authenticate RSeq RAck Reason Session-Expires Min-SE Accept "
    "P-Asserted-Identity P-Preferred-Identity Privacy Diversion History-Info Subject Date Event Warning Retry-After Min-Expires Path"
).split()
_NAMES: dict[str, str] = {
    **{name: name.lower() for name in _COMMON},
    **{name.lower(): name.lower() for name in _COMMON},
    **_COMPACT,
    **{letter.upper(): name for letter, name in _COMPACT.items()},
}
_BLANKS: Final = " \t"  # str.strip() alone would also take no-break spaces and control characters from a value
_NO_TOKENS: frozenset[str] = frozenset()
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_FOLD = re.compile(r"(?:(?<![ \t])[ \t]+)?\r\n[ \t]+")  # the look-behind tries each run of blanks once: without it, quadratic
_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.DOTALL | re.IGNORECASE)
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
_SINGLE = frozenset({"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires", "min-expires", "rseq", "rack"})


class MessageError(SipError):
    """A message that cannot be served as it stands. `request` is what could be read of it, when it can be answered at all."""

    def __init__(self, status: int, reason: str, request: Request | None = None) -> None:
        super().__init__(status, reason)
        self.request = request


class Message:
    """What requests and responses share. Header names are lower-case long forms; values are unfolded and stripped."""

    __slots__ = ("_fields", "_repeated", "body", "via", "from_", "to", "call_id", "cseq", "cseq_method", "_raw")

    via: Via
    """The top Via; missing (AttributeError) only on the request of a `MessageError` without an answer."""
    from_: NameAddr
    to: NameAddr
    call_id: str
    cseq: int
    cseq_method: str

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}
        self._repeated: list[tuple[str, str]] | None = None
        self.body = b""
        self._raw = b""

    def get(self, name: str) -> str | None:
        """The first line of that name, None without one."""
        return self._fields.get(name)

    @property
    def via_count(self) -> int:
        """How many Via values there are; cheap for the usual one."""
        if self._repeated is None and "," not in self._fields["via"]:
            return 1
        return len(self.values("via"))

    def get_all(self, name: str) -> list[str]:
        """Every line of that name, in order."""
        first = self._fields.get(name)
        if first is None:
            return []
        if self._repeated is None:
            return [first]
        return [first, *(value for other, value in self._repeated if other == name)]

    def values(self, name: str) -> list[str]:
        """Every comma-separated value of every line of that name. Raises `SipError(400)`."""
        lines = self.get_all(name)
        if len(lines) == 1:
            return split_values(lines[0])
        return [value for line in lines for value in split_values(line)]

    def tokens(self, name: str) -> frozenset[str]:
        """The option tags, methods … of a header, lower-case (Supported, Require, Allow, Privacy)."""
        first = self._fields.get(name)
        if first is None:
            return _NO_TOKENS
        if self._repeated is None:
            return option_tags(first) if len(first) < CACHED_LENGTH else option_tags.__wrapped__(first)
        return frozenset[str]().union(*(option_tags.__wrapped__(line) for line in self.get_all(name)))

    def addresses(self, name: str) -> list[NameAddr]:
        """The name-addr values of a header (Contact, Route, …). Raises `SipError(400)`."""
        return [NameAddr.parse(value) for value in self.values(name)]

    def names(self) -> list[str]:
        """The header names present, each once."""
        return list(self._fields)

    def encode(self) -> bytes:
        """The bytes it came as."""
        return self._raw

    def _read_lines(self, lines: list[str]) -> str | None:
        """Fill the fields; the first thing that is wrong, None when nothing is."""
        try:
            # Nearly every message has only well-known headers, each once.
            usual = {_NAMES[name]: value.strip(_BLANKS) for name, colon, value in [line.partition(":") for line in lines[1:]] if colon}
            if len(usual) == len(lines) - 1:
                self._fields = usual
                return None
        except KeyError:
            pass
        fields = self._fields
        wrong = None
        for at in range(1, len(lines)):
            name, colon, value = lines[at].partition(":")
            key = _NAMES.get(name) or _long_name(name)
            if not colon or key is None:
                wrong = wrong or "Bad Header Line"
                continue
            if key not in fields:
                fields[key] = value.strip(_BLANKS)
                continue
            if key in _SINGLE:
                wrong = wrong or f"Repeated {key.title()}"
            if self._repeated is None:
                self._repeated = []
            self._repeated.append((key, value.strip(_BLANKS)))
        return wrong

    def _read_core(self) -> str | None:
        """Type the headers that every message needs (RFC 3261 §8.1.1); what is wrong, None when nothing is."""
        fields = self._fields
        via = fields.get("via", "")
        try:
            self.via = Via.parse(via if "," not in via else split_values(via)[0])
            self.from_ = NameAddr.parse(fields["from"])
            self.to = NameAddr.parse(fields["to"])
            self.call_id = fields["call-id"]
            self.cseq, self.cseq_method = parse_cseq(fields["cseq"])
        except KeyError as missing:
            return f"Missing {str(missing.args[0]).title()}"
        except SipError as error:
            return error.reason if via else "Missing Via"
        if not self.call_id or " " in self.call_id:
            return "Bad Call-Id"
        return None

    def _read_body(self, rest: bytes, datagram: bool) -> str | None:
        """Cut the body to Content-Length (RFC 3261 §18.3); octets after it in a datagram are dropped."""
        text = self._fields.get("content-length")
        if text is None:
            self.body = rest
            return None
        if not text.isdigit() or len(text) > 9 or not text.isascii():
            return "Bad Content-Length"
        length = int(text)
        if length > len(rest):
            return "Body Shorter Than Content-Length"
        self.body = rest[:length] if length < len(rest) else rest
        return None


class Request(Message):
    """A request. `uri` is the Request-URI as written; `target` the same parsed. `key` is for the stack's own use."""

    __slots__ = ("key", "method", "uri")

    def __init__(self, method: str, uri: str) -> None:
        super().__init__()
        self.method = method
        self.uri = uri
        self.key: object = None

    @property
    def target(self) -> Uri:
        return Uri.parse(self.uri)


class Response(Message):
    """A response with its status code (100 to 699) and reason phrase."""

    __slots__ = ("status", "reason")

    def __init__(self, status: int, reason: str) -> None:
        super().__init__()
        self.status = status
        self.reason = reason


def _long_name(name: str) -> str | None:
    """The lower-case long form of a header name, None when it is no token (RFC 3261 §7.3.1)."""
    name = name.rstrip(" \t")
    if _TOKEN.fullmatch(name) is None:
        return None
    lower = name.lower()
    return _COMPACT.get(lower, lower)


def parse_message(data: bytes, datagram: bool = True) -> Request | Response:
    """One message from one datagram or one frame of a stream.

    Raises `MessageError`: with `.request` where the sender can be told (400, 505), without where it can only be dropped.
    """
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        end = len(data)
    if end - start > MAX_HEADER_BYTES or len(data) > MAX_MESSAGE_BYTES:
        raise _too_large(data, start, end)
    head = data[start:end].decode("utf-8", "surrogateescape")
    lines = head.split("\r\n")
    text = "".join(lines)
    stray = "\n" in text or "\r" in text
    if "\r\n " in head or "\r\n\t" in head:
        lines = _FOLD.sub(" ", head).split("\r\n")
    if stray or len(lines) > MAX_HEADERS:
        # A lone CR or LF is how a header would be smuggled past whoever reads lines differently.
        lines = [line for line in lines[:MAX_HEADERS] if "\r" not in line and "\n" not in line]
        if not lines:
            raise MessageError(400, "Bad Line Ends")
        stray = True
    if lines[0].startswith("SIP/") or lines[0][:4].upper() == "SIP/":
        return _parse_response(data, lines, data[end + 4 :], datagram, stray)
    return _parse_request(data, lines, data[end + 4 :], datagram, stray)


def _too_large(data: bytes, start: int, end: int) -> MessageError:
    """513 for an oversized message whose head can still be read, to be dropped otherwise."""
    if end - start > MAX_HEADER_BYTES:
        return MessageError(513, "Message Too Large")
    try:
        message = parse_message(data[: end + 4])
    except MessageError as error:
        return MessageError(513, "Message Too Large", error.request)
    return MessageError(513, "Message Too Large", message if isinstance(message, Request) else None)


def _read_status(line: str) -> tuple[int, str]:
    match = _STATUS.fullmatch(line)
    return (int(match[1]), match[2] or "") if match is not None else (0, "")


_usual_status = lru_cache(CACHED_TEXTS)(_read_status)


def _parse_response(data: bytes, lines: list[str], rest: bytes, datagram: bool, stray: bool) -> Response:
    status, reason = _usual_status(lines[0]) if len(lines[0]) < CACHED_LENGTH else _read_status(lines[0])
    if not status or stray:
        raise MessageError(400, "Bad Status Line")
    response = Response(status, reason)
    wrong = response._read_lines(lines) or response._read_core() or response._read_body(rest, datagram)
    if wrong is not None:
        raise MessageError(400, wrong)
    response._raw = data
    return response


def _meant_as_ack(request: Request) -> bool:
    """An ACK with the CSeq of its INVITE, method and all, as simple clients send it. It can mean nothing else, and without it the call ends."""
    return request.method == "ACK" and request.cseq_method == "INVITE"


def _parse_request(data: bytes, lines: list[str], rest: bytes, datagram: bool, stray: bool) -> Request:
    method, _, tail = lines[0].partition(" ")
    uri, _, version = tail.rpartition(" ")
    request = Request(method, uri)
    wrong = request._read_lines(lines)
    if (method not in _NAMED_METHODS and _TOKEN.fullmatch(method) is None) or not tail:
        raise MessageError(400, "Bad Request Line")  # not SIP at all: nobody to answer
    core = request._read_core()
    ours = version == "SIP/2.0" or version.upper() == "SIP/2.0"
    sound = wrong is None and core is None and ours and not stray and (request.cseq_method == method or _meant_as_ack(request))
    if sound and uri and " " not in uri and "\t" not in uri and uri[0] != "<" and request._read_body(rest, datagram) is None:
        request._raw = data
        return request
    answerable = request if method != "ACK" and _can_answer(request) else None
    if not ours:
        if _VERSION.fullmatch(version) and " " not in uri:
            raise MessageError(505, "Version Not Supported", answerable)
        raise MessageError(400, "Bad Request Line", answerable)
    if not uri or " " in uri or "\t" in uri or uri[0] == "<":
        raise MessageError(400, "Bad Request-URI", answerable)
    wrong = "Bad Line Ends" if stray else wrong or core or request._read_body(rest, datagram) or "CSeq Method Differs"
    raise MessageError(400, wrong, answerable)


def _can_answer(request: Request) -> bool:
    """Whether the top Via says enough to send a response by; a broken one is salvaged for that."""
    if hasattr(request, "via"):
        return True
    via = Via.salvage(request.get("via") or "")
    if via is not None:
        request.via = via
    return via is not None


def header(name: str, value: str) -> str:
    """One header line. A value with a line end in it is refused with ValueError: it would start a header of its own."""
    if "\r" in value or "\n" in value:
        raise ValueError(f"line end in {name}")
    return f"{name}: {value}\r\n"


def encode(start_line: str, headers: str, body: bytes = b"", content_type: str = "") -> bytes:
    """A whole message from its start line and ready header lines; adds Content-Type and Content-Length."""
    if not body:
        return f"{start_line}\r\n{headers}Content-Length: 0\r\n\r\n".encode("utf-8", "surrogateescape")
    head = f"{start_line}\r\n{headers}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body
