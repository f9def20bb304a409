"""The simulator: what would become of a call, who may ask, and the file of cases that grows and shrinks without losing a comment."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest

from b2bua.administration.book import Actor, Book, Missing, Refusal, open_book
from b2bua.administration.cases import CannotWrite
from b2bua.administration.entries import Put
from b2bua.administration.ports import Switchboard
from b2bua.administration.simulator import NotAllowed, Question, Simulator
from b2bua.administration.viewer import Viewer
from b2bua.config.whatif import run_cases
from b2bua.delegation.plan import Setting
from b2bua.delegation.state import NO_STATE, State
from b2bua.errors import Refused
from b2bua.store.organisation.database import Organisation, open_organisation
from b2bua.store.ports import AuditQuery
from tests.world import configuration

DIRECTORY = """
organisation: Acme
time_zone: Asia/Jakarta
schedules: {office: {hours: {mon-fri: "08:00-17:00"}}}
users:
  - {extension: "667", name: Olivia Boss, numbers: ["+6221500667"]}
  - {extension: "668", name: Victor Chief, numbers: ["+6221500668"]}
  - {extension: "676", name: Sam Secretary, numbers: ["+6221500676"], hours: office}
  - {extension: "677", name: Ana Aide, numbers: ["+6221500677"]}
  - {extension: "601", name: Lee Colleague, numbers: ["+6221500601"]}
executives:
  - extension: "667"
    confidential: ["+628119990001"]
    on_behalf: {callback_hours: 24}
    alerting: {mode: sequential, ring_seconds: 10}
    rollover: {action: executive}
    assistants: [{extension: "676", rights: [receive, call, manage, opt], respect_hours: true}, "677"]
  - {extension: "668", rollover: {action: hangup}, assistants: ["677"]}
"""
CASES = """\
# What the office agreed on.

cases:
  # Olivia first.
  - name: Sam, then Ana   # in this order
    from: "601"
    to: "667"
    expect: {ring: ["676, 10 s", "677, 10 s"]}

  # Victor has Ana alone.
  - {name: Ana for Victor, from: "601", to: "668", expect: {ring: ["677, 30 s"]}}
"""
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
"""A Friday, ten o'clock in Jakarta."""
ADMIN = Viewer("admin", None, "Administrator", "super_admin")
SAM = Viewer("676", "676", "Sam Secretary", "user", manages=frozenset({"667"}))
OLIVIA = Viewer("667", "667", "Olivia Boss", "user", manages=frozenset({"667"}))
LEE = Viewer("601", "601", "Lee Colleague", "user")
ACTOR = Actor("admin", "page")
OUTSIDE = "+15551234567"
T = TypeVar("T")


class World:
    """A book, a switchboard without calls, and the simulator."""

    def __init__(self, folder: Path, migrated: Path, what_if: bool = True) -> None:
        shutil.copyfile(migrated, folder / "directory.sqlite")
        (folder / "directory.yaml").write_text(DIRECTORY)
        self.file = folder / "what-if.yaml"
        if what_if:
            self.file.write_text(CASES)
        config = configuration(directory=str(folder / "directory.yaml"), state=str(folder))
        self.config = config.model_copy(update={"what_if": self.file if what_if else None, "state": folder})
        self._organisation: Organisation = open_organisation(folder / "directory.sqlite")
        self.book: Book = open_book(self._organisation.directory, self.config, NOW.timestamp)
        self.state = NO_STATE
        world = self

        class Board(SimpleNamespace):
            @property
            def directory(self) -> Any:
                return world.book.directory.with_state(world.state)

        self.simulator = Simulator(self.book, cast("Switchboard", Board(config=self.config, now=lambda: NOW)))

    def ask(self, caller: str, dialled: str, viewer: Viewer = ADMIN, **more: Any) -> dict[str, Any]:
        return run(self.simulator.simulate(viewer, Question(caller, dialled, **more)))

    def keep(self, name: str, caller: str, dialled: str, viewer: Viewer = ADMIN, keys: list[str] | None = None, **more: Any) -> dict[str, Any]:
        return run(self.simulator.keep(viewer, ACTOR, name, Question(caller, dialled, **more), keys))

    def cases(self, viewer: Viewer = ADMIN) -> dict[str, Any]:
        return run(self.simulator.cases(viewer))

    def close(self) -> None:
        self.book.close()
        self._organisation.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with nothing in it: migrating takes longer than most of these tests."""
    path = tmp_path_factory.mktemp("simulator") / "empty.sqlite"
    open_organisation(path).close()
    return path


@pytest.fixture
def world(tmp_path: Path, migrated: Path) -> Iterator[World]:
    made = World(tmp_path, migrated)
    yield made
    made.close()


@pytest.fixture
def bare(tmp_path: Path, migrated: Path) -> Iterator[World]:
    """A server whose configuration names no file of cases."""
    made = World(tmp_path, migrated, what_if=False)
    yield made
    made.close()


def bars(answer: dict[str, Any]) -> list[tuple[str, float, float]]:
    return [(each["name"], each["start"], each["end"]) for each in answer["timeline"]["bars"]]


# --- asking


def test_who_rings_when_and_why(world: World) -> None:
    answer = world.ask(OUTSIDE, "667")
    assert bars(answer) == [("Sam Secretary", 0, 10), ("Ana Aide", 10, 20), ("Olivia Boss", 20, 30)]
    assert [phase["part"] for phase in answer["timeline"]["phases"]] == ["ring", "ring", "rollover"]
    assert {"rule": "filter", "matched": True} in [{"rule": each["rule"], "matched": each["matched"]} for each in answer["rules"]]
    assert "Olivia Boss (667)" in answer["text"]
    assert answer["summary"]["ring"] == ("676, 10 s", "677, 10 s")
    assert answer["at"] == "2026-11-20T10:00:00+07:00"


def test_the_time_is_on_the_wall_of_the_organisation_unless_a_zone_is_named(world: World) -> None:
    assert bars(world.ask(OUTSIDE, "667", at="2026-11-20T18:00"))[0][0] == "Ana Aide", "Sam has gone home"
    assert bars(world.ask(OUTSIDE, "667", at="2026-11-20T18:00", time_zone="Asia/Tokyo"))[0][0] == "Sam Secretary", "16:00 in Jakarta"
    assert bars(world.ask(OUTSIDE, "667", at="2026-11-20T11:00Z"))[0][0] == "Ana Aide"


def test_the_state_is_as_phones_have_set_it_unless_another_is_asked_for(world: World) -> None:
    world.state = State.of([Setting("opt", "677", "667", "out"), Setting("dnd", "601", "", "on")])
    answer = world.ask(OUTSIDE, "667")
    assert [name for name, _, _ in bars(answer)] == ["Sam Secretary", "Olivia Boss"]
    assert answer["state"] == {"opted_out": ["677-667"]}, "what plays no part is left out"
    assert [each["opted_out"] for each in answer["switches"] if each["extension"] == "677"] == [["667"]]
    assert [name for name, _, _ in bars(world.ask(OUTSIDE, "667", state={}))] == ["Sam Secretary", "Ana Aide", "Olivia Boss"]
    assert bars(world.ask(OUTSIDE, "667", state={"filter": {"667": False}})) == [("Olivia Boss", 0, 180)]


def test_a_feature_code_and_a_refusal_say_what_happens(world: World) -> None:
    code = world.ask("667", "#62")
    assert (code["end"]["action"], code["summary"]["sets"]) == ("set", ("filter 667 = off",))
    assert code["timeline"]["bars"] == []
    refused = world.ask("601", "#62")
    assert (refused["end"]["action"], refused["end"]["status"]) == ("refuse", 403)


@pytest.mark.parametrize(
    ("more", "field", "text"),
    [
        ({"caller": "Olivai"}, "caller", "Did you mean Olivia Boss (667)?"),
        ({"dialled": " "}, "dialled", "is missing"),
        ({"at": "tomorrow"}, "at", "write a date"),
        ({"time_zone": "Jakarta"}, "time_zone", "Asia/Jakarta"),
        ({"state": {"filter": {"601": True}}}, "state.filter.601", "is no executive"),
        ({"state": {"mood": "good"}}, "state.mood", "is no key"),
        ({"state": {"opted_out": ["601-667"]}}, "state.opted_out[0]", "is no delegated line"),
    ],
)
def test_what_cannot_be_asked_is_told_at_its_field(world: World, more: dict[str, Any], field: str, text: str) -> None:
    question = {"caller": OUTSIDE, "dialled": "667", **more}
    with pytest.raises(Refusal) as refusal:
        run(world.simulator.simulate(ADMIN, Question(**question)))
    assert [each.field for each in refusal.value.findings] == [field]
    assert text in refusal.value.findings[0].text


def test_changes_that_are_not_saved_are_tried_and_stay_unsaved(world: World) -> None:
    entry = world.book.entry("executives", "667")
    assert entry is not None
    draft = {**entry.body, "alerting": {"mode": "ring_all", "ring_seconds": 25}, "assistants": ["677"]}
    assert bars(world.ask(OUTSIDE, "667", ops=(Put("executives", "667", draft),))) == [("Ana Aide", 0, 25), ("Olivia Boss", 25, 50)]
    assert bars(world.ask(OUTSIDE, "667"))[0] == ("Sam Secretary", 0, 10)
    assert world.book.entry("executives", "667") == entry
    broken = {**draft, "assistants": ["999"]}
    with pytest.raises(Refusal, match=r"assistants\[0\]"):
        world.ask(OUTSIDE, "667", ops=(Put("executives", "667", broken),))


# --- rights


def test_others_than_administrators_ask_about_whom_they_manage(world: World) -> None:
    assert bars(world.ask(OUTSIDE, "667", SAM))[0][0] == "Sam Secretary"
    assert bars(world.ask(OUTSIDE, "+6221500667", SAM))[0][0] == "Sam Secretary"
    for caller, dialled in ((OUTSIDE, "668"), ("667", "#62"), ("601", "676")):
        with pytest.raises(NotAllowed, match=r"Olivia Boss \(667\)"):
            world.ask(caller, dialled, SAM)
    with pytest.raises(NotAllowed, match="administrators"):
        world.ask(OUTSIDE, "667", LEE)


def test_nobody_tries_changes_that_they_may_not_make(world: World) -> None:
    entry = world.book.entry("users", "667")
    assert entry is not None
    with pytest.raises(Refused):
        world.ask(OUTSIDE, "667", SAM, ops=(Put("users", "667", {**entry.body, "name": "Sam's boss"}),))


def test_confidential_contacts_cannot_be_found_out_by_asking(world: World) -> None:
    contact = "+628119990001"
    assert world.ask(contact, "667")["summary"]["confidential"] is True
    assert world.ask(contact, "667", OLIVIA)["summary"]["confidential"] is True
    seen, usual = world.ask(contact, "667", SAM), world.ask(OUTSIDE, "667", SAM)
    assert (bars(seen), seen["summary"]["confidential"]) == (bars(usual), False)
    assert "confidential" not in seen["text"]
    refused = set()
    for caller in (contact, OUTSIDE):
        with pytest.raises(NotAllowed) as error:
            world.keep("Who is that?", caller, "667", SAM)
        refused.add(str(error.value))
    assert len(refused) == 1, "no other answer for a contact than for anybody else"
    world.keep("The family", contact, "667", OLIVIA)
    assert "The family" in [each["name"] for each in world.cases(OLIVIA)["cases"]]
    assert "The family" not in [each["name"] for each in world.cases(SAM)["cases"]]


def test_what_becomes_of_calls_to_others_is_not_told_to_who_manages_somebody(world: World) -> None:
    """Sam manages Olivia (667) and may ask what is seen of calls for her; how Victor (668) and Lee are reached is theirs."""
    world.state = State.of([Setting("dnd", "601", "", "on"), Setting("filter", "668", "", "off"), Setting("opt", "677", "668", "out")])
    for dialled, name in (("668", "Victor Chief"), ("601", "Lee Colleague"), ("+6221500668", "Victor Chief")):
        whole, found = world.ask("676-667", dialled), world.ask("676-667", dialled, SAM)
        assert bars(found) == [] and found["state"] == {} and found["plan"]["rollover"] == found["plan"]["stages"] == []
        assert {each["extension"] for each in found["switches"]} <= {"676", "667"}
        assert found["plan"]["called"] == whole["plan"]["called"] and found["plan"]["action"] == "ring"
        said = [each["rule"] for each in found["rules"]]
        assert said[-2:] == ["a user's number", "whose call"] and name in found["rules"][-1]["reason"]
        for word in ("Ana", "disturb", "filter", "677"):
            assert word not in json.dumps({**found, "switches": []}), word
    assert world.ask("676-667", "668", SAM)["plan"]["present"] == world.ask("676-667", "668")["plan"]["present"], "what Victor sees"
    for caller, dialled in (("677-667", "#66668"), ("677-667", "#64668*601")):
        with pytest.raises(NotAllowed):
            world.ask(caller, dialled, SAM)
    spoken = world.ask("676-667", "601", SAM)["plan"]
    world.state = State()
    assert spoken["present"] == world.ask("676-667", "601")["plan"]["present"], "though Lee took no calls"


def test_unsaved_changes_of_who_does_not_see_everything(world: World) -> None:
    """As the entry was read, without the confidential contacts: they stay as they are, and are not to be guessed."""
    entry = world.book.entry("executives", "667")
    assert entry is not None
    shown = {key: value for key, value in entry.body.items() if key != "confidential"}
    draft = {**shown, "alerting": {"mode": "ring_all", "ring_seconds": 25}}
    assert bars(world.ask(OUTSIDE, "667", SAM, ops=(Put("executives", "667", draft),)))[0] == ("Sam Secretary", 0, 25)
    for guess in (["+628119990001"], ["+15550000001"]):
        with pytest.raises(Refused, match="only 667 and administrators may change confidential"):
            world.ask(OUTSIDE, "667", SAM, ops=(Put("executives", "667", {**draft, "confidential": guess}),))


def test_others_than_administrators_remove_only_what_they_have_kept(world: World) -> None:
    olivia = Actor("667", "page")
    theirs = world.cases(OLIVIA)["cases"][0]["id"]
    for viewer in (OLIVIA, SAM):
        with pytest.raises(NotAllowed, match="somebody else"):
            run(world.simulator.remove(viewer, olivia, theirs))
    with pytest.raises(NotAllowed, match="executive whom it is about"):
        world.keep("Sam's", OUTSIDE, "667", SAM)
    kept = run(world.simulator.keep(OLIVIA, olivia, "Mine", Question(OUTSIDE, "667")))
    with pytest.raises(NotAllowed, match="somebody else"):
        run(world.simulator.remove(SAM, Actor("676", "page"), kept["id"]))
    run(world.simulator.remove(OLIVIA, olivia, kept["id"]))
    assert "Mine" not in world.file.read_text()


# --- cases


def test_the_cases_of_the_file_with_what_comes_of_them(world: World) -> None:
    found = world.cases()
    assert [(each["name"], each["result"]) for each in found["cases"]] == [("Sam, then Ana", "passed"), ("Ana for Victor", "passed")]
    assert (found["passed"], found["failed"], found["guards"]) == (2, 0, True)
    assert [each["name"] for each in world.cases(SAM)["cases"]] == ["Sam, then Ana"]
    assert world.cases(LEE)["cases"] == []


def test_a_case_is_kept_behind_the_others_and_nothing_else_is_touched(world: World) -> None:
    kept = world.keep("Out of hours: Ana alone", OUTSIDE, "667", at="2026-11-20T18:00")
    assert kept["result"] == "passed"
    text = world.file.read_text()
    assert text.startswith(CASES)
    assert run_cases(world.file, world.book.directory) == (3, ())
    assert kept["expect"]["ring"] == ["677, 10 s"]
    assert str(kept["at"]).startswith("2026-11-20T18:00")
    row = run(world.book.audit(AuditQuery(kind="what_if")))[0]
    assert (row.action, row.key, row.actor) == ("created", "Out of hours: Ana alone", "admin")


def test_a_kept_case_carries_just_the_state_that_it_needs(world: World) -> None:
    world.state = State.of([Setting("opt", "677", "667", "out"), Setting("filter", "668", "", "off"), Setting("dnd", "676", "", "off")])
    assert world.keep("Ana is away", OUTSIDE, "667")["state"] == {"opted_out": ["677-667"]}
    world.state = NO_STATE
    assert world.cases()["failed"] == 0, "the live state plays no part"


def test_thousands_of_callbacks_are_neither_shown_nor_kept_but_for_that_of_the_caller(world: World) -> None:
    callbacks = [Setting("callback", "667", str(15550000000 + number), "677", NOW.timestamp() + 60) for number in range(5000)]
    world.state = State.of(callbacks)
    answer = world.ask("+15550000007", "667")
    assert answer["state"] == {"callback": {"667": {"15550000007": "677"}}}
    kept = world.keep("Calls back to Ana", "+15550000007", "667")
    assert kept["result"] == "passed"
    assert kept["state"] == {"callback": {"667": {"15550000007": "677"}}}


def test_what_was_chosen_is_compared_and_nothing_else(world: World) -> None:
    kept = world.keep("Ends at Olivia", OUTSIDE, "667", keys=["rollover"])
    assert kept["expect"] == {"rollover": ["667, 10 s"]}
    for keys, field in ((["rollover", "weather"], "keys"), ([], "keys")):
        with pytest.raises(Refusal) as refusal:
            world.keep("Wrong", OUTSIDE, "667", keys=keys)
        assert refusal.value.findings[0].field == field
    with pytest.raises(Refusal) as refusal:
        world.keep("  ", OUTSIDE, "667")
    assert refusal.value.findings[0].field == "name"


@pytest.mark.parametrize("name", ['"quoted": - {x}', "# no comment", "مرحبا بك", "Grüße 🎉", "<script>alert(1)</script>", "yes", "- a\\b"])
def test_whatever_a_case_is_called_it_is_read_back_so(world: World, name: str) -> None:
    assert world.keep(name, "601", "668")["name"] == name
    assert [each["name"] for each in world.cases()["cases"]][-1] == name


def test_a_name_that_no_file_can_hold_is_refused_and_the_file_stays(world: World) -> None:
    with pytest.raises(CannotWrite, match="control character"):
        world.keep("two\nlines", "601", "668")
    assert world.file.read_text() == CASES


def test_a_case_that_fails_says_what_differs(world: World) -> None:
    entry = world.book.entry("executives", "668")
    assert entry is not None
    run(world.book.change(ACTOR, [Put("executives", "668", {**entry.body, "alerting": {"ring_seconds": 20}}, entry.revision)]))
    failed = world.cases()["cases"][1]
    assert failed["result"] == "failed"
    assert failed["differences"] == [{"key": "ring", "expected": ("677, 30 s",), "got": ("677, 20 s",)}]


def test_a_case_is_taken_out_and_the_comments_of_the_others_stay(world: World) -> None:
    first, second = (each["id"] for each in world.cases()["cases"])
    run(world.simulator.remove(ADMIN, ACTOR, first))
    text = world.file.read_text()
    assert "Sam, then Ana" not in text
    assert "# What the office agreed on." in text
    assert "# Victor has Ana alone." in text
    assert run(world.book.audit(AuditQuery(kind="what_if")))[0].action == "removed"
    with pytest.raises(Missing):
        run(world.simulator.remove(ADMIN, ACTOR, first))
    with pytest.raises(CannotWrite, match="last case"):
        run(world.simulator.remove(ADMIN, ACTOR, second))


def test_nobody_takes_out_a_case_that_they_do_not_see(world: World) -> None:
    victor = world.cases()["cases"][1]["id"]
    with pytest.raises(Missing):
        run(world.simulator.remove(SAM, ACTOR, victor))
    assert world.file.read_text() == CASES


def test_a_file_in_another_hand_is_left_as_it_is(world: World) -> None:
    for text in ("cases: [{name: One, from: '601', to: '668', expect: {end: hang up 480}}]\n", CASES + "  - {name: Half\n", "cases: 5\n"):
        world.file.write_text(text)
        with pytest.raises(CannotWrite, match=r"edit the file|put right first"):
            world.keep("Another", "601", "668")
        assert world.file.read_text() == text


def test_without_a_file_in_the_configuration_cases_are_kept_in_the_state_folder(bare: World) -> None:
    assert (bare.cases()["cases"], bare.cases()["guards"]) == ([], False)
    bare.keep("First", "601", "668")
    bare.keep("Second", OUTSIDE, "667")
    assert [each["result"] for each in bare.cases()["cases"]] == ["passed", "passed"]
    assert bare.file.stat().st_mode & 0o777 == 0o644
    assert not [*bare.file.parent.glob(".what-if*")]


def test_many_at_once_lose_none(world: World) -> None:
    async def keep_all() -> None:
        await asyncio.gather(*(world.simulator.keep(ADMIN, ACTOR, f"Case {number}", Question("601", "668")) for number in range(8)))

    run(keep_all())
    assert sorted(each["name"] for each in world.cases()["cases"] if each["name"].startswith("Case")) == [f"Case {number}" for number in range(8)]
