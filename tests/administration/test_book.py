"""The book over a real database: what is refused, who was faster, what the next call is decided on, and the file beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from b2bua.administration.book import Actor, Book, Conflict, Missing, Refusal, open_book
from b2bua.administration.entries import Delete, Put
from b2bua.administration.served import served_directory
from b2bua.config import Config
from b2bua.delegation.model import Directory
from b2bua.errors import ConfigError
from b2bua.store.organisation.database import Organisation, open_organisation
from b2bua.store.ports import AuditQuery
from tests.world import EPOCH, configuration

FILE = """organisation: Acme
users:
  - {extension: "667", name: Olivia Boss, password: boss-667, numbers: ["+6221500667"]}
  - {extension: "676", name: Sam Secretary, password: sam-676, numbers: ["+6221500676"]}
  - {extension: "677", name: Ana Aide, password: ana-677, numbers: ["+6221500677"]}
executives:
  - {extension: "667", rollover: {action: hangup}, assistants: ["676"]}
"""
ADMIN = Actor("admin", "page")


class Desk:
    """A directory file, a database, and the books that were opened on them."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "directory.yaml"
        self.cases = folder / "what-if.yaml"
        self.file.write_text(FILE)
        self.config: Config = configuration(directory=str(self.file), state=str(folder))
        self._folder = folder
        self._opened: list[Organisation] = []
        self._books: list[Book] = []

    def open(self, config: Config | None = None) -> Book:
        organisation = open_organisation(self._folder / "directory.sqlite")
        self._opened.append(organisation)
        book = open_book(organisation.directory, config or self.config, lambda: EPOCH)
        self._books.append(book)
        return book

    def change_file(self, *changes: tuple[str, str]) -> None:
        text = self.file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def close(self) -> None:
        for book in self._books:
            book.close()
        for each in self._opened:
            each.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


@pytest.fixture
def book(desk: Desk) -> Book:
    return desk.open()


class Published(list[str]):
    """Brings directories to calls that there are not: keeps the names of the organisations."""

    def prepare(self, directory: Directory) -> object:
        return directory

    def take_over(self, prepared: object) -> None:
        assert isinstance(prepared, Directory)
        self.append(prepared.organisation)


def body(book: Book, kind: str, key: str) -> dict[str, Any]:
    entry = book.entry(kind, key)
    assert entry is not None
    return dict(entry.body)


def audit(book: Book, **query: Any) -> list[tuple[str, str, str, str, str]]:
    rows = asyncio.run(book.audit(AuditQuery(**query)))
    return [(row.actor, row.via, row.kind, row.key, row.action) for row in rows]


def test_the_file_is_taken_in_once_and_of_passwords_only_digests(book: Book, desk: Desk) -> None:
    assert list(book.entries("users")) == ["667", "676", "677"]
    sam = body(book, "users", "676")
    assert "password" not in sam
    assert set(sam["digest"]) == {"676", "676-667"}
    assert "sam-676" not in str(book.entries("users"))
    assert book.directory.executives["667"].delegations[0].assistant == "676"
    before = book.revision
    assert desk.open().revision == before, "a file that is as it was changes nothing"
    assert ("file", "file", "users", "676", "created") in audit(book)


def test_a_change_counts_from_the_next_call_on(book: Book) -> None:
    published = Published()
    book.publish_to(published, lambda work, *arguments: work(*arguments))
    told: list[tuple[int, frozenset[tuple[str, str]]]] = []
    book.listeners.append(lambda *what: told.append(what))
    changed = book.write(ADMIN, [Put("organisation", "", {"organisation": "Other"})])
    assert published == ["Other"]
    assert book.directory.organisation == "Other"
    assert told == [(changed.revision, frozenset({("organisation", "")}))]


def test_a_change_through_the_loop_is_there_when_it_returns(book: Book) -> None:
    async def change() -> str:
        published = Published()
        book.publish_to(published, asyncio.get_running_loop().call_soon_threadsafe)
        await book.change(ADMIN, [Put("organisation", "", {"organisation": "Other"})])
        return book.directory.organisation + str(published)

    assert asyncio.run(change()) == "Other['Other']"


@pytest.mark.parametrize(
    ("ops", "finding"),
    [
        pytest.param(
            [Put("executives", "667", {"extension": "667", "rollover": {"action": "hangup"}, "assistants": ["699"]})],
            ("executives", "667", "assistants[0]"),
            id="nobody",
        ),
        pytest.param([Put("users", "678", {"extension": "678", "name": "Tom", "numbers": ["+6221500667"]})], ("users", "678", "numbers[0]"), id="another's number"),
        pytest.param([Put("users", "678", {"extension": "678", "nam": "Tom"})], ("users", "678", "nam"), id="unknown key"),
        pytest.param([Delete("users", "676")], ("executives", "667", "assistants[0]"), id="still an assistant"),
        pytest.param([Put("users", "676", {"extension": "676", "name": "Sam", "dnd": "perhaps"})], ("users", "676", "dnd"), id="no boolean"),
    ],
)
def test_what_must_not_be_served_is_refused_with_its_place_and_changes_nothing(book: Book, ops: list[Any], finding: tuple[str, str, str]) -> None:
    before, revision = {kind: dict(book.entries(kind)) for kind in ("users", "executives")}, book.revision
    with pytest.raises(Refusal) as refused:
        book.write(ADMIN, ops)
    assert finding in [each[:3] for each in refused.value.findings]
    assert ({kind: dict(book.entries(kind)) for kind in before}, book.revision) == (before, revision)
    assert "page" not in {row[1] for row in audit(book)}


def test_two_editors_do_not_overwrite_each_other(book: Book) -> None:
    sam = book.entry("users", "676")
    assert sam is not None
    book.write(ADMIN, [Put("users", "676", {**sam.body, "name": "Samuel"}, sam.revision)])
    with pytest.raises(Conflict) as conflict:
        book.write(Actor("667", "page"), [Put("users", "676", {**sam.body, "dnd": True}, sam.revision)])
    assert conflict.value.current is not None
    assert conflict.value.current.body["name"] == "Samuel"
    with pytest.raises(Conflict):
        book.write(ADMIN, [Put("users", "676", {"extension": "676", "name": "New"}, 0)])
    with pytest.raises(Missing):
        book.write(ADMIN, [Delete("users", "699")])


def test_several_operations_are_one_change(book: Book) -> None:
    ops = [
        Put("users", "668", {"extension": "668", "name": "Victor Chief", "numbers": ["+6221500668"]}),
        Put("users", "678", {"extension": "678", "name": "Tom Deputy", "numbers": ["+6221500678"]}),
        Put("executives", "668", {"extension": "668", "rollover": {"action": "hangup"}, "assistants": ["678"]}),
    ]
    revisions = {entry.revision for entry in book.write(ADMIN, ops).entries}
    assert revisions == {book.revision}
    book.write(ADMIN, [Delete("executives", "668"), Delete("users", "678"), Delete("users", "668")])
    assert "668" not in book.directory.users


def test_secrets_that_are_not_mentioned_stay_and_none_is_in_the_audit(book: Book) -> None:
    digest = body(book, "users", "676")["digest"]
    book.write(ADMIN, [Put("users", "676", {"extension": "676", "name": "Samuel", "numbers": ["+6221500676"]})])
    assert body(book, "users", "676")["digest"] == digest
    book.write(ADMIN, [Put("users", "676", {"extension": "676", "name": "Samuel", "numbers": ["+6221500676"], "password": "a-new-one-1"})])
    assert body(book, "users", "676")["digest"]["676"] != digest["676"]
    rows = asyncio.run(book.audit(AuditQuery(kind="users", key="676")))
    assert "a-new-one-1" not in str(rows)
    assert digest["676"]["md5"] not in str(rows)
    assert rows[0].after is not None and rows[0].after["secrets"] == "changed"


def test_a_change_that_changes_nothing_leaves_no_trace(book: Book) -> None:
    revision, sam = book.revision, body(book, "users", "676")
    assert book.write(ADMIN, [Put("users", "676", sam)]).revision == revision
    assert audit(book, kind="users", key="676") == [("file", "file", "users", "676", "created")]


# The file beside the page.


def test_what_was_changed_on_the_page_survives_a_restart_and_a_changed_file(book: Book, desk: Desk) -> None:
    book.write(ADMIN, [Put("users", "677", {**body(book, "users", "677"), "name": "Ana Ayu"})])
    desk.change_file(("Sam Secretary", "Sam Smith"))
    again = desk.open()
    assert (body(again, "users", "677")["name"], body(again, "users", "676")["name"]) == ("Ana Ayu", "Sam Smith")
    book._catch_up()
    assert body(book, "users", "676")["name"] == "Sam Smith", "the other process has been noticed"


def test_where_both_have_changed_an_entry_the_file_wins_and_the_audit_keeps_the_other(book: Book, desk: Desk) -> None:
    book.write(ADMIN, [Put("users", "676", {**body(book, "users", "676"), "name": "Samuel"})])
    desk.change_file(("Sam Secretary", "Sam Smith"))
    assert book.take_in(desk.config) == ()
    assert body(book, "users", "676")["name"] == "Sam Smith"
    newest = asyncio.run(book.audit(AuditQuery(kind="users", key="676")))[0]
    assert newest.before is not None and (newest.before["name"], newest.via) == ("Samuel", "file")


def test_a_file_that_is_refused_leaves_the_database_serving(book: Book, desk: Desk) -> None:
    desk.change_file(('assistants: ["676"]', 'assistants: ["699"]'))
    (problem,) = book.take_in(desk.config)
    assert str(problem).startswith(f"{desk.file}:7: executives[0].assistants[0]: 699 is no user's extension")
    again = desk.open()
    assert again.directory.executives["667"].delegations[0].assistant == "676"


def test_a_broken_file_at_the_first_start_stops_it(desk: Desk) -> None:
    desk.change_file(('assistants: ["676"]', 'assistants: ["699"]'))
    with pytest.raises(ConfigError) as error:
        desk.open()
    assert f"{desk.file}:7: executives[0].assistants[0]" in str(error.value)


def test_a_file_that_is_gone_is_told_and_the_database_serves(desk: Desk) -> None:
    desk.open()
    desk.file.unlink()
    book = desk.open()
    assert "676" in book.directory.users
    (problem,) = book.take_in(desk.config, again=True)
    assert "cannot be read" in str(problem)


def test_without_a_file_and_without_a_database_there_is_nothing_to_serve(desk: Desk) -> None:
    desk.file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        desk.open()


def test_a_case_that_the_changed_file_breaks_refuses_it(desk: Desk) -> None:
    desk.cases.write_text('cases:\n  - {name: Sam rings, from: "+15551234567", to: "667", expect: {ring: ["676, 30 s"]}}\n')
    config = configuration(directory=str(desk.file), state=str(desk.file.parent), what_if=str(desk.cases))
    book = desk.open(config)
    desk.change_file(('assistants: ["676"]', 'assistants: ["677"]'))
    (problem,) = book.take_in(config)
    assert "Sam rings" in str(problem)
    assert book.directory.executives["667"].delegations[0].assistant == "676"
    book.write(ADMIN, [Put("executives", "667", {"extension": "667", "rollover": {"action": "hangup"}, "assistants": ["677"]})])
    assert [each.kind for each in book.broken_cases()] == ["what_if"], "on the page a case warns, and does not stand in the way"
    desk.file.write_text(FILE.replace("Sam Secretary", "Sam Smith"))
    assert book.take_in(config) == (), "nor does a case that is broken already stop a file that has nothing to do with it"
    assert body(book, "users", "676")["name"] == "Sam Smith"


# Other processes.


def test_a_change_of_another_process_is_taken_over(book: Book, desk: Desk) -> None:
    other = desk.open()
    other.write(ADMIN, [Put("users", "678", {"extension": "678", "name": "Tom", "numbers": ["+6221500678"]})])
    book.write(ADMIN, [Put("users", "679", {"extension": "679", "name": "Kim", "numbers": ["+6221500679"]})])
    assert {"678", "679"} <= book.directory.users.keys()
    other._catch_up()
    assert "679" in other.directory.users


def test_a_running_server_notices_within_a_second(book: Book, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.administration.book.POLL_SECONDS", 0.01)
    other = desk.open()

    async def watch() -> None:
        noticed = asyncio.Event()
        loop = asyncio.get_running_loop()
        book.publish_to(Published(), loop.call_soon_threadsafe)
        book.listeners.append(lambda *_: noticed.set())
        book.watch(loop)
        other.write(ADMIN, [Put("organisation", "", {"organisation": "Other"})])
        async with asyncio.timeout(10):
            await noticed.wait()
        book.unwatch()
        assert book.directory.organisation == "Other"

    asyncio.run(watch())


def test_commands_see_what_the_server_serves_or_would_serve(desk: Desk) -> None:
    def named(extension: str) -> str:
        store = open_organisation(desk.file.parent / "directory.sqlite")
        try:
            return served_directory(desk.config, store.directory, EPOCH).users[extension].name
        finally:
            store.close()

    assert served_directory(desk.config, None, EPOCH).users["676"].name == "Sam Secretary"
    book = desk.open()
    book.write(ADMIN, [Put("users", "677", {**body(book, "users", "677"), "name": "Ana Ayu"})])
    desk.change_file(("Sam Secretary", "Sam Smith"))
    assert (named("677"), named("676")) == ("Ana Ayu", "Sam Smith")
    assert body(book, "users", "676")["name"] == "Sam Secretary", "looking changes nothing"


