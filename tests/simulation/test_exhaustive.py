"""Small worlds, every state of them: nothing breaks, and a good end is always near."""

import logging

import pytest

from tests.simulation.reports import SIZE, seldom_collecting
from tests.simulation.worlds import WORLDS, explore

log = logging.getLogger(__name__)

HERE = [name for name, world in WORLDS.items() if world.size <= SIZE]


@pytest.mark.parametrize("name", HERE)
def test_a_small_world_holds_in_every_state(name) -> None:
    with seldom_collecting():
        found = explore(name)
    log.info("%s: %d states, %d moves", name, found.states, found.moves)
    assert found.complete
