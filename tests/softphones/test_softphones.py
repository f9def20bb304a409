"""The main calls on real phones: baresip and PJSUA2 register with digest, call, are called, and hear each other.

Every phone says a tone of its own; what it hears is searched for the others' tones. Every test has its own people in the one
directory that the server reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scenarios.checks import absent, has, literal, nowhere, somewhere
from scenarios.office import DOMAIN, Draft, Executive, Trunk, User, write
from tests.support.audio import TONES, assert_hears, wait_heard
from tests.support.baresip import Baresip
from tests.support.network import wait_for
from tests.support.phone import Phone
from tests.support.phones import Start, phones, quiet, sounding
from tests.support.pjsua import Pjsua
from tests.support.server import Server
from tests.support.sipp import Party, Play

pytestmark = [pytest.mark.needs("sipp", "baresip", "module:pjsua2"), pytest.mark.timeout(120)]

ELSEWHERE = 'text="Call completed elsewhere"'


@dataclass
class Office:
    """An executive with assistants, a colleague who calls, and the carrier."""

    draft: Draft
    carrier: Trunk
    colleague: User
    assistants: list[User]
    boss: Executive

    @classmethod
    def plan(cls, index: int, net: str, assistants: int, **settings: object) -> Office:
        """The people of one test; nobody has permanent contacts, everybody registers."""
        draft = Draft(index, f"phones{index}", net)
        people = [draft.user(f"assistant{number}", registers=True) for number in range(assistants)]
        boss = draft.executive(people, alerting=settings)
        boss.user.fields.pop("contacts")
        return cls(draft, draft.trunk(), draft.user("colleague", registers=True), people, boss)


@dataclass
class Floor:
    """The server and the offices on it."""

    server: Server
    offices: dict[str, Office]


@pytest.fixture(scope="module")
def floor(net: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """One server; Debian's baresip knows MD5 only."""
    offices = {
        "ring_all": Office.plan(1, net, 3, mode="ring_all", ring_seconds=20),
        "sequential": Office.plan(2, net, 3, mode="sequential", ring_seconds=2),
        "by_code": Office.plan(3, net, 1),
        "by_line": Office.plan(4, net, 1),
        "hold": Office.plan(5, net, 1),
        "plain": Office.plan(6, net, 1),
        "codes-baresip": Office.plan(8, net, 1),
        "codes-pjsua": Office.plan(9, net, 1),
    }
    config = write(tmp_path_factory.mktemp("phones"), [office.draft for office in offices.values()], net, digest=["MD5"])
    with Server(config) as server:
        yield Floor(server, offices)


@pytest.fixture
def start(floor: Floor, tmp_path: Path) -> Iterator[Start]:
    """Starts registered phones."""
    with phones(tmp_path, floor.server.address) as starter:
        yield starter


def talk(one: Phone, other: Phone) -> None:
    """Both are in the call and hear each other."""
    one.events.wait("established")
    other.events.wait("established")
    wait_heard(one.record, other.account.tone)
    wait_heard(other.record, one.account.tone)


def part(who: Phone, other: Phone) -> None:
    """`who` hangs up; neither has heard anybody but the other."""
    who.hangup()
    who.events.wait("closed")
    other.events.wait("closed")
    assert_hears(who.record(), other.account.tone)
    assert_hears(other.record(), who.account.tone)


def no_calls_left(server: Server) -> None:
    """The server has let go of everything but what transactions must remember."""

    def over() -> bool:
        health = server.health()
        return not any(health[key] for key in ("calls", "legs", "media_ports"))

    wait_for(over, f"the end of all calls, {server.busy()}", 5)


def test_ring_all_with_three_assistants(floor: Floor, start: Start) -> None:
    office = floor.offices["ring_all"]
    seats = [user.seats[0] for user in office.assistants]
    first, second, third = (
        start(Baresip, seats[0], TONES[1]),
        start(Pjsua, seats[1], TONES[2]),
        start(Baresip, seats[2], TONES[3]),
    )
    boss = start(Pjsua, office.boss.user.seats[0], TONES[4])
    caller = start(Baresip, office.colleague.seats[0], TONES[0])
    caller.dial(office.boss.extension)
    for phone in (first, second, third):
        phone.events.wait("incoming")
    caller.events.wait("ringing")
    second.answer()
    talk(caller, second)
    for loser in (first, third):
        loser.events.wait("closed")
        assert ELSEWHERE in loser.log()
    part(caller, second)
    assert boss.events.count("incoming") == 0
    assert caller.events.count("ringing") == 1
    no_calls_left(floor.server)


def test_sequential_with_time_outs(floor: Floor, start: Start) -> None:
    office = floor.offices["sequential"]
    seats = [user.seats[0] for user in office.assistants]
    first, second, third = start(Pjsua, seats[0], TONES[1]), start(Baresip, seats[1], TONES[2]), start(Pjsua, seats[2], TONES[3])
    caller = start(Baresip, office.colleague.seats[0], TONES[0])
    caller.dial(office.boss.extension)
    for missed in (first, second):
        missed.events.wait("incoming")
        missed.events.wait("closed", 4)
        assert ELSEWHERE not in missed.log()
    third.events.wait("incoming")
    third.answer()
    talk(caller, third)
    part(third, caller)
    assert first.events.count("incoming") == second.events.count("incoming") == 1
    no_calls_left(floor.server)


@pytest.mark.parametrize("way", ["by_code", "by_line"])
def test_on_behalf_through_the_trunk(floor: Floor, start: Start, tmp_path: Path, way: str) -> None:
    """A SIPp trunk checks who calls, and echoes the audio: the assistant hears the own tone come back."""
    office = floor.offices[way]
    sam, boss = office.assistants[0], office.boss
    number = office.carrier.outside()
    identity = f"<sip:{literal(boss.caller_id)}@"
    trunk = office.draft.callee(office.carrier)
    trunk.invited(
        somewhere(f"^INVITE sip:{literal(number)}@"), has("From", identity), has("P-Asserted-Identity", identity),
        absent("P-Preferred-Identity"), nowhere(sam.name), nowhere(f":{sam.extension}@"), nowhere(literal(sam.number.removeprefix("+"))),
    ).ring().pause(0.2).answer().byed()  # fmt: skip
    trunk.echo = True
    phone: Phone
    if way == "by_code":
        phone = start(Baresip, sam.seats[0], TONES[0])
        dialled = f"#64{boss.extension}*{number}"
    else:
        phone = start(Pjsua, office.draft.line(sam, boss), TONES[0])
        dialled = number
    party = Party(trunk, tmp_path)
    party.start(floor.server.address)
    try:
        phone.dial(dialled)
        phone.events.wait("established")
        wait_heard(phone.record, phone.account.tone)
        phone.hangup()
        phone.events.wait("closed")
        wait_for(party.over, "the trunk to see the end of the call")
    finally:
        party.stop()
    Play(office.draft, tmp_path, [party]).judge()
    assert_hears(phone.record(), phone.account.tone)
    no_calls_left(floor.server)


@pytest.mark.parametrize("holder", ["assistant", "caller"])
def test_hold_and_resume(floor: Floor, start: Start, holder: str) -> None:
    office = floor.offices["hold"]
    caller = start(Baresip, office.colleague.seats[0], TONES[0])
    assistant = start(Pjsua, office.assistants[0].seats[0], TONES[1])
    caller.dial(office.boss.extension)
    assistant.events.wait("incoming")
    assistant.answer()
    talk(caller, assistant)
    holding, held = (assistant, caller) if holder == "assistant" else (caller, assistant)
    holding.hold()
    quiet(holding)
    holding.resume()
    sounding(holding)
    sounding(held)
    part(held, holding)
    no_calls_left(floor.server)


def test_plain_call_and_refusal(floor: Floor, start: Start) -> None:
    """A user calls a user: first the phone is busy for them, then it answers; the called one hangs up."""
    office = floor.offices["plain"]
    caller = start(Pjsua, office.colleague.seats[0], TONES[0])
    callee = start(Baresip, office.assistants[0].seats[0], TONES[1])
    caller.dial(office.assistants[0].extension)
    callee.events.wait("incoming")
    callee.hangup()
    assert caller.events.wait("closed")["status"] in (486, 603)
    caller.dial(office.assistants[0].number)
    callee.events.wait("incoming")
    callee.answer()
    talk(caller, callee)
    part(callee, caller)
    no_calls_left(floor.server)


@pytest.mark.parametrize("kind", [Baresip, Pjsua], ids=["baresip", "pjsua"])
def test_feature_codes(floor: Floor, start: Start, kind: type[Baresip] | type[Pjsua]) -> None:
    """`#62` and `#61` from the executive's phone: each is answered, shown and over by itself, and the next call rings where it should."""
    office = floor.offices[f"codes-{kind.__name__.lower()}"]
    boss = start(kind, office.boss.user.seats[0], TONES[1])
    assistant = start(Pjsua, office.assistants[0].seats[0], TONES[2])
    caller = start(Baresip, office.colleague.seats[0], TONES[0])
    for code, shown, rings, silent in (
        ("#62", f"Filter off: {office.boss.user.name}", boss, assistant),
        (f"sip:%2361@{DOMAIN}", f"Filter on: {office.boss.user.name}", assistant, boss),
    ):
        boss.dial(code)
        boss.events.wait("established")
        assert boss.events.wait("closed", 4).get("status", 200) == 200
        assert f'P-Asserted-Identity: "{shown}"' in boss.log()
        assert f'text="{shown}"' in boss.log()
        before = silent.events.count("incoming")
        caller.dial(office.boss.extension)
        rings.events.wait("incoming")
        rings.answer()
        talk(caller, rings)
        part(caller, rings)
        assert silent.events.count("incoming") == before
    assert not re.search(r"\berror\b", boss.log(), re.IGNORECASE)
    no_calls_left(floor.server)
