"""`b2bua check` with what-if cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from b2bua.cli import app
from tests.config.conftest import DIRECTORY, SERVER

GOOD = '  - {name: Both ring, from: "+15551234567", to: "667", expect: {ring: ["676 + 677, 30 s"]}}\n'
BROKEN = '  - {name: Only Sam, from: "+15551234567", to: "667", expect: {ring: ["676, 30 s"]}}\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "directory.yaml").write_text(DIRECTORY)
    file = tmp_path / "b2bua.yaml"
    file.write_text(SERVER)
    return file


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return tmp_path / "what-if.yaml"


def check(config: Path, *options: object) -> Result:
    return CliRunner().invoke(app, ["check", "--config", str(config), *map(str, options)], catch_exceptions=False)


def test_cases_that_hold(config: Path, cases: Path) -> None:
    cases.write_text(f"cases:\n{GOOD}{GOOD}")
    result = check(config, "--what-if", cases)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"{cases}: 2 cases OK"


def test_one_case(config: Path, cases: Path) -> None:
    cases.write_text(f"cases:\n{GOOD}")
    assert check(config, "--what-if", cases).stdout.splitlines()[-1] == f"{cases}: 1 case OK"


def test_a_case_that_fails(config: Path, cases: Path) -> None:
    cases.write_text(f"cases:\n{GOOD}{BROKEN}")
    result = check(config, "--what-if", cases)
    assert result.exit_code == 1
    assert f"{cases}:3: case 'Only Sam': ring is not as expected" in result.stdout.splitlines()
    assert '    got       ring: ["676 + 677, 30 s"]' in result.stdout.splitlines()
    assert "Both ring" not in result.stdout


def test_a_file_that_cannot_be_read(config: Path, cases: Path) -> None:
    result = check(config, "--what-if", cases)
    assert result.exit_code == 1
    assert f"{cases}:1: (file): cannot be read" in result.stdout


def test_the_file_that_the_server_names_is_run_without_being_asked_for(config: Path, cases: Path) -> None:
    config.write_text(f"{SERVER}what_if: {cases.name}\n")
    cases.write_text(f"cases:\n{BROKEN}")
    assert check(config).exit_code == 1
    cases.write_text(f"cases:\n{GOOD}")
    assert check(config).stdout.splitlines()[-1] == f"{cases}: 1 case OK"


def test_the_file_asked_for_is_run_instead(config: Path, cases: Path) -> None:
    config.write_text(f"{SERVER}what_if: {cases.name}\n")
    cases.write_text(f"cases:\n{BROKEN}")
    other = cases.with_name("other.yaml")
    other.write_text(f"cases:\n{GOOD}")
    assert check(config, "--what-if", other).exit_code == 0


def test_a_directory_that_is_wrong_runs_no_case(config: Path, cases: Path) -> None:
    cases.write_text(f"cases:\n{BROKEN}")
    config.with_name("directory.yaml").write_text(DIRECTORY.replace('- "677"', '- "999"'))
    result = check(config, "--what-if", cases)
    assert result.exit_code == 1
    assert "what-if.yaml" not in result.stdout


def test_a_test_of_what_phones_have_set(config: Path, cases: Path) -> None:
    """The case's state alone counts: there is no database here, and none is made."""
    cases.write_text(
        'cases:\n  - {name: Off, from: "+15551234567", to: "667", state: {filter: {"667": off}}, expect: {ring: ["667, 180 s"]}}\n'
    )
    assert check(config, "--what-if", cases).exit_code == 0
    assert not (config.parent.parent / "var").exists()
