"""Park slots, conference rooms, and what an executive has of their own for calls during a call."""

import pytest

from b2bua.delegation.people import Parking
from tests.config.conftest import Files, read, refused, warned, warnings

ROOMS = """conferences:
  - {number: "800", name: Board, moderators: ["667", "676"], pin: "4711", numbers: ["+6221500800"]}
  - {number: "801"}
"""
PLACES = "parking: {slots: \"710-712\", recall_seconds: 60, ring_seconds: 20}\npick_up: location\n" + ROOMS
END = "responsible_for: [\"510\"], active: false}\n"
OLIVIA = '    caller_id: "+6221500600"\n'


@pytest.fixture
def places(organisation: Files) -> Files:
    """What is added stands from line 50 on; the executive's keys in lines 24 to 26."""
    more = '    slot: "7667"\n    recall_seconds: 12\n    join_tone: false\n'
    organisation.change(organisation.directory, (END, END + PLACES), (OLIVIA, OLIVIA + more))
    return organisation


def test_every_key(places: Files) -> None:
    found = read(places)
    assert found.parking == Parking(("710", "711", "712"), 60, 20)
    assert found.pick_up == "location"
    board, other = found.rooms.values()
    assert (board.number, board.name, board.moderators, board.pin, board.numbers) == (
        "800",
        "Board",
        {"667", "676"},
        "4711",
        ("+6221500800",),
    )
    assert (other.number, other.name, other.moderators, other.pin, other.numbers) == ("801", "Conference 801", set(), None, ())
    assert "4711" not in repr(board)
    olivia = found.executives["667"]
    assert (olivia.slot, olivia.recall_seconds, olivia.join_tone) == ("7667", 12, False)
    assert {number: (place.feature, place.executive) for number, place in found.places.items()} == {
        "710": ("retrieve", None),
        "711": ("retrieve", None),
        "712": ("retrieve", None),
        "7667": ("retrieve", "667"),
        "800": ("conference", None),
        "801": ("conference", None),
    }
    assert warnings(places) == []


def test_what_is_not_written(organisation: Files) -> None:
    found = read(organisation)
    assert (found.parking.slots[0], found.parking.slots[-1], len(found.parking.slots)) == ("701", "750", 50)
    assert (found.parking.recall_seconds, found.parking.ring_seconds, found.pick_up, dict(found.rooms)) == (45, 30, "group", {})
    olivia = found.executives["667"]
    assert (olivia.slot, olivia.recall_seconds, olivia.join_tone) == (None, 20, True)


@pytest.mark.parametrize(
    ("slots", "first", "last", "how_many"),
    [('"701-701"', "701", "701", 1), ("701", "701", "701", 1), ('"0095-0104"', "0095", "0104", 10), ('"1000-1999"', "1000", "1999", 1000)],
)
def test_the_forms_of_a_range(places: Files, slots: str, first: str, last: str, how_many: int) -> None:
    places.change(places.directory, ('"710-712"', slots))
    found = read(places).parking.slots
    assert (found[0], found[-1], len(found)) == (first, last, how_many)


def test_no_slots_at_all(places: Files) -> None:
    places.change(places.directory, ('"710-712"', "null"))
    assert read(places).parking.slots == ()


def test_recall_time_in_rings(places: Files) -> None:
    places.change(places.directory, ("recall_seconds: 12", "recall_rings: 4"))
    assert read(places).executives["667"].recall_seconds == 24


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"710-712"', '"712-710"', "50: parking.slots: is '712-710'; write FIRST-LAST, for example \"701-750\", or null for none"),
        ('"710-712"', '"71-7120"', "50: parking.slots: is '71-7120'; write FIRST-LAST"),
        ('"710-712"', "many", "50: parking.slots: is 'many'; write FIRST-LAST"),
        ('"710-712"', '"1000-2000"', "50: parking.slots: are more than 1000 slots; write fewer"),
        ('"710-712"', '"601-602"', "50: parking.slots: 601 is the extension of Lee Colleague (601), and 1 more is taken; write another range"),
        ('"710-712"', '"909-911"', "50: parking.slots: 911 is an emergency number; write another range"),
        ("recall_seconds: 60", "recall_seconds: 0", "50: parking.recall_seconds: is '0'; write seconds from 1 to 7200"),
        ("ring_seconds: 20}", "rings: 20}", "50: parking.rings: is no key of this section; write one of slots, recall_seconds, ring_seconds"),
        ("pick_up: location", "pick_up: all", "51: pick_up: is 'all'; write group, location or organisation"),
        ('"7667"', '"711"', "24: executives[0].slot: 711 is a park slot; write another number"),
        ('"7667"', '"600"', "24: executives[0].slot: 600 is the extension of Reception (600); write another number"),
        ('"7667"', "park", "24: executives[0].slot: is 'park'; write two to eight digits"),
        ('"7667"', '"6221500676"', "24: executives[0].slot: is '6221500676'; write two to eight digits"),
        ("recall_seconds: 12", "recall_seconds: 121", "25: executives[0].recall_seconds: is '121'; write seconds from 1 to 120"),
        ("join_tone: false", "join_tone: loud", "26: executives[0].join_tone: is 'loud'; write true or false"),
        ('number: "801"', 'number: "800"', "54: conferences[1].number: 800 is the number of Board; write another number"),
        ('number: "801"', 'number: "712"', "54: conferences[1].number: 712 is a park slot; write another number"),
        ('number: "801"', 'number: "677"', "54: conferences[1].number: 677 is the extension of Ana Aide (677); write another number"),
        ('number: "801"', 'name: "x"', "54: conferences[1].number: is missing; write two to eight digits"),
        ('["667", "676"]', '["667", "699"]', "53: conferences[0].moderators[1]: 699 is no user's extension"),
        ('["667", "676"]', '["500"]', "53: conferences[0].moderators[0]: 500 is a group; write the extension of a user"),
        ('"4711"', '"47a"', "53: conferences[0].pin: cannot be used; write three to twelve digits, or null"),
        ("+6221500800", "+6221500676", "53: conferences[0].numbers[0]: +6221500676 is a number of Sam Secretary (676); write another number"),
    ],
)  # fmt: skip
def test_what_is_refused(places: Files, old: str, new: str, expected: str) -> None:
    refused(places, old, new, expected)


def test_the_recall_time_is_written_once(places: Files) -> None:
    refused(
        places,
        "recall_seconds: 12",
        "recall_seconds: 12\n    recall_rings: 2",
        "26: executives[0].recall_rings: stands beside recall_seconds; write one of the two",
    )


def test_two_executives_have_two_slots(places: Files) -> None:
    more = 'executives:\n  - {extension: "600", slot: "7667", filtering: {enabled: false}}\n'
    refused(
        places,
        "executives:\n",
        more,
        '25: executives[1].slot: 7667 is the park slot of Reception (600); write another number',
    )


def test_a_room_that_lets_everybody_in_is_warned_of(places: Files) -> None:
    warned(places, 'pin: "4711", ', "", "53: conferences[0].numbers: lets in everybody who calls from outside; write a `pin`")


def test_extensions_come_before_slots_that_nobody_wrote(organisation: Files) -> None:
    more = '  - {extension: "701", name: Nina New, password: geheimes-wort}\n  - {extension: "602"'
    warned(
        organisation,
        '  - {extension: "602"',
        more,
        "1: parking: is without `slots`, and of 701-750 these are extensions: 701; write `slots`",
    )
    found = read(organisation)
    assert "701" not in found.places
    assert found.parking.slots[0] == "702"
