"""The kinds of values that the sections of the directory share: extensions, numbers, URIs, times, time zones."""

from __future__ import annotations

import functools
import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator

from b2bua.config.markers import As, Holds, Json
from b2bua.config.schema import Report, closest, quoted
from b2bua.config.yamltree import Where
from b2bua.delegation.digits import normalise
from b2bua.delegation.people import SECONDS_PER_RING, Disclosure

_EXTENSION = re.compile(r"[A-Za-z0-9._]{1,32}")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_URI_TAIL: Final = r"([^@\s<>\"]+@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(;[^\s<>\"]*)?"
_CONTACT = re.compile("sip:" + _URI_TAIL)
_URI = re.compile("sips?:" + _URI_TAIL)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DATE.pattern + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_YEARS: Final = range(2000, 2200)
"""Far from the ends of the calendar, so that no arithmetic with time zones leaves it."""

NUMBER_HINT: Final = 'an outside number such as "+6221500667"'
URI_HINT: Final = '"sip:vm@192.0.2.9:5060"'
SECONDS_HINT: Final = "seconds from 1 to 7200, for example 30"
RINGS_HINT: Final = "a number of rings (6 seconds each), for example 5"
EXTENSION_HINT: Final = "the extension of a user"
ZONE_HINT: Final = "a time zone such as Europe/Berlin, or UTC"
MOST_NAMES: Final = 1_000
"""Of people, callers, days and the like in one list: whoever needs more makes a group, and nobody keeps the server busy with one entry."""
MOST_OWN_NUMBERS: Final = 100
"""Outside numbers of one user, group, service or room."""
MOMENT_HINT: Final = "a date such as 2026-12-01, or date and time such as 2026-12-01T08:00"

Parsed = TypeVar("Parsed")


def parsed(parse: Callable[[object], Parsed], value: object, where: Where, report: Report) -> Parsed | None:
    """The parsed value; what is wrong with it goes to `report`, and the answer is None."""
    try:
        return parse(value)
    except ValueError as error:
        report.error(where, str(error))
        return None


def parse_extension(value: object) -> str:
    """An extension. Raises ValueError with what to write instead, like every parser here."""
    if not isinstance(value, str) or not _EXTENSION.fullmatch(value):
        raise ValueError(f"is {quoted(value)}; write an extension of letters, digits, `.` and `_`")
    return value


def parse_number(value: object) -> str:
    """An outside number, without separators."""
    number = normalise(str(value))
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"is {quoted(value)}; write {NUMBER_HINT}")
    return number


def parse_uri(value: object) -> str:
    """A SIP URI as a target of calls."""
    if not _URI.fullmatch(str(value)):
        raise ValueError(f"is {quoted(value)}; write a SIP URI such as {URI_HINT}")
    return str(value)


def is_uri(target: str) -> bool:
    """Whether a target is meant as a SIP URI; it may still be a wrong one."""
    return target[:5].lower().startswith(("sip:", "sips:"))


def _parse_contact(value: object) -> str:
    if not _CONTACT.fullmatch(str(value)):
        raise ValueError(f'is {quoted(value)}; write a URI such as "sip:gw@192.0.2.7:5060"')
    return str(value)


def _parse_text(value: object) -> object:
    """Names travel in headers: one line, printable."""
    if isinstance(value, str) and not (value.isprintable() and len(value) <= 128):
        raise ValueError("contains a control character or is longer than 128; write one printable line")
    return value


@functools.cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(zoneinfo.available_timezones()))


def parse_zone(value: object) -> tzinfo:
    """The time zone of this name in the IANA database."""
    if value == "UTC":
        return UTC
    if value in _zones():
        return zoneinfo.ZoneInfo(str(value))
    raise ValueError(f"is {quoted(value)}, which is no time zone{_similar_zone(value)}; write {ZONE_HINT}")


def _similar_zone(value: object) -> str:
    """People know the city and forget the continent."""
    word = str(value).lower() if isinstance(value, str) else ""
    city = next((zone for zone in _zones() if word == zone.rpartition("/")[2].lower()), None)
    return f"; did you mean `{city}`?" if city else closest(str(value), list(_zones())) if word else ""


def parse_date(text: str) -> date:
    """``2026-12-24``."""
    if not _DATE.fullmatch(text):
        raise ValueError(f'is {quoted(text)}; write a date such as "2026-12-24"')
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is {quoted(text)}, a day that is in no calendar; write another date") from None
    if found.year not in _YEARS:
        raise ValueError(f"is {quoted(text)}; write a year from {_YEARS.start} to {_YEARS.stop - 1}")
    return found


def parse_moment(value: object) -> datetime | date:
    """A date, or a date and time; without a zone unless one was written."""
    text = str(value)
    if _DATE.fullmatch(text):
        return parse_date(text)
    if not isinstance(value, str) or not _MOMENT.fullmatch(text):
        raise ValueError(f"is {quoted(value)}; write {MOMENT_HINT}")
    parse_date(text[:10])
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is {quoted(value)}, a time that is on no clock; write {MOMENT_HINT}") from None


def instant(moment: datetime | date, zone: tzinfo, *, end: bool = False) -> datetime:
    """The moment in UTC; `zone` counts where none was written, and with `end` a bare date is over at the next midnight.

    In UTC because two times of one zone are compared by their clock readings, which is wrong in the hour that a zone has twice.
    """
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment + timedelta(days=1) if end else moment, time())
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)


def _parse_disclosure(value: object) -> Disclosure:
    match value.lower() if isinstance(value, str) else value:
        case "executive" | "true" | "yes" | "on" | "1" | True:
            return "executive"
        case "assistant":
            return "assistant"
        case "self" | "false" | "no" | "off" | "0" | False:
            return "self"
    raise ValueError(f"is {quoted(value)}; write executive (or true), assistant, or self (or false)")


def text_of(value: object) -> object:
    """A number that a program wrote without quotes, as text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _disclosure_of(value: object) -> object:
    try:
        return _parse_disclosure(value)
    except ValueError:
        return value


Extension = Annotated[str, BeforeValidator(parse_extension), Json(pattern=f"^{_EXTENSION.pattern}$")]
Extensions = Annotated[list[Any], Field(max_length=MOST_NAMES), Holds(list[Extension])]
"""Read one by one, so that a wrong one hides no other."""
Number = Annotated[str, BeforeValidator(parse_number), As(text_of), Json(pattern=r"^\+?[0-9][0-9 ().\-]{2,40}$")]
Numbers = Annotated[tuple[Number, ...], Field(max_length=MOST_OWN_NUMBERS)]
CallerList = Annotated[tuple[str, ...], Field(max_length=MOST_NAMES)]
"""Whose calls are meant; read by `CallerGroups.read`."""
Contact = Annotated[str, BeforeValidator(_parse_contact), Json(pattern="^sip:")]
Text = Annotated[str, BeforeValidator(_parse_text), Json(maxLength=128)]
Zone = Annotated[tzinfo, PlainValidator(parse_zone), As(text_of), Json(only=True, type="string", examples=["Europe/Berlin"])]
Moment = Annotated[datetime | date, PlainValidator(parse_moment), As(text_of), Json(only=True, type="string", pattern=f"^{_DATE.pattern}")]
Shown = Annotated[
    Disclosure, PlainValidator(_parse_disclosure), As(_disclosure_of), Json(only=True, enum=["executive", "assistant", "self", True, False])
]
"""As whom an assistant is shown; true and false are what these keys were before they had words."""
Seconds = Annotated[float, Field(ge=1, le=7_200)]
Rings = Annotated[float, Field(ge=1, le=1_200)]


def seconds(in_seconds: float | None, in_rings: float | None) -> float | None:
    """A ring time that may have been written as rings; None when neither was written."""
    return in_rings * SECONDS_PER_RING if in_seconds is None and in_rings is not None else in_seconds


def one_of_two(in_seconds: float | None, in_rings: float | None, where: Where, report: Report) -> None:
    """A ring time is written in seconds or in rings, not both."""
    if in_seconds is not None and in_rings is not None:
        report.error((*where, "rings"), "stands beside ring_seconds; write one of the two")
