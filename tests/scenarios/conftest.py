"""One server for all scenarios of each `media.mode`, which run side by side on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from scenarios.office import HOSTS, Mode, write
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
    """The servers with everybody's organisation; the selected scenarios have begun."""
    folder = tmp_path_factory.mktemp("scenarios")
    made = drafts(net)
    callspecs = (getattr(item, "callspec", None) for item in request.session.items if item.path == request.path)
    wanted = {str(callspec.params["name"]) for callspec in callspecs if callspec is not None and "name" in callspec.params}
    with ExitStack() as running:
        servers: dict[Mode, Server] = {}
        for mode in HOSTS:
            played = [draft for draft in made if draft.media == mode]
            servers[mode] = running.enter_context(Server(write(folder / f"server-{mode}", played, net)))
        stage = Stage(servers, made, folder, wanted)
        try:
            yield stage
        finally:
            stage.finish()
