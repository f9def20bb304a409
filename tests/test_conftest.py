"""The marker ``needs``: a missing tool is a visible skip on a laptop and a failure in CI."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = """
import pytest

@pytest.mark.needs("sh", "module:json", "tests/conftest.py")
def test_present(): pass

@pytest.mark.needs("no-such-program", "module:no_such_module", "../no-such-folder")
def test_missing(): pass
"""


def run(folder: Path, ci: str) -> str:
    tests = folder / "tests"
    tests.mkdir()
    shutil.copy(Path(__file__).with_name("conftest.py"), tests)
    (tests / "test_it.py").write_text(SOURCE)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = needs(*tools): x\n")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", str(tests)]
    return subprocess.run(command, cwd=folder, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 passed, 1 skipped"), ("true", "1 passed, 1 error")])
def test_a_missing_tool(tmp_path: Path, ci: str, outcome: str) -> None:
    said = run(tmp_path, ci)
    assert outcome in said
    assert "no-such-program, module:no_such_module, ../no-such-folder" in said
