"""With a raised budget the pace is not felt: rounds follow each other at once."""

from __future__ import annotations

import statistics

import pytest

from fedcore.pace import start_spread_s
from tests.pace.federation import RAISED, Scenario, Training, simulate


def instant(training: Training) -> float:
    return 0.005


@pytest.mark.parametrize("calls_a_second", [15, 60])
def test_hundreds_of_clients_are_served_by_one_machine(calls_a_second) -> None:
    budget = RAISED["budget"]
    scenario = Scenario(
        500,
        100,
        train_s=instant,
        cores=2,
        call_s=1 / calls_a_second,
        spread_s=start_spread_s(500, budget, cold_s=0.0),
        **RAISED,
    )
    outcome = simulate(scenario)
    assert (outcome.state, outcome.refused) == ("finished", 0)
    assert outcome.accepted == outcome.trained == 300


@pytest.mark.parametrize("cores", [2, 4, None])
def test_the_default_job_waits_for_nothing_but_training(cores) -> None:
    outcome = simulate(Scenario(20, 10, 10, cores=cores, **RAISED))
    assert (outcome.state, outcome.refused) == ("finished", 0)
    assert outcome.gap_s < 1
    assert outcome.calls_a_selected <= 2.03  # 200 and three initial models
    assert outcome.calls_an_idle <= 2
    assert outcome.calls["advance_round"] <= 12
    # Until the slowest of a cohort has asked, two seconds may pass.
    training_s = 10 * 3.3 / min(cores or 10, 10)
    assert statistics.median(outcome.round_s) < training_s + 3
