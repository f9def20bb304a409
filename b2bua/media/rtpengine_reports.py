"""What rtpengine tells of a call: the keys that it has seen, and what it has counted (10.5)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from b2bua.media.bencode import Value
from b2bua.media.engine import Statistics
from b2bua.media.ng import Reply

_KEYS = "0123456789*#ABCD"  # by event code, RFC 4733 section 3.2


class Event(NamedTuple):
    """A key that rtpengine has seen."""

    call: str
    party: str
    digit: str


def parse_event(datagram: bytes) -> Event | None:
    """An event as rtpengine logs it (JSON), or None: not one, or not a key (RFC 4733 has other events too)."""
    try:
        event: Any = json.loads(datagram)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.get("type") != "DTMF":
        return None
    call, party, code = event.get("callid"), event.get("source_tag"), event.get("event")
    if not isinstance(call, str) or not isinstance(party, str) or not isinstance(code, int) or not 0 <= code < len(_KEYS):
        return None
    return Event(call, party, _KEYS[code])


def statistics(reply: Reply) -> tuple[Statistics, ...]:
    """What the reply to a query says of each party.

    rtpengine counts what it receives. `sent` is what came from those whom the party hears; `lost` and `jitter_ms` are what these
    reported by RTCP of what they got from it (0 without reports); gaps it does not measure.
    """
    parties = {tag: _mapping(party) for tag, party in _mapping(reply.get("tags")).items() if _mapping(party).get("tag")}
    streams = {tag: tuple(_rtp_streams(party)) for tag, party in parties.items()}
    hears = {
        tag: tuple(_text(_mapping(each).get("tag")) for each in _sequence(parties[tag].get("subscriptions"))) for tag in parties
    }
    reports = {tag: tuple(_reports(streams[tag], reply)) for tag in parties}
    found = []
    for tag, heard in hears.items():
        told = [report for other in heard if tag in hears.get(other, ()) for report in reports[other]]
        found.append(
            Statistics(
                termination=tag,
                received=_received(streams[tag]),
                sent=sum(_received(streams.get(other, ())) for other in heard),
                lost=sum(_number(report.get("cumulative loss")) for report in told),
                jitter_ms=float(max((_number(_mapping(report.get("average MOS")).get("jitter")) for report in told), default=0)),
                silent_seconds=0.0,
                foreign=sum(_number(_mapping(stream.get("stats")).get("errors")) for stream in streams[tag]),
            )
        )
    return tuple(found)


def _reports(streams: Iterable[dict[str, Value]], reply: Reply) -> Iterable[dict[str, Value]]:
    """What the sender of these streams reported by RTCP of what it received: rtpengine keeps it by the SSRC of who reports."""
    by_ssrc = _mapping(reply.get("SSRC"))
    return (_mapping(by_ssrc.get(str(stream.get("SSRC")))) for stream in streams)


def _rtp_streams(party: dict[str, Value]) -> Iterable[dict[str, Value]]:
    for media in _sequence(party.get("medias")):
        for stream in _sequence(_mapping(media).get("streams")):
            if b"RTP" in _sequence(_mapping(stream).get("flags")):
                yield _mapping(stream)


def _received(streams: Iterable[dict[str, Value]]) -> int:
    """Packets that were relayed: rtpengine counts those that it drops (from elsewhere, mostly) as packets too."""
    counted = [_mapping(stream.get("stats")) for stream in streams]
    return sum(max(_number(each.get("packets")) - _number(each.get("errors")), 0) for each in counted)


def _mapping(value: Value | None) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _sequence(value: Value | None) -> list[Value]:
    return value if isinstance(value, list) else []


def _number(value: Value | None) -> int:
    return max(value, 0) if isinstance(value, int) else 0


def _text(value: Value | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
