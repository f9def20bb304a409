"""Each test of the contract runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from b2bua.store.organisation import Organisation, open_organisation
from tests.support import postgres


@pytest.fixture(params=postgres.KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    with postgres.place(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def organisation(place: str | Path) -> Iterator[Organisation]:
    opened = open_organisation(place)
    yield opened
    opened.close()
