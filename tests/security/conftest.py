"""A federation of five, four of whom are drawn for the round that is training."""

from __future__ import annotations

import pytest

from tests.fedcore.world import Member, World, members_of, open_round_1


@pytest.fixture
def world() -> World:
    world = World()
    world.start(clients=5, per_round=4)
    return world


@pytest.fixture
def cohort(world) -> list[Member]:
    """The four clients of round 1's cohort."""
    return members_of(world, open_round_1(world, 5))
