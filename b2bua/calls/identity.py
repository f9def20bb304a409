"""Whose name stands on an INVITE: the caller's identity taken in, the headers that each called party sees given out.

Headers cross by allow-list: what is not written here does not reach the other leg (RFC 3323, 3325, 5806, 7044).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
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
_MAX_REASON: Final = 200  # characters of its text: a phone shows less, and a datagram must hold it
MAX_NOTED: Final = 60
"""Characters of a display name in which a hand-over note stands."""
_NOTED_NAME: Final = 24  # of the caller's name beside it
ANONYMOUS_HOST: Final = "anonymous.invalid"
_WITHHELD: Final = frozenset({"anonymous", "private", "restricted", "withheld"})
"""What carriers write in place of a number that the caller withholds, before whatever host."""
_UNAVAILABLE: Final = frozenset({"unavailable", "unknown"})
"""What carriers write in place of a number that they were not given."""


class Origin(NamedTuple):
    """What the caller's INVITE says, as far as the called party may learn of it. `private`: the caller asked for privacy.

    `vouched`: who calls was proven by digest or said by a trusted trunk, so that it may be asserted to others (RFC 3325 §5).
    """

    max_forwards: int
    private: bool
    subject: str
    priority: str
    vouched: bool
    referred_by: str = ""
    """Extension of who has transferred the call; "" = nobody has."""


class Diverted(NamedTuple):
    """Somebody who diverted a call: the user part by which the called party may know them, and why (a `diversion-reason`, RFC 5806)."""

    number: str
    reason: str


def reason(text: str, cause: int = 200) -> str:
    """Why we hang up on somebody, as a header line (RFC 3326): some phones show the text."""
    return f"Reason: SIP;cause={cause};text={quote_string(printable(text, _MAX_REASON))}\r\n"


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
    """Whether a user asked to stay unknown: Privacy `id` or `user`, or an anonymous From where Privacy does not say `none`.

    RFC 3323 §4.1 and §4.2, RFC 3325 §9.3. The other values say nothing of who calls: `header` and `session` are about Via, Contact
    and the description, which never cross.
    """
    return _asks_privacy(request, _anonymous(request.from_, frozenset({"anonymous"})))  # an extension may be called `private`


def _asks_privacy(request: Request, anonymous: bool) -> bool:
    values = request.tokens("privacy") if request.get("privacy") is not None else frozenset()
    return bool(values & {"id", "user"}) or (anonymous and "none" not in values)


def _anonymous(address: NameAddr, words: Container[str] = _WITHHELD) -> bool:
    try:
        return address.uri.host == ANONYMOUS_HOST or address.uri.telephone.lower() in words
    except SipError:
        return False


def caller_of_trunk(request: Request, trunk: Trunk) -> Caller:
    """The caller of a call from a trunk: P-Asserted-Identity of a trusted one, else From.

    An anonymous From asks for privacy also where P-Asserted-Identity tells who calls: that is for the trunk and us (RFC 3325 §7).
    """
    asserted = _asserted(request) if trunk.trusted else None
    address = asserted or request.from_
    if _asks_privacy(request, _anonymous(request.from_) or _anonymous(address)):
        return Caller("trunk", None, None, trunk.name, "", "", anonymous=True)
    try:
        number = printable(address.uri.telephone, MAX_DIALLED)
    except SipError:
        number = ""
    unavailable = not number or number.lower() in _UNAVAILABLE or _anonymous(address)  # `Privacy: none`, and no number to show
    return Caller(
        "trunk", None, None, trunk.name, "" if unavailable else number, "" if unavailable else address.display, unavailable, unavailable
    )


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
    if _hidden(plan, endpoint):
        return name_addr(_noted(plan.present_assistant or Presentation("", "anonymous"), endpoint), domain)
    if endpoint.kind == "number":
        shown = plan.present_outside  # an assistant's display names the executive; it is for phones inside
    else:
        shown = _assistants_see(plan, endpoint) if endpoint.role == "assistant" else plan.present
    return name_addr(_noted(shown or plan.present or Presentation("", "anonymous"), endpoint), domain)


def _noted(shown: Presentation, endpoint: Endpoint) -> Presentation:
    """With the hand-over note before the name, for phones that show names only (C13)."""
    if not endpoint.note or endpoint.kind == "number":
        return shown
    mark = "" if endpoint.alert == "recall" else "Note: "
    who = (shown.name or shown.number)[:_NOTED_NAME]
    room = MAX_NOTED - len(f"{mark} – {who}")
    note = endpoint.note if len(endpoint.note) <= room else f"{endpoint.note[: room - 1].rstrip()}…"
    return shown._replace(name=f"{mark}{note} – {who}")


def _assistants_see(plan: RoutePlan, endpoint: Endpoint) -> Presentation | None:
    """What an assistant sees: whose assistant it is matters where a forward has led to another executive."""
    for each in plan.present_for:
        if each.executive == endpoint.for_executive:
            return each.presentation
    return plan.present_assistant


def _hidden(plan: RoutePlan, endpoint: Endpoint) -> bool:
    """Whether the called party learns nothing of the caller: an assistant, at a phone or at the number that stands for it, whom a
    confidential call reaches (A24)."""
    return plan.confidential and endpoint.role == "assistant"


def diverted(plan: RoutePlan, endpoint: Endpoint) -> tuple[Diverted, ...]:
    """Who diverted the call to `endpoint`, by extension, latest first; empty when it rings by itself."""
    executive, forwarded = endpoint.for_executive or plan.executive, endpoint.diverting
    hops: list[Diverted] = []
    if endpoint.diverted_by is not None:
        hops.append(Diverted(endpoint.diverted_by, "unconditional"))
    if executive is not None and executive != forwarded:
        if endpoint.role == "assistant" or endpoint.diverted_by is not None:
            hops.append(Diverted(executive, plan.diversion_reason or "unconditional"))
        elif not forwarded and endpoint.role in ("forward", "voicemail"):
            hops.append(Diverted(executive, endpoint.diversion or "no-answer"))  # the rollover
    if forwarded:
        hops.append(Diverted(forwarded, endpoint.diversion or "unconditional"))
    return tuple(hops)


def identity_headers(
    plan: RoutePlan, endpoint: Endpoint, origin: Origin, trunk: Trunk | None, domain: str, diverted_by: Sequence[Diverted]
) -> str:
    """P-Asserted-Identity, Privacy, Diversion, History-Info and Alert-Info of the INVITE to `endpoint`, as header lines.

    `diverted_by` is what `diverted` says, with the numbers that this called party may see. An untrusted trunk is told nothing.
    """
    lines = ""
    hidden = _hidden(plan, endpoint)
    if trunk is None or trunk.trusted:
        asserted = plan.asserted if trunk is None or plan.present_outside is None else plan.present_outside
        if asserted is not None and origin.vouched and not hidden:
            lines = f"P-Asserted-Identity: {name_addr(_noted(asserted, endpoint), domain)}\r\n"
        if trunk is not None and origin.private and not plan.emergency:
            lines += "Privacy: id\r\n"
        if diverted_by:
            lines += _diversions(endpoint, diverted_by, domain)
    if trunk is None:
        lines += _alert_info(plan, endpoint, domain)
        if origin.referred_by and not hidden:
            lines += f"Referred-By: <sip:{escape_user(origin.referred_by)}@{domain}>\r\n"  # RFC 3892: for those inside
        if endpoint.note:
            lines += f"Subject: {endpoint.note}\r\n"
        elif origin.subject and not hidden:
            lines += f"Subject: {origin.subject}\r\n"
    if origin.priority and (trunk is None or plan.emergency):
        lines += f"Priority: {origin.priority}\r\n"
    return lines


def _diversions(endpoint: Endpoint, diverted_by: Sequence[Diverted], domain: str) -> str:
    """For whom the call is and how it came here: what phones, mailboxes and pages can show (A17)."""
    if len(diverted_by) == 1 and endpoint.role == "assistant" and endpoint.extension is not None:  # as nearly always
        first = f"<sip:{escape_user(diverted_by[0].number)}@{domain}>"
        return (
            f"Diversion: {first};reason={diverted_by[0].reason};counter=1\r\n"
            f"History-Info: {first};index=1, <sip:{escape_user(endpoint.extension)}@{domain}>;index=1.1;mp=1\r\n"
        )
    lines = "".join(
        f"Diversion: <sip:{escape_user(each.number)}@{domain}>;reason={each.reason};counter=1\r\n" for each in diverted_by
    )
    if endpoint.role == "assistant" or endpoint.diverted_by is not None:
        lines += f"History-Info: {', '.join(_history(endpoint, diverted_by, domain))}\r\n"
    return lines


def _history(endpoint: Endpoint, diverted_by: Sequence[Diverted], domain: str) -> Iterator[str]:
    """The hops from the executive to `endpoint`; `mp`: each was mapped to from the one before (RFC 7044 §10.1)."""
    numbers = [*(each.number for each in reversed(diverted_by)), endpoint.number or endpoint.extension or ""]
    uris = [f"sip:{escape_user(number)}@{domain}" for number in numbers]
    if endpoint.kind == "uri":
        uris[-1] = numbers[-1]
    index, mapped = "1", ""
    for uri in uris:
        yield f"<{uri}>;index={index}{mapped}"
        index, mapped = f"{index}.1", f";mp={index}"


def _alert_info(plan: RoutePlan, endpoint: Endpoint, domain: str) -> str:
    """How the phone is to alert (A7/A8): as a URN (RFC 7462) where there is one, and by the `info` that desk phones look for (D7)."""
    info = plan.alert_info if endpoint.role == "assistant" and endpoint.alert != "recall" else endpoint.alert
    if not info:
        return ""
    if info == "answer":  # there is no standard: some phones look for the one, others for the other
        return f"Alert-Info: <http://{domain}>;info=alert-autoanswer\r\nCall-Info: <sip:{domain}>;answer-after=0\r\n"
    urn = "<urn:alert:duration:short>, " if info == "splash" else ""
    return f"Alert-Info: {urn}<http://{domain}>;info={info}\r\n"
