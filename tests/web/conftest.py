"""What tests of the HTTP side may rely on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.support import postgres
from tests.web.support.web_office import DIRECTORY, Person, WebOffice


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An organisation's database with nothing in it: migrating takes longer than most tests."""
    from b2bua.store.organisation import open_organisation

    path = tmp_path_factory.mktemp("organisation") / "empty.sqlite"
    open_organisation(path).close()
    return path


@pytest.fixture(scope="session")
def reading(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[WebOffice]:
    """An office for all tests that only look."""
    made = WebOffice(tmp_path_factory.mktemp("reading"), template=migrated)
    yield made
    made.close()


@pytest.fixture
def new_office(tmp_path: Path, migrated: Path) -> Iterator[Callable[..., WebOffice]]:
    """Makes offices: `new_office(directory)` with another directory file, `new_office(database="postgresql://…")` in another database."""
    made: list[WebOffice] = []

    def make(directory: str = DIRECTORY, database: str | None = None) -> WebOffice:
        made.append(WebOffice(tmp_path / str(len(made)), directory, migrated, database, _apps[0] if _apps else None))
        _apps[:] = [made[-1].app]
        return made[-1]

    yield make
    for each in made:
        each.close()


_apps: list[FastAPI] = []
"""The application of an earlier test: only what it serves is another one."""


@pytest.fixture
def office(new_office: Callable[..., WebOffice]) -> WebOffice:
    """The usual one: see `web_office.DIRECTORY`."""
    return new_office()


@pytest.fixture
def admin(office: WebOffice) -> Person:
    return office.as_("admin")


@pytest.fixture(params=postgres.KINDS)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, new_office: Callable[..., WebOffice]) -> Iterator[WebOffice]:
    """An office on each of the databases."""
    with postgres.place(request.param, tmp_path) as place:
        made = new_office(database=place if isinstance(place, str) else None)
        yield made
        made.close()


@pytest.fixture
def reader(reading: WebOffice) -> Person:
    """An administrator who only looks, or tries what is refused."""
    return reading.as_("admin")
