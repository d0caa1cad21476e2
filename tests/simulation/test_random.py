"""Random schedules: any process may die at any moment, any message may be lost."""

import random
from functools import partial

from tests.simulation.mutants import MUTANTS
from tests.simulation.reports import SIZE, Size, first_failure, play_many, story
from tests.simulation.world import play, run, run_cut_off, run_forged, run_hostile

SCHEDULES = {Size.TEST: 1_000, Size.CI: 6_000, Size.SOAK: 300_000}[SIZE]
HOSTILE = {Size.TEST: 200, Size.CI: 1_500, Size.SOAK: 20_000}[SIZE]

FORGED = {Size.TEST: 100, Size.CI: 1_000, Size.SOAK: 20_000}[SIZE]
CUT_OFF = {Size.TEST: 100, Size.CI: 1_000, Size.SOAK: 20_000}[SIZE]


def test_every_invariant_holds_in_thousands_of_random_schedules() -> None:
    failed = play_many(SCHEDULES)
    assert failed is None, failed


def test_hostile_clients_cost_time_and_not_more_than_can_be_told_beforehand() -> None:
    failed = play_many(HOSTILE, play=run_hostile, batch=25)
    assert failed is None, failed


def test_an_aggregation_that_is_always_cut_off_ends_all_the_same() -> None:
    failed = play_many(CUT_OFF, play=run_cut_off, batch=25)
    assert failed is None, failed


def test_nothing_counts_in_a_client_s_name_but_what_it_has_trained() -> None:
    failed = play_many(FORGED, play=run_forged, batch=25)
    assert failed is None, failed


def test_a_seed_replays_its_run_exactly() -> None:
    seeds = random.Random(0).sample(range(1_000_000), 5)
    for seed in seeds:
        once: list[str] = []
        again: list[str] = []
        run(seed, once.append)
        run(seed, again.append)
        assert once == again
        assert len(once) > 10


def test_a_failure_tells_its_seed_and_how_it_came(monkeypatch) -> None:
    mutant = MUTANTS["accept_and_freeze_in_two_writes"]
    mutant.plant(monkeypatch.setattr)
    played = partial(play, mutant.plan)
    seed = first_failure(range(100), played)
    assert seed is not None
    told = story(seed, played)
    assert told.startswith(f"seed {seed}: Broken: round 1 has its")
    assert "sends submit_update" in told
    assert "update experiments {_id: id" in told
