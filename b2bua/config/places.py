"""``parking:`` and ``conferences:`` of the directory, and executives' own slots: numbers that lead to no phone (C3, C4, C12)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from b2bua.config.draft import Draft
from b2bua.config.markers import As, Json
from b2bua.config.schema import SECRET, Report, Section, quoted, read_part, read_section
from b2bua.config.server import Config
from b2bua.config.values import NUMBER_HINT, SECONDS_HINT, Extensions, Numbers, Seconds, Text, text_of
from b2bua.config.yamltree import Where
from b2bua.delegation.digits import normalise, number_key
from b2bua.delegation.lint_finding import listed
from b2bua.delegation.people import DEFAULT_SLOTS, Parking, Room

MOST_SLOTS: Final = 1_000
SLOT_HINT: Final = 'two to eight digits, for example "7667"'
SLOTS_HINT: Final = 'FIRST-LAST, for example "701-750", or null for none'
_SLOT = re.compile(r"[0-9]{2,8}")
_STAND_IN: Final = {"number": "00"}


def parse_slot(value: object) -> str:
    """The number of a park slot or a room. Raises ValueError with what to write instead, like every parser here."""
    if not isinstance(value, str) or not _SLOT.fullmatch(value):
        raise ValueError(f"is {quoted(value)}; write {SLOT_HINT}")
    return value


def _parse_slots(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    first, dash, last = str(value).partition("-")
    last = last if dash else first
    if not (_SLOT.fullmatch(first) and _SLOT.fullmatch(last) and len(first) == len(last) and first <= last):
        raise ValueError(f"is {quoted(value)}; write {SLOTS_HINT}")
    if int(last) - int(first) >= MOST_SLOTS:
        raise ValueError(f"are more than {MOST_SLOTS} slots; write fewer")
    return tuple(str(slot).zfill(len(first)) for slot in range(int(first), int(last) + 1))


Slot = Annotated[str, BeforeValidator(parse_slot), Json(pattern=f"^{_SLOT.pattern}$")]


class ParkingEntry(Section):
    """``parking:`` the slots that everybody may use, and when a parked call comes back."""

    slots: Annotated[tuple[str, ...], BeforeValidator(_parse_slots), As(text_of), Json(only=True, type=["string", "null"])] = Field(
        default=DEFAULT_SLOTS, description=SLOTS_HINT, json_schema_extra={"default": f"{DEFAULT_SLOTS[0]}-{DEFAULT_SLOTS[-1]}"}
    )
    recall_seconds: Seconds = Field(default=Parking().recall_seconds, description="seconds from 1 to 7200, for example 45")
    ring_seconds: Seconds = Field(default=Parking().ring_seconds, description=SECONDS_HINT)


class RoomEntry(Section):
    """One entry of ``conferences:``."""

    number: Slot = Field(description=SLOT_HINT)
    name: Text = Field(default="", description="a name for the room")
    moderators: Extensions = Field(default=[], description="a list of extensions of users")
    pin: Annotated[str, Field(pattern=r"^[0-9]{3,12}$")] | None = Field(
        default=None, repr=False, description="three to twelve digits, or null", json_schema_extra=SECRET
    )
    numbers: Numbers = Field(default=(), description=f"a list of outside numbers that lead here: {NUMBER_HINT}")


def read_parking(data: object, draft: Draft, report: Report) -> None:
    """The public slots go into `draft`; where none are written, those of the default that are nobody's extension."""
    entry, broken = read_part(ParkingEntry, data, ("parking",), report)
    slots = entry.slots
    if "slots" not in entry.model_fields_set | broken:
        taken = [slot for slot in slots if slot in draft.places]
        slots = tuple(slot for slot in slots if slot not in draft.places)
        if taken:
            text = f"is without `slots`, and of {DEFAULT_SLOTS[0]}-{DEFAULT_SLOTS[-1]} these are extensions: {listed(taken)}; write `slots`"
            report.warn(("parking",), text)
    draft.parking = Parking(slots, entry.recall_seconds, entry.ring_seconds)


def read_rooms(items: list[Any], draft: Draft, report: Report) -> None:
    """The conference rooms go into `draft`."""
    for index, item in enumerate(items):
        where = report.entry("conferences", index, item)
        entry, broken = read_section(RoomEntry, item, where, report, _STAND_IN)
        if entry is None:
            continue
        moderators = _read_moderators(entry.moderators, (*where, "moderators"), draft, report)
        if "number" not in broken:
            room = Room(entry.number, entry.name or f"Conference {entry.number}", moderators, entry.pin, entry.numbers)
            draft.rooms.append((where, room))
        if entry.numbers and entry.pin is None and "pin" not in broken:
            report.warn((*where, "numbers"), "lets in everybody who calls from outside; write a `pin`")


def _read_moderators(items: list[Any], where: Where, draft: Draft, report: Report) -> frozenset[str]:
    found = [item for index, item in enumerate(items) if draft.check_person(str(item), (*where, index), report)]
    return frozenset(map(str, found))


def check_places(draft: Draft, config: Config, report: Report) -> None:
    """What is dialled to reach a slot or a room reaches nothing else."""
    extensions, numbers = draft.extension_keys, draft.owners
    seen = dict.fromkeys(config.emergency, "an emergency number")

    def taken(number: str, what: str) -> str:
        key = number_key(normalise(number))
        found = seen.get(key, "")
        seen.setdefault(key, what)
        if key in extensions:
            return f"the extension of {draft.shown(extensions[key])}"
        return f"a number of {draft.shown(numbers[key])}" if key in numbers else found

    clashes = [(slot, why) for slot in draft.parking.slots if (why := taken(slot, "a park slot"))]
    if clashes:
        slot, why = clashes[0]
        more = f", and {len(clashes) - 1} more {'is' if len(clashes) == 2 else 'are'} taken" if len(clashes) > 1 else ""
        report.error(("parking", "slots"), f"{slot} is {why}{more}; write another range")
    for where, number, what in _places(draft):
        why = taken(number, what)
        if why:
            report.error(where, f"{number} is {why}; write another number")


def _places(draft: Draft) -> Iterator[tuple[Where, str, str]]:
    """Every number of a place but the public slots: where it stands, the number, and what it is."""
    for boss in draft.bosses.values():
        if boss.settings.slot is not None:
            yield (*boss.where, "slot"), boss.settings.slot, f"the park slot of {draft.shown(boss.extension)}"
    for where, room in draft.rooms:
        yield (*where, "number"), room.number, f"the number of {room.name}"
        for index, number in enumerate(room.numbers):
            yield (*where, "numbers", index), number, f"a number of {room.name}"
