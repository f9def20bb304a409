"""Groups, services and duty profiles: members and agents, what is refused, and A4's rule that members do not delegate."""

import pytest

from b2bua.delegation.people import Delegation, DutyProfile, Rollover, User
from tests.config.conftest import Files, read, refused, warned

pytestmark = pytest.mark.usefixtures("no_linter")

SALES, DESK = "groups[0]", "services[0]"
"""In lines 37 to 39 and 41 to 43."""
RECEIVE, CALL, BOTH = frozenset({"receive"}), frozenset({"call"}), frozenset({"receive", "call"})
AGENTS = '["676", {extensions: ["601", "600"], direction: out}, {group: "500", direction: in}]'


def test_a_queue(organisation: Files) -> None:
    directory = read(organisation)
    user, sales = directory.users["500"], directory.executives["500"]
    assert user == User("500", "Sales", "", ("+6221500500",), "HQ", kind="group", time_zone=user.time_zone)
    assert (sales.kind, sales.maximum_wait, sales.rollover.action) == ("group", 120, "voicemail")
    assert sales.delegations == (Delegation("601", "500", frozenset({"receive"})), Delegation("602", "500", frozenset({"receive"}), 12))
    assert directory.numbers.resolve("+6221500500").extension == "500"


@pytest.mark.parametrize(("keys", "wait"), [("type: queue", 300), ("type: group", 0), ("location: HQ", 0)])
def test_how_long_callers_wait(organisation: Files, keys: str, wait: float) -> None:
    organisation.change(organisation.directory, ("type: queue, ", ""), ("location: HQ, maximum_wait: 120", keys))
    assert read(organisation).executives["500"].maximum_wait == wait


def test_a_service(organisation: Files) -> None:
    directory = read(organisation)
    desk = directory.executives["510"]
    assert directory.users["510"].kind == "service"
    assert (desk.kind, desk.caller_id, desk.may_be_impersonated) == ("service", "+6221500510", True)
    assert desk.alerting.mode == "sequential"
    assert desk.rollover == Rollover(None, "forward", "600")


def rights(files: Files) -> dict[str, frozenset[str]]:
    return {each.assistant: frozenset(each.rights) for each in read(files).executives["510"].delegations}


def test_agents_singly_and_in_bulk_and_the_later_entry_counts(organisation: Files) -> None:
    """601 is written out, and in as a member of the group; the place in the ring order stays."""
    found = rights(organisation)
    assert found == {"676": BOTH, "601": RECEIVE, "600": CALL, "602": RECEIVE}
    assert list(found) == ["676", "601", "600", "602"]


def test_the_services_own_direction_and_ring_times(organisation: Files) -> None:
    organisation.change(
        organisation.directory, (AGENTS, '["676", {group: "500", rings: 2}, {extension: "601", direction: both}], direction: in')
    )
    assert rights(organisation) == {"676": RECEIVE, "601": BOTH, "602": RECEIVE}
    assert [each.ring_seconds for each in read(organisation).executives["510"].delegations] == [None, None, 12]


def test_a_service_that_is_not_enabled(organisation: Files) -> None:
    organisation.change(organisation.directory, ("name: Help Desk", "name: Help Desk, enabled: false"))
    assert not read(organisation).executives["510"].may_be_impersonated


def test_a_service_without_numbers_may_show_any(organisation: Files) -> None:
    organisation.change(organisation.directory, ('numbers: ["+6221500510"], caller_id', "caller_id"))
    assert read(organisation).executives["510"].caller_id == "+6221500510"


def test_duty_profiles(organisation: Files) -> None:
    """By their agents: those that are active and those that are not."""
    assert read(organisation).profiles["676"] == (DutyProfile("Day", "1", frozenset({"676", "677"}), frozenset({"510", "667"})),)
    assert [each.active for each in read(organisation).profiles["600"]] == [False]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"500", name: Sales', '"600", name: Sales', f"37: groups[0].extension: 600 is already the extension of Reception (600); write another\n42: {DESK}.agents[2].group: 500 is no group"),
        ('"500", name: Sales', '"5-0", name: Sales', f"37: groups[0].extension: is '5-0'; write an extension of letters\n42: {DESK}.agents[2].group: 500 is no group"),
        ('"510", name: Help', '"500", name: Help', "41: services[0].extension: 500 is already the extension of Sales (500); write another\n45: duty_profiles[0].responsible_for[0]: 510 is no executive, service\n46: duty_profiles[1].responsible_for[0]: 510"),
        ('numbers: ["+6221500510"]', 'numbers: ["+6221500500", "+6221500510"]', f"41: {DESK}.numbers[0]: +6221500500 is already a number of Sales (500)"),
        ('numbers: ["+6221500500"]', 'numbers: ["600"]', f"37: {SALES}.numbers[0]: 600 is the extension of Reception (600); remove one"),
        ("name: Sales, ", "", f"37: {SALES}.name: is missing; write the name that other phones show"),
        ("type: queue", "type: hunt", f"37: {SALES}.type: is 'hunt'; write group or queue"),
        ("type: queue", "type: group", f"37: {SALES}.maximum_wait: is for queues only; write `type: queue`, or remove it"),
        ("maximum_wait: 120", "maximum_wait: 0", f"37: {SALES}.maximum_wait: is '0'; write seconds from 1 to 7200"),
        ("maximum_wait: 120", "filtering: {}", f"37: {SALES}.filtering: is no key of this section"),
        ('["601", {ext', '["500", {ext', f"38: {SALES}.members[0]: 500 is a group; write the extension of a user"),
        ('["601", {ext', '["60", {ext', f"38: {SALES}.members[0]: 60 is no user's extension; did you mean `60"),
        ('["601", {ext', '["602", {ext', f"38: {SALES}.members[1]: 602 is a member of this group already; write each member once"),
        ("rings: 2}]", "rings: 2, ring_seconds: 9}]", f"38: {SALES}.members[1].rings: stands beside ring_seconds"),
        ("rings: 2}]", "rights: [call]}]", f"38: {SALES}.members[1].rights: is no key of this section"),
        ("location: HQ", "alerting: {executive: first}", f"37: {SALES}.alerting.executive: is first, but only executives have phones of their own; write none"),
        ("{action: voicemail, voicemail: \"sip:vm@127.0.0.9:5070\"}", "{action: executive}", f"39: {SALES}.rollover.action: is executive, but only executives have phones of their own; write hangup, {{forward"),
        ("{action: voicemail, voicemail: \"sip:vm@127.0.0.9:5070\"}", "{action: no_answer}", f"39: {SALES}.rollover.action: is no_answer, but only executives"),
        ("{action: voicemail, voicemail: \"sip:vm@127.0.0.9:5070\"}", "{action: {forward: 500}}", f"39: {SALES}.rollover.action.forward: '500' is the group; write another number"),
        ('caller_id: "+6221500510"', 'caller_id: "+6221500500"', f"41: {DESK}.caller_id: +6221500500 is not a number of Help Desk (510); write one of +6221500510"),
        ("{mode: sequential}", "{mode: sequential}, direction: up", f"41: {DESK}.direction: is 'up'; write in, out or both"),
        ('{group: "500", ', '{group: "501", ', f"42: {DESK}.agents[2].group: 501 is no group; did you mean `500`?; write the extension of one"),
        ('{group: "500", ', '{group: "600", ', f"42: {DESK}.agents[2].group: 600 is no group"),
        ('{group: "500", ', '{group: "500", extension: "600", ', f"42: {DESK}.agents[2]: names its agents not at all or twice; write one of"),
        ('{group: "500", direction: in}', "{direction: in}", f"42: {DESK}.agents[2]: names its agents not at all or twice; write one of"),
        ("direction: out}", "direction: outside}", f"42: {DESK}.agents[1].direction: is 'outside'; write in, out or both"),
        ('["601", "600"]', '["601", "6-0"]', f"42: {DESK}.agents[1].extensions[1]: is '6-0'; write an extension of letters"),
        ('agents: ["676", {', 'agents: ["510", {', f"42: {DESK}.agents[0]: 510 is a service; write the extension of a user"),
        ('code: "1"', 'code: "12345"', "45: duty_profiles[0].code: is '12345'; write one to four digits, for example \"1\""),
        ('code: "1"', "code: '22'", "46: duty_profiles[1].code: 22 is already the code of 'Day'; write another code"),
        ("name: Night", "name: Day", "46: duty_profiles[1].name: 'Day' is the name of a profile above; write another name"),
        ("name: Night, ", "", "46: duty_profiles[1].name: is missing; write a name for the profile"),
        ('agents: ["676", "677"], resp', 'agents: ["696", "677"], resp', "45: duty_profiles[0].agents[0]: 696 is no user's extension; did you mean `67"),
        ('["510", "667"]', '["510", "676"]', "45: duty_profiles[0].responsible_for[1]: 676 is no executive, service or group; did you mean `667`?"),
    ],
)  # fmt: skip
def test_what_is_refused(organisation: Files, old: str, new: str, expected: str) -> None:
    refused(organisation, old, new, *expected.split("\n"))


def test_agents_of_a_wrong_group_and_of_a_list_with_a_wrong_one(organisation: Files) -> None:
    organisation.change(organisation.directory, ('["601", "600"]', '["601", "6-0", "609", "600"]'))
    refused(
        organisation,
        '{group: "500", direction: in}',
        '{group: "501", direction: in}',
        f"42: {DESK}.agents[1].extensions[1]: is '6-0'; write an extension",
        f"42: {DESK}.agents[1].extensions[2]: 609 is no user's extension; did you mean `60",
        f"42: {DESK}.agents[2].group: 501 is no group; did you mean `500`?",
    )


def test_members_do_not_delegate_unless_that_is_allowed(organisation: Files) -> None:
    """Agents of services may: Sam is one. Both lines are named."""
    organisation.change(organisation.directory, ('["601", {ext', '["676", "667", {ext'))
    refused(
        organisation,
        "organisation: Acme",
        "organisation: Acme",
        f"38: {SALES}.members[0]: Sam Secretary (676) is an assistant of Olivia Boss (667) on line 34 and so no member of a group; remove one",
        f"38: {SALES}.members[1]: Olivia Boss (667) is an executive on line 22 and so no member of a group; remove one of the two, or write",
    )
    organisation.change(organisation.directory, ("organisation: Acme\n", "organisation: Acme\ndelegating_members: true\n"))
    assert [each.assistant for each in read(organisation).executives["500"].delegations] == ["676", "667", "602"]


def test_limits_and_roles_are_for_executives(organisation: Files) -> None:
    """A member of two groups and agent of a service has one executive at most, and groups have as many members as they like."""
    warned(
        organisation,
        "services:\n",
        '  - {extension: "501", name: Ops, members: ["600", "601", "602"]}\nservices:\n',
    )
    organisation.change(
        organisation.directory,
        ("organisation: Acme\n", "organisation: Acme\nlimits: {assistants_per_executive: 2, executives_per_assistant: 1}\nsame_location: true\n"),
    )
    assert len(read(organisation).executives["501"].delegations) == 3


def test_groups_and_services_whose_calls_nobody_takes_are_warned_of(organisation: Files) -> None:
    organisation.change(organisation.directory, ('["601", {extension: "602", rings: 2}]', "[]"))
    warned(
        organisation,
        f"agents: {AGENTS}",
        'agents: [{extensions: ["600", "676", "601", "602"], direction: out}]',
        f"37: {SALES}: 500 has no members to take its calls; write them under `members`",
        f"41: {DESK}: 510 has no agents to take its calls; write them under `agents`",
    )


def test_a_duty_of_somebody_who_works_for_none_of_them_is_warned_of(organisation: Files) -> None:
    warned(
        organisation,
        'code: "1", agents: ["676", "677"]',
        'code: "1", agents: ["676", "677", "667"]',
        "45: duty_profiles[0].agents[2]: Olivia Boss (667) works for nobody in `responsible_for`; remove them, or make them an agent there",
    )
