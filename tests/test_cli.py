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

    def test_a_broken_configuration_is_told_on_standard_error(self, config: Path) -> None:
        change(config, "domain: acme.test", "domain: [")
        result = b2bua("explain", "--config", config, "--from", "676", "--to", "677")
        assert result.exit_code == 1
        assert "b2bua.yaml:" in result.stderr
        assert result.stdout == ""


class TestHistory:
    @pytest.fixture
    def calls(self, config: Path) -> Path:
        from b2bua.store.database import open_store
        from b2bua.store.ports import HistoryRow

        store = open_store(config.parent / "var")
        store.writer.record(
            HistoryRow(
                "c1", 1_700_000_000.0, 1_700_000_005.0, 1_700_000_060.0, "incoming", "+1555\x1b[2J", "+6221500667", "667", "676", None, None,
                "answered", status=200, parties=("667", "676", "677"),
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
        assert {"id": "c1", "direction": "incoming", "answered_by": "676", "outcome": "answered"}.items() <= row.items()

    def test_the_views_of_executive_and_assistant(self, calls: Path) -> None:
        (executive,) = self.history(calls, "--as", "667")
        (assistant,) = self.history(calls, "--as", "676")
        assert (executive["note"], assistant["note"]) == ("delegated, answered by 676", "for 667")

    def test_a_table_in_which_nothing_moves_the_cursor(self, calls: Path) -> None:
        result = b2bua("history", "--config", calls, "--as", "676")
        heading, line = result.stdout.splitlines()
        assert heading.startswith("started")
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
    assert result.stdout.strip() == "['b2bua.cli', 'b2bua.errors']"
