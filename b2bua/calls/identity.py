"""Whose name stands on an INVITE: the caller's identity taken in, the headers that each called party sees given out.

Headers cross by allow-list: what is not written here does not reach the other leg (RFC 3323, 3325, 5806, 7044).
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final, NamedTuple
from urllib.parse import quote

from b2bua.calls.ports import Trunk
from b2bua.delegation.callerid import printable
from b2bua.delegation.numbering import MAX_DIALLED
from b2bua.delegation.plan import Caller, Endpoint, Presentation, RoutePlan
from b2bua.sip.message import Request
from b2bua.sip.values import NameAddr, SipError, quote_string

_PLAIN_USER = re.compile(r"[A-Za-z0-9+*._\-]*")
_SAFE: Final = "+*-_.!~'()&=$,"
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,32}")
_REASON = re.compile(r"([A-Za-z0-9.]{1,16})\s*;\s*cause\s*=\s*([0-9]{1,3})(?:\s*;.*)?")
COMPLETED_ELSEWHERE: Final = 'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'
ANONYMOUS_HOST: Final = "anonymous.invalid"


class Origin(NamedTuple):
    """What the caller's INVITE says, as far as the called party may learn of it. `private`: the caller asked for privacy.

    `vouched`: who calls was proven by digest or said by a trusted trunk, so that it may be asserted to others (RFC 3325 §5).
    """

    max_forwards: int
    private: bool
    subject: str
    priority: str
    vouched: bool


def escape_user(user: str) -> str:
    """The user part of a URI: `#` and whatever else is not allowed there as percent-escapes (RFC 3261 §25.1)."""
    if user.isalnum() and user.isascii():
        return user
    return user if _PLAIN_USER.fullmatch(user) else quote(user, safe=_SAFE, encoding="utf-8", errors="surrogateescape")


def name_addr(presentation: Presentation, domain: str) -> str:
    """`"Name" <sip:user@domain>`; the anonymous one as RFC 3323 §4.1.1.3 writes it, its name as an assistant sees it."""
    if presentation.number == "anonymous":
        return f"{quote_string(presentation.name or 'Anonymous')} <sip:anonymous@{ANONYMOUS_HOST}>"
    uri = f"<sip:{escape_user(presentation.number)}@{domain}>"
    return f"{quote_string(presentation.name)} {uri}" if presentation.name else uri


def wants_privacy(request: Request) -> bool:
    """Whether the caller asked to stay unknown: Privacy `id` or `user`, or an anonymous From (RFC 3323 §4)."""
    privacy = request.get("privacy")
    if privacy is not None:
        return bool(request.tokens("privacy") & {"id", "user"})
    return _anonymous(request.from_)


def _anonymous(address: NameAddr) -> bool:
    try:
        return address.uri.host == ANONYMOUS_HOST
    except SipError:
        return False


def caller_of_trunk(request: Request, trunk: Trunk) -> Caller:
    """The caller of a call from a trunk: P-Asserted-Identity of a trusted one, else From."""
    address = _asserted(request) if trunk.trusted else None
    private = wants_privacy(request) and (address is None or request.get("privacy") is not None)
    address = address or request.from_
    try:
        number = printable(address.uri.telephone, MAX_DIALLED)
    except SipError:
        number = ""
    if not number:
        private = True
    return Caller("trunk", None, None, trunk.name, "" if private else number, "" if private else address.display, private)


def _asserted(request: Request) -> NameAddr | None:
    """The first P-Asserted-Identity that can be read (RFC 3325 §9.1)."""
    if request.get("p-asserted-identity") is None:
        return None
    try:
        addresses = request.addresses("p-asserted-identity")
        usable = [address for address in addresses if address.uri.user]
    except SipError:
        return None
    return usable[0] if usable else None


def preferred_identity(request: Request, hosts: Container[str]) -> str | None:
    """The user part of P-Preferred-Identity, where it names one of our domain (RFC 3325 §9.2)."""
    value = request.get("p-preferred-identity")
    if value is None:
        return None
    try:
        uri = NameAddr.parse(value).uri
    except SipError:
        return None
    return uri.user_text if uri.host in hosts or uri.scheme == "tel" else ""


def origin_of(request: Request, private: bool, vouched: bool) -> Origin:
    """What crosses of the caller's INVITE. Raises `SipError`: 400 for hops that are no number, 483 when none is left."""
    text = request.get("max-forwards")
    hops = 70
    if text is not None:
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise SipError(400, "Bad Max-Forwards")
        hops = min(int(text), 255)
        if hops == 0:
            raise SipError(483, "Too Many Hops")  # the door has looked for a plain "0"; this one is written with more of them
    subject = "" if private else printable(request.get("subject") or "")  # it may well be a name (RFC 3323 §5.3)
    priority = request.get("priority") or ""
    return Origin(hops, private, subject, priority if _TOKEN.fullmatch(priority) else "", vouched)


def reason_header(request: Request) -> str:
    """The Reason of a CANCEL or BYE for the other leg (RFC 3326): protocol and cause, but no text that somebody wrote."""
    reason = request.get("reason")
    match = _REASON.fullmatch(reason) if reason is not None else None
    return f"Reason: {match[1]};cause={match[2]}\r\n" if match is not None else ""


def from_header(plan: RoutePlan, endpoint: Endpoint, domain: str) -> str:
    """From of the INVITE to `endpoint`, without a tag."""
    shown = plan.present_assistant if endpoint.role == "assistant" else plan.present
    if endpoint.kind == "number" and plan.present_outside is not None:
        shown = plan.present_outside
    return name_addr(shown or plan.present or Presentation("", "anonymous"), domain)


def identity_headers(plan: RoutePlan, endpoint: Endpoint, origin: Origin, trunk: Trunk | None, domain: str, diverting: str) -> str:
    """P-Asserted-Identity, Privacy, Diversion, History-Info and Alert-Info of the INVITE to `endpoint`, as header lines.

    `diverting` is the number of the executive as the called party may know it. An untrusted trunk is told nothing.
    """
    lines = ""
    if trunk is None or trunk.trusted:
        asserted = plan.asserted if trunk is None or plan.present_outside is None else plan.present_outside
        if asserted is not None and origin.vouched:
            lines = f"P-Asserted-Identity: {name_addr(asserted, domain)}\r\n"
        if trunk is not None and origin.private and not plan.emergency:
            lines += "Privacy: id\r\n"
    if endpoint.role == "assistant" and plan.executive is not None:
        lines += _delegated(plan, endpoint, domain)
    elif endpoint.role == "forward" and plan.executive is not None and (trunk is None or trunk.trusted):
        lines += f"Diversion: <sip:{escape_user(diverting)}@{domain}>;reason=no-answer;counter=1\r\n"
    if origin.subject and trunk is None:
        lines += f"Subject: {origin.subject}\r\n"
    if origin.priority and (trunk is None or plan.emergency):
        lines += f"Priority: {origin.priority}\r\n"
    return lines


def _delegated(plan: RoutePlan, endpoint: Endpoint, domain: str) -> str:
    """For whom the call is: what an assistant's phone and pages can show (A17)."""
    executive = escape_user(plan.executive or "")
    assistant = escape_user(endpoint.extension or "")
    lines = (
        f"Diversion: <sip:{executive}@{domain}>;reason={plan.diversion_reason or 'unconditional'};counter=1\r\n"
        f"History-Info: <sip:{executive}@{domain}>;index=1, <sip:{assistant}@{domain}>;index=1.1;mp=1\r\n"
    )
    if plan.alert_info:
        lines += f"Alert-Info: <http://{domain}>;info={plan.alert_info}\r\n"
    return lines
