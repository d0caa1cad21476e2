"""The promise of the pace: on stock limits no call is refused, and all finishes."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcore import codec
from fedcore.pace import start_spread_s
from tests.pace.federation import (
    STOCK,
    Federation,
    Outcome,
    Scenario,
    Training,
    TrainS,
    simulate,
)


def uneven(training: Training) -> float:
    """Devices of all kinds."""
    return training.rng.uniform(5, 60)


def instant(training: Training) -> float:
    """Training that takes next to nothing: calls are all there is."""
    return 0.02


def in_step(training: Training) -> float:
    """Whoever trains ends at the same moment, every five minutes."""
    return 300 - training.now % 300


def stock(clients: int, per_round: int, train_s: TrainS, **more: object) -> Scenario:
    options: dict[str, object] = {
        "rounds": 3,
        "spread_s": start_spread_s(clients, STOCK),
    }
    return Scenario(clients, per_round, train_s=train_s, **(options | more))  # type: ignore[arg-type]


def keeps_the_promise(outcome: Outcome) -> bool:
    assert outcome.state == "finished"
    assert outcome.accepted == outcome.trained  # nobody worked in vain
    return outcome.refused == 0


CORNERS = {
    "one client alone": (1, 1, instant, 0),
    "one of two": (2, 1, uneven, 55),
    "both of two": (2, 2, instant, 20),
    "two of three": (3, 2, in_step, 40),
    "a few of ten": (10, 3, instant, 55),
    "all of ten": (10, 10, in_step, 0),
    "half of twenty": (20, 10, instant, 55),
    "all of twenty": (20, 20, in_step, 40),
    "a few of fifty": (50, 5, instant, 50),
    "all of fifty": (50, 50, uneven, 50),
    "all of a hundred": (100, 100, in_step, 50),
    "a few of three hundred": (300, 10, instant, 50),
    "a third of three hundred": (300, 100, uneven, 50),
    "ten of a thousand": (1000, 10, uneven, 50),
}
"""By what is special: clients, clients a round, their training, the first's second."""


@pytest.mark.parametrize("corner", CORNERS)
def test_no_call_is_refused(corner) -> None:
    clients, per_round, train_s, begins = CORNERS[corner]
    rounds = 2 if clients > 300 else 3
    scenario = stock(clients, per_round, train_s, rounds=rounds, begins=begins)
    assert keeps_the_promise(simulate(scenario))


@settings(max_examples=50)
@given(data=st.data())
def test_no_call_is_refused_in_any_small_federation(data) -> None:
    clients = data.draw(st.integers(1, 25), "clients")
    per_round = data.draw(st.integers(1, clients), "per_round")
    train_s = data.draw(st.sampled_from([instant, uneven, in_step]), "train_s")
    begins, seed = data.draw(st.tuples(st.integers(0, 59), st.integers(0, 99)))
    scenario = stock(clients, per_round, train_s, begins=begins, seed=seed)
    assert keeps_the_promise(simulate(scenario))


@pytest.mark.parametrize(
    ("clients", "per_round", "chunks"),
    [(1, 1, 8), (3, 2, 100), (5, 3, 24), (20, 10, 8), (20, 10, 2), (50, 25, 3)],
)
def test_no_call_is_refused_for_models_of_many_chunks(
    clients, per_round, chunks, monkeypatch
) -> None:
    monkeypatch.setattr(codec, "CHUNK_VALUES", 4)
    scenario = stock(clients, per_round, uneven, values=4 * chunks, rounds=2)
    outcome = simulate(scenario)
    assert keeps_the_promise(outcome)
    updates = min(3, clients) + outcome.accepted  # three make the initial model
    assert outcome.calls["submit_update"] == chunks * updates
    scored = 3  # versions, each fetched by one who scores it
    assert outcome.calls["get_model"] == chunks * (outcome.accepted + scored)


@pytest.mark.parametrize("clients", [20, 200])
def test_no_call_is_refused_while_clients_wait_for_an_experiment(clients) -> None:
    scenario = stock(clients, 10, uneven, opens_s=1500.0, rounds=2)
    outcome = simulate(scenario)
    assert keeps_the_promise(outcome)
    assert outcome.calls["subscribe"] >= 2 * clients


@pytest.mark.parametrize("seed", range(3))
def test_no_call_is_refused_when_some_die(seed) -> None:
    def some_die(training: Training) -> float:
        return float("inf") if training.client % 7 == seed else uneven(training)

    scenario = stock(20, 10, some_die, rounds=4, seed=seed, more={"deadline_s": 120})
    outcome = simulate(scenario)
    assert (outcome.refused, outcome.state) == (0, "finished")


def test_the_budget_is_used() -> None:
    outcome = simulate(stock(20, 10, instant, rounds=10))
    assert outcome.busiest_minute > 30
    assert statistics.median(outcome.round_s) < 50  # 31 calls at 0.68 a second: 45.6


@pytest.mark.parametrize("seed", range(6))
def test_no_client_lets_its_round_wait(seed) -> None:
    outcome = simulate(Scenario(20, 10, 10, seed=seed, begins=9.0 * seed))
    # 41 calls at 0.544 a second; in the first round clients still learn that it runs.
    assert max(outcome.round_s[1:]) < 1.1 * statistics.median(outcome.round_s)


@pytest.mark.parametrize(("budget", "rounds"), [(STOCK, 4), (6000, 50)])
def test_after_an_outage_all_are_back_within_seconds(budget, rounds) -> None:
    away_s = (100.0, 1000.0)
    federation = Federation(Scenario(20, 10, rounds, budget=budget, away_s=away_s))
    outcome = federation.run()
    assert (outcome.state, outcome.refused) == ("finished", 0)
    assert federation.calls_within(11) >= 10  # others had been told to come later


def test_a_run_is_replayed_by_its_seed() -> None:
    scenario = stock(10, 5, uneven, seed=random.Random(4).randrange(99))
    assert simulate(scenario).report == simulate(scenario).report
