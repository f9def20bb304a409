"""What every test may rely on.

``@pytest.mark.needs("sipp", "module:pjsua2", "../shared")`` names what a test cannot do without: a command on the PATH, a Python
module, or a folder beside the repository. Where one is missing the test is a visible skip; with CI=true it fails, because
there a skipped test would go unnoticed.
"""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.world import World

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
    # Debian keeps the programs of each version of PostgreSQL apart from the others', and off the PATH.
    return shutil.which(need) is not None or any(Path("/usr/lib/postgresql").glob(f"*/bin/{need}"))


@pytest.fixture
def new_world() -> "Iterator[Callable[..., World]]":
    """Makes worlds; the end of the test settles them all: nothing is left of any call (`World.settle`)."""
    from tests.world import World

    made: list[World] = []

    def make(*executives: Any, **settings: Any) -> World:
        world = World(*executives, **settings)
        made.append(world)
        return world

    yield make
    for world in made:
        world.settle()


@pytest.fixture
def world(new_world: "Callable[..., World]") -> "World":
    """The usual one: Olivia (667) with Sam (676) and Ana (677), ring-all for 30 s."""
    return new_world()
