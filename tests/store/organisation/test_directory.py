"""The directory's contract with its database: counted changes, all or nothing, tombstones, audit without secrets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from b2bua.store.organisation import Organisation, open_organisation
from b2bua.store.ports import AuditQuery, AuditRow, Entry, Moved, Written, without_secrets

ODD = "‮evil‬ 🦊 <script>\0\ud800 'quote' \"double\" \\ %s :name"


def user(extension: str, name: str = "Olivia", **more: Any) -> Written:
    return Written("users", extension, {"extension": extension, "name": name, **more})


def row(kind: str = "users", key: str = "667", **changes: Any) -> AuditRow:
    return AuditRow(0, 1_790_000_000.25, "admin", "page", kind, key, "changed", {"name": "Old"}, {"name": "New"})._replace(
        **changes
    )


def keys(organisation: Organisation, kind: str = "users") -> list[str]:
    return [each.key for each in organisation.directory.load()[1] if each.kind == kind]


def fastest(what: Callable[[], object], enough: float, attempts: int = 3) -> float:
    """Seconds; tried anew while it is not quick enough, for other processes are at work on this machine as well."""
    best = enough
    for _ in range(attempts):
        started = time.perf_counter()
        what()
        best = min(best, time.perf_counter() - started)
        if best < enough:
            break
    return best


def test_a_new_database_is_empty(organisation: Organisation) -> None:
    assert organisation.directory.revision() == 0
    assert organisation.directory.load() == (0, [], [])
    assert organisation.directory.base() == ("", {})
    assert organisation.directory.audit(AuditQuery(), 10) == []
    assert organisation.imports.imports(10) == []
    assert organisation.accounts.accounts() == []


def test_entries_come_back_as_written_with_the_revision_of_their_change(organisation: Organisation) -> None:
    store = organisation.directory
    bodies: list[dict[str, Any]] = [{"name": ODD, "extension": "667", "n": [1, True, None, {"x": 1.5}]}, {}]
    assert store.write([Written("users", "667", bodies[0]), Written("organisation", "", bodies[1])], [], 0) == 1
    assert store.write([user("676", "Sam")], [], 1) == 2
    assert store.revision() == 2
    assert store.load() == (
        2,
        [
            Entry("organisation", "", 0, 1, bodies[1]),
            Entry("users", "667", 0, 1, bodies[0]),
            Entry("users", "676", 1, 2, {"extension": "676", "name": "Sam"}),
        ],
        [],
    )


def test_only_what_changed_since_is_told_with_what_was_removed(organisation: Organisation) -> None:
    store = organisation.directory
    store.write([user("667"), user("676"), user("677")], [], 0)
    store.write([user("676", "Sam"), Written("users", "677", None)], [], 1)
    assert store.load(1) == (2, [Entry("users", "676", 1, 2, {"extension": "676", "name": "Sam"})], [("users", "677")])
    assert store.load(2) == (2, [], [])
    assert [each.key for each in store.load()[1]] == ["667", "676"]
    assert store.load()[2] == []  # who knows nothing yet has nothing to forget


def test_who_was_removed_and_comes_back_is_told_as_an_entry_and_stands_last(organisation: Organisation) -> None:
    store = organisation.directory
    store.write([user("667"), user("676")], [], 0)
    store.write([Written("users", "667", None)], [], 1)
    store.write([user("667", "Olga")], [], 2)
    assert store.load(1) == (3, [Entry("users", "667", 2, 3, {"extension": "667", "name": "Olga"})], [])
    assert keys(organisation) == ["676", "667"]


def test_removing_what_is_not_there_is_told_and_does_no_harm(organisation: Organisation) -> None:
    organisation.directory.write([Written("users", "999", None)], [], 0)
    assert organisation.directory.load() == (1, [], [])


def test_an_entry_keeps_its_place_unless_it_is_given_another(organisation: Organisation) -> None:
    store = organisation.directory
    store.write([user("3"), user("1"), user("2")], [], 0)
    assert keys(organisation) == ["3", "1", "2"]
    store.write([user("3", "Changed"), user("4")], [], 1)
    assert keys(organisation) == ["3", "1", "2", "4"]
    store.write([user("4")._replace(position=0), user("3")._replace(position=1), user("1")._replace(position=2)], [], 2)
    store.write([user("2")._replace(position=3)], [], 3)
    assert keys(organisation) == ["4", "3", "1", "2"]
    store.write([Written("groups", "800", {})], [], 4)
    assert store.load(4)[1] == [Entry("groups", "800", 0, 5, {})]  # places count within a kind


def test_of_two_writes_for_one_entry_the_last_counts(organisation: Organisation) -> None:
    organisation.directory.write([user("667", "One")._replace(position=0), user("667", "Two")], [], 0)
    assert [each.body["name"] for each in organisation.directory.load()[1]] == ["Two"]


def test_nothing_is_written_when_somebody_else_was_faster(organisation: Organisation) -> None:
    store = organisation.directory
    store.write([user("667")], [row()], 0)
    for wrong in (0, 2):
        with pytest.raises(Moved):
            store.write([user("667", "Late"), user("676")], [row(key="676")], wrong)
    assert store.load() == (1, [Entry("users", "667", 0, 1, {"extension": "667", "name": "Olivia"})], [])
    assert len(store.audit(AuditQuery(), 10)) == 1


def test_nothing_is_written_when_a_part_of_it_cannot_be(organisation: Organisation) -> None:
    store = organisation.directory
    with pytest.raises(TypeError):
        store.write([user("667")], [row(after={"what": object()})], 0)
    assert store.load() == (0, [], [])
    store.write([user("667")], [], 0)
    assert store.revision() == 1


def test_audit_alone_does_not_change_the_directory(organisation: Organisation) -> None:
    assert organisation.directory.write([], [row()], 0) == 0
    with pytest.raises(Moved):
        organisation.directory.write([], [row()], 7)
    assert [each.key for each in organisation.directory.audit(AuditQuery(), 10)] == ["667"]


def test_of_writers_at_the_same_time_exactly_one_wins(place: str | Path) -> None:
    writers = [open_organisation(place) for _ in range(4)]
    together = threading.Barrier(len(writers))
    won: list[tuple[int, int]] = []
    lost: list[tuple[int, int]] = []

    def write(number: int) -> None:
        for expected in range(5):
            together.wait(20)
            try:
                writers[number].directory.write([user("667", f"{number}"), user(str(number))], [row(actor=str(number))], expected)
                won.append((expected, number))
            except Moved:
                lost.append((expected, number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(len(writers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(expected for expected, _ in won) == [0, 1, 2, 3, 4]
    assert len(lost) == 15
    winners = [str(number) for _, number in sorted(won)]
    store = writers[0].directory
    assert [each.actor for each in reversed(store.audit(AuditQuery(), 99))] == winners
    assert {each.key: each.body["name"] for each in store.load()[1]}["667"] == winners[-1]
    assert {each.key for each in store.load()[1]} == {"667", *winners}
    for each in writers:
        each.close()


def test_a_reader_sees_one_state_whoever_writes_meanwhile(place: str | Path) -> None:
    """Entries never come with a revision above the one that they are told with: who writes next would be refused for nothing."""
    writer, reader = open_organisation(place), open_organisation(place)
    done = threading.Event()

    def write() -> None:
        for expected in range(60):
            writer.directory.write([user(str(number), str(expected)) for number in range(20)], [], expected)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        revision, entries, _ = reader.directory.load()
        assert {each.revision for each in entries} <= {revision}
        assert len(entries) in (0, 20)
    thread.join()
    writer.close()
    reader.close()


def test_the_file_taken_in_last_is_remembered(organisation: Organisation) -> None:
    store = organisation.directory
    entries: dict[tuple[str, str], dict[str, Any]] = {
        ("organisation", ""): {"organisation": ODD},
        ("users", "667"): {"extension": "667"},
    }
    store.keep_base("abc", entries)
    assert store.base() == ("abc", entries)
    assert list(store.base()[1]) == list(entries)
    store.keep_base("def", {})
    assert store.base() == ("def", {})


def test_ten_thousand_entries_are_written_in_under_two_seconds(organisation: Organisation) -> None:
    body = {
        "name": "Olivia Boss",
        "email": "olivia@acme.test",
        "numbers": ["+6221500667", "+6221500600"],
        "digest": {"667": {"md5": "a" * 32}},
    }
    many = [Written("users", str(number), {**body, "extension": str(number)}) for number in range(10_000)]
    rows = [row(key=str(number), before=None, after=body, group="import-1") for number in range(10_000)]
    organisation.directory.write(many[:1], rows[:1], 0)
    assert fastest(lambda: organisation.directory.write(many, rows, organisation.directory.revision()), 2.0) < 2.0
    assert len(organisation.directory.load()[1]) == 10_000
    assert len(organisation.imports.undo("import-1")) == 10_000


def test_asking_for_the_revision_is_cheap(organisation: Organisation) -> None:
    organisation.directory.write([user(str(number)) for number in range(1000)], [], 0)
    assert (
        fastest(organisation.directory.revision, 0.002, 100) < 0.002
    )  # two a second are four thousandths of a core, at the worst


# --- the audit ---------------------------------------------------------------------------------------------------------------------


def test_the_audit_keeps_who_when_from_and_to(organisation: Organisation) -> None:
    store = organisation.directory
    store.write([user("667")], [row(before=None, after={"name": ODD}, action="created", actor=ODD)], 0)
    store.note([row("account", "667", before=None, after=None, action="signed in")])
    note, created = store.audit(AuditQuery(), 10)
    shown = ODD.replace("\0", "�").replace("\ud800", "?")  # what no database can keep in a text of its own
    assert created == row(id=created.id, before=None, after={"name": ODD}, action="created", actor=shown)
    assert note == row("account", "667", id=note.id, before=None, after=None, action="signed in")
    assert note.id > created.id


def test_the_audit_is_asked_by_entry_actor_and_group_and_in_pages(organisation: Organisation) -> None:
    store = organisation.directory
    rows = [
        row(
            key=str(number),
            actor="676" if number % 2 else "admin",
            group="import-1" if number < 4 else "",
            kind="users" if number else "sites",
        )
        for number in range(10)
    ]
    store.note(rows)

    def found(query: AuditQuery, limit: int = 99) -> list[str]:
        return [each.key for each in store.audit(query, limit)]

    assert found(AuditQuery()) == list("9876543210")
    assert found(AuditQuery(kind="sites")) == ["0"]
    assert found(AuditQuery(kind="users", key="3")) == ["3"]
    assert found(AuditQuery(actor="676")) == list("97531")
    assert found(AuditQuery(group="import-1")) == list("3210")
    assert found(AuditQuery(group="import-1", actor="676", kind="users")) == list("31")
    assert found(AuditQuery(key="nobody\0")) == []
    page = store.audit(AuditQuery(actor="676"), 2)
    assert [each.key for each in page] == ["9", "7"]
    assert found(AuditQuery(actor="676", before_id=page[-1].id), 2) == ["5", "3"]
    assert found(AuditQuery(before_id=store.audit(AuditQuery(key="0"), 1)[0].id)) == []
    assert found(AuditQuery(after_id=page[-1].id)) == ["9", "8"]
    assert found(AuditQuery(after_id=page[0].id)) == []
    assert found(AuditQuery(via="page")) == list("9876543210") and found(AuditQuery(via="command")) == []


def test_no_secret_reaches_the_audit(organisation: Organisation, place: str | Path) -> None:
    body = {
        "name": "Olivia",
        "password": "sesame-1",
        "digest": {"667": {"md5": "sesame-2"}},
        "PIN": "sesame-3",
        "pin": "",
        "hot_desk": [{"secret": ["sesame-4"], "site": "HQ"}],
        "pinned": True,
    }
    organisation.directory.write([Written("users", "667", body)], [row(before=body, after=body)], 0)
    organisation.directory.note([row("account", before={"token": {"secret": "sesame-5"}}, after=None)])
    with organisation.database.reading() as connection:
        kept = connection.execute(text("SELECT * FROM audit")).all()
    assert len(kept) == 2
    assert "sesame" not in str(kept)
    changed = organisation.directory.audit(AuditQuery(kind="users"), 1)[0]
    assert changed.after == changed.before == without_secrets(body)
    assert changed.after == {
        "name": "Olivia",
        "password": "***",
        "digest": "***",
        "PIN": "***",
        "pin": "",
        "hot_desk": [{"secret": "***", "site": "HQ"}],
        "pinned": True,
    }
    assert organisation.directory.load()[1][0].body == body
