"""With a raised budget the pace is not felt: rounds follow each other at once."""

from __future__ import annotations

import statistics

import pytest

from tests.pace.federation import RAISED, Scenario, simulate


@pytest.mark.parametrize("cores", [2, 4, None])
def test_the_default_job_waits_for_nothing_but_training(cores) -> None:
    outcome = simulate(Scenario(20, 10, 10, cores=cores, **RAISED))
    assert (outcome.state, outcome.refused) == ("finished", 0)
    assert outcome.gap_s < 1
    assert outcome.calls_a_selected <= 2.02  # 200 and the initial model
    assert outcome.calls_an_idle <= 2
    assert outcome.calls["advance_round"] <= 12
    # Until the slowest of a cohort has asked, two seconds may pass.
    training_s = 10 * 3.3 / min(cores or 10, 10)
    assert statistics.median(outcome.round_s) < training_s + 3
