"""The check of entries: where findings are said to be, and that a check that remembers says what one says that does not."""

import copy
import dataclasses
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from b2bua.config import Config, load
from b2bua.config.canonical import canonical_tree
from b2bua.config.directory import Checked, check_tree, read_directory
from b2bua.config.schema import Report
from b2bua.config.yamltree import read as read_yaml
from b2bua.delegation.model import Directory
from b2bua.registrar.credentials import CredentialTable
from tests.config.conftest import NOW, ORGANISATION, Files

MORE = """
sites: [{name: HQ, managers: ["600"], emergency_location: Floor 3}, {name: Tower, parent: HQ}]
cost_centres: [{name: Sales, code: "4711"}, {name: Sales East, parent: Sales}]
phones: [{mac: 0015-65aa-bbcc, name: Reception, user: "600", site: HQ}]
conferences: [{number: "800", moderators: ["667"], pin: "4711"}]
number_inventory: ["+6221500600-699"]
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return load(Files(tmp_path_factory.mktemp("server")).server)


SPARE: list[dict[str, Any]] = [{"extension": "605", "name": "Spare", "password": "geheim"}, {"extension": "603", "name": "Third"}]


def tree_of(folder: Path, text: str = ORGANISATION + MORE) -> dict[str, Any]:
    file = folder / "tree.yaml"
    file.write_text(text)
    found = canonical_tree(read_yaml(file, []))
    return {**found, "users": [*SPARE, *found["users"]]}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return tree_of(tmp_path_factory.mktemp("tree"))


# --- where findings are ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "at", "path", "value", "expected"),
    [
        ("users", 2, ("numbers", 1), "12", "users 667: numbers[1]: is '12'"),
        ("users", 5, ("forwarding",), {"busy": "nowhere"}, "users 600: forwarding.busy: 'nowhere' leads nowhere"),
        ("users", 6, ("name",), 5, "users 601: name: "),
        ("users", 7, ("colour",), "red", "users 602: colour: is no key of this section"),
        ("executives", 0, ("assistants", 1), "676", "executives 667: assistants[1]: 676 is an assistant of this executive already"),
        ("executives", 0, ("rollover",), {"action": "hang"}, "executives 667: rollover.action: is 'hang'"),
        ("groups", 0, ("members", 0), "667", "groups 500: members[0]: Olivia Boss (667) is an executive and so no member"),
        ("services", 0, ("caller_id",), "+4930", "services 510: caller_id: +4930 is not a number of"),
        ("duty_profiles", 0, ("code",), "12345", "duty_profiles Day: code: is '12345'"),
        ("conferences", 0, ("moderators", 0), "999", "conferences 800: moderators[0]: 999 is no user's extension"),
        ("sites", 1, ("parent",), "Nowhere", "sites Tower: parent: 'Nowhere' is no site"),
        ("phones", 0, ("user",), "999", "phones 00:15:65:aa:bb:cc: user: 999 is no user's extension"),
        ("schedules", "night", ("hours",), {"mon": "8"}, "schedules night: value.hours.mon: is '8'"),
        ("caller_groups", "press", (0,), "nobody", "caller_groups press: value[0]: 'nobody' is no caller"),
    ],
)
def test_a_finding_is_about_an_entry(
    kind: str, at: int | str, path: tuple[Any, ...], value: object, expected: str, tree: dict[str, Any], config: Config
) -> None:
    spoilt = copy.deepcopy(tree)
    here = spoilt[kind][at]
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    checked = check_tree(spoilt, config, now=NOW)
    assert checked.directory is None
    assert str(checked.findings[0]).startswith(expected), checked.findings
    assert all(each.is_error for each in checked.findings)
    assert (checked.findings[0].kind, checked.findings[0].key) == tuple(expected.split(":")[0].split(" ")) or kind == "phones"


def test_a_finding_about_no_entry_is_the_organisations(tree: dict[str, Any], config: Config) -> None:
    checked = check_tree({**tree, "limits": {"assistants_per_executive": 0}, "roles": "loose"}, config, now=NOW)
    assert [(each.kind, each.key, each.field) for each in checked.findings] == [
        ("organisation", "", "limits.assistants_per_executive"),
        ("organisation", "", "roles"),
    ]


def test_an_entry_without_its_key_is_told_by_its_place(tree: dict[str, Any], config: Config) -> None:
    checked = check_tree({**tree, "users": [*tree["users"], {"name": "Nobody"}]}, config, now=NOW)
    assert [str(each)[:34] for each in checked.findings] == ["users #9: extension: is missing; w"]


def test_warnings_stop_nothing_and_stand_in_the_directory(tree: dict[str, Any], config: Config) -> None:
    checked = check_tree(tree, config, now=NOW + timedelta(days=365))
    assert checked.directory is not None
    assert [str(each) for each in checked.warnings] == list(checked.directory.warnings)
    assert ("executives", "667", "assistants[0].until") in [each[:3] for each in checked.warnings]


# --- with and without memory ----------------------------------------------------------------------------------------------------

EXTENSIONS = ("667", "676", "677", "600", "601", "602", "500", "510", "603", "604", "604", "6041")
VALUES: dict[str, dict[str, list[Any]]] = {
    "users": {
        "name": ["Olivia Boss", "Sam", "Ünal 🎉"],
        "numbers": [[], ["+6221500667"], ["+6221500676"], ["+6221500111", "+6221500112"], ["12"]],
        "location": ["HQ", "Tower", "Moon"],
        "time_zone": ["Asia/Tokyo", "Nowhere"],
        "hours": ["office", "night", "never"],
        "devices": [{"order": "desk_first"}],
        "dnd": [True, False],
        "forwarding": [{"always": "600"}, {"busy": "601"}, {"no_answer": "sip:vm@127.0.0.9"}, {"always": "999"}, {}],
        "divert": [{"enabled": True, "to": "601"}, {"enabled": True, "to": "676"}, {"enabled": False}],
        "type": ["person", "limited", "forwarding", "shared"],
        "status": ["enabled", "disabled", "invited"],
        "email": ["a@acme.test", "A@acme.test", "b@acme.test", "no"],
        "role": ["user", "user_admin"],
        "manages": [{"sites": ["HQ"]}, {"groups": ["500"]}, {"groups": ["601"]}],
        "cost_centre": ["Sales", "None"],
        "contacts": [["sip:gw@192.0.2.7"]],
    },
    "executives": {
        "extension": list(EXTENSIONS),
        "caller_id": ["+6221500667", "+6221500999"],
        "assistants": [["676"], ["677", "600"], [], [{"extension": "676", "respect_hours": True}], [{"extension": "603"}],
                       [{"extension": "676", "until": "2026-11-22"}, "677"], ["601"], ["676", {"extension": "677", "callers": ["press", "604"]}],
                       [{"extension": "677", "respect_hours": True}, "676"]],
        "filtering": [{}, {"mode": "criteria", "criteria": [{"from": ["press", "603"]}, {"from": ["604", "6031"]}]}, {"enabled": False},
                      {"mode": "criteria", "executives_pass": True, "criteria": [{"from": ["601"]}, {"from": ["press"]}]}],
        "confidential": [["family"], ["601"], ["press", "6031"], ["nobody"]],
        "rollover": [{"action": "hangup"}, {"action": "executive"}, {"action": {"forward": "604"}}, {"action": {"forward": "500"}}, {}],
        "alerting": [{"mode": "sequential", "executive": "together"}, {"executive": "first"}],
        "slot": ["7667", "705"],
    },
    "groups": {
        "type": ["group", "queue"],
        "maximum_wait": [60],
        "capacity": [5],
        "members": [["601"], ["602"], ["601", "602"], ["603"], ["676"], ["600", "601"], []],
        "managers": [["600"], ["999"]],
        "rollover": [{"action": "hangup"}, {"action": {"forward": "510"}}],
    },
    "services": {
        "agents": [["600"], [{"group": "500"}], [{"extensions": ["601", "603"]}], [{"group": "501"}]],
        "enabled": [True, False],
        "rollover": [{"action": "hangup"}, {"action": {"forward": "500"}}],
    },
    "duty_profiles": {"active": [True, False], "agents": [["676"], ["601", "603"]], "responsible_for": [["510"], ["667"]]},
    "sites": {"parent": ["HQ", "Tower"], "managers": [["603"]], "name": ["HQ", "Moon"]},
    "cost_centres": {"parent": ["Sales", "Sales East"]},
    "phones": {"user": ["600", "603"], "site": ["HQ", "Moon"], "mac": ["00:15:65:aa:bb:cc", "00:15:65:aa:bb:cd"]},
    "conferences": {"moderators": [["603"], ["676"]], "number": ["800", "705", "601"]},
}  # fmt: skip
HEADING: dict[str, list[Any]] = {
    "limits": [{"assistants_per_executive": 1}, {"executives_per_assistant": 3}],
    "roles": ["strict", "acyclic"],
    "same_location": [True, False],
    "time_zone": ["Asia/Jakarta", "Europe/Berlin"],
    "delegating_members": [True, False],
    "parking": [{"slots": "701-705"}, {"slots": None}],
}
SCHEDULES: list[Any] = [{"hours": {"mon-fri": "08:00-17:00"}}, {"hours": {"mon-sun": "00:00-24:00"}}, {}]
GROUPS: list[Any] = [["+1555*"], ["603", "601"], ["6041", "+1555*"], ["press"]]


def changed(tree: dict[str, Any], chance: Random) -> dict[str, Any]:
    """The tree with one more change; every entry but the changed one is the same object."""
    pick = chance.choice
    kind = pick(["users"] * 4 + ["executives"] * 4 + ["groups"] * 3 + ["new user"] * 2 + [*VALUES, "organisation", "schedules", "caller_groups", "new user"])
    if kind == "organisation":
        key = pick([*HEADING])
        return {**tree, key: pick(HEADING[key])}
    if kind in ("schedules", "caller_groups"):
        name = pick([*tree[kind], "other"])
        rest = {key: value for key, value in tree[kind].items() if key != name or pick([True, False])}
        return {**tree, kind: {**rest, name: pick(SCHEDULES if kind == "schedules" else GROUPS)}}
    if kind == "new user":
        return {**tree, "users": [*tree["users"], {"extension": pick(EXTENSIONS), "name": "New", "password": "secret"}]}
    entries = list(tree.get(kind, []))
    if not entries:
        return tree
    place = chance.randrange(len(entries))
    what = pick(["set"] * 6 + ["unset", "remove", "move", "again", "copy"])
    body = entries[place]
    if what == "set":
        key = pick([*VALUES[kind]])
        entries[place] = {**body, key: pick(VALUES[kind][key])}
    elif what == "unset":
        gone = pick([*body])
        entries[place] = {key: value for key, value in body.items() if key != gone}
    elif what == "remove":
        del entries[place]
    elif what == "move":
        entries.insert(0, entries.pop(place))
    elif what == "again":
        entries.append(body)
    else:
        entries[place] = copy.deepcopy(body)
    return {**tree, kind: entries}


def parts(directory: Directory) -> dict[str, Any]:
    """Everything that the directory says, comparable, orders included where they mean something."""
    found = {each.name: getattr(directory, each.name) for each in dataclasses.fields(directory)}
    numbers, codes = found.pop("numbers"), found.pop("codes")
    ordered = ("users", "executives", "offices", "lines", "delegations", "duty", "profiles")
    orders = {f"order of {name}": list(found[name]) for name in ordered}
    return {**found, **orders, "owners": dict(numbers.owners), "codes": codes.codes}


@pytest.mark.parametrize("seed", range(16))
def test_remembering_changes_no_answer(seed: int, tree: dict[str, Any], config: Config) -> None:
    chance, now, good = Random(seed), NOW, tree
    last = check_tree(tree, config, now=now)
    table = CredentialTable.from_directory(last.directory, "acme.test") if last.directory else None
    for _ in range(100):
        tree = changed(good if chance.random() < 0.8 else tree, chance)
        now += timedelta(hours=chance.choice([0, 0, 0, 0, 30, -30]))
        again, anew = check_tree(tree, config, last, now), check_tree(tree, config, None, now)
        assert again.findings == anew.findings
        assert again.warnings == anew.warnings
        if again.directory is None or anew.directory is None:
            assert again.directory is anew.directory is None
            continue
        assert parts(again.directory) == parts(anew.directory)
        table = CredentialTable.from_directory(again.directory, "acme.test", table)
        assert {each.name: each for each in table} == {each.name: each for each in CredentialTable.from_directory(anew.directory, "acme.test")}
        last, good = again, tree


@pytest.mark.parametrize("seed", range(40))
def test_entries_and_files_have_the_same_findings(seed: int, tree: dict[str, Any], config: Config, tmp_path: Path) -> None:
    chance = Random(seed)
    for _ in range(1 + seed % 6):
        tree = changed(tree, chance)
    checked = check_tree(tree, config, now=NOW)
    file = tmp_path / "again.yaml"
    file.write_text(json.dumps(tree, ensure_ascii=False))  # which is YAML
    written: list[Any] = []
    report = Report("", read_yaml(file, written))
    directory = read_directory(report.tree, config, report, now=NOW)
    assert written == []
    assert len(report.problems) == len(checked.findings)
    assert [each.text for each in report.warnings] == [each.text for each in checked.warnings] or checked.findings
    assert (directory is None) == (checked.directory is None)
    if directory is not None and checked.directory is not None:
        assert parts(dataclasses.replace(directory, warnings=())) == parts(dataclasses.replace(checked.directory, warnings=()))


def test_what_is_the_same_is_not_made_anew(tree: dict[str, Any], config: Config) -> None:
    first = check_tree(tree, config, now=NOW)
    users = [{**each, "name": "Mia Neighbour"} if each["extension"] == "602" else each for each in tree["users"]]
    second = check_tree({**tree, "users": users}, config, first, NOW)
    assert first.directory is not None and second.directory is not None
    assert second.directory.users["602"].name == "Mia Neighbour"
    assert second.directory.users["667"] is first.directory.users["667"]
    assert second.directory.offices["667"] is first.directory.offices["667"]
    assert second.directory.offices["500"] is not first.directory.offices["500"]
    assert second.directory.offices["500"].seats[1].assistant.name == "Mia Neighbour"


def test_a_warning_comes_when_its_time_has_come(tree: dict[str, Any], config: Config) -> None:
    before = check_tree(tree, config, now=datetime(2026, 12, 24, 22, tzinfo=UTC))
    after = check_tree(tree, config, before, datetime(2026, 12, 24, 23, 30, tzinfo=UTC))
    assert not [each for each in before.warnings if each.field.endswith("until")]
    assert [each.field for each in after.warnings if each.field.endswith("until")] == ["assistants[0].until"]
    earlier = check_tree(tree, config, after, datetime(2026, 12, 24, 22, tzinfo=UTC))
    assert not [each for each in earlier.warnings if each.field.endswith("until")]


def test_members_of_a_group_are_agents_of_the_service_that_names_it(tree: dict[str, Any], config: Config) -> None:
    first = check_tree(tree, config, now=NOW)
    second = check_tree({**tree, "groups": [{**tree["groups"][0], "members": ["603"]}]}, config, first, NOW)
    assert first.directory is not None and second.directory is not None
    assert "602" in first.directory.offices["510"].assistants
    assert second.directory.offices["510"].assistants == {"676", "600", "601", "603"}


def test_a_guess_is_made_among_those_who_are_there_now(tree: dict[str, Any], config: Config) -> None:
    tree = {**tree, "executives": [{**tree["executives"][0], "confidential": ["6031"]}]}
    first = check_tree(tree, config, now=NOW)
    assert [each.text.partition("; ")[2] for each in first.warnings if "6031" in each.text] == ["did you mean `603`?"]
    second = check_tree({**tree, "users": [each for each in tree["users"] if each["extension"] != "603"]}, config, first, NOW)
    assert "did you mean `603`?" not in str(second.warnings) and "6031" in str(second.warnings)


def test_another_configuration_is_checked_from_the_beginning(tree: dict[str, Any], config: Config) -> None:
    first = check_tree(tree, config, now=NOW)
    other = config.model_copy(update={"emergency": ("600",)})
    assert check_tree(tree, other, first, NOW).findings == check_tree(tree, other, None, NOW).findings != ()


def large(users: int, executives: int) -> dict[str, Any]:
    people = [
        {"extension": str(10_000 + n), "name": f"User {n}", "password": f"pw-{n}", "numbers": [f"+6221{5_000_000 + n}"]} for n in range(users)
    ]
    bosses = [
        {
            "extension": str(10_000 + n),
            "filtering": {"mode": "criteria", "criteria": [{"name": f"c{each}", "from": [f"+1555{each}*"]} for each in range(5)]},
            "rollover": {"action": "hangup"},
            "assistants": [{"extension": str(10_000 + executives + (n * 10 + each) % (users - executives))} for each in range(10)],
        }
        for n in range(executives)
    ]
    return {"organisation": "Large", "limits": {"executives_per_assistant": 100}, "users": people, "executives": bosses}


def seconds(checked: Checked, tree: dict[str, Any], config: Config) -> float:
    begin = time.thread_time()
    assert check_tree(tree, config, checked, NOW).directory is not None
    return time.thread_time() - begin


def test_one_change_in_a_large_directory_costs_little(config: Config) -> None:
    tree = large(10_000, 1_000)
    begin = time.thread_time()
    checked = check_tree(tree, config, None, NOW)
    whole = time.thread_time() - begin
    assert checked.findings == ()
    users = list(tree["users"])
    users[5_000] = {**users[5_000], "name": "Somebody Else"}
    changed_user = min(seconds(checked, {**tree, "users": users}, config) for _ in range(3))
    bosses = list(tree["executives"])
    bosses[500] = {**bosses[500], "rollover": {"action": "executive"}}
    changed_boss = min(seconds(checked, {**tree, "executives": bosses}, config) for _ in range(3))
    assert max(changed_user, changed_boss) < whole / 3, (changed_user, changed_boss, whole)
