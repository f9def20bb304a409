"""Imports in the database: what is told of them, and what takes them back."""

from __future__ import annotations

from typing import Any

from b2bua.store.organisation import Organisation
from b2bua.store.ports import ImportRow, UndoRow, Written
from tests.store.organisation.test_directory import row, user

IMPORT = ImportRow("i-1", 1_790_000_000.5, "admin", "checked", {"created": 2}, [{"row": 3, "text": "‮ 🦊 \0 is no extension"}])


def test_an_import_is_kept_and_changed(organisation: Organisation) -> None:
    store = organisation.imports
    store.save_import(IMPORT)
    store.save_import(IMPORT._replace(id="i-2", started=1_790_000_001.0))
    assert store.find_import("i-1") == IMPORT
    assert store.find_import("i-3") is None
    store.save_import(IMPORT._replace(state="applied", errors=[]))
    assert [(each.id, each.state) for each in store.imports(10)] == [("i-2", "checked"), ("i-1", "applied")]
    assert [each.id for each in store.imports(1)] == ["i-2"]


def test_what_an_import_changes_is_kept_as_it_was_with_its_secrets(organisation: Organisation) -> None:
    store = organisation.directory
    digest = {"667": {"md5": "x"}}
    store.write([user("667", digest=digest), user("676"), user("677"), Written("sites", "HQ", {"name": "HQ"})], [], 0)
    changes = [user("667", "Olga"), Written("users", "676", None), user("678"), user("677", "Not of the import")]
    store.write(changes, [row(key=key, group="i-1") for key in ("667", "676", "678")], 1)
    before: dict[str, Any] = {"extension": "667", "name": "Olivia", "digest": digest}
    assert organisation.imports.undo("i-1") == [
        UndoRow("users", "667", before, 0, 2),
        UndoRow("users", "678", None, 0, 2),
        UndoRow("users", "676", {"extension": "676", "name": "Olivia"}, 1, 2),
    ]
    assert organisation.imports.undo("i-2") == []


def test_of_an_import_in_steps_the_first_state_counts_and_the_last_revision(organisation: Organisation) -> None:
    store = organisation.directory
    store.write([user("667")], [], 0)
    store.write([user("667", "Step 1"), user("676", "Step 1")], [row(group="i-1"), row(key="676", group="i-1")], 1)
    store.write([user("667", "Step 2"), user("676", "Step 2")], [row(group="i-1"), row(key="676", group="i-1")], 2)
    found = {each.key: each for each in organisation.imports.undo("i-1")}
    assert found["667"] == UndoRow("users", "667", {"extension": "667", "name": "Olivia"}, 0, 3)
    assert found["676"] == UndoRow("users", "676", None, 0, 3)


def test_taking_an_import_back_leaves_the_directory_as_it_was(organisation: Organisation) -> None:
    store = organisation.directory
    store.write([user("3"), user("1"), user("2")], [], 0)
    before = [(each.key, each.body) for each in store.load()[1]]
    store.write([Written("users", "1", None), user("3", "Changed"), user("4")], [row(key=key, group="i-1") for key in "134"], 1)
    back = [Written(each.kind, each.key, each.body, each.position) for each in organisation.imports.undo("i-1")]
    store.write(back, [], 2)
    assert [(each.key, each.body) for each in store.load()[1]] == before


def test_an_import_is_forgotten_with_what_would_undo_it(organisation: Organisation) -> None:
    store = organisation.imports
    for name in ("i-1", "i-2"):
        store.save_import(IMPORT._replace(id=name))
        organisation.directory.write([user("667", name)], [row(group=name)], organisation.directory.revision())
    store.delete_import("i-1")
    assert (store.find_import("i-1"), store.undo("i-1")) == (None, [])
    assert [each.id for each in store.imports(10)] == ["i-2"]
    assert len(store.undo("i-2")) == 1
