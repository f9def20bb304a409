"""Reads the directory and checks what one section cannot know of another; every finding is reported, none hides another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from b2bua.config.checks import check_boss, check_counts, check_members, check_numbers, check_roles, check_users_targets, warn
from b2bua.config.draft import Draft, place_of
from b2bua.config.executives import read_executives
from b2bua.config.kinds import check_kinds
from b2bua.config.located import EntryReport, Located
from b2bua.config.memory import NOTHING, Memory
from b2bua.config.offices import GroupEntry, ServiceEntry, add_offices, read_duty_profiles, read_groups, read_services
from b2bua.config.people import Heading, read_users
from b2bua.config.places import check_places, read_parking, read_rooms
from b2bua.config.resources import check_resources, read_cost_centres, read_number_inventory, read_phones, read_sites
from b2bua.config.schema import Report, read_part
from b2bua.config.server import Config
from b2bua.config.yamltree import Map, Where
from b2bua.delegation.lint import Finding, Looked, look
from b2bua.delegation.model import Directory
from b2bua.delegation.numbering import NumberPlan
from b2bua.delegation.organisation import Resources


def read_directory(
    tree: Map, config: Config, report: Report, *, trunks_unsure: bool = False, now: datetime | None = None
) -> Directory | None:
    """The directory in `tree`; None when `report` has problems. `now` (aware) is for warnings about times that are over."""
    draft, heading = read_draft(tree, config, report, trunks_unsure=trunks_unsure, now=now)
    if report.problems:
        return None
    directory = _build(draft, heading, config)
    _lint(draft, directory, report)
    if report.problems:
        return None
    return replace(directory, warnings=tuple(map(str, (*config.warnings, *report.warnings))))


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check_tree` says of a directory."""

    directory: Directory | None
    """None when there are findings."""
    findings: tuple[Located, ...]
    """What is wrong."""
    warnings: tuple[Located, ...]
    """What is allowed and probably not meant."""
    draft: Draft | None = field(default=None, repr=False)
    """For the next check, with the rest here."""
    config: Config | None = field(default=None, repr=False)
    looked: Looked | None = field(default=None, repr=False)


def check_tree(tree: Mapping[str, Any], config: Config, previous: Checked | None = None, now: datetime | None = None) -> Checked:
    """Check a directory that stands in no file: `tree` is that of a file, of canonical entries (`b2bua.config.canonical`).

    After a change it costs little to give the answer of before as `previous`: entries whose body is the same object are not read again,
    and what was worked out of them is taken over. The answer is the same with and without it.
    """
    report = EntryReport()
    known = previous if previous is not None and previous.directory is not None and previous.config is config else Checked(None, (), ())
    draft, heading = read_draft(dict(tree), config, report, now=now, before=known.draft, keeps=True)
    directory = looked = None
    if not report.problems:
        directory = _build(draft, heading, config, known.directory)
        looked = _lint(draft, directory, report, known.looked)
    findings, warnings = report.located()
    if findings or directory is None:
        return Checked(None, findings, warnings)
    notes = (*config.warnings, *warnings)
    return Checked(replace(directory, warnings=tuple(map(str, notes))), (), warnings, draft, config, looked)


def read_draft(
    tree: dict[str, Any],
    config: Config,
    report: Report,
    *,
    trunks_unsure: bool = False,
    now: datetime | None = None,
    before: Draft | None = None,
    keeps: bool = False,
) -> tuple[Draft, Heading]:
    """Everything that can be read, checked; the findings are in `report`. What `before` has read of the same entries is not read again;
    `keeps`: the draft will be somebody's `before`."""
    heading, broken = read_part(Heading, tree, (), report)
    draft = Draft(now or datetime.now(UTC), heading.time_zone or UTC, trunks_unsure=trunks_unsure)
    before = before if before and before.time_zone == draft.time_zone and before.now <= draft.now else None
    draft.memory = Memory(draft.now, before.memory.known if before else NOTHING, keeps=keeps)
    draft.known_keys = before.number_keys if before else {}
    _read(draft, heading, broken, report, before)
    draft.memory.forget()
    check_numbers(draft, config, report)
    draft.known_keys = {}
    check_places(draft, config, report)
    check_resources(draft, report)
    check_kinds(draft, report)
    check_roles(draft, heading, report)
    if "limits" not in broken:
        check_counts(draft, heading, report)
    if not heading.delegating_members and "delegating_members" not in broken:
        check_members(draft, report)
    plan = NumberPlan(draft.users, {}, config.routes, config.emergency, draft.owners)
    check_users_targets(draft, plan, report)
    for boss in draft.bosses.values():
        check_boss(draft, boss, plan, report)
    warn(draft, heading, report)
    return draft, heading


def _read(draft: Draft, heading: Heading, broken: frozenset[str], report: Report, before: Draft | None) -> None:
    """Every list into `draft`: first whose extensions there are, then what names them."""
    draft.schedules.define(heading.schedules, report, unsure="schedules" in broken)
    if before and draft.schedules.same(before.schedules):
        draft.schedules = before.schedules
    else:
        draft.memory.forget()
    read_sites(heading.sites, draft, report)
    read_cost_centres(heading.cost_centres, draft, report)
    read_number_inventory(heading.number_inventory, draft, report)
    read_phones(heading.phones, draft, report)
    read_users(heading.users, draft, report)
    groups = add_offices(GroupEntry, "group", heading.groups, draft, report)
    services = add_offices(ServiceEntry, "service", heading.services, draft, report)
    draft.caller_groups.define(heading.caller_groups, report, unsure="caller_groups" in broken)
    if before and draft.caller_groups.same(before.caller_groups):
        draft.memory.changed |= _changed(draft, before)
    else:
        draft.memory.forget()
    read_executives(heading.executives, draft, report)
    read_groups(groups, draft, report)
    read_services(services, draft, report)
    read_duty_profiles(heading.duty_profiles, draft, report)
    read_parking(heading.parking, draft, report)
    read_rooms(heading.conferences, draft, report)


def _changed(draft: Draft, before: Draft) -> set[str]:
    """Extensions that are new or gone, or whose user, group or service is another one than before."""
    found = {extension for extension, user in draft.users.items() if before.users.get(extension) is not user}
    return found | (before.users.keys() - draft.users.keys())


def _build(draft: Draft, heading: Heading, config: Config, previous: Directory | None = None) -> Directory:
    return Directory.build(
        organisation=heading.organisation,
        time_zone=draft.time_zone,
        domain=config.domain,
        users=draft.users.values(),
        executives=[boss.executive for boss in draft.bosses.values()],
        duty_profiles=[profile for _, profile in draft.duty_profiles],
        trunks=config.routes,
        emergency=config.emergency,
        feature_codes=config.feature_codes,
        parking=draft.parking,
        rooms=[room for _, room in draft.rooms],
        pick_up=heading.pick_up,
        media_mode=config.media.mode,
        resources=Resources(draft.sites, draft.cost_centres, draft.phones, draft.numbers),
        acceptance=heading.acceptance,
        previous=previous,
    )


def _lint(draft: Draft, directory: Directory, report: Report, before: Looked | None = None) -> Looked:
    """What the linter finds about the built directory (A21)."""
    looked = look(directory, draft.now.astimezone(draft.time_zone).date(), before)
    for finding in looked.findings:
        say = report.error if finding.severity == "error" else report.warn
        say(_place(draft, finding), finding.text)
    return looked


def _place(draft: Draft, finding: Finding) -> Where:
    """Where a finding stands in the file."""
    boss = None if finding.kind == "users" else draft.bosses.get(finding.extension)
    match finding.key:
        case ("assistants" | "members" | "agents", int(index), *rest) if boss:
            return (*boss.delegations[index][0], *rest)
        case ("rollover", "forward") if boss and boss.rollover_target:
            return boss.rollover_target
    return (*place_of(draft, finding.kind, finding.extension), *finding.key)
