"""What a changed file changes: entries that it has left alone stay as the page has made them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.administration.entries import ORGANISATION, Delete, Put, bodies_of, tree_of
from b2bua.administration.merge import difference, merge, replace
from b2bua.store.ports import Entry

Bodies = dict[tuple[str, str], dict[str, Any]]
OLIVIA, SAM, ANA = ("users", "667"), ("users", "676"), ("users", "677")


def user(name: str) -> dict[str, Any]:
    return {"name": name}


@pytest.mark.parametrize(
    ("base", "file", "current", "ops", "overruled"),
    [
        pytest.param({}, {SAM: user("Sam")}, {}, [Put("users", "676", user("Sam"))], [], id="first time"),
        pytest.param({SAM: user("Sam")}, {SAM: user("Sam")}, {SAM: user("Samuel")}, [], [], id="changed on the page"),
        pytest.param({SAM: user("Sam")}, {SAM: user("Sam"), ANA: user("Ana")}, {SAM: user("Samuel")}, [Put("users", "677", user("Ana"))], [], id="each its own"),
        pytest.param({SAM: user("Sam")}, {SAM: user("Sami")}, {SAM: user("Samuel")}, [Put("users", "676", user("Sami"))], [(*SAM, "name")], id="both"),
        pytest.param({SAM: user("Sam")}, {SAM: user("Samuel")}, {SAM: user("Samuel")}, [], [], id="both the same"),
        pytest.param({SAM: user("Sam")}, {}, {SAM: user("Sam")}, [Delete("users", "676")], [], id="removed in the file"),
        pytest.param({SAM: user("Sam")}, {SAM: user("Sam")}, {}, [], [], id="removed on the page stays removed"),
        pytest.param({SAM: user("Sam")}, {}, {}, [], [], id="removed by both"),
        pytest.param({SAM: user("Sam")}, {SAM: user("Sami")}, {}, [Put("users", "676", user("Sami"))], [(*SAM, "")], id="removed on the page, changed in the file"),
        pytest.param({}, {}, {OLIVIA: user("Olivia")}, [], [], id="made on the page"),
    ],
)
def test_what_counts_is_what_the_file_has_changed(base: Bodies, file: Bodies, current: Bodies, ops: list[Any], overruled: list[Any]) -> None:
    merged = merge(base, file, current)
    assert (list(merged.ops), list(merged.overruled)) == (ops, overruled)


@pytest.mark.parametrize(
    ("base", "file", "current", "made"),
    [
        pytest.param({"name": "Mia"}, {"name": "Mia F"}, {"name": "Mia", "status": "disabled"}, {"name": "Mia F", "status": "disabled"}, id="added on the page"),
        pytest.param({"name": "M", "role": "user_admin"}, {"name": "N", "role": "user_admin"}, {"name": "M"}, {"name": "N"}, id="taken away on the page"),
        pytest.param({"dnd": True}, {}, {"dnd": True, "name": "M"}, {"name": "M"}, id="taken away in the file"),
        pytest.param(
            {"forwarding": {"busy": "600"}},
            {"forwarding": {"busy": "601"}},
            {"forwarding": {"busy": "600", "always": "602"}},
            {"forwarding": {"busy": "601", "always": "602"}},
            id="nested",
        ),
        pytest.param(
            {"name": "A", "digest": {"677": "old"}},
            {"name": "A", "digest": {"677": "old", "677-667": "old"}},
            {"name": "A", "digest": {"677": "new"}},
            {"name": "A", "digest": {"677": "new"}},
            id="a new line does not bring the old password back",
        ),
        pytest.param({"digest": {"677": "old"}}, {"digest": {"677": "file"}}, {"digest": {"677": "new"}}, {"digest": {"677": "file"}}, id="a new password in the file"),
    ],
)
def test_an_entry_is_merged_field_by_field(base: dict[str, Any], file: dict[str, Any], current: dict[str, Any], made: dict[str, Any]) -> None:
    (op,) = merge({SAM: base}, {SAM: file}, {SAM: current}).ops or (Put("users", "676", current),)
    assert isinstance(op, Put)
    assert op.body == made


def test_what_is_removed_goes_first_so_that_an_extension_can_become_something_else() -> None:
    merged = merge({("users", "500"): user("Five")}, {("groups", "500"): {"name": "Sales"}}, {("users", "500"): user("Five")})
    assert merged.ops == (Delete("users", "500"), Put("groups", "500", {"name": "Sales"}))


NAMES = st.sampled_from([ORGANISATION, OLIVIA, SAM, ANA, ("executives", "667")])
ANY_BODIES = st.dictionaries(NAMES, st.fixed_dictionaries({"name": st.sampled_from("abc")}))


def after(current: Bodies, ops: Any) -> Bodies:
    made = dict(current)
    for op in ops:
        if isinstance(op, Put):
            made[op.kind, op.key] = dict(op.body)
        else:
            del made[op.kind, op.key]
    return made


@given(ANY_BODIES, ANY_BODIES, ANY_BODIES)
def test_after_a_merge_every_entry_is_as_the_file_says_or_as_it_was(base: Bodies, file: Bodies, current: Bodies) -> None:
    made = after(current, merge(base, file, current).ops)
    for name in {*base, *file, *current} - {ORGANISATION}:
        expected = file.get(name) if file.get(name) != base.get(name) else current.get(name)  # there is one field
        assert made.get(name) == expected


@given(ANY_BODIES, ANY_BODIES)
def test_replacing_leaves_exactly_what_the_file_says(file: Bodies, current: Bodies) -> None:
    made = after(current, replace(file, current))
    assert {name: body for name, body in made.items() if name != ORGANISATION} == {name: body for name, body in file.items() if name != ORGANISATION}


def test_a_difference_names_the_leaves() -> None:
    before = {"name": "Sam", "forwarding": {"busy": "600", "always": None}, "numbers": ["1"]}
    after = {"name": "Sam", "forwarding": {"busy": "601"}, "numbers": ["1", "2"], "dnd": True}
    assert difference(before, after) == [("forwarding.busy", "600", "601"), ("numbers", ["1"], ["1", "2"]), ("dnd", None, True)]


def test_entries_and_the_tree_of_a_file_are_the_same_thing() -> None:
    tree = {
        "organisation": "Acme",
        "limits": {"assistants_per_executive": 3},
        "schedules": {"office": {"hours": {"mon": "08:00-17:00"}}},
        "caller_groups": {"press": ["+1555*"]},
        "users": [{"extension": "667", "name": "Olivia"}, {"extension": "676", "name": "Sam"}],
        "executives": [{"extension": "667", "assistants": ["676"]}],
        "conferences": [{"number": "800"}],
    }
    bodies = bodies_of(tree)
    entries = [Entry(kind, key, place, 1, body) for place, ((kind, key), body) in enumerate(bodies.items())]
    assert tree_of(reversed(entries)) == tree
