"""REFER and the headers that name a dialog (RFC 3515, 3891, 3911, 4488): what is asked, and how its progress is told."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from b2bua.sip.message import Message, Request
from b2bua.sip.values import NameAddr, SipError, Uri

SIPFRAG: Final = "message/sipfrag;version=2.0"
"""The Content-Type of a NOTIFY that tells how a REFER gets on (RFC 3515 §2.4.5)."""

_CALL_ID = re.compile(r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+(?:@[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+)?")
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
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


class Join(NamedTuple):
    """A dialog whose call an INVITE joins (RFC 3911); tags as in `Replaces`."""

    call_id: str
    to_tag: str
    from_tag: str


class Refer(NamedTuple):
    """What a REFER asks for."""

    target: Uri
    """Whom to call: SIP, SIPS, tel, or another scheme that has nothing but its name. Without the URI's headers and method."""
    method: str
    """INVITE, unless it says otherwise."""
    replaces: Replaces | None
    join: Join | None
    reports: bool
    """Whether NOTIFYs are wanted (False: Refer-Sub: false, which the answer has to repeat)."""


def parse_refer(request: Request) -> Refer:
    """What `request` asks for. Raises `SipError(400)`: no target, more than one, or one that cannot be read."""
    uri = Uri.parse(_escaped(NameAddr.parse(_bracketed(_only(request, "refer-to", "Refer-To"))).uri_text))
    headers = _uri_headers(uri.headers)
    replaces, join = headers.get("replaces"), headers.get("join")
    if replaces is not None and join is not None:
        raise SipError(400, "Replaces And Join")
    return Refer(
        uri._replace(headers="", params={name: value for name, value in uri.params.items() if name != "method"}),
        uri.params.get("method") or "INVITE",
        None if replaces is None else parse_replaces(replaces),
        None if join is None else parse_join(join),
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
