"""The C media plane under hostile packets and random commands, compiled with the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from b2bua.media import build

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
VIRTUAL_TIME = "-Wl,--wrap=clock_gettime,--wrap=timerfd_settime"
ROUNDS = 15_000


@pytest.fixture(scope="module", name="fuzz")
def fixture_fuzz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz") / "fuzz"
    sources = [str(Path(__file__).with_name("native_fuzz.c")), *map(str, sorted(build.SOURCES.glob("*.c")))]
    subprocess.run(
        ["cc", *WARNINGS, *SANITIZERS, VIRTUAL_TIME, f"-I{build.SOURCES}", "-o", str(made), *sources, "-lm"], check=True
    )
    return made


@pytest.mark.needs("cc")
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_comes_breaks_it_and_nothing_is_left(fuzz: Path, seed: int) -> None:
    done = subprocess.run([str(fuzz), str(ROUNDS), str(seed)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-4000:] or done.stdout
    counts = {name: int(number) for name, number in re.findall(r"(\w+) (\d+)", done.stdout)}
    assert counts["received"] > ROUNDS and counts["sent"] > ROUNDS / 2 and counts["events"] > 20, (
        "it has not come far enough to tell anything"
    )
