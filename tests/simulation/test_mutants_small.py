"""Small worlds would notice: each planted fault shows in one of them."""

import pytest

from tests.simulation.mutants_small import SMALL_MUTANTS
from tests.simulation.reports import seldom_collecting
from tests.simulation.search import Broken
from tests.simulation.worlds import explore


@pytest.mark.parametrize("name", SMALL_MUTANTS)
def test_a_planted_fault_breaks_an_invariant_in_a_small_world(
    name, monkeypatch
) -> None:
    mutant = SMALL_MUTANTS[name]
    mutant.plant(monkeypatch.setattr)
    with seldom_collecting(), pytest.raises(Broken):
        explore(mutant.world)
