"""Slow and dead clients cost few deadlines, over-selection next to nothing."""

from __future__ import annotations

import statistics

import pytest

from tests.pace.federation import RAISED, Scenario, Training, simulate
from tests.pace.stragglers import DEADLINE_S, TRAIN_S, Trouble, run


def test_without_trouble_a_round_lasts_as_long_as_its_slowest_client() -> None:
    outcome = run(Trouble("slow", 0.0))
    assert (outcome.state, outcome.update_ratio) == ("finished", 1.0)
    assert statistics.fmean(outcome.round_s) < 1.1 * TRAIN_S + 5


@pytest.mark.parametrize("kind", ["slow", "dead"])
def test_over_selection_hides_stragglers(kind) -> None:
    outcome = run(Trouble(kind, 0.3), over_select=3)
    assert outcome.state == "finished"
    assert outcome.accepted == 100  # every round reaches its target
    assert statistics.median(outcome.round_s) < 1.4 * TRAIN_S
    assert max(outcome.round_s) < DEADLINE_S
    assert outcome.update_ratio > 0.75  # 10 of 13


def test_a_dead_client_costs_one_deadline() -> None:
    outcome = run(Trouble("dead", 0.2))
    assert outcome.state == "finished"
    # In rounds 1 and 2 all four are drawn, the second time so many that all must help.
    later = [each["cohort"] for each in outcome.report["rounds"][3:]]
    assert {0, 1, 2, 3}.isdisjoint(index for cohort in later for index in cohort)
    assert sum(each > DEADLINE_S for each in outcome.round_s) <= 2
    assert statistics.fmean(outcome.round_s[2:]) < 2.5 * TRAIN_S


def test_an_adaptive_deadline_shortens_what_a_dead_client_costs() -> None:
    trouble = Trouble("dead", 0.1)
    fixed, adaptive = run(trouble), run(trouble, factor=2.0)
    assert statistics.fmean(adaptive.round_s) < statistics.fmean(fixed.round_s) - 5
    assert adaptive.accepted >= fixed.accepted


def test_a_slow_client_is_drawn_again_but_less_and_less() -> None:
    outcome = run(Trouble("slow", 0.1))
    assert outcome.update_ratio > 0.9
    late = [index for each in outcome.report["rounds"] for index in each["late"]]
    assert set(late) <= {0, 1}


def uneven(training: Training) -> float:
    return training.rng.uniform(1, 20)


def test_while_all_are_well_their_speed_does_not_change_who_is_drawn() -> None:
    cohorts = [
        [each["cohort"] for each in simulate(scenario).report["rounds"]]
        for scenario in (
            Scenario(20, 10, 6, cores=2, **RAISED),
            Scenario(20, 10, 6, train_s=uneven, seed=7, **RAISED),
            Scenario(20, 10, 6, train_s=uneven, seed=8),
        )
    ]
    assert cohorts[0] == cohorts[1] == cohorts[2]
