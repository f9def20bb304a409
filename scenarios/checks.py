"""What a party expects of a message it receives, and the session descriptions that it sends."""

from __future__ import annotations

import re
from typing import NewType
from xml.sax.saxutils import escape

Check = NewType("Check", str)
"""One `<ereg>` element of SIPp: what a received message must (or must not) contain."""


def literal(text: str) -> str:
    """`text` as a POSIX extended regular expression that matches just it."""
    return re.sub(r"([][.()*+?^$|\\{}])", r"\\\1", text)


def quoted(text: str) -> str:
    """`text` as an XML attribute; SIPp reads double quotes only."""
    return f'"{escape(text, {chr(34): "&quot;"})}"'


def _ereg(regexp: str, header: str | None, *, must: bool, occurrence: int = 1) -> Check:
    where = 'search_in="msg"' if header is None else f'search_in="hdr" header="{header}:" case_indep="true"'
    nth = "" if occurrence == 1 else f' occurrence="{occurrence}"'
    verdict = "check_it" if must else "check_it_inverse"
    return Check(f'<ereg regexp={quoted(regexp)} {where}{nth} {verdict}="true" assign_to="seen"/>')


def has(header: str, regexp: str, occurrence: int = 1) -> Check:
    """The header is there and matches (POSIX extended expression, unanchored)."""
    return _ereg(regexp, header, must=True, occurrence=occurrence)


def lacks(header: str, regexp: str) -> Check:
    """The header, if it is there at all, does not match."""
    return _ereg(regexp, header, must=False)


def absent(header: str) -> Check:
    """No header of this name."""
    return _ereg(".", header, must=False)


def somewhere(regexp: str) -> Check:
    """The message, from first line to body, matches."""
    return _ereg(regexp, None, must=True)


def nowhere(regexp: str) -> Check:
    """Nothing in the message, from first line to body, matches."""
    return _ereg(regexp, None, must=False)


def session(direction: str = "sendrecv", version: int = 1, extra: str = "", head: str = "") -> str:
    """A session description (RFC 4566) of one PCMU stream; `head` and `extra` are further lines of session and stream."""
    return (
        f"v=0\no=[pid] [call_number]77 {version} IN IP[local_ip_type] [local_ip]\ns=-\n{head}c=IN IP[media_ip_type] [media_ip]\nt=0 0\n"
        f"m=audio [media_port] RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\na={direction}\n{extra}"
    )


def without_events() -> str:
    """The session description of a phone that knows no telephone events, and plays PCMU from files (SIPp's rtp_stream)."""
    head = session().partition("m=audio")[0]
    return head + "m=audio [rtpstream_audio_port] RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=sendrecv\n"


def through(host: str) -> Check:
    """The session description says that the sound goes to `host`."""
    return somewhere(f"c=IN IP4 {literal(host)}[^0-9.]")


ELSEWHERE = has("Reason", 'SIP *; *cause=200 *; *text="Call completed elsewhere"')
"""A phone that loses the race must be told so (RFC 3326), or it logs a missed call."""
