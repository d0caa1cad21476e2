"""The simulation would notice: it finds each fault that is planted in the real code."""

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.reports import first_failure
from tests.simulation.timeline import Tell
from tests.simulation.world import World

SCHEDULES = 300


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found(name, monkeypatch) -> None:
    mutant = MUTANTS[name]

    def play(seed: int, tell: Tell | None) -> World:
        world = World(mutant.plan, seed, tell)
        world.run()
        return world

    assert first_failure(range(5), play) is None, "the world itself is broken"
    mutant.plant(monkeypatch.setattr)
    assert first_failure(range(SCHEDULES), play) is not None
