"""The cyclic garbage collector is kept away from the calls, and what pages leave behind goes all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from b2bua import app


class Cycle:
    """What nobody but itself refers to."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def quiet_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(app, "YOUNG_OBJECTS", 1000)
    monkeypatch.setattr(app, "LEAKED_OBJECTS", 3000)
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def garbage() -> "weakref.ref[Cycle]":
    return weakref.ref(Cycle())


def test_a_busy_server_looks_only_when_there_is_much_that_is_new() -> None:
    left = garbage()
    app._look_for_garbage(0)
    assert left() is not None, "looking takes time that calls need"
    more: list[list[int]] = [[] for _ in range(1500)]
    app._look_for_garbage(0)
    assert left() is None and more


def test_an_idle_server_looks_at_everything_once() -> None:
    left = garbage()
    app._look_for_garbage(app.COLLECT_AFTER_SECONDS - 1)
    assert left() is not None
    app._look_for_garbage(app.COLLECT_AFTER_SECONDS)
    assert left() is None


def test_a_server_that_is_never_idle_looks_at_what_is_older_now_and_then() -> None:
    kept = [Cycle()]
    left = weakref.ref(kept[0])
    lists: list[list[int]] = [[] for _ in range(1500)]
    app._look_for_garbage(0)  # it is in use, and older from now on
    kept.clear()
    looks = 0
    while left() is not None and looks < 10:
        lists += [[] for _ in range(1500)]
        app._look_for_garbage(0)
        looks += 1
    assert 2 <= looks <= 4
