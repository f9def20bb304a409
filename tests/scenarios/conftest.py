"""One server for all scenarios, which run side by side on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scenarios.office import write
from scenarios.registry import drafts
from tests.support.network import network
from tests.support.server import Server
from tests.support.stage import Stage


@pytest.fixture(scope="session")
def net() -> Iterator[str]:
    """A loopback network that no other run is using, "127.N"."""
    with network() as free:
        yield free


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, net: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The server with everybody's organisation; the selected scenarios have begun."""
    folder = tmp_path_factory.mktemp("scenarios")
    made = drafts(net)
    callspecs = (getattr(item, "callspec", None) for item in request.session.items if item.path == request.path)
    wanted = {str(callspec.params["name"]) for callspec in callspecs if callspec is not None and "name" in callspec.params}
    with Server(write(folder, made, net)) as server:
        stage = Stage(server, made, folder, wanted)
        try:
            yield stage
        finally:
            stage.finish()
