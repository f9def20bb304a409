"""The README shows what the program prints: the three explained calls are decided again, on the demo organisation."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from b2bua.config import load, load_directory
from b2bua.delegation.explain import facts_for, render_text
from b2bua.delegation.policy import decide

ROOT = Path(__file__).parent.parent
EXPLAINED = re.compile(r"^```\n([^\n]+ \((\d+)\) calls (\d+) on \w+, (\S+) at (\S+) (\S+)\n.+?)\n\nWhat happened then:", re.DOTALL | re.MULTILINE)
SHOWN = EXPLAINED.findall((ROOT / "README.md").read_text("utf-8"))


def test_three_calls_are_explained() -> None:
    """One filtered, one let through, one rolled over."""
    assert [(caller, called) for _, caller, called, *_ in SHOWN] == [("601", "667"), ("667", "671"), ("601", "668")]


@pytest.mark.parametrize(("text", "caller", "called", "day", "time", "offset"), SHOWN, ids=["filtered", "let through", "rolled over"])
def test_what_is_shown_is_what_is_printed(text: str, caller: str, called: str, day: str, time: str, offset: str) -> None:
    directory = load_directory(load(ROOT / "config" / "b2bua.yaml"))
    at = datetime.fromisoformat(f"{day}T{time}{offset}").astimezone(directory.time_zone)
    facts = facts_for(caller, called, directory)
    assert render_text(facts, decide(facts, directory, at), at, directory) == text
