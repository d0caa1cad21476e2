"""The simulation would notice: it finds each fault that is planted in the real code."""

from functools import partial

import pytest

from tests.simulation.mutants_uploads import MUTANTS
from tests.simulation.reports import first_failure, story
from tests.simulation.world import play

SCHEDULES = 300


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_breaks_an_invariant(name, monkeypatch) -> None:
    mutant = MUTANTS[name]
    played = partial(play, mutant.plan)
    assert first_failure(range(5), played) is None, "the world itself is broken"
    mutant.plant(monkeypatch.setattr)
    seed = first_failure(range(SCHEDULES), played)
    assert seed is not None
    told = story(seed, played)
    # A patch that no longer fits the code fails, too, but not in this way.
    assert told.startswith(f"seed {seed}: Broken: "), told
