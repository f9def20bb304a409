"""REFER and the headers that name a dialog (RFC 3515, 3891, 3892, 3911, 4488, 4538): what is asked, and how its progress is told."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from b2bua.sip.message import Message, Request
from b2bua.sip.values import NameAddr, SipError, Uri

SIPFRAG: Final = "message/sipfrag;version=2.0"
"""The Content-Type of a NOTIFY that tells how a REFER gets on (RFC 3515 §2.4.5)."""

_CALL_ID = re.compile(r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+(?:@[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+)?")
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_METHOD = re.compile(r";method=[^;]*", re.IGNORECASE)
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_MOST_HEADERS: Final = 64
_KNOWN_HEADERS: Final = ("replaces", "join")


class Replaces(NamedTuple):
    """A dialog whose place an INVITE takes (RFC 3891). The tags are named from the side of who receives the header."""

    call_id: str
    to_tag: str
    """The local tag of who receives it."""
    from_tag: str
    """The remote tag of who receives it."""
    early_only: bool = False
    """Not if it has been answered already."""

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"

    def escaped(self) -> str:
        """As a header of a URI: what stands after ``?Replaces=``."""
        return quote(str(self), safe="")


class Join(NamedTuple):
    """A dialog whose call an INVITE joins (RFC 3911); tags as in `Replaces`."""

    call_id: str
    to_tag: str
    from_tag: str

    def __str__(self) -> str:
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}"


class TargetDialog(NamedTuple):
    """The dialog that a request outside of it is about (RFC 4538); the tags are named from the side of who sends the header."""

    call_id: str
    local_tag: str
    remote_tag: str


class Refer(NamedTuple):
    """What a REFER asks for."""

    target: Uri
    """Whom to call: SIP, SIPS, tel, or another scheme that has nothing but its name. Without the URI's headers and method."""
    target_text: str
    """The same as written, fit for a Request-URI."""
    method: str
    """INVITE, unless it says otherwise."""
    replaces: Replaces | None
    join: Join | None
    referred_by: NameAddr | None
    target_dialog: TargetDialog | None
    reports: bool
    """Whether NOTIFYs are wanted (False: Refer-Sub: false, which the answer has to repeat)."""


def parse_refer(request: Request) -> Refer:
    """What `request` asks for. Raises `SipError(400)`: no target, more than one, or one that cannot be read."""
    text = _escaped(NameAddr.parse(_bracketed(_only(request, "refer-to", "Refer-To"))).uri_text)
    uri = Uri.parse(text)
    headers = _uri_headers(uri.headers)
    replaces, join = headers.get("replaces"), headers.get("join")
    if replaces is not None and join is not None:
        raise SipError(400, "Replaces And Join")
    referred_by, target_dialog = request.get("referred-by"), request.get("target-dialog")
    return Refer(
        uri._replace(headers="", params={name: value for name, value in uri.params.items() if name != "method"}),
        _target_text(text, uri),
        uri.params.get("method") or "INVITE",
        None if replaces is None else parse_replaces(replaces),
        None if join is None else parse_join(join),
        None if referred_by is None else NameAddr.parse(_only(request, "referred-by", "Referred-By")),
        None if target_dialog is None else parse_target_dialog(_only(request, "target-dialog", "Target-Dialog")),
        (request.get("refer-sub") or "").partition(";")[0].strip().lower() != "false",
    )


def named_dialog(invite: Request) -> Replaces | Join | None:
    """The dialog that an INVITE wants to replace or to join. Raises `SipError(400)` for more than one (RFC 3891 §3, RFC 3911 §4)."""
    replaces, join = invite.get("replaces"), invite.get("join")
    if replaces is None and join is None:
        return None
    if replaces is None:
        return parse_join(_only(invite, "join", "Join"))
    if join is not None:
        raise SipError(400, "Replaces And Join")
    return parse_replaces(_only(invite, "replaces", "Replaces"))


def parse_replaces(text: str) -> Replaces:
    """The value of a Replaces header. Raises `SipError(400)`."""
    call_id, params = _dialog(text, "Replaces")
    return Replaces(call_id, _tag(params, "to-tag", "Replaces"), _tag(params, "from-tag", "Replaces"), "early-only" in params)


def parse_join(text: str) -> Join:
    """The value of a Join header. Raises `SipError(400)`."""
    call_id, params = _dialog(text, "Join")
    return Join(call_id, _tag(params, "to-tag", "Join"), _tag(params, "from-tag", "Join"))


def parse_target_dialog(text: str) -> TargetDialog:
    """The value of a Target-Dialog header. Raises `SipError(400)`."""
    call_id, params = _dialog(text, "Target-Dialog")
    return TargetDialog(call_id, _tag(params, "local-tag", "Target-Dialog"), _tag(params, "remote-tag", "Target-Dialog"))


def sipfrag(status: int, reason: str) -> bytes:
    """The body of a NOTIFY: the status of the call that was asked for."""
    return f"SIP/2.0 {status} {_NOT_PRINTABLE.sub(' ', reason)}\r\n".encode("utf-8", "surrogateescape")


def subscription_state(status: int, seconds: int) -> str:
    """The Subscription-State that goes with `sipfrag`: over with the final status, else good for so many more seconds."""
    return f"active;expires={max(0, seconds)}" if status < 200 else "terminated;reason=noresource"


def event(cseq: int) -> str:
    """The Event of the NOTIFYs of the REFER with that CSeq number; the id tells those of one dialog apart (RFC 3515 §2.4.6)."""
    return f"refer;id={cseq}"


def _only(message: Message, name: str, written: str) -> str:
    lines = message.get_all(name)
    if len(lines) != 1 or not lines[0]:
        raise SipError(400, f"Missing {written}" if not any(lines) else f"Repeated {written}")
    return lines[0]


def _bracketed(text: str) -> str:
    """Some phones write a URI with headers and no brackets, which RFC 3515 §2.1 does not allow."""
    return f"<{text}>" if "<" not in text and "?" in text and "," not in text else text


def _escaped(text: str) -> str:
    """Some phones write the @ of a Call-ID as it is."""
    head, mark, headers = text.partition("?")
    return head + mark + headers.replace("@", "%40") if "@" in head and "@" in headers else text


def _target_text(text: str, uri: Uri) -> str:
    if uri.headers:
        text = text[: -len(uri.headers)]
    user, at, host = text.removesuffix("?").rpartition("@")
    return user + at + _METHOD.sub("", host)


def _uri_headers(text: str) -> dict[str, str]:
    """Those headers of a URI that are obeyed; what else is asked for would be ours to say (RFC 3261 §19.1.5)."""
    found: dict[str, str] = {}
    fields = text.split("&") if text else []
    if len(fields) > _MOST_HEADERS:
        raise SipError(400, "Too Many URI Headers")
    for field in fields:
        name, _, value = field.partition("=")
        name = unquote(name).lower()
        if name in _KNOWN_HEADERS:
            if name in found:
                raise SipError(400, f"Repeated {name.title()}")
            found[name] = unquote(value, errors="surrogateescape")
    return found


def _dialog(text: str, header: str) -> tuple[str, dict[str, str]]:
    """A Call-ID, and parameters of which none stands twice."""
    call_id, *fields = (part.strip(" \t") for part in text.split(";"))
    params: dict[str, str] = {}
    for field in fields:
        name, _, value = field.partition("=")
        name = name.rstrip(" \t").lower()
        if not name or name in params:
            raise SipError(400, f"Bad {header}")
        params[name] = value.lstrip(" \t")
    if _CALL_ID.fullmatch(call_id) is None:
        raise SipError(400, f"Bad {header}")
    return call_id, params


def _tag(params: dict[str, str], name: str, header: str) -> str:
    tag = params.get(name, "")
    if _TOKEN.fullmatch(tag) is None:
        raise SipError(400, f"Bad {header}")
    return tag
