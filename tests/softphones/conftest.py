"""One server for the real phones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.network import network
from tests.support.phones import Start, phones


@pytest.fixture(scope="session")
def net() -> Iterator[str]:
    """A loopback network that no other run is using, "127.N"."""
    with network() as free:
        yield free


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[Start]:
    """Phones that call each other, without a server."""
    with phones(tmp_path, "") as start:
        yield start
