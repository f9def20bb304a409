"""The commands, on the demo organisation of the contract."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from b2bua import __version__
from b2bua.cli import app
from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, RoutePlan, Rule, Setting, Stage
from b2bua.store import open_store
from b2bua.store.ports import HistoryRow, Segment

SERVER = """
    domain: acme.test
    listen: [udp://127.0.0.1:5060]
    http: {listen: 127.0.0.1:8080}
    directory: directory.yaml
    state: var
    trunks:
      - {name: carrier, uri: "sip:127.0.0.2:5090", addresses: [127.0.0.2], trusted: true, numbers: ['^[+]?[0-9]{6,15}$']}
"""
DIRECTORY = """
    organisation: Acme
    users:
      - {extension: "667", name: Olivia Boss, password: boss-667, numbers: ["+6221500667", "+6221500600"]}
      - {extension: "676", name: Sam Secretary, password: sam-676, numbers: ["+6221500676"]}
      - {extension: "677", name: Ana Aide, password: ana-677, numbers: ["+6221500677"]}
    executives:
      - extension: "667"
        caller_id: "+6221500600"
        filtering: {enabled: true, mode: simple, type: all}
        alerting: {mode: ring_all, ring_seconds: 30, executive: none}
        rollover: {after_seconds: null, action: hangup}
        assistants: ["676", "677"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "directory.yaml").write_text(textwrap.dedent(DIRECTORY))
    file = tmp_path / "b2bua.yaml"
    file.write_text(textwrap.dedent(SERVER))
    return file


def b2bua(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def plain(text: str) -> str:
    """A message of the command line without its frame and line breaks."""
    return " ".join(re.sub(r"[│╭╮╰╯─]|\x1b\[[0-9;]*m", " ", text).split())


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


class TestCheck:
    def test_a_good_configuration(self, config: Path) -> None:
        result = b2bua("check", "--config", config)
        assert result.exit_code == 0
        assert result.stdout.splitlines()[-1] == f"{config}: OK; users: 3, executives: 1"

    def test_every_error_has_file_line_key_and_text(self, config: Path) -> None:
        change(config, "state: var", "stat: var")
        change(config, "listen: 127.0.0.1:8080", "listen: nowhere")
        result = b2bua("check", "--config", config)
        assert result.exit_code == 1
        lines = result.stdout.splitlines()
        assert len(lines) == 2
        assert all(re.fullmatch(re.escape(str(config)) + r":\d+: [a-z_.\[\]0-9]+: .+", line) for line in lines)

    def test_an_error_in_the_directory(self, config: Path) -> None:
        change(config.with_name("directory.yaml"), '["676", "677"]', '["676", "999"]')
        result = b2bua("check", "--config", config)
        assert result.exit_code == 1
        assert re.search(r"directory\.yaml:13: executives\[0\]\.assistants\[1\]: .*999", result.stdout)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        result = b2bua("check", "--config", tmp_path / "none.yaml")
        assert result.exit_code == 1
        assert "none.yaml:1: " in result.stdout

    def test_both_files_are_checked_at_once(self, config: Path) -> None:
        change(config, "state: var", "stat: var")
        change(config.with_name("directory.yaml"), "organisation", "organization")
        result = b2bua("check", "--config", config)
        assert result.exit_code == 1
        assert [Path(line.split(":")[0]).name for line in result.stdout.splitlines()] == ["b2bua.yaml", "directory.yaml"]

    def test_warnings_do_not_fail_it(self, config: Path) -> None:
        change(config.with_name("directory.yaml"), ', numbers: ["+6221500677"]', "")
        result = b2bua("check", "--config", config)
        assert result.exit_code == 0
        assert re.search(r"directory\.yaml:6: .*Ana Aide", result.stdout)


class TestExplain:
    def test_a_call_to_the_executive(self, config: Path) -> None:
        result = b2bua("explain", "--config", config, "--from", "+15551234567", "--to", "+6221500667")
        assert result.exit_code == 0
        assert "676" in result.stdout
        assert "677" in result.stdout

    def test_as_json(self, config: Path) -> None:
        result = b2bua(
            "explain",
            "--config",
            config,
            "--from",
            "676",
            "--to",
            "#64667*+15551234567",
            "--at",
            "2026-11-23T09:00:00+07:00",
            "--json",
        )
        assert result.exit_code == 0
        text = json.dumps(json.loads(result.stdout))
        assert "+6221500600" in text
        assert "carrier" in text

    def test_a_time_that_is_none(self, config: Path) -> None:
        result = b2bua("explain", "--config", config, "--from", "676", "--to", "677", "--at", "noon")
        assert result.exit_code == 2
        assert "'noon' is no such time; write 2026-11-23T09:00" in plain(result.stderr)

    @pytest.mark.parametrize("at", ["9999-12-31T23:59", "0001-01-01T00:00+14:00", "9000-01-01T00:00", "1969-12-31T23:59"])
    def test_a_time_out_of_reach(self, config: Path, at: str) -> None:
        result = b2bua("explain", "--config", config, "--from", "676", "--to", "677", "--at", at)
        assert result.exit_code == 2
        assert "write a year from 1970 to 8999" in plain(result.stderr)

    @pytest.mark.parametrize("at", ["8999-12-31T23:59-12:00", "1970-01-01T00:00+14:00", "2026-11-23"])
    def test_a_time_just_within_reach(self, config: Path, at: str) -> None:
        assert b2bua("explain", "--config", config, "--from", "676", "--to", "677", "--at", at).exit_code == 0

    def test_a_broken_configuration_is_told_on_standard_error(self, config: Path) -> None:
        change(config, "domain: acme.test", "domain: [")
        result = b2bua("explain", "--config", config, "--from", "676", "--to", "677")
        assert result.exit_code == 1
        assert "b2bua.yaml:" in result.stderr
        assert result.stdout == ""


    def test_a_caller_who_is_nobody_is_asked_back(self, config: Path) -> None:
        result = b2bua("explain", "--config", config, "--from", "675", "--to", "667")
        assert result.exit_code == 2
        assert "Did you mean" in plain(result.stderr) and "Sam Secretary (676)" in plain(result.stderr)
        assert result.stdout == ""

    def test_the_identity_that_the_phone_asks_for(self, config: Path) -> None:
        result = b2bua("explain", "--config", config, "--from", "676", "--to", "+15551234567", "--identity", "667")
        assert "Sam Secretary (676) speaks on behalf of Olivia Boss (667)." in result.stdout

    def test_it_answers_with_what_phones_have_set_unless_told_otherwise(self, config: Path) -> None:
        store = open_store(config.parent / "var")
        store.state.save([Setting("filter", "667", "", "off")])
        store.close()
        asked = ("explain", "--config", config, "--from", "+15551234567", "--to", "667", "--json")
        rung = [json.loads(b2bua(*asked, *more).stdout)["plan"]["executive"] for more in ((), ("--no-state",))]
        assert rung == [None, "667"]


FACTS = Facts(Caller("trunk", None, None, "carrier", "+15551234567", "", False), "+6221500667")
PLAN = RoutePlan(
    "ring",
    (Stage((Endpoint("user", "676", None, None, "assistant", "667"),), 30.0, "assistants"),),
    executive="667",
    direction="incoming",
    called="+6221500667",
    present=Presentation("", "+15551234567"),
    trace=(Rule("filter", True, "it takes all calls"),),
)
START = 1_790_000_000.0


class TestExplainCall:
    @pytest.fixture
    def calls(self, config: Path) -> Path:
        store = open_store(config.parent / "var")
        answered = HistoryRow(
            "c0ffee0000000001", START, START + 5.0, START + 65.0, "incoming", "+15551234567", "+6221500667", "667", "676", None, None, "answered",
            (Segment("ring", "676", START, START + 5.0), Segment("talk", "676", START + 5.0, START + 65.0)),
            200, ("667", "676"), (), (START, FACTS, PLAN),
        )  # fmt: skip
        for row in (
            answered,
            answered._replace(id="c0ffee0000000002"),
            answered._replace(id="beef000000000001", caller="+1555\x1b[2J", decision=None),
        ):
            store.writer.record(row)
        store.close()
        return config

    def explain(self, config: Path, call: str, *options: str) -> Result:
        return b2bua("explain", "--config", config, "--call", call, *options)

    def test_why_a_call_went_where_it_went_and_what_happened_then(self, calls: Path) -> None:
        result = self.explain(calls, "c0ffee0000000001")
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert lines[0].startswith("+15551234567 (outside, over trunk carrier) calls +6221500667 on ")
        assert "  yes  filter: it takes all calls" in lines
        assert "  1. assistants, 30 s: Sam Secretary (676)" in lines
        told = [line.partition("  ")[2][10:] for line in lines[lines.index("What happened then:") + 1 :]]
        assert told == [
            "Sam Secretary (676) rang for 5.0 s",
            "Sam Secretary (676) talked for 1 min 0 s",
            "The end: Sam Secretary (676) had answered after 5.0 s and talked for 1 min 0 s.",
        ]

    def test_as_json_it_has_the_keys_of_a_call_that_might_be_made_and_the_call(self, calls: Path) -> None:
        might_be = b2bua("explain", "--config", calls, "--from", "+15551234567", "--to", "667", "--json")
        for call in ("c0ffee0000000001", "beef000000000001"):
            was = json.loads(self.explain(calls, call, "--json").stdout)
            assert was.keys() == json.loads(might_be.stdout).keys() | {"call"}
            assert was["call"]["id"] == call
        kept = json.loads(self.explain(calls, "c0ffee0000000001", "--json").stdout)
        assert kept["rules"] == [{"rule": "filter", "matched": True, "reason": "it takes all calls"}]
        assert kept["plan"]["stages"][0]["endpoints"][0]["extension"] == "676"

    def test_a_call_from_before_decisions_were_kept(self, calls: Path) -> None:
        result = self.explain(calls, "beef000000000001")
        assert result.exit_code == 0
        assert "No decision is kept with this call." in result.stdout
        assert "What happened then:" in result.stdout
        assert "\x1b" not in result.stdout

    def test_the_beginning_of_an_id_is_enough_when_no_other_begins_so(self, calls: Path) -> None:
        assert self.explain(calls, "beef00").stdout == self.explain(calls, "beef000000000001").stdout

    @pytest.mark.parametrize(
        ("call", "told"),
        [
            ("c0ffee00", "several calls begin with that: c0ffee0000000001, c0ffee0000000002"),
            ("beef0", "write at least 6 characters"),
            ("", "write at least 6 characters"),
            ("facade", "no such call"),
            ("beef000000000001x", "no such call"),
        ],
    )
    def test_an_id_that_names_no_call(self, calls: Path, call: str, told: str) -> None:
        result = self.explain(calls, call)
        assert result.exit_code == 1
        assert told in result.stderr
        assert result.stdout == ""

    @pytest.mark.parametrize("call", ["c0ffee0000000001", "beef000000000001"])
    def test_without_names_when_the_directory_cannot_be_read(self, calls: Path, call: str) -> None:
        with_names = json.loads(self.explain(calls, call, "--json").stdout)
        change(calls.with_name("directory.yaml"), "organisation", "organization")
        assert json.loads(self.explain(calls, call, "--json").stdout) == with_names
        result = self.explain(calls, call)
        assert result.exit_code == 0
        assert "676 rang for 5.0 s" in result.stdout or "No decision is kept" in result.stdout
        problem, note = result.stderr.splitlines()
        assert re.fullmatch(r".*directory\.yaml:\d+: organization: .*", problem)
        assert note == "The directory cannot be read, so there are no names, and times are in UTC."

    def test_before_the_first_call(self, config: Path) -> None:
        assert self.explain(config, "c0ffee0000000001").exit_code == 1

    @pytest.mark.parametrize(
        "options",
        [
            ("--call", "c0ffee0000000001", "--from", "676"),
            ("--call", "c0ffee0000000001", "--to", "676"),
            ("--call", "c0ffee0000000001", "--no-state"),
            ("--from", "676"),
            ("--to", "676"),
            (),
        ],
    )
    def test_a_call_that_was_and_one_that_might_be_exclude_each_other(self, config: Path, options: tuple[str, ...]) -> None:
        result = b2bua("explain", "--config", config, *options)
        assert result.exit_code == 2
        assert "--call" in plain(result.stderr)


class TestState:
    @pytest.fixture
    def kept(self, config: Path) -> Path:
        store = open_store(config.parent / "var")
        store.state.save(
            [
                Setting("opt", "677", "667", "out"),
                Setting("filter", "667", "", "off"),
                Setting("call_as", "676", "", "667", 4_000_000_000.0),
                Setting("callback", "667", "15551234567", "676", 4_000_000_000.0),
                Setting("callback", "667", "15550000000", "676", START),
            ]
        )
        store.close()
        return config

    def test_what_phones_have_set_in_words(self, kept: Path) -> None:
        result = b2bua("state", "--config", kept)
        assert result.stdout.splitlines() == [
            "A call from 15551234567 to Olivia Boss (667) rings Sam Secretary (676) first until Tuesday, 2096-10-02 at 07:06 +0000",
            "Filtering of calls to Olivia Boss (667): off",
            "Sam Secretary (676) calls: as Olivia Boss (667) until Tuesday, 2096-10-02 at 07:06 +0000",
            "Ana Aide (677) takes calls for Olivia Boss (667): no, opted out",
        ]

    def test_as_data(self, kept: Path) -> None:
        found = json.loads(b2bua("state", "--config", kept, "--json").stdout)
        assert found[-1] == {
            "kind": "opt", "subject": "677", "object": "667", "value": "out", "until": None,
            "text": "Ana Aide (677) takes calls for Olivia Boss (667): no, opted out",
        }  # fmt: skip
        assert [each["until"] for each in found if each["until"]] == ["2096-10-02T07:06:40+00:00"] * 2

    def test_without_names_when_the_directory_cannot_be_read(self, kept: Path) -> None:
        kept.with_name("directory.yaml").unlink()
        result = b2bua("state", "--config", kept)
        assert result.exit_code == 0
        assert result.stdout.splitlines()[1] == "Filtering of calls to 667: off"
        assert "no names" in result.stderr

    def test_before_anything_was_set(self, config: Path) -> None:
        assert b2bua("state", "--config", config).stdout == "Phones have set nothing.\n"
        assert json.loads(b2bua("state", "--config", config, "--json").stdout) == []


class TestCoverage:
    def test_the_week_of_an_executive(self, config: Path) -> None:
        result = b2bua("coverage", "--config", config, "--from", "2026-11-23")
        assert result.stdout.splitlines() == [
            "Olivia Boss (667), UTC",
            "Mon 2026-11-23 00:00 – Sun 2026-11-29 24:00  Sam Secretary (676), Ana Aide (677)",
        ]

    def test_as_data(self, config: Path) -> None:
        result = b2bua("coverage", "--config", config, "--from", "2026-11-23", "--days", "1", "--executive", "667", "--json")
        (span,) = json.loads(result.stdout)["667"]
        assert (span["start"], span["end"]) == ("2026-11-23T00:00:00+00:00", "2026-11-24T00:00:00+00:00")
        assert (span["assistants"], span["gap"]) == (["676", "677"], False)

    @pytest.mark.parametrize(
        ("day", "told"),
        [
            ("9999-12-30", "write a year from 1970 to 8999"),
            ("0001-01-01", "write a year from 1970 to 8999"),
            ("tomorrow", "'tomorrow' is no such time; write 2026-11-23"),
        ],
    )
    def test_from_a_day_that_is_none_or_out_of_reach(self, config: Path, day: str, told: str) -> None:
        result = b2bua("coverage", "--config", config, "--from", day)
        assert (result.exit_code, told in plain(result.stderr)) == (2, True)

    @pytest.mark.parametrize("day", ["8999-12-31", "1970-01-01"])
    def test_from_the_first_and_the_last_day(self, config: Path, day: str) -> None:
        assert b2bua("coverage", "--config", config, "--from", day, "--days", "366").exit_code == 0

    def test_of_nobody(self, config: Path) -> None:
        result = b2bua("coverage", "--config", config, "--executive", "676")
        assert (result.exit_code, "no such executive" in result.stderr) == (1, True)


class TestHistory:
    @pytest.fixture
    def calls(self, config: Path) -> Path:
        store = open_store(config.parent / "var")
        store.writer.record(
            HistoryRow(
                "c0ffee0000000001", 1_700_000_000.0, 1_700_000_005.0, 1_700_000_060.0, "incoming", "+1555\x1b[2J", "+6221500667", "667", "676",
                None, None, "answered", status=200, parties=("667", "676", "677"),
            )
        )  # fmt: skip
        store.close()
        return config

    def history(self, config: Path, *options: str) -> Any:
        result = b2bua("history", "--config", config, "--json", *options)
        assert result.exit_code == 0
        return json.loads(result.stdout)

    def test_before_the_first_call(self, config: Path) -> None:
        assert self.history(config) == []

    def test_all_calls(self, calls: Path) -> None:
        (row,) = self.history(calls)
        assert {"id": "c0ffee0000000001", "direction": "incoming", "answered_by": "676", "outcome": "answered"}.items() <= row.items()

    def test_the_name_of_an_outside_caller(self, calls: Path) -> None:
        store = open_store(calls.parent / "var")
        facts = Facts(Caller("trunk", None, None, "carrier", "+15551234567", "Carla Client", False), "667")
        plain_call = HistoryRow(
            "c0ffee0000000002", 1_700_000_100.0, None, 1_700_000_160.0, "incoming", "+15551234567", "667", None, None, None, None, "missed",
            parties=("667",), decision=(1_700_000_100.0, facts, RoutePlan("ring")),
        )  # fmt: skip
        store.writer.record(plain_call)
        store.close()
        assert [each["caller_name"] for each in self.history(calls)] == ["Carla Client", ""]

    def test_the_views_of_executive_and_assistant(self, calls: Path) -> None:
        (executive,) = self.history(calls, "--as", "667")
        (assistant,) = self.history(calls, "--as", "676")
        assert (executive["note"], assistant["note"]) == ("delegated, answered by 676", "for 667")

    def test_a_table_in_which_nothing_moves_the_cursor(self, calls: Path) -> None:
        result = b2bua("history", "--config", calls, "--as", "676")
        heading, line = result.stdout.splitlines()
        assert heading.split()[:2] == ["id", "started"]
        assert line.startswith("c0ffee00  ")
        assert "\x1b" not in line
        assert "for 667" in line

    def test_an_unknown_user(self, calls: Path) -> None:
        result = b2bua("history", "--config", calls, "--as", "999")
        assert result.exit_code == 1
        assert "999" in result.stderr


def test_run_with_a_broken_configuration_starts_nothing(config: Path) -> None:
    change(config, "udp://127.0.0.1:5060", "carrier pigeon")
    result = b2bua("run", "--config", config)
    assert result.exit_code == 1
    assert re.search(r"b2bua\.yaml:\d+: listen\[0\]: ", result.stderr)


def test_python_dash_m() -> None:
    result = subprocess.run([sys.executable, "-m", "b2bua", "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout == f"b2bua {__version__}\n"


def test_help_loads_no_room() -> None:
    """A shell that asks for help does not wait for a server's modules."""
    script = "import sys, b2bua.cli; print(sorted(m for m in sys.modules if m.startswith(('b2bua.', 'sqlalchemy', 'pydantic.', 'structlog'))))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.strip() == "['b2bua.cli', 'b2bua.cli_account', 'b2bua.cli_directory', 'b2bua.cli_parts', 'b2bua.errors']"
