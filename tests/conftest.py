"""What every test may rely on.

``@pytest.mark.needs("sipp", "module:pjsua2", "../shared")`` names what a test cannot do without: a command on the PATH, a Python
module, or a folder beside the repository. Where one is missing the test is a visible skip; with CI=true it fails, because
there a skipped test would go unnoticed.
"""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        missing = [need for need in marker.args if not _present(need)]
        if missing:
            say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            say(f"not on this machine: {', '.join(missing)} (make tools installs the Debian programs)")


def _present(need: str) -> bool:
    if need.startswith("module:"):
        return importlib.util.find_spec(need.removeprefix("module:")) is not None
    if "/" in need:
        return (ROOT / need).exists()
    return shutil.which(need) is not None
