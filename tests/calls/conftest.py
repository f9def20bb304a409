"""Every test of a call ends with nothing left: see `World.settle`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.world import World


@pytest.fixture
def new_world() -> Iterator[Callable[..., World]]:
    """Makes worlds; the end of the test settles them all."""
    made: list[World] = []

    def make(*executives: Any, **settings: Any) -> World:
        world = World(*executives, **settings)
        made.append(world)
        return world

    yield make
    for world in made:
        world.settle()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """The usual one: Olivia (667) with Sam (676) and Ana (677), ring-all for 30 s."""
    return new_world()
