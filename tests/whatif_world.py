"""What-if cases as calls over SIP: the shipped configuration on the fake wire, with a phone for everybody.

What a case expects is read here from its own lines, and what happened from the wire, so that neither comes from a plan of the server.
Only who calls, the state and the time are set up with the help of the reader that the server has for cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from b2bua.config import load, load_directory
from b2bua.config.whatif import read_cases
from b2bua.delegation.plan import Setting
from b2bua.store.ports import HistoryRow
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall, Sip, param
from tests.plain_sip import Sdp, display_of, user_of
from tests.wire import START
from tests.world import SERVER, World

FOLDER = Path(__file__).resolve().parent.parent / "config"
MAILBOX = "sip:ivy@127.0.0.9:5070"
FOREVER = float("inf")
LONGEST = 700.0
"""An emergency call may ring for 600 seconds, and no call for longer."""
_USER_AGENTS = {"app": "Linphone/5.2", "desk": "Yealink SIP-T54W"}

_CONFIG = load(FOLDER / "b2bua.yaml")
_DIRECTORY = load_directory(_CONFIG)
MEDIA_ADDRESS = _CONFIG.media.address
_ZONE = _DIRECTORY.time_zone
_PEOPLE: dict[str, Any] = yaml.safe_load((FOLDER / "directory.yaml").read_text())


# --- the cases ------------------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """One case as it is written; `state` and `at` (seconds since the epoch) as they are read."""

    id: str
    written: Mapping[str, Any]
    expect: Mapping[str, Any]
    state: Sequence[Setting]
    at: float


def _cases() -> list[Case]:
    written = yaml.safe_load((FOLDER / "what-if.yaml").read_text())["cases"]
    found, problems = read_cases(FOLDER / "what-if.yaml", _DIRECTORY)
    assert not problems and len(found) == len(written)
    return [
        Case(f"{each['row']} {each['name']}", each, each["expect"], tuple(read.case.state), read.case.at.timestamp())
        for each, read in zip(written, found, strict=True)
    ]


CASES = _cases()


# --- the lines of a case --------------------------------------------------------------------------------------------------------


class Ringer(NamedTuple):
    """One part of a line: ``602 desk after 18 s``. `instead_of` is the assistant who diverts."""

    who: str
    instead_of: str | None
    device: str
    alert: str
    seconds: float
    after: float
    lasting: bool


class Line(NamedTuple):
    """One line: who rings at the same time and how long, and the lines below it by the way that leads there."""

    ringers: tuple[Ringer, ...]
    seconds: float
    then: dict[str, list[Line]]


_LINE = re.compile(r"(?:if (busy|no answer|unreachable): )?(.+?), ([\d.]+) s")
_RINGER = re.compile(
    r"(?P<who>\S+)(?: over carrier)?(?: for (?P<instead_of>[0-9]+)(?! s\b))?(?: (?P<device>apps|desk))?(?: (?P<alert>splash|silent))?"
    r"(?: for (?P<seconds>[\d.]+) s)?(?: after (?P<after>[\d.]+) s)?(?P<lasting> to the end)?"
)


def lines_of(texts: Iterable[str]) -> list[Line]:
    """What ``ring:`` or ``rollover:`` says."""
    made: list[Line] = []
    for text in texts:
        found = _LINE.fullmatch(text)
        assert found is not None, text
        line = Line(tuple(_ringer(each) for each in found[2].split(" + ")), float(found[3]), {})
        (made[-1].then.setdefault(found[1], []) if found[1] else made).append(line)
    return made


def _ringer(text: str) -> Ringer:
    found = _RINGER.fullmatch(text)
    assert found is not None, text
    device = (found["device"] or "").replace("apps", "app")
    seconds, after = float(found["seconds"] or FOREVER), float(found["after"] or 0)
    return Ringer(found["who"], found["instead_of"], device, found["alert"] or "", seconds, after, bool(found["lasting"]))


class Ring(NamedTuple):
    """A phone or number that rang: from when to when, in whole seconds after the call. `device` only of who has two of them.

    Whole, because each stage may be up to a third of a second longer than it is written (docs/decisions.md).
    """

    begins: int
    who: str
    device: str
    ends: int


def rings_of(lines: Sequence[Line], begins: float = 0.0, limit: float = FOREVER) -> tuple[list[Ring], float]:
    """Who rings when, if nobody answers; and when that is over. Nothing rings beyond `limit`."""
    made: list[Ring] = []
    end = min(limit, begins + sum(line.seconds for line in lines))
    at = begins
    for line in lines:
        until = min(at + line.seconds, limit)
        for each in line.ringers:
            first = at + each.after
            last = end if each.lasting else min(until, first + each.seconds)
            if first < last:
                made.append(Ring(int(first), each.who, each.device, int(last)))
        following, at = rings_of(line.then.get("no answer", ()), until, limit)
        made += following
    return sorted(made), at


# --- who is who -----------------------------------------------------------------------------------------------------------------


def office_of(dialled: str) -> tuple[str, frozenset[str]]:
    """The extension behind a dialled number, and who takes the calls of that executive, group or service."""
    owner = next((each for each in _entries() if dialled in (each["extension"], *each.get("numbers", ()))), None)
    if owner is None:
        return dialled, frozenset()
    offices = [*_PEOPLE["executives"], *_PEOPLE["groups"], *_PEOPLE["services"]]
    office: dict[str, Any] = next((each for each in offices if each["extension"] == owner["extension"]), {})
    takers = [taker for key in ("assistants", "members", "agents") for taker in office.get(key, ())]
    return owner["extension"], frozenset(each["extension"] if isinstance(each, dict) else each for each in takers)


def _entries() -> list[dict[str, Any]]:
    return [*_PEOPLE["users"], *_PEOPLE["groups"], *_PEOPLE["services"]]


def name_of(extension: str) -> str:
    """ "" when nobody here has that extension."""
    return next((str(each["name"]) for each in _entries() if each["extension"] == extension), "")


def number_of(extension: str) -> str:
    """The main number, "" without one."""
    return next((str(each["numbers"][0]) for each in _entries() if each["extension"] == extension and each.get("numbers")), "")


# --- the call -------------------------------------------------------------------------------------------------------------------


class Remembered(list[Setting]):
    """A `StateStore` that has the settings of a case, and keeps apart what is saved."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        super().__init__(settings)
        self.saved: list[Setting] = []

    def load(self) -> Sequence[Setting]:
        return self

    def save(self, settings: Sequence[Setting]) -> None:
        self.saved += settings


class Invited(NamedTuple):
    """One INVITE of the server as it arrived, and how long that phone or number rang."""

    ring: Ring
    call: PhoneCall

    @property
    def outside(self) -> bool:
        return self.call.phone.user == "carrier"

    @property
    def shown(self) -> str:
        """Name and number on the display, as a case writes them."""
        name, number = self.call.caller
        return f"{name} <{number}>".lstrip()

    @property
    def asserted(self) -> str | None:
        """The same of P-Asserted-Identity."""
        found = self.call.invite.all("p-asserted-identity")
        return f"{display_of(found[0])} <{user_of(found[0])}>".lstrip() if found else None

    @property
    def alert(self) -> list[str]:
        """How the phone is to alert."""
        return [info for each in self.call.invite.all("alert-info") if (info := param(each, "info"))]

    @property
    def diverted_by(self) -> list[str]:
        """Whoever diverted the call, latest first."""
        return [user_of(each) for each in self.call.invite.all("diversion")]


class Course:
    """One call of a case, from before the caller dials."""

    def __init__(self, case: Case, *, absent: Sequence[str] = ()) -> None:
        """A second before its time everybody has registered but `absent`."""
        self.case = case
        self.store = Remembered(case.state)
        self.world = World(config=_CONFIG, organisation=_DIRECTORY, state=self.store, starts=case.at - 1, media=FakeMedia())
        self.world.core.calls.verify_pin = lambda _extension, _pin, done: done("ok")  # cases are about what happens with the right one
        self.devices: dict[Phone, str] = {}
        self.phones: dict[str, Phone] = {}
        for entry in _PEOPLE["users"]:
            if entry["extension"] not in absent:
                self._register(entry)
        mailbox = Phone(self.world.wire, "ivy", ("127.0.0.9", 5070), SERVER)
        self.world.parties += [mailbox]
        self.caller = self._caller(str(case.written["from"]))
        self.world.run(START + 1 - self.world.wire.now)
        self.mine: PhoneCall

    def _register(self, entry: Mapping[str, Any]) -> None:
        """One phone; an app and a desk phone for a user who has an order of them. The latter dials."""
        kinds = ("app", "desk") if "devices" in entry else ("",)
        for kind in kinds:
            phone = self.world.phone(entry["extension"], register=False)
            phone.register(headers=[f"User-Agent: {_USER_AGENTS[kind]}"] if kind else [])
            self.devices[phone] = kind
            self.phones[entry["extension"]] = phone

    def _caller(self, who: str) -> Phone:
        if who in self.phones:
            return self.phones[who]
        return self.world.phone(who) if "-" in who else self.world.carrier

    # What happens.

    def everybody(self, behaviour: Callable[[PhoneCall], None]) -> None:
        for party in (*self.world.parties, self.world.carrier):
            party.behaviour = behaviour

    def dial(self) -> PhoneCall:
        """The case's caller dials what the case says."""
        written = self.case.written
        who, to = str(written["from"]), str(written["to"])
        headers = ["Privacy: id"] if written.get("privacy") else []
        if written.get("identity"):
            headers.append(f"P-Preferred-Identity: <sip:{written['identity']}@acme.test>")
        if self.caller is not self.world.carrier:
            self.mine = self.caller.call(to, headers)
        elif who == "anonymous":
            self.mine = self._call_anonymously(to)
        else:
            self.mine = self.world.carrier.call_from(who, to, headers)
        return self.mine

    def _call_anonymously(self, to: str) -> PhoneCall:
        """As RFC 3323 §4.1.1.3 has it."""
        made = PhoneCall(self.world.carrier)
        self.world.carrier.calls.append(made)
        made.local_text = '"Anonymous" <sip:anonymous@anonymous.invalid>'
        made.dial(f"sip:{to}@acme.test", ["Privacy: id"], sdp=True, reliable=False)
        return made

    def until_over(self) -> None:
        """Time passes until the caller is told how it ends, and then until nothing is left of it. Who is not hung up on hangs up."""
        mine = self.mine
        self.world.wire.run_until(lambda: mine.state in ("ended", "up"), LONGEST)
        if mine.state == "up":
            self.world.run(5)
        if mine.state == "up":
            mine.hang_up()
            self.world.run(1)
        assert mine.state == "ended", self.world.report("the call never ends")
        self.world.settle()

    # What can be seen of it.

    @property
    def sound_to(self) -> set[str]:
        """The hosts to which everybody who has been given a session description is to send sound."""
        given = [call.invite.body for call in self.calls]
        given += [self.told.body] if self.told.status == 200 else []
        return {Sdp.parse(body).host for body in given}

    def hear_each_other(self, theirs: PhoneCall) -> bool:
        """The caller and who has answered, phone to phone or by way of the server."""
        mine = self.mine
        if mine.remote_sdp is not None and mine.remote_sdp.host == MEDIA_ADDRESS:
            return self.world.hears(mine, them=theirs) == {"them"} and self.world.hears(theirs, me=mine) == {"me"}
        return mine.hears(theirs) and theirs.hears(mine)

    @property
    def started(self) -> float:
        """When the INVITE was sent that was not challenged."""
        assert self.mine.attempt is not None
        data = self.mine.attempt.data
        return next(packet.at for packet in self.world.wire.trace if packet.data is data)

    @property
    def told(self) -> Sip:
        """The final response that the caller has got."""
        return self.mine.responses[-1]

    @property
    def told_after(self) -> int:
        """Whole seconds after the call."""
        return int(next(heard.at for heard in self.caller.log if heard.message is self.told) - self.started)

    @property
    def calls(self) -> list[PhoneCall]:
        """The calls of the server, in the order in which they came in."""
        found = [call for party in self.world.parties for call in party.calls if call.incoming]
        return sorted(found, key=lambda call: self._heard(call, "INVITE"))

    def invited(self) -> list[Invited]:
        """The same with what became of them."""
        return [Invited(self._ring(call), call) for call in self.calls]

    def _heard(self, call: PhoneCall, method: str) -> float:
        """When a request of the INVITE transaction of an incoming call came; never, if it did not."""
        branch = call.invite.branch
        found = (each.at for each in call.phone.log if each.message.method == method and each.message.branch == branch)
        return next(found, FOREVER)

    def _ring(self, call: PhoneCall) -> Ring:
        """From the INVITE to the CANCEL; a phone that has answered by itself, whatever it was, did not ring."""
        begins, ends = self._heard(call, "INVITE"), self._heard(call, "CANCEL")
        ends = begins if ends == FOREVER else ends
        return Ring(int(begins - self.started), self.who(call), self.devices.get(call.phone, ""), int(ends - self.started))

    def who(self, call: PhoneCall) -> str:
        """Whom the server has called, as a case names them: the extension, the outside number or the mailbox."""
        if call.phone is self.world.carrier:
            return user_of(call.invite.uri)
        return call.invite.uri if call.phone.user == "ivy" else call.phone.user

    @property
    def rings(self) -> list[Ring]:
        return sorted(each.ring for each in self.invited())

    @property
    def row(self) -> HistoryRow:
        """The one history row."""
        (row,) = self.world.history
        return row

    @property
    def remembered(self) -> list[str]:
        """What was remembered, as a case writes it."""
        return [_words(each) for each in self.store.saved]


_OBJECT = {"opt": " for ", "callback": " from "}


def _words(setting: Setting) -> str:
    object_ = f"{_OBJECT[setting.kind]}{setting.object}" if setting.object else ""
    value = {None: "as the directory says", "": "off"}.get(setting.value, setting.value)
    until = "" if setting.until is None else f" until {datetime.fromtimestamp(setting.until, _ZONE):%Y-%m-%d %H:%M}"
    return f"{setting.kind} {setting.subject}{object_} = {value}{until}"
