"""Reads the directory and checks what one section cannot know of another; every finding is reported, none hides another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from b2bua.config.checks import check_boss, check_counts, check_members, check_numbers, check_roles, check_users_targets, warn
from b2bua.config.draft import Draft, place_of
from b2bua.config.executives import read_executives
from b2bua.config.offices import GroupEntry, ServiceEntry, add_offices, read_duty_profiles, read_groups, read_services
from b2bua.config.people import Heading, read_users
from b2bua.config.places import check_places, read_parking, read_rooms
from b2bua.config.schema import Report, read_part
from b2bua.config.server import Config
from b2bua.config.yamltree import Map, Where
from b2bua.delegation.lint import Finding, lint
from b2bua.delegation.model import Directory
from b2bua.delegation.numbering import NumberPlan


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


def read_draft(
    tree: Map, config: Config, report: Report, *, trunks_unsure: bool = False, now: datetime | None = None
) -> tuple[Draft, Heading]:
    """Everything that can be read, checked; the findings are in `report`."""
    heading, broken = read_part(Heading, tree, (), report)
    draft = Draft(now or datetime.now(UTC), heading.time_zone or UTC, trunks_unsure=trunks_unsure)
    _read(draft, heading, broken, report)
    check_numbers(draft, config, report)
    check_places(draft, config, report)
    check_roles(draft, heading, report)
    if "limits" not in broken:
        check_counts(draft, heading, report)
    if not heading.delegating_members and "delegating_members" not in broken:
        check_members(draft, report)
    plan = NumberPlan(draft.users, {}, config.routes, config.emergency)
    check_users_targets(draft, plan, report)
    for boss in draft.bosses.values():
        check_boss(draft, boss, plan, report)
    warn(draft, heading, report)
    return draft, heading


def _read(draft: Draft, heading: Heading, broken: frozenset[str], report: Report) -> None:
    """Every list into `draft`: first whose extensions there are, then what names them."""
    draft.schedules.define(heading.schedules, report, unsure="schedules" in broken)
    read_users(heading.users, draft, report)
    groups = add_offices(GroupEntry, "group", heading.groups, draft, report)
    services = add_offices(ServiceEntry, "service", heading.services, draft, report)
    draft.caller_groups.define(heading.caller_groups, report, unsure="caller_groups" in broken)
    read_executives(heading.executives, draft, report)
    read_groups(groups, draft, report)
    read_services(services, draft, report)
    read_duty_profiles(heading.duty_profiles, draft, report)
    read_parking(heading.parking, draft, report)
    read_rooms(heading.conferences, draft, report)


def _build(draft: Draft, heading: Heading, config: Config) -> Directory:
    return Directory.build(
        organisation=heading.organisation,
        time_zone=draft.time_zone,
        domain=config.domain,
        users=draft.users.values(),
        executives=[
            replace(boss.settings, delegations=tuple(delegation for _, delegation in boss.delegations))
            for boss in draft.bosses.values()
        ],
        duty_profiles=[profile for _, profile in draft.duty_profiles],
        trunks=config.routes,
        emergency=config.emergency,
        feature_codes=config.feature_codes,
        parking=draft.parking,
        rooms=[room for _, room in draft.rooms],
        pick_up=heading.pick_up,
        media_mode=config.media.mode,
    )


def _lint(draft: Draft, directory: Directory, report: Report) -> None:
    """What the linter finds about the built directory (A21)."""
    for finding in lint(directory, draft.now.astimezone(draft.time_zone).date()):
        say = report.error if finding.severity == "error" else report.warn
        say(_place(draft, finding), finding.text)


def _place(draft: Draft, finding: Finding) -> Where:
    """Where a finding stands in the file."""
    boss = None if finding.kind == "users" else draft.bosses.get(finding.extension)
    match finding.key:
        case ("assistants" | "members" | "agents", int(index), *rest) if boss:
            return (*boss.delegations[index][0], *rest)
        case ("rollover", "forward") if boss and boss.rollover_target:
            return boss.rollover_target
    return (*place_of(draft, finding.kind, finding.extension), *finding.key)
