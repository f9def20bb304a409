"""``b2bua directory export | diff | import``: the directory makes the round trip through a file, and nothing untried is served."""

from __future__ import annotations

import os
import pwd
import re
import stat
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from b2bua.administration.book import Actor, Book, open_book
from b2bua.administration.entries import Delete, Put
from b2bua.cli import app
from b2bua.config import load
from b2bua.errors import ConfigError
from b2bua.store.organisation.database import Organisation, open_organisation, place_of
from b2bua.store.ports import AuditQuery, Written
from tests.support import postgres
from tests.support.network import free_port, network, wait_for
from tests.support.server import Server

DEMO = Path(__file__).resolve().parent.parent / "config"
SERVER = """
    domain: acme.test
    listen: [udp://127.0.0.1:5060]
    http: {listen: 127.0.0.1:8080}
    directory: directory.yaml
    state: var
    what_if: what-if.yaml
    trunks:
      - {name: carrier, uri: "sip:127.0.0.2:5090", addresses: [127.0.0.2], trusted: true, numbers: ['^[+]?[0-9]{6,15}$']}
"""
DIRECTORY = """
    organisation: Acme
    time_zone: Asia/Jakarta
    schedules:
      office: {hours: {mon-fri: "08:00-17:00"}}
    caller_groups:
      press: ["+1555700*"]
    users:
      - {extension: "667", name: Olivia Boss, password: boss-667, numbers: ["+6221500667", "+6221500600"]}
      - {extension: "676", name: Sam Secretary, password: sam-676}
      - {extension: "677", name: Ana Aide, password: ana-677}
    executives:
      - extension: "667"
        caller_id: "+6221500600"
        filtering: {enabled: true, mode: simple, type: all}
        rollover: {action: hangup}
        assistants: ["676", "677"]
"""
CASES = """
    cases:
      - {name: Olivia's assistants ring, from: "+15551234567", to: "+6221500667", expect: {ring: ["676 + 677, 30 s"]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("b2bua.yaml", SERVER), ("directory.yaml", DIRECTORY), ("what-if.yaml", CASES)):
        (tmp_path / name).write_text(textwrap.dedent(text))
    return tmp_path


@pytest.fixture(params=postgres.KINDS)
def anywhere(request: pytest.FixtureRequest, folder: Path) -> Iterator[Path]:
    """The folder, with the organisation on either database."""
    with postgres.place(request.param, folder) as place:
        if isinstance(place, str):
            with (folder / "b2bua.yaml").open("a") as file:
                file.write(f"database: {place}\n")
        yield folder


def b2bua(folder: Path, *arguments: object) -> Result:
    words = ["directory", *map(str, arguments), "--config", str(folder / "b2bua.yaml")]
    return CliRunner().invoke(app, words, catch_exceptions=False)


def organisation(folder: Path) -> Organisation:
    config = load(folder / "b2bua.yaml")
    return open_organisation(place_of(config.database, config.state))


def book(folder: Path) -> Book:
    """As a server starts with."""
    return open_book(organisation(folder).directory, load(folder / "b2bua.yaml"), time.time)


def written(folder: Path, *pairs: str, name: str = "changed.yaml") -> Path:
    """A file like the directory, with texts replaced: ``OLD => NEW``."""
    text = textwrap.dedent(DIRECTORY)
    for old, new in (pair.split(" => ") for pair in pairs):
        assert old in text
        text = text.replace(old, new)
    (folder / name).write_text(text)
    return folder / name


def entries(folder: Path) -> dict[tuple[str, str], Any]:
    opened = organisation(folder)
    found = {(each.kind, each.key): each.body for each in opened.directory.load()[1]}
    opened.close()
    return found


def test_the_file_goes_in_and_comes_out_again(anywhere: Path) -> None:
    done = b2bua(anywhere, "import", anywhere / "directory.yaml")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{anywhere}/directory.yaml: taken in: 0 new, 0 changed, 0 removed; revision 1\n"
    export = b2bua(anywhere, "export", anywhere / "out.yaml")
    assert (export.exit_code, export.stdout) == (0, "")
    assert yaml.safe_load((anywhere / "out.yaml").read_text())["users"][0]["name"] == "Olivia Boss"
    for file in ("out.yaml", "directory.yaml"):
        same = b2bua(anywhere, "diff", anywhere / file)
        assert (same.exit_code, same.output) == (0, "")


def test_an_export_taken_in_by_another_server_makes_the_same_directory(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The demo organisation uses most of what there is."""
    (folder / "directory.yaml").write_text((DEMO / "directory.yaml").read_text())
    (folder / "what-if.yaml").unlink()
    server = textwrap.dedent(SERVER).replace("what_if: what-if.yaml\n", "")
    (folder / "b2bua.yaml").write_text(server)
    book(folder).close()
    assert b2bua(folder, "export", folder / "out.yaml").exit_code == 0
    other = tmp_path_factory.mktemp("other")
    (other / "b2bua.yaml").write_text(server)
    (other / "directory.yaml").write_text(textwrap.dedent(DIRECTORY))
    assert b2bua(other, "import", folder / "out.yaml").exit_code == 0
    assert entries(other) == entries(folder)
    again = b2bua(other, "export")
    assert body_of(again.stdout) == body_of((folder / "out.yaml").read_text())


def body_of(text: str) -> dict[str, Any]:
    """An export without the lines about itself; whole lists may stand in another order."""
    tree = yaml.safe_load(text)
    return {key: sorted(map(str, part)) if isinstance(part, list) else part for key, part in tree.items()}


def test_before_the_first_start_the_export_is_the_file(folder: Path) -> None:
    done = b2bua(folder, "export")
    assert done.exit_code == 0
    tree = yaml.safe_load(done.stdout)
    assert [user["extension"] for user in tree["users"]] == ["667", "676", "677"]
    assert set(tree["users"][1]["digest"]) == {"676", "676-667"}
    assert "sam-676" not in done.stdout
    assert "directory.yaml, which no server has taken in yet, exported " in done.stdout.splitlines()[0]
    assert not (folder / "var").exists()  # whoever only looks leaves nothing behind


def test_an_export_is_for_nobody_else_to_read_and_takes_the_place_of_an_older_one(folder: Path) -> None:
    file = folder / "out.yaml"
    file.write_text("old")
    file.chmod(0o644)
    assert b2bua(folder, "export", file).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert yaml.safe_load(file.read_text())["organisation"] == "Acme"
    assert b2bua(folder, "export", folder / "nowhere" / "out.yaml").exit_code == 1
    assert sorted(each.name for each in folder.iterdir()) == ["b2bua.yaml", "directory.yaml", "out.yaml", "what-if.yaml"]


def test_the_difference_is_told_entry_by_entry(anywhere: Path) -> None:
    b2bua(anywhere, "import", anywhere / "directory.yaml")
    changed = written(
        anywhere,
        "name: Olivia Boss => name: Olivia Chief",
        '\n  - {extension: "677", name: Ana Aide, password: ana-677} => \n  - {extension: "678", name: Nina Novak, password: nina-678}',
        "sam-676 => sam-new",
        '["676", "677"] => ["678", "676"]',
        'press: ["+1555700*"] => press: ["+1555700*", "+1555800*"]',
        "time_zone: Asia/Jakarta => time_zone: Asia/Tokyo",
    )
    done = b2bua(anywhere, "diff", changed)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "- users 677  Ana Aide",
        '~ organisation: time_zone: "Asia/Jakarta" → "Asia/Tokyo"',
        '~ caller_groups press: value: + "+1555800*"',
        '~ users 667: name: "Olivia Boss" → "Olivia Chief"',
        "~ users 676: digest.676.md5: changed",
        "~ users 676: digest.676.sha256: changed",
        "~ users 676: digest.676-667.md5: changed",
        "~ users 676: digest.676-667.sha256: changed",
        "+ users 678  Nina Novak",
        '~ executives 667: assistants: - "677", + "678"',
        "1 new, 5 changed, 1 removed",
    ]
    assert entries(anywhere)["users", "667"]["name"] == "Olivia Boss"


def test_what_is_taken_in_is_there_and_audited(anywhere: Path) -> None:
    b2bua(anywhere, "import", anywhere / "directory.yaml")
    changed = written(anywhere, "Olivia Boss => Olivia Chief", "ana-677} => ana-677}\n  - {extension: '678', name: Nina}")
    done = b2bua(anywhere, "import", changed)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == f"{changed}: taken in: 1 new, 1 changed, 0 removed; revision 2"
    assert entries(anywhere)["users", "667"]["name"] == "Olivia Chief"
    assert b2bua(anywhere, "diff", changed).exit_code == 0
    opened = organisation(anywhere)
    rows = {each.key: each for each in opened.directory.audit(AuditQuery(), 2)}
    opened.close()
    assert {key: (each.actor, each.via, each.action) for key, each in rows.items()} == {
        "667": (pwd.getpwuid(os.getuid()).pw_name, "command", "changed"),
        "678": (pwd.getpwuid(os.getuid()).pw_name, "command", "created"),
    }
    assert rows["667"].before is not None
    assert rows["667"].before["name"] == "Olivia Boss"
    assert "digest" not in rows["667"].before


def test_a_dry_run_checks_and_tells_and_changes_nothing(folder: Path) -> None:
    changed = written(folder, "Olivia Boss => Olivia Chief")
    done = b2bua(folder, "import", changed, "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        '~ users 667: name: "Olivia Boss" → "Olivia Chief"',
        f"{changed}: would be taken in: 0 new, 1 changed, 0 removed; revision 1",
    ]
    assert not (folder / "var").exists()
    b2bua(folder, "import", folder / "directory.yaml")
    assert b2bua(folder, "import", changed, "--dry-run").exit_code == 0
    assert entries(folder)["users", "667"]["name"] == "Olivia Boss"


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_file_with_mistakes_is_refused_with_their_lines(folder: Path, dry: list[str]) -> None:
    b2bua(folder, "import", folder / "directory.yaml")
    before = entries(folder)
    wrong = written(folder, 'assistants: ["676", "677"] => assistants: ["676", "999"]', "name: Ana Aide => nome: Ana Aide")
    done = b2bua(folder, "import", wrong, *dry)
    assert done.exit_code == 1
    assert re.search(r"changed\.yaml:11: users\[2\]\.nome: ", done.stderr)
    assert re.search(r"changed\.yaml:17: executives\[0\]\.assistants\[1\]: .*999", done.stderr)
    assert entries(folder) == before
    assert b2bua(folder, "diff", wrong).exit_code == 2
    assert b2bua(folder, "diff", folder / "nowhere.yaml").exit_code == 2
    assert b2bua(folder, "import", folder / "nowhere.yaml", *dry).exit_code == 1


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_directory_that_breaks_a_what_if_case_is_refused(folder: Path, dry: list[str]) -> None:
    b2bua(folder, "import", folder / "directory.yaml")
    before = entries(folder)
    changed = written(folder, 'assistants: ["676", "677"] => assistants: ["676"]')
    done = b2bua(folder, "import", changed, *dry)
    assert done.exit_code == 1
    assert "Olivia's assistants ring" in done.stderr
    assert "Nothing was changed." in done.stderr
    assert entries(folder) == before
    assert b2bua(folder, "diff", changed).exit_code == 1


def test_a_file_without_users_is_refused(folder: Path) -> None:
    """Half a file, as it is while an editor writes it, or a part that was to be taken in with --partial."""
    b2bua(folder, "import", folder / "directory.yaml")
    (folder / "part.yaml").write_text("caller_groups: {press: ['+1555900*']}\n")
    done = b2bua(folder, "import", folder / "part.yaml")
    assert done.exit_code == 1
    assert "part.yaml:1: users: there are none" in done.stderr
    assert len(entries(folder)) == 7


def test_of_a_part_only_what_it_names_is_changed(folder: Path) -> None:
    b2bua(folder, "import", folder / "directory.yaml")
    before = entries(folder)
    part = folder / "part.yaml"
    part.write_text(
        'parking: {slots: "701-710"}\n'
        "caller_groups: {press: ['+1555900*'], family: ['+1555111']}\n"
        'users:\n  - {extension: "676", name: Samuel}\n  - {extension: "678", name: Nina, password: nina-678}\n'
        'executives:\n  - {extension: "667", filtering: {enabled: true, mode: simple, type: all}, rollover: {action: hangup}, assistants: ["676", "677", "678"]}\n'
    )
    (folder / "what-if.yaml").write_text(textwrap.dedent(CASES).replace("676 + 677", "676 + 677 + 678"))
    done = b2bua(folder, "import", part, "--partial")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith("taken in: 2 new, 4 changed, 0 removed; revision 2")
    after = entries(folder)
    assert before.keys() < after.keys()
    assert after["organisation", ""] == {**before["organisation", ""], "parking": {"slots": "701-710"}}
    assert after["users", "676"] == {"extension": "676", "name": "Samuel", "digest": before["users", "676"]["digest"]}
    assert set(after["users", "678"]["digest"]) == {"678", "678-667"}
    assert after["users", "677"] == before["users", "677"]
    assert b2bua(folder, "diff", part, "--partial").exit_code == 0


def test_a_part_that_does_not_fit_is_refused(folder: Path) -> None:
    b2bua(folder, "import", folder / "directory.yaml")
    before = entries(folder)
    part = folder / "part.yaml"
    part.write_text(
        "users:\n  - {name: Nobody}\n  - Sam\n  - {extension: '680'}\n  - {extension: '680', name: Twice}\nschedules: [1]\nphones: 7\ngroups:\n"
    )
    done = b2bua(folder, "import", part, "--partial")
    assert done.exit_code == 1
    assert [line.rpartition("/")[2] for line in done.stderr.splitlines()] == [
        "part.yaml:2: users[0]: has no extension; write one",
        "part.yaml:3: users[1]: has no extension; write one",
        "part.yaml:5: users[3].extension: '680' stands here twice; remove one",
        "part.yaml:6: schedules: must be names with values",
        "part.yaml:7: phones: must be a list",
    ]
    part.write_text('executives:\n  - {extension: "676", assistants: ["999"]}\n')
    done = b2bua(folder, "import", part, "--partial")
    assert done.exit_code == 1
    assert "executives 676: assistants[0]" in done.stderr
    assert "999" in done.stderr
    assert entries(folder) == before


def test_what_the_page_has_changed_after_an_import_outlives_a_restart(folder: Path) -> None:
    """The file that has been taken in by hand is not taken in once more at the next start."""
    book(folder).close()
    written(folder, "Olivia Boss => Olivia Chief", name="directory.yaml")
    assert b2bua(folder, "import", folder / "directory.yaml").exit_code == 0
    page = book(folder)
    body = entries(folder)["users", "667"]
    page.write(Actor("admin", "page"), [Put("users", "667", {**body, "name": "Olivia of the page"})])
    page.close()
    book(folder).close()
    assert entries(folder)["users", "667"]["name"] == "Olivia of the page"
    shown = b2bua(folder, "diff", folder / "directory.yaml")
    assert shown.stdout.splitlines()[0] == '~ users 667: name: "Olivia of the page" → "Olivia Chief"'


def test_a_name_cannot_play_tricks_on_the_terminal(folder: Path) -> None:
    b2bua(folder, "import", folder / "directory.yaml")
    changed = written(
        folder,
        'name: Olivia Boss => name: "Olivia\\u202e\\u200b"',
        "ana-677} => ana-677}\n  - {extension: '678', name: 'a\u202eb'}",
    )
    done = b2bua(folder, "diff", changed)
    assert done.exit_code == 2
    assert done.stderr.count("contains a control character") == 2
    assert "\u202e" not in done.output
    changed = written(folder, "Olivia Boss => Olivia \U0001f98a <b>x</b>")
    done = b2bua(folder, "diff", changed)
    assert done.stdout.splitlines()[0] == '~ users 667: name: "Olivia Boss" → "Olivia \U0001f98a <b>x</b>"'


def test_a_database_that_is_away_is_told_without_its_password(folder: Path) -> None:
    with (folder / "b2bua.yaml").open("a") as file:
        file.write(f"database: postgresql://b2bua:hunter2@127.0.0.1:{free_port()}/b2bua\n")
    for command, status in (["export"], 1), (["import", folder / "directory.yaml"], 1), (["diff", folder / "directory.yaml"], 2):
        done = b2bua(folder, *command)
        assert done.exit_code == status
        assert "b2bua: postgresql://b2bua@127.0.0.1:" in done.stderr
        assert "refused" in done.stderr
        assert "hunter2" not in done.output + done.stderr


def test_a_running_server_follows_within_a_second(folder: Path) -> None:
    with network() as net:
        text = (
            (folder / "b2bua.yaml")
            .read_text()
            .replace("127.0.0.1:5060", f"{net}.0.1:5060")
            .replace("127.0.0.1:8080", f"{net}.0.1:8080")
        )
        (folder / "b2bua.yaml").write_text(f"{text}media: {{mode: direct}}\n")
        with Server(folder / "b2bua.yaml") as server:
            changed = written(folder, "ana-677} => ana-677}\n  - {extension: '678', name: Nina}")
            assert b2bua(folder, "import", changed).exit_code == 0
            started = time.monotonic()
            wait_for(
                lambda: re.search(rb"directory loaded.*users=4|users.: 4", server.log.read_bytes()), "the server to follow", 5.0
            )
            assert time.monotonic() - started < 1.0
            assert b2bua(folder, "diff", changed).exit_code == 0


def test_a_directory_that_cannot_be_served_any_more_is_mended_by_an_import(folder: Path) -> None:
    """As after an upgrade that is stricter: the server does not start on it."""
    b2bua(folder, "import", folder / "directory.yaml")
    opened = organisation(folder)
    opened.directory.write([Written("executives", "999", {"extension": "999"})], [], 1)
    opened.close()
    with pytest.raises(ConfigError, match="executives 999"):
        book(folder)
    assert b2bua(folder, "import", written(folder, "Olivia Boss => Olivia Chief")).exit_code == 0
    book(folder).close()
    assert entries(folder)["users", "667"]["name"] == "Olivia Chief"


def test_somebody_who_is_gone_meanwhile_is_gone(folder: Path) -> None:
    """The file wins over the page, entry by entry, when it is taken in by hand."""
    page = book(folder)
    page.write(
        Actor("admin", "page"), [Put("users", "690", {"extension": "690", "name": "Page"}), Delete("caller_groups", "press")]
    )
    page.close()
    done = b2bua(folder, "import", folder / "directory.yaml")
    assert done.stdout.splitlines()[-1].endswith("taken in: 1 new, 0 changed, 1 removed; revision 3")
    assert ("users", "690") not in entries(folder)
