"""The handler's walk: strategies, clipping and distances over chunks, as published."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest

from fedcore import codec
from fedcore.aggregation import (
    STRATEGIES,
    Part,
    clip,
    combine,
    measure,
    plan,
    square_distances_from,
    weighted_mean,
)
from fedcore.errors import InvalidSettings
from fedcore.handlers import fedavg
from fedcore.settings import ExperimentSettings, parse
from tests.fedcore.world import Member, World, members_of, numbers, open_round_1, vector


def test_every_strategy_that_a_setting_may_name_is_there() -> None:
    for name, strategy in STRATEGIES.items():
        settings = parse({"strategy": name, "quorum": 1.0})
        assert settings.strategy == name
        assert settings.measures == (strategy.measure is not None)
    with pytest.raises(InvalidSettings, match="fedavg or median or trimmed_mean"):
        parse({"strategy": "none"})


def five(**settings) -> tuple[World, list[Member]]:
    """Round 1 of five clients; the version before is (1, 2)."""
    world = World()
    world.start(clients=5, per_round=5, **settings)
    return world, members_of(world, open_round_1(world, 5))


def play(world: World, members: list[Member], values) -> list[float]:
    """Version 1, when the members have submitted these pairs, in index order."""
    ordered = sorted(members, key=lambda member: member.index)
    for member, pair in zip(ordered, values, strict=True):
        assert member.submit(1, *pair)["accepted"] is True
    world.advance()
    return world.model(1)


UPDATES = [(0, 1), (1, 1), (2, 1), (3, 1), (94, 1)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"strategy": "fedavg"}, [20, 1]),
        ({"strategy": "median"}, [2, 1]),
        ({"strategy": "trimmed_mean"}, [2, 1]),  # (1 + 2 + 3) / 3
        ({"strategy": "krum", "quorum": 1}, [1, 1]),
        ({"strategy": "krum", "quorum": 1, "krum_keep": 4}, [1.5, 1]),
    ],
)
def test_a_round_is_combined_as_its_experiment_says(settings, expected) -> None:
    world, members = five(**settings)
    assert play(world, members, UPDATES) == expected


def test_what_an_update_claims_to_stand_for_moves_no_robust_rule() -> None:
    world, members = five(strategy="median")
    ordered = sorted(members, key=lambda member: member.index)
    for member, pair in zip(ordered, UPDATES, strict=True):
        member.submit(1, *pair, examples=10_000_000 if pair[0] == 94 else 1)
    world.advance()
    assert world.model(1) == [2, 1]


def test_the_record_says_how_far_each_update_lies_from_the_version() -> None:
    world, members = five()
    play(world, members, UPDATES)  # to (20, 1)
    distances = world.report()["rounds"][1]["distances"]
    assert distances == {"4": 74, "0": 20, "1": 19, "2": 18, "3": 17}


def test_the_record_names_the_farthest_updates_alone(monkeypatch) -> None:
    monkeypatch.setattr(fedavg, "DISTANCES_TOLD", 2)
    world, members = five()
    play(world, members, UPDATES)
    assert world.report()["rounds"][1]["distances"] == {"4": 74, "0": 20}


def test_an_update_beyond_the_bound_is_clipped_to_it() -> None:
    world, members = five(max_norm=5.0, norm_action="clip")
    # From (1, 2): (31, 42) is 50 away, a tenth of the way is (4, 6).
    values = [(31, 42), *[(1, 2)] * 4]
    assert play(world, members, values) == pytest.approx([1 + 3 / 5, 2 + 4 / 5])


def test_within_the_bound_clipping_changes_no_bit() -> None:
    updates = [(0.1, 2.3), (1.7, 2.2), (0.3, 1.1), (1.0, 2.0), (1.1, 2.1)]
    plain = play(*five(), updates)
    assert play(*five(max_norm=100.0, norm_action="clip"), updates) == plain


def test_distances_are_told_from_the_chunks_that_are_published(monkeypatch) -> None:
    monkeypatch.setattr(codec, "CHUNK_VALUES", 1)  # two chunks
    reports = []
    for squares in ([], [9.0]):
        world = World()
        world.start(clients=1, per_round=1, rounds=1)
        (member,) = world.enrol_all(1)
        world.advance()
        for number, model in ((0, vector(1.0, 2.0)), (1, vector(4.0, 8.0))):
            for request in member.updates(number, model):
                member.send(request)
            if number == 1:
                store = world.services.store
                experiment = store.experiment("exp")
                store.publish_chunk(experiment, 1, 0, vector(7.0), squares)
            world.advance()
        reports.append(world.report()["rounds"][1]["distances"])
    # None where an earlier release has published a chunk, else |4 - 7|.
    assert reports == [{}, {"0": 3.0}]


def test_an_initial_model_whose_chunks_do_not_fit_together_is_refused(
    monkeypatch,
) -> None:
    monkeypatch.setattr(codec, "CHUNK_VALUES", 2)
    world = World()
    world.start(clients=1, per_round=1)
    (member,) = world.enrol_all(1)
    world.advance()
    first, last = member.updates(0, vector(1.0, 2.0, 3.0), [["w", [4]]])
    # The same upload, of which one chunk claims to be of a smaller model.
    assert member.send(last | {"layout": [["w", [3]]]})["missing"] == [0]
    answer = member.send(first)
    assert answer["reason"] == "chunk 1: found 4 bytes, expected 8"
    assert world.live["accepted"] == []


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        ([["w", [1]], ["w", [1]]], "layout: found a name twice"),
        ([["w" * 190 + str(i), [1]] for i in range(2000)], "characters of JSON"),
        ([["w", [10**9] * 16]], "parameters, expected 1 to 20000000"),
    ],
)
def test_a_layout_that_could_not_travel_is_refused(layout, reason) -> None:
    world = World()
    world.start(clients=1, per_round=1)
    (member,) = world.enrol_all(1)
    world.advance()
    answer = member.send(member.update(0, 1.0) | {"layout": layout})
    assert reason in answer["reason"]


def test_clipping_by_half_goes_half_the_way() -> None:
    assert numbers(clip(vector(3.0, 6.0), vector(1.0, 2.0), 0.5)) == [2.0, 4.0]


def test_distances_are_squared_and_by_update() -> None:
    pieces = [vector(3.0, 4.0), vector(0.0, 1.0)]
    of = Part(lambda: iter(pieces), updates=2, values=2)
    assert square_distances_from(of, vector(0.0, 0.0)) == [25.0, 1.0]


def full_chunks(count: int):
    """Reads so many full chunks, made anew at each walk as a database would."""

    def read():
        for number in range(count):
            yield struct.pack("<f", number) * codec.CHUNK_VALUES

    return read


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("clients", [8, 40])
def test_memory_is_bounded_by_the_chunk_whatever_the_clients(strategy, clients) -> None:
    settings = ExperimentSettings(strategy=strategy)
    read = full_chunks(clients)

    weights = [1] * clients
    part = Part(read, updates=clients, values=codec.CHUNK_VALUES)
    tracemalloc.start()
    try:
        if settings.measures:
            weights = plan(settings, weights, [measure(settings, part)])
        version = combine(settings, part, weights)
        square_distances_from(part, version)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(version) == codec.CHUNK_VALUES * codec.VALUE_BYTES
    assert peak < 32 * 2**20, peak


def test_plain_averaging_gives_the_bytes_that_it_always_gave() -> None:
    rng = np.random.default_rng(7)
    pieces = [(rng.normal(size=1000).astype("<f4").tobytes(), n) for n in (3, 5, 11)]
    total = np.zeros(1000)
    for data, examples in pieces:
        total += np.frombuffer(data, "<f4").astype(np.float64) * examples
    expected = (total / 19).astype("<f4").tobytes()
    assert weighted_mean(pieces) == expected
    of = Part(lambda: (data for data, _ in pieces), updates=3, values=1000)
    assert combine(ExperimentSettings(), of, [3, 5, 11]) == expected


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"strategy": "krum", "quorum": 0.4}, "byzantine: found 1, which needs 5"),
        ({"strategy": "krum", "byzantine": 3}, "needs 9 updates, but a round may"),
        (
            {"strategy": "krum", "krum_keep": 8},
            "krum_keep: found 8, expected at most 7",
        ),
        (
            {"strategy": "krum", "clients": 1001, "per_round": 1001},
            "per_round: found 1001, expected at most 1000 with krum",
        ),
        ({"trim": 0.5}, "trim: found 0.5, expected 0 to below 0.5"),
        ({"trim": float("nan")}, "trim: found nan"),
        ({"norm_action": "drop"}, "norm_action: found 'drop', expected refuse or clip"),
        ({"enrolment": "any"}, "enrolment: found 'any', expected open or named"),
        ({"enrolments_per_minute": 0}, "enrolments_per_minute: found 0"),
    ],
)
def test_bounds_that_would_not_hold_are_refused(settings, complaint) -> None:
    with pytest.raises(InvalidSettings, match=complaint):
        parse(settings)
