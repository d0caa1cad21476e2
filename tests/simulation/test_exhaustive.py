"""Small worlds, every state of them: nothing breaks, and a good end is always near."""

import logging
from typing import Any

import pytest

from tests.simulation.reports import SOAK
from tests.simulation.search import Search
from tests.simulation.small import Budget, SmallWorld

log = logging.getLogger(__name__)

TWO = {"clients": 2, "per_round": 2, "rounds": 2, "evaluate": False}
TWO_ONCE = TWO | {"rounds": 1}
THREE = TWO | {"clients": 3, "per_round": 3}
THREE_ONCE = THREE | {"rounds": 1}


def stopped(settings: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """An operator who stops an experiment and resumes it, at any two moments."""
    again = {"settings": settings, "resume": True}
    return (("stop_experiment", {}), ("start_experiment", again))


WORLDS = {
    "two clients, two rounds, a crash": SmallWorld(TWO, Budget(crashes=1)),
    "two clients from the beginning": SmallWorld(
        TWO_ONCE, Budget(crashes=1), first_round=-1
    ),
    "a client is killed": SmallWorld(TWO_ONCE, Budget(kills=1), at_once=3),
}

HERE = [name for name, world in WORLDS.items() if SOAK or not world.soak]


@pytest.mark.parametrize("name", HERE)
def test_a_small_world_holds_in_every_state(name) -> None:
    found = Search(WORLDS[name], most=20_000_000).run()
    log.info("%s: %d states, %d moves", name, found.states, found.moves)
    assert found.complete
