"""Reads the file of what-if cases and runs it on a directory (F7)."""

from __future__ import annotations

from datetime import datetime, time, tzinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from b2bua.config.schema import Report, Section, read_part, read_section
from b2bua.config.values import MOMENT_HINT, Moment, Text, instant
from b2bua.config.whatif_state import read_state
from b2bua.config.yamltree import Map, Where, read
from b2bua.delegation.explain import closest_callers, facts_for
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Facts
from b2bua.delegation.whatif import Case, Result, Value, run_case
from b2bua.errors import ConfigError, Problem

DEFAULT_AT: Final = datetime(2026, 1, 5, 10, 0)  # noqa: DTZ001 - on the wall of the organisation
"""When a case happens that does not say: a Monday morning."""
DEFAULT_HOUR: Final = time(10)
"""And one that says only the day."""
_COST_OF_CALLER: Final = 10
"""Who may have been meant is looked for among names and lines, too."""
_STAND_IN: Final = {"name": "unknown", "from": "unknown", "to": "unknown"}

Lines = tuple[str, ...]
Rule = Annotated[str, Field(pattern=r"^.+: (yes|no)$")]
RING_HINT: Final = 'a list of lines such as "676 + 677, 30 s", or []'
IDENTITY_HINT: Final = '"Name <number>", or null for nothing'


class CasesFile(Section):
    """The file."""

    cases: list[Any] = Field(description="a list of cases, each with name, from, to and expect")


class CaseEntry(Section):
    """One entry of ``cases:``."""

    name: Text = Field(min_length=1, description="what the case shows, in a few words")
    row: Text = Field(default="", description="the row of the feature list, for example A5")
    caller: str = Field(
        alias="from", description="an extension, a delegated line 676-667, an outside number, anonymous or unavailable"
    )
    dialled: str = Field(alias="to", description='what is dialled, for example "667"')
    at: Moment = Field(default=DEFAULT_AT, description=MOMENT_HINT)
    identity: str | None = Field(default=None, description="the number in P-Preferred-Identity, or null")
    privacy: bool = Field(default=False, description="true or false")
    state: Any = Field(default={}, description='what phones have set, for example {filter: {"667": off}}')
    expect: Any = Field(description='what must come of it, for example {ring: ["676, 30 s"]}')


class ExpectEntry(Section):
    """``expect:`` of a case; the keys of :func:`b2bua.delegation.whatif.summary`, and ``rules``."""

    ring: Lines = Field(default=(), description=RING_HINT)
    rollover: Lines = Field(default=(), description=RING_HINT)
    after: float | None = Field(default=None, description="the seconds of the rollover timer, or null")
    end: str = Field(default="", description="hang up 480, refused 403, done, joins another call, or as the phone answers")
    assistants_see: str | None = Field(default=None, description=IDENTITY_HINT)
    called_sees: str | None = Field(default=None, description=IDENTITY_HINT)
    outside_sees: str | None = Field(default=None, description=IDENTITY_HINT)
    asserted: str | None = Field(default=None, description=IDENTITY_HINT)
    on_behalf_of: str | None = Field(default=None, description="the extension of an executive, or null")
    actor: str | None = Field(default=None, description="the extension of an assistant, or null")
    warning: str = Field(default="", description='the text that the caller is told, or ""')
    sets: Lines = Field(default=(), description='a list of lines such as "filter 667 = on", or []')
    says: str = Field(default="", description='what the phone shows, or ""')
    confidential: bool = Field(default=False, description="true or false")
    joins: str = Field(default="", description='a feature and its digits, for example "retrieve 701", or ""')
    media: Literal["anchored", "direct"] | None = Field(default=None, description="anchored, direct, or null for no call")
    rules: tuple[Rule, ...] = Field(default=(), description='a list of rules with yes or no, for example ["filter: yes"]')


class Written(NamedTuple):
    """A case and the line on which it stands."""

    line: int
    case: Case


class Outcome(NamedTuple):
    """What became of a file of cases."""

    cases: int
    """How many were run; 0 when the file cannot be read."""
    problems: tuple[Problem, ...]
    """Errors of the file, or one problem for each case that failed."""


def check_cases(path: Path, directory: Directory) -> tuple[Problem, ...]:
    """Whatever speaks against `directory` in the file `path`: cases that fail, or that cannot be read. Raises nothing."""
    return run_cases(path, directory).problems


def run_cases(path: Path, directory: Directory) -> Outcome:
    """The same, with the number of cases. They run with their own state; what `directory` carries plays no part."""
    found, problems = read_cases(path, directory)
    if problems:
        return Outcome(0, problems)
    failed = [(line, result) for line, case in found if (result := run_case(case, directory)) is not None]
    return Outcome(len(found), tuple(_failure(path, line, result) for line, result in failed))


def _failure(path: Path, line: int, result: Result) -> Problem:
    return Problem(str(path), line, f"case '{result.case.name}'", str(result))


def read_cases(path: Path, directory: Directory) -> tuple[list[Written], tuple[Problem, ...]]:
    """The cases in the file `path`, and every problem of the file. Who and what they name must be in `directory`."""
    report = Report(str(path), Map(1))
    try:
        report.tree = read(path, report.problems)
    except ConfigError as error:
        return [], error.problems
    file, _ = read_section(CasesFile, report.tree, (), report)
    zone = directory.time_zone
    found = [_read_case(item, ("cases", index), zone, directory, report) for index, item in enumerate(file.cases if file else ())]
    if file and not file.cases:
        report.error(("cases",), "is empty, so nothing is checked; write a case")
    return [each for each in found if each], tuple(sorted(report.problems, key=lambda problem: problem.line))


def _read_case(item: object, where: Where, zone: tzinfo, directory: Directory, report: Report) -> Written | None:
    """None when something is wrong with the case, which has been reported."""
    findings = report.findings
    entry, broken = read_section(CaseEntry, item, where, report, _STAND_IN)
    if entry is None:
        return None
    facts = None if "from" in broken else _facts(entry, where, directory, report)
    state = read_state(entry.state, (*where, "state"), zone, directory, report)
    expect = _read_expect(entry.expect, (*where, "expect"), report)
    if facts is None or report.findings > findings:
        return None
    return Written(report.line(where), Case(entry.name, facts, _time(entry, zone), expect, state, entry.row))


def _time(entry: CaseEntry, zone: tzinfo) -> datetime:
    moment = entry.at if isinstance(entry.at, datetime) else datetime.combine(entry.at, DEFAULT_HOUR)
    return instant(moment, zone).astimezone(zone)


def _facts(entry: CaseEntry, where: Where, directory: Directory, report: Report) -> Facts | None:
    try:
        facts = facts_for(
            entry.caller,
            entry.dialled,
            directory,
            entry.identity,
            lambda caller: report.guesses.once(caller, "caller", lambda: closest_callers(caller, directory), cost=_COST_OF_CALLER),
        )
    except ValueError as error:
        report.error((*where, "from"), str(error))
        return None
    if not entry.privacy:
        return facts
    caller = facts.caller._replace(anonymous=True)
    return facts._replace(caller=caller if caller.kind == "user" else caller._replace(number="", name=""))


def _read_expect(data: object, where: Where, report: Report) -> dict[str, Value]:
    """What was written, and nothing else."""
    entry, broken = read_part(ExpectEntry, data, where, report)
    written = {name: value for name, value in entry if name in entry.model_fields_set}
    if not written and not broken:
        report.error(where, f"compares nothing; write at least one of {', '.join(ExpectEntry.model_fields)}")
    return written
