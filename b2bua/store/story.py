"""What became of a call, for people to read: who rang from when for how long, who answered, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import Final

from b2bua.store.ports import HistoryRow, Segment

Named = Callable[[str], str]
"""How an extension is written, with a name where there is one: ``Sam Secretary (676)``."""

_DID: Final = {"ring": "rang", "talk": "talked", "hold": "held the call", "park": "had parked the call", "listen": "listened", "whisper": "whispered"}


def tell(row: HistoryRow, named: Named, zone: tzinfo | None = None) -> str:
    """The story of the call, several lines without a final newline; times in `zone`, None: the machine's."""
    return "\n".join(("What happened then:", *(f"  {line}" for line in _lines(row, named, zone))))


def _lines(row: HistoryRow, named: Named, zone: tzinfo | None) -> Iterator[str]:
    for segment in sorted(row.segments, key=lambda each: (each.started, each.ended or row.ended)):
        yield f"{_clock(segment.started, zone)}  {_segment(segment, row, named)}"
    yield f"{_clock(row.ended, zone)}  {_end(row, named)}"


def _segment(segment: Segment, row: HistoryRow, named: Named) -> str:
    ended = row.ended if segment.ended is None else segment.ended
    with_whom = ""
    if segment.speaks_as is not None and row.actor is not None:
        with_whom = f" with {named(row.actor)}, who spoke as {named(segment.speaks_as)}"
    elif len(segment.with_) > 1:
        with_whom = f" with {', '.join(named(each) for each in segment.with_)}"
    elif segment.kind == "park" and segment.with_:
        with_whom = f" in slot {segment.with_[0]}"
    why = f" ({segment.why})" if segment.why not in ("", "answered") else ""
    return f"{named(segment.party)} {_DID[segment.kind]} for {duration(ended - segment.started)}{with_whom}{why}"


def _end(row: HistoryRow, named: Named) -> str:
    if row.answered is not None and row.answered_by is not None:
        after, talked = duration(row.answered - row.started), duration(row.ended - row.answered)
        return f"The end: {named(row.answered_by)} had answered after {after} and talked for {talked}."
    after = duration(row.ended - row.started)
    match row.outcome:
        case "answered":
            return "The server itself answered."
        case "missed":
            return f"The end: nobody had answered within {after}; the caller was told {row.status}."
        case "cancelled":
            return f"The end: the caller gave up after {after}."
        case "busy":
            return f"The end: busy ({row.status})."
        case "refused":
            return f"The end: refused ({row.status})."
        case "failed":
            return f"The end: the call could not be carried out ({row.status})."


def duration(seconds: float) -> str:
    """``4.2 s``, ``58 s``, ``2 min 5 s``, ``1 h 0 min``."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"


def _clock(seconds: float, zone: tzinfo | None) -> str:
    return f"{datetime.fromtimestamp(seconds, zone):%H:%M:%S}"
