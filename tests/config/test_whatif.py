"""The file of what-if cases: how it is read, what is wrong with it, and the demo organisation's."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2bua.config import load, load_directory
from b2bua.config.schema import Guesses
from b2bua.config.whatif import ExpectEntry, check_cases, read_cases, run_cases
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import RoutePlan, Setting
from b2bua.delegation.whatif import RULES, Case, run_case, summary
from tests.config.conftest import Files

DEMO = Path(__file__).resolve().parents[2] / "config"
CALL = 'from: "601", to: "667"'
MORE_USERS = """users:
  - {extension: "601", name: Lee Colleague, password: lee-601, numbers: ["+6221500602"], location: HQ}
  - {extension: "602", name: Mia Colleague, password: mia-602, location: HQ}
  - {extension: "603", name: Desk, password: desk-603, type: shared, emergency_location: Hall}"""
SERVICE = """services:
  - {extension: "510", name: Help Desk, agents: ["602"], rollover: {action: hangup}}
duty_profiles:
  - {name: Early, code: "1", agents: ["602"], responsible_for: ["510"]}
"""


@pytest.fixture
def organisation(files: Files) -> Directory:
    files.change(files.directory, ("organisation: Acme", "organisation: Acme\ntime_zone: Asia/Jakarta"), ("users:", MORE_USERS))
    files.directory.write_text(files.directory.read_text() + SERVICE)
    return load_directory(load(files.server))


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return tmp_path / "what-if.yaml"


def write(file: Path, *entries: str) -> None:
    """A file with a case on each line, the first on line 2."""
    file.write_text("cases:\n" + "".join(f"  - {entry}\n" for entry in entries))


def read_one(file: Path, organisation: Directory, entry: str) -> Case:
    write(file, entry)
    found, problems = read_cases(file, organisation)
    assert problems == ()
    ((_, case),) = found
    return case


def problems_of(file: Path, organisation: Directory) -> list[str]:
    return [str(problem).removeprefix(f"{file}:") for problem in check_cases(file, organisation)]


class TestReading:
    def test_a_case_as_the_documentation_shows_it(self, cases: Path, organisation: Directory) -> None:
        cases.write_text(
            textwrap.dedent("""
            cases:
              - name: Everybody rings at once
                row: A5
                from: "601"
                to: "667"
                at: 2026-11-23T09:00
                state:
                  filter: {"667": on}
                expect:
                  ring: ["676 + 677, 30 s"]
                  rollover: []
                  after: null
                  end: hang up 480
                  assistants_see: "Lee Colleague → Olivia Boss <601>"
                  confidential: false
                  rules: ["filter: yes"]
            """)
        )
        ((line, case),), problems = read_cases(cases, organisation)
        assert problems == ()
        assert (line, case.name, case.row) == (3, "Everybody rings at once", "A5")
        assert (case.facts.caller.extension, case.facts.dialled) == ("601", "667")
        assert case.at.isoformat() == "2026-11-23T09:00:00+07:00"
        assert case.expect == {
            "ring": ("676 + 677, 30 s",),
            "rollover": (),
            "after": None,
            "end": "hang up 480",
            "assistants_see": "Lee Colleague → Olivia Boss <601>",
            "confidential": False,
            "rules": ("filter: yes",),
        }
        assert run_cases(cases, organisation) == (1, ())

    @pytest.mark.parametrize(
        ("written", "at"),
        [
            ("", "2026-01-05T10:00:00+07:00"),
            (", at: 2026-11-23T09:00", "2026-11-23T09:00:00+07:00"),
            (", at: 2026-11-23", "2026-11-23T10:00:00+07:00"),
            (", at: 2026-11-23T09:00Z", "2026-11-23T16:00:00+07:00"),
            (", at: 2026-11-23T09:00+01:00", "2026-11-23T15:00:00+07:00"),
        ],
    )
    def test_times_are_the_organisations_unless_they_say_otherwise(
        self, cases: Path, organisation: Directory, written: str, at: str
    ) -> None:
        case = read_one(cases, organisation, f"{{name: x, {CALL}{written}, expect: {{end: done}}}}")
        assert case.at.isoformat() == at

    @pytest.mark.parametrize(
        ("state", "settings"),
        [
            ('filter: {"667": off}', [Setting("filter", "667", "", "off")]),
            ('filter: {"667": true}', [Setting("filter", "667", "", "on")]),
            ('opted_out: ["676-667"]', [Setting("opt", "676", "667", "out")]),
            (
                'divert: {"676": "+15551234567"}',
                [Setting("divert", "676", "", "on"), Setting("divert_to", "676", "", "+15551234567")],
            ),
            ('divert: {"676": "601"}', [Setting("divert", "676", "", "on"), Setting("divert_to", "676", "", "601")]),
            ('divert: {"676": on, "677": off}', [Setting("divert", "676", "", "on"), Setting("divert", "677", "", "off")]),
            ('dnd: ["667"]', [Setting("dnd", "667", "", "on")]),
            ('call_as: {"676": "667"}', [Setting("call_as", "676", "", "667")]),
            ('duty: {"602": Early}', [Setting("duty", "602", "", "Early")]),
            ('logged_in: {"603": "676"}', [Setting("hot_desk", "603", "", "676")]),
            ('duty: {"602": off}', [Setting("duty", "602", "", "")]),
            ('callback: {"667": {"+1 555 1234567": "676"}}', [Setting("callback", "667", "15551234567", "676")]),
            (
                'call_as: {"676": {extension: "667", until: 2026-11-24T02:00Z}}',
                [Setting("call_as", "676", "", "667", 1_795_485_600.0)],
            ),
            (
                'callback: {"667": {"+15551234567": {extension: "676", until: 2026-11-24T09:00}}}',
                [Setting("callback", "667", "15551234567", "676", 1_795_485_600.0)],
            ),
        ],
    )
    def test_what_phones_have_set(self, cases: Path, organisation: Directory, state: str, settings: list[Setting]) -> None:
        case = read_one(cases, organisation, f"{{name: x, {CALL}, state: {{{state}}}, expect: {{end: done}}}}")
        assert list(case.state) == settings

    def test_privacy_hides_the_caller(self, cases: Path, organisation: Directory) -> None:
        inside = read_one(cases, organisation, f"{{name: x, {CALL}, privacy: true, expect: {{end: done}}}}").facts.caller
        assert (inside.anonymous, inside.number) == (True, "601")
        outside = read_one(
            cases, organisation, '{name: x, from: "+15551234567", to: "667", privacy: true, expect: {end: done}}'
        ).facts.caller
        assert (outside.anonymous, outside.number, outside.unavailable) == (True, "", False)

    def test_the_header_of_a_phone(self, cases: Path, organisation: Directory) -> None:
        case = read_one(cases, organisation, '{name: x, from: "676", to: "602", identity: "667", expect: {end: done}}')
        assert case.facts.preferred_identity == "667"

    def test_every_part_of_a_plan_can_be_expected(self) -> None:
        assert set(ExpectEntry.model_fields) == {*summary(RoutePlan("ring")), RULES}


class TestErrors:
    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            (f"{{{CALL}, expect: {{end: done}}}}", "cases[0].name: is missing; write what the case shows, in a few words"),
            (f"{{name: x, {CALL}}}", "cases[0].expect: is missing; write what must come of it"),
            (f"{{name: x, {CALL}, expect: {{}}}}", "cases[0].expect: compares nothing; write at least one of ring, rollover,"),
            (
                f"{{name: x, {CALL}, expect: {{rings: []}}}}",
                "cases[0].expect.rings: is no key of this section; did you mean `ring`?",
            ),
            (
                f"{{name: x, {CALL}, expect: {{ring: nobody}}}}",
                "cases[0].expect.ring: is text, not a list; write a list of lines",
            ),
            (f"{{name: x, {CALL}, expect: {{after: soon}}}}", "cases[0].expect.after: is 'soon'; write the seconds"),
            (f"{{name: x, {CALL}, expect: {{rules: [filter]}}}}", "cases[0].expect.rules[0]: is 'filter'; write a list of rules"),
            (f"{{name: x, {CALL}, at: noon, expect: {{end: done}}}}", "cases[0].at: is 'noon'; write a date such as"),
            (f"{{name: x, {CALL}, when: now, expect: {{end: done}}}}", "cases[0].when: is no key of this section"),
            ('{name: x, from: "6676", to: "1", expect: {end: done}}', "cases[0].from: nobody here is '6676'"),
            (
                '{name: x, from: "510", to: "667", expect: {end: done}}',
                "cases[0].from: Help Desk (510) is a service and cannot call",
            ),
            ("just words", "cases[0]: is text, not keys with values"),
        ],
    )
    def test_a_wrong_case(self, cases: Path, organisation: Directory, entry: str, problem: str) -> None:
        write(cases, entry)
        (found,) = problems_of(cases, organisation)
        assert found.startswith(f"2: {problem}")

    @pytest.mark.parametrize(
        ("state", "problem"),
        [
            ('filter: {"601": off}', ".filter.601: '601' is no executive's extension"),
            ('filter: {"667": maybe}', ".filter.667: is 'maybe'; write executives with on or off"),
            ('opted_out: ["601-667"]', ".opted_out[0]: '601-667' is no delegated line; did you mean"),
            ('divert: {"999": "601"}', ".divert.999: '999' is no user's extension"),
            ('divert: {"676": "12"}', ".divert.676: '12' leads nowhere; write an extension or outside number, on, or off"),
            ('dnd: ["6666"]', ".dnd[0]: '6666' is no user's extension"),
            ('dnd: ["510"]', ".dnd[0]: '510' is no user's extension"),
            ('call_as: {"999": "667"}', ".call_as.999: '999' is no user's extension"),
            ('call_as: {"676": "601"}', ".call_as.676: '601' is no executive's extension"),
            ('call_as: {"676": {until: 2026-11-23}}', ".call_as.676.extension: is missing; write the extension of a user"),
            ('logged_in: {"601": "676"}', ".logged_in.601: '601' is no shared phone; did you mean `603`?; write the extension of a shared phone"),
            ('logged_in: {"603": "999"}', ".logged_in.603: '999' is no user's extension"),
            ('duty: {"676": Early}', ".duty.676: 'Early' is no duty profile of 676; write off"),
            ('callback: {"667": "676"}', ".callback.667: is text; write numbers with assistants"),
            ('callback: {"667": {"x": "676"}}', ".callback.667.x: is 'x'; write an outside number"),
            ('callback: {"667": {"+15551234567": "9"}}', ".callback.667.+15551234567: '9' is no user's extension"),
            ('opted: ["676-667"]', ".opted: is no key of this section; did you mean `opted_out`?"),
        ],
    )
    def test_a_wrong_state(self, cases: Path, organisation: Directory, state: str, problem: str) -> None:
        write(cases, f"{{name: x, {CALL}, state: {{{state}}}, expect: {{end: done}}}}")
        (found,) = problems_of(cases, organisation)
        assert found.startswith(f"2: cases[0].state{problem}")

    @pytest.mark.parametrize(
        ("case", "most"),
        [
            (f'{{name: x, {CALL}, state: {{dnd: ["676.%s"]}}, expect: {{end: done}}}}', Guesses.MOST),
            ('{name: x, from: "676-667x%s", to: "667", expect: {end: done}}', Guesses.MOST // 10),
        ],
    )
    def test_only_so_many_guesses_are_made_in_one_file(self, cases: Path, organisation: Directory, case: str, most: int) -> None:
        """Cases of another organisation name nobody who is here, and each guess among thousands takes a while."""
        write(cases, *(case % n for n in range(100, 400)))
        found = problems_of(cases, organisation)
        assert len(found) == 300
        assert sum("did you mean" in each.lower() for each in found) == most

    def test_every_problem_is_reported_on_its_line(self, cases: Path, organisation: Directory) -> None:
        write(cases, '{name: "", from: x, to: "667", expect: {}}', f"{{name: fine, {CALL}, expect: {{end: done}}}}", "x")
        assert [line.split(":")[0] for line in problems_of(cases, organisation)] == ["2", "2", "2", "4"]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "1: cases: is missing; write a list of cases"),
            ("cases: []", "1: cases: is empty, so nothing is checked; write a case"),
            ("cases: [", "2: (file): is not YAML"),
            ("cases: 3", "1: cases: is text, not a list"),
        ],
    )
    def test_a_file_that_checks_nothing_is_refused(self, cases: Path, organisation: Directory, text: str, problem: str) -> None:
        cases.write_text(text)
        (found,) = problems_of(cases, organisation)
        assert found.startswith(problem)

    def test_a_file_that_is_not_there(self, cases: Path, organisation: Directory) -> None:
        assert run_cases(cases, organisation).cases == 0
        (found,) = problems_of(cases, organisation)
        assert found.startswith("1: (file): cannot be read")


class TestRunning:
    def test_a_broken_case_is_named_with_its_line_and_the_others_are_not(self, cases: Path, organisation: Directory) -> None:
        write(
            cases,
            f'{{name: fine, {CALL}, expect: {{ring: ["676 + 677, 30 s"]}}}}',
            f'{{name: Only Sam, {CALL}, expect: {{ring: ["676, 30 s"]}}}}',
        )
        outcome = run_cases(cases, organisation)
        assert outcome.cases == 2
        (problem,) = outcome.problems
        lines = str(problem).splitlines()
        assert lines[:3] == [
            f"{cases}:3: case 'Only Sam': ring is not as expected",
            '    expected  ring: ["676, 30 s"]',
            '    got       ring: ["676 + 677, 30 s"]',
        ]
        assert "      yes  filter: it takes all calls and this call is internal" in lines

    def test_a_change_of_the_directory_breaks_the_case(self, cases: Path, organisation: Directory, files: Files) -> None:
        write(cases, f'{{name: Both, {CALL}, expect: {{ring: ["676 + 677, 30 s"]}}}}')
        assert check_cases(cases, organisation) == ()
        files.change(files.directory, ("ring_seconds: 30", "ring_seconds: 25"))
        assert len(check_cases(cases, load_directory(load(files.server)))) == 1


@pytest.fixture(scope="module")
def demo() -> Directory:
    return load_directory(load(DEMO / "b2bua.yaml"))


class TestTheDemo:
    def test_every_case_holds(self, demo: Directory) -> None:
        assert [str(problem) for problem in check_cases(DEMO / "what-if.yaml", demo)] == []

    def test_every_row_that_a_decision_can_show_has_a_case(self, demo: Directory) -> None:
        found, _ = read_cases(DEMO / "what-if.yaml", demo)
        rows = {f"A{n}" for n in range(4, 26)} - {"A23"} | {f"B{n}" for n in range(1, 13)} - {"B8"} | {"C3", "C5", "C7", "C10", "C12", "E7"}
        assert {case.row for _, case in found} == rows

    def test_names_are_given_once(self, demo: Directory) -> None:
        names = [case.name for _, case in read_cases(DEMO / "what-if.yaml", demo)[0]]
        assert [name for name in names if names.count(name) > 1] == []

    def test_every_expectation_is_compared(self, demo: Directory) -> None:
        found, _ = read_cases(DEMO / "what-if.yaml", demo)
        wrong: dict[str, Any] = {RULES: ("no such rule: yes",)}
        blind = [
            (case.name, key)
            for _, case in found
            for key in case.expect
            if run_case(replace(case, expect={key: wrong.get(key, "something else")}), demo) is None
        ]
        assert blind == []
