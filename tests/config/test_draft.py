"""Where the findings of the linter stand."""

import pytest

from b2bua.config import load
from b2bua.config.directory import read_draft
from b2bua.config.draft import Draft, Kind, place_of
from b2bua.config.schema import Report
from b2bua.config.yamltree import Where, dotted, read
from tests.config.conftest import NOW, Files


@pytest.fixture
def report(organisation: Files) -> Report:
    return Report("directory.yaml", read(organisation.directory, []))


@pytest.fixture
def draft(organisation: Files, report: Report) -> Draft:
    return read_draft(report.tree, load(organisation.server), report, now=NOW)[0]


@pytest.mark.parametrize(
    ("kind", "name", "keys", "place", "line"),
    [
        ("users", "667", ("forwarding", "no_answer"), "users[0].forwarding.no_answer", 14),
        ("executives", "667", ("filtering", "criteria", 1), "executives[0].filtering.criteria[1]", 29),
        ("executives", "667", ("rollover",), "executives[0].rollover", 31),
        ("groups", "500", ("members",), "groups[0].members", 38),
        ("services", "510", (), "services[0]", 41),
        ("duty_profiles", "Night", ("code",), "duty_profiles[1].code", 46),
        ("executives", "676", (), "executives", 21),
        ("users", "500", (), "users", 12),
        ("groups", "999", (), "groups", 36),
    ],
)
def test_the_place_of_a_key(draft: Draft, report: Report, kind: Kind, name: str, keys: Where, place: str, line: int) -> None:
    """What is not there stands where its list does."""
    where = (*place_of(draft, kind, name), *keys)
    assert (dotted(where), report.line(where)) == (place, line)
