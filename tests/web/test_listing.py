"""Lists stay in order while entries come, change and go, however few or many at once."""

import random
from collections.abc import Mapping
from typing import Any, cast

import pytest

from b2bua.administration.book import Book
from b2bua.administration.viewer import Viewer
from b2bua.store.ports import Entry
from b2bua.web.api import listing
from b2bua.web.api.listing import Listing, Query

SUPER = Viewer("admin", None, "Administrator", "super_admin")
ROLES = (*({"role": each} for each in ("user", "user_admin", "super_admin")), {}, {}, {}, {}, {})
NAMES = ("Zoë", "ana", "Lee", "Mia", "  ", "<b>", "Ana")


class FakeBook:
    """What a list needs of the book."""

    def __init__(self) -> None:
        self.users: Mapping[str, Entry] = {}

    def entries(self, kind: str) -> Mapping[str, Entry]:
        return self.users if kind == "users" else {}

    def change(self, chance: random.Random, revision: int, changes: int) -> None:
        """Users come, change, move and go, as an edition of the book has them: in the order of their positions."""
        users = dict(self.users)
        for _ in range(changes):
            key = str(chance.randrange(100, 140)) if chance.random() < 0.9 else "Ω"
            if key in users and chance.random() < 0.3:
                del users[key]
            else:
                users[key] = Entry("users", key, chance.randrange(20), revision, {"extension": key, "name": chance.choice(NAMES), **chance.choice(ROLES)})
        self.users = {each.key: each for each in sorted(users.values(), key=lambda each: each.position)}


def query(sort: str, filters: Mapping[str, str], *, descending: bool = False) -> Query:
    return Query(500, None, (), sort, descending, filters)


@pytest.mark.parametrize("most", [1, 5, 60])
def test_a_list_that_is_kept_is_the_same_as_a_new_one(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FEW", 20)
    chance, fake, kept = random.Random(most), FakeBook(), Listing("users")
    book = cast("Book", fake)
    for revision in range(1, 150):
        fake.change(chance, revision, chance.randrange(most + 1))
        for sort in chance.sample(listing.SORTS, 2):
            asked = query(sort, chance.choice(({}, {"role": "user"}, {"role": "super_admin"}, {"role": "user_admin", "type": "person"})), descending=chance.random() < 0.5)
            assert kept.page(asked, SUPER, book) == Listing("users").page(asked, SUPER, book)


def test_who_says_nothing_counts_as_the_default() -> None:
    fake = FakeBook()
    bodies: dict[str, dict[str, Any]] = {"100": {}, "101": {"role": "user"}, "102": {"role": "super_admin", "location": "HQ"}}
    fake.users = {key: Entry("users", key, 0, 1, body) for key, body in bodies.items()}

    def found(**filters: str) -> list[str]:
        return [each.key for each in Listing("users").page(query("key", filters), SUPER, cast("Book", fake)).entries]

    assert found(role="user") == ["100", "101"]
    assert found(role="super_admin") == ["102"]
    assert found(site="HQ") == ["102"]
    assert found(site="") == ["100", "101"]
