"""The directory: what is read, every limit that it can break, and in which words."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.config import check
from b2bua.config.schema import Guesses
from b2bua.delegation.model import DEFAULT_RIGHTS, Alerting, Rollover, User
from tests.config.conftest import DIRECTORY, ORGANISATION, SERVER, Files, problems, read

CONFIG = Path(__file__).resolve().parent.parent.parent / "config" / "b2bua.yaml"
BENCH = Path(__file__).resolve().parent.parent.parent.parent / "shared" / "bench" / "make_config.py"


def test_the_contract(files: Files) -> None:
    directory = read(files)
    assert directory.organisation == "Acme"
    assert directory.users["667"] == User("667", "Olivia Boss", "boss-667", ("+6221500667", "+6221500600"), "HQ")
    boss = directory.executives["667"]
    assert boss.caller_id == "+6221500600"
    assert (boss.alerting, boss.rollover) == (Alerting(), Rollover())
    sam, ana = boss.delegations
    assert (sam.assistant, sam.ring_seconds, sam.rights) == ("676", 15.0, frozenset({"receive", "call", "pick_up_held", "join"}))
    assert (ana.assistant, ana.ring_seconds, ana.rights) == ("677", None, DEFAULT_RIGHTS)
    assert [re.sub(r"^.*directory.yaml:", "", each) for each in directory.warnings] == [
        "3: users: have passwords that are soon guessed: 667, 676, 677; before the server is reachable from outside, write 10 characters",
        "6: users[2]: assistant Ana Aide has no outside number; write one under `numbers`",
    ]


def test_an_organisation_that_uses_every_key_has_no_findings(organisation: Files) -> None:
    directory = read(organisation)
    assert directory.warnings == ()
    assert list(directory.users) == ["667", "676", "677", "600", "601", "602", "500", "510"]
    assert [(boss.extension, boss.kind) for boss in directory.executives.values()] == [
        ("667", "executive"),
        ("500", "group"),
        ("510", "service"),
    ]


def test_extensions_and_numbers_need_no_quotes(files: Files) -> None:
    files.change(
        files.directory, ('"676", name', "0676, name"), ('"676", ring', "0676, ring"), ('"+6221500600"]', "+6221500600]")
    )
    directory = read(files)
    assert "0676" in directory.users
    assert directory.users["667"].numbers[1] == "+6221500600"


@pytest.mark.parametrize(
    ("rollover", "expected"),
    [
        ("{action: hangup}", Rollover()),
        ("{action: executive, after_seconds: 40}", Rollover(40, "executive")),
        ("{action: forward, forward: '+15551234567'}", Rollover(None, "forward", "+15551234567")),
        ("{action: {forward: 677}}", Rollover(None, "forward", "677")),
        ("{after_seconds: 0, action: {forward: +62 21500676}}", Rollover(0, "forward", "+62 21500676")),
    ],
)
def test_the_forms_of_a_rollover(files: Files, rollover: str, expected: Rollover) -> None:
    files.change(files.directory, ("{after_seconds: null, action: hangup}", rollover))
    assert read(files).executives["667"].rollover == expected


def test_rings_are_six_seconds(files: Files) -> None:
    files.change(files.directory, ("ring_seconds: 30", "rings: 4"), ("ring_seconds: 15", "rings: 2.5"))
    boss = read(files).executives["667"]
    assert (boss.alerting.ring_seconds, boss.delegations[0].ring_seconds) == (24, 15)


def another(extension: str) -> str:
    """One more user, at the end of the users."""
    return f"  - {{extension: '{extension}', name: X, password: geheim}}\nexecutives:"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("executives:", another("6-7"), r"7: users\[3\].extension: is '6-7'; write an extension of letters"),
        ("executives:", another("64").replace("'64'", "null"), r"7: users\[3\].extension: is nothing; write an extension of letters"),
        ("executives:", another("#64"), r"7: users\[3\].extension: is '#64'; write an extension of letters"),
        ("executives:", another("676"), r"7: users\[3\].extension: 676 is already the extension of Sam Secretary"),
        ("executives:", another("112"), r"7: users\[3\].extension: 112 is an emergency number"),
        ("executives:", another("11.2"), r"7: users\[3\].extension: 11.2 is an emergency number"),
        ("executives:", "  - 678 geheim\nexecutives:", r"7: users\[3\]: is text, not keys with values; write keys such as extension, name"),
        ("name: Ana Aide", 'name: "Ana\\x07"', r"6: users\[2\].name: contains a control character"),
        ("password: ana-677", "passwort: ana-677", r"6: users\[2\].passwort: is no key.*did you mean `password`\?"),
        ("password: ana-677", "password: [ana-677]", r"6: users\[2\].password: cannot be used; write a password"),
        ('"+6221500676"', '"+6221500667"', r"5: users\[1\].numbers\[0\]: \+6221500667 is already a number of Olivia Boss"),
        ('"+6221500676"', '"6221500667"', r"5: users\[1\].numbers\[0\]: 6221500667 is already a number of Olivia Boss"),
        ('"+6221500676"', '"677"', r"5: users\[1\].numbers\[0\]: 677 is the extension of Ana Aide"),
        ('"+6221500676"', '"112"', r"5: users\[1\].numbers\[0\]: 112 is an emergency number"),
        ('"+6221500676"', "sam", r"5: users\[1\].numbers\[0\]: is 'sam'; write an outside number"),
        ("location: HQ}", "contacts: ['http://x']}", r"4: users\[0\].contacts\[0\]: is 'http://x'; write a URI"),
        ('  - extension: "667"', '  - extension: "999"', r"8: executives\[0\].extension: 999 is no user's extension"),
        ('caller_id: "+6221500600"', 'caller_id: "+6221500676"', r"9: executives\[0\].caller_id: \+6221500676 is not a number of Olivia"),
        ("type: all", "type: some", r"10: executives\[0\].filtering.type: is 'some'; write all, internal or external"),
        ("mode: ring_all", "mode: ring-all", r"12: executives\[0\].alerting.mode: is 'ring-all'; write ring_all or sequential"),
        ("ring_seconds: 30", "ring_seconds: 0", r"13: executives\[0\].alerting.ring_seconds: is '0'; write seconds"),
        ("ring_seconds: 30", "ring_seconds: 3\n      rings: 5", r"14: executives\[0\].alerting.rings: stands beside ring_seconds"),
        ("name: originator_executive", "name: custom", r"11: executives\[0\].alerting.custom_name: is missing; write the name"),
        ("number: originator", "number: custom", r"11: executives\[0\].alerting.custom_number: is missing; write the number"),
        ("after_seconds: null", "after_seconds: 7201", r"18: executives\[0\].rollover.after_seconds: is '7201'; write seconds from 0"),
        ("action: hangup", "action: hang_up", r"18: executives\[0\].rollover.action: is 'hang_up'; write hangup"),
        ("action: hangup", "action: forward", r"18: executives\[0\].rollover.forward: is missing; write the extension or outside number"),
        ("action: hangup", "action: {forward: '999'}", r"18: executives\[0\].rollover.action.forward: '999' leads nowhere; write"),
        ("action: hangup", "action: {forward: '667'}", r"18: executives\[0\].rollover.action.forward: '667' is the executive"),
        ("action: hangup", "action: forward, forward: 112", r"18: executives\[0\].rollover.forward: 112 is an emergency number"),
        ("action: hangup", "action: hangup, forward: '677'", r"18: executives\[0\].rollover.forward: stands beside another action"),
        ('      - "677"', '      - "687"', r"21: executives\[0\].assistants\[1\]: 687 is no user's extension; did you mean `6.7`\?"),
        ('      - "677"', '      - "676"', r"21: executives\[0\].assistants\[1\]: 676 is an assistant of this executive already"),
        ('      - "677"', '      - "667"', r"21: executives\[0\].assistants\[1\]: 667 cannot be their own assistant"),
        ("[receive, call,", "[recieve, call,", r"20: executives\[0\].assistants\[0\].rights\[0\]: is 'recieve'; write a list of receive"),
        ("ring_seconds: 15", "ring_seconds: 15, rings: 2", r"20: executives\[0\].assistants\[0\].rings: stands beside"),
        ("organisation: Acme", "organisation: Acme\nroles: loose", r"2: roles: is 'loose'; write strict or acyclic"),
        ("assistants_per_executive: 10", "assistants_per_executive: ten", r"2: limits.assistants_per_executive: is 'ten'; write"),
        ("users:\n", "users: none\nothers:\n", r"3: users: is text, not a list(.*\n)+4: others: is no key"),
    ],
)  # fmt: skip
def test_what_is_refused(files: Files, old: str, new: str, expected: str) -> None:
    files.change(files.directory, (old, new))
    text = "\n".join(problems(files))
    assert re.match(expected, text), text
    if "(.*" not in expected:
        assert len(text.splitlines()) == len(expected.split(r"\n")), text
    assert "ana-677" not in text
    assert "geheim" not in text


def organisation(files: Files, users: int, executives: str, extra: str = "") -> None:
    """Users 1..n at HQ (the odd ones at the branch), with `executives` below."""
    lines = [
        f"  - {{extension: '{n}', name: User {n}, password: p{n}, location: {'Branch' if n % 2 else 'HQ'}}}"
        for n in range(1, users + 1)
    ]
    files.directory.write_text("\n".join(["organisation: X", extra, "users:", *lines, "executives:", executives]) + "\n")


def boss(extension: int, *assistants: int) -> str:
    return f"  - {{extension: '{extension}', assistants: [{', '.join(map(str, assistants))}], rollover: {{action: hangup}}}}"


def test_the_eleventh_assistant_is_refused_and_the_limit_can_be_raised(files: Files) -> None:
    organisation(files, 12, boss(1, *range(2, 13)))
    (text,) = problems(files)
    assert "executives[0].assistants[10]: 12 is assistant number 11, and an executive may have 10; remove one, or raise" in text
    organisation(files, 12, boss(1, *range(2, 13)), "limits: {assistants_per_executive: 11}")
    assert len(read(files).executives["1"].delegations) == 11


def test_the_eleventh_executive_of_an_assistant(files: Files) -> None:
    organisation(files, 12, "\n".join(boss(n, 12) for n in range(1, 12)))
    (text,) = problems(files)
    assert "executives[10].assistants[0]: 12 would work for 11 executives, and may for 10" in text
    organisation(files, 12, "\n".join(boss(n, 12) for n in range(1, 12)), "limits: {executives_per_assistant: 11}")
    assert len(read(files).delegations["12"]) == 11


def test_an_executive_is_nobodys_assistant_unless_roles_are_acyclic(files: Files) -> None:
    organisation(files, 4, f"{boss(1, 2)}\n{boss(2, 3)}")
    (text,) = problems(files)
    assert "executives[0].assistants[0]: User 2 (2) is an executive and so nobody's assistant" in text
    organisation(files, 4, f"{boss(1, 2)}\n{boss(2, 3)}", "roles: acyclic")
    assert read(files).delegation("2", "1") is not None


@pytest.mark.parametrize(
    ("chains", "circles"),
    [
        ([(1, 2), (2, 3), (3, 1)], 1),
        ([(1, 2), (2, 1)], 1),
        ([(1, 2), (2, 1), (3, 4), (4, 3)], 2),
        ([(1, 2, 3), (2, 4), (3, 4)], 0),
        ([(1, 2, 3), (2, 3), (3, 4), (4, 2)], 1),
    ],
)
def test_circles_are_refused(files: Files, chains: list[tuple[int, ...]], circles: int) -> None:
    organisation(files, 4, "\n".join(boss(*chain) for chain in chains), "roles: acyclic")
    if not circles:
        assert read(files).users
        return
    found = problems(files)
    assert len(found) == circles
    assert all("closes a circle of executives and assistants" in each for each in found)


def test_a_long_chain_needs_no_deep_stack(files: Files) -> None:
    files.change(files.server, ('["112", "911"]', "[]"))
    organisation(files, 1500, "\n".join(boss(n, n + 1) for n in range(1, 1500)), "roles: acyclic")
    assert len(read(files).executives) == 1499


def test_the_same_location(files: Files) -> None:
    organisation(files, 4, boss(2, 4, 3), "same_location: true")
    (text,) = problems(files)
    assert "executives[0].assistants[1]: User 3 (3) is at Branch, the executive at HQ; write" in text
    organisation(files, 4, boss(2, 4, 3))
    assert read(files).users


def test_a_problem_in_a_user_makes_no_second_one_for_the_executive(files: Files) -> None:
    """The broken user is known all the same: neither 'unknown extension' nor 'not their number' follows."""
    files.change(
        files.directory,
        ("name: Olivia Boss, ", ""),
        ("name: Ana Aide", "nam: Ana Aide"),
        ("action: hangup", "action: {forward: 677}"),
    )
    assert [each.split(": ")[1] for each in problems(files)] == ["users[0].name", "users[2].name", "users[2].nam"]


def test_what_is_probably_not_meant_is_warned_of(files: Files) -> None:
    organisation(files, 3, "  - {extension: '1', assistants: [], rollover: {action: {forward: '2'}}}\n" + boss(2, 3))
    texts = [re.sub(r"^.*?yaml:\d+: ", "", each) for each in read(files).warnings]
    assert "executives[0]: 1 is filtered but no assistant receives calls; write one under `assistants`" in texts
    assert sum("no outside number" in each for each in texts) == 3


def test_an_empty_directory_is_a_warning(files: Files) -> None:
    files.directory.write_text("")
    assert "nobody can register" in read(files).warnings[0]


def test_a_missing_directory_names_the_file(files: Files) -> None:
    files.directory.unlink()
    assert re.match(r"1: \(file\): cannot be read", problems(files)[0])


def test_ten_thousand_mistakes_are_reported_as_quickly(files: Files) -> None:
    """To guess what was meant takes milliseconds each time, so that it ends after a while."""
    lines = [f"  - {{extension: '{n}', name: X, password: p}}" for n in range(10_000, 15_000)]
    groups = [f"  press{n}: [{', '.join(f'wrong{n}{word:03}' for word in range(1_000))}]" for n in range(10)]
    files.directory.write_text("\n".join(["caller_groups:", *groups, "users:", *lines]))
    assert len(problems(files)) == 10_000, "in a second; all guesses would take more than a minute, and the test's time limit"


def test_only_so_many_guesses_are_made_in_one_file(files: Files) -> None:
    wrong = "\n".join(
        f"  - {{extension: '5{n}', name: X, rollover: {{action: hangup}}, agents: ['68{n}', {{group: '70{n}'}}]}}" for n in range(100, 250)
    )
    profile = f"{{name: Day, code: '1', responsible_for: [{', '.join(f'6{n}' for n in range(6_700, 6_900))}]}}"
    files.directory.write_text(f"{files.directory.read_text()}services:\n{wrong}\nduty_profiles: [{profile}]\n")
    found = problems(files)
    assert len(found) == 500
    assert 0 < sum("did you mean" in each for each in found) <= Guesses.MOST


def test_the_demo_organisation_is_good_and_has_the_contracts_users() -> None:
    found, directory = check(CONFIG)
    assert found == ()
    assert directory
    assert {"667", "676", "677"} <= directory.users.keys()
    assert directory.executives["667"].caller_id == "+6221500600"
    assert {boss.alerting.mode for boss in directory.executives.values()} == {"ring_all", "sequential"}
    assert {boss.alerting.executive for boss in directory.executives.values()} >= {"none", "first", "together"}
    assert {boss.rollover.action for boss in directory.executives.values()} >= {"hangup", "executive", "forward"}


@pytest.mark.needs("../shared")
def test_the_measuring_runners_files_are_good(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(BENCH), str(tmp_path)], check=True, capture_output=True)
    found, directory = check(tmp_path / "b2bua.yaml")
    assert found == ()
    assert directory
    assert directory.users["1000"].contacts == ("sip:1000@127.7.7.1:5070",)


def test_a_large_organisation_is_read(files: Files) -> None:
    """100 executives, each with 9 assistants and 50 criteria."""
    users = [
        {"extension": str(n), "name": f"User {n}", "password": f"p{n}", "numbers": [f"+49{n:08}"], "forwarding": {"busy": "+6221500600"}}
        for n in range(10_000, 11_000)
    ]
    criteria = [
        {"name": f"Criterion {n}", "filter": n % 2 == 0, "from": ["press", f"+4930{n:06}*"], "during": "office"} for n in range(50)
    ]
    bosses = [
        {
            "extension": str(n),
            "filtering": {"mode": "criteria", "criteria": copy.deepcopy(criteria)},  # else the dumper writes aliases
            "rollover": {"action": "hangup"},
            "assistants": [str(n + each) for each in range(1, 10)],
        }
        for n in range(10_000, 11_000, 10)
    ]
    tree = {
        "schedules": {"office": {"hours": {"mon-fri": "08:00-17:00"}}},
        "caller_groups": {"press": ["+1555*"]},
        "users": users,
        "executives": bosses,
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    files.directory.write_text(yaml.dump(tree, Dumper=dumper))
    directory = read(files)
    assert len(directory.users) == 1_000
    assert sum(len(boss.filtering.criteria) for boss in directory.executives.values()) == 5_000


KEYS = [*re.findall(r"[a-z_]{2,}(?=:)", SERVER + DIRECTORY + ORGANISATION), "roles", "same_location", "delegating_members", "direction"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 999)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["667", "676", "500", "510", "forward", "voicemail", "112", "office", "press", "2026-12-01", "08:00-12:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def spoil(tree: dict[str, Any], data: st.DataObject) -> None:
    """Wrong values at the top, in the entries of the lists, and in the sections within these."""
    lists = ("users", "executives", "groups", "services", "duty_profiles", "trunks")
    entries = [entry for key in lists for entry in tree.get(key, [])]
    inside = [part for entry in entries for part in entry.values() if isinstance(part, dict)]
    for section in [tree, *data.draw(st.lists(st.sampled_from([*entries, *inside]), max_size=4))]:
        section |= data.draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2))


@pytest.mark.parametrize("organisation", [DIRECTORY, ORGANISATION], ids=["contract", "organisation"])
@settings(deadline=None, max_examples=40)  # the first time zone that is looked up reads the list of all
@given(st.data())
def test_any_values_anywhere_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, organisation: str, data: st.DataObject
) -> None:
    """Nothing but problems with a place comes out of files with the right keys and the wrong values."""
    files = Files(tmp_path_factory.getbasetemp())
    for file, text in ((files.server, SERVER), (files.directory, organisation)):
        tree = yaml.safe_load(text)
        spoil(tree, data)
        file.write_text(yaml.safe_dump(tree))
    found, directory = check(files.server)
    assert bool(found) == (directory is None)
    assert all(problem.line >= 1 and problem.key and problem.text.isprintable() for problem in found)
