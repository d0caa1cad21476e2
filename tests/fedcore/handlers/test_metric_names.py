"""How many metrics an experiment keeps means of, whatever its clients report."""

import pytest

from fedcore.handlers.select_clients import METRICS_KEPT, known_metrics
from tests.fedcore.world import World, members_of, open_round_1


def test_an_experiment_keeps_32_metrics_altogether_and_says_what_it_leaves_out() -> (
    None
):
    world = World()
    world.start(rounds=3, clients=4, per_round=4)
    members = open_round_1(world, 4)
    for number in (1, 2, 3):
        for member in members_of(world, members):
            metrics = {"train_s": 1.0, "val_loss": 0.5}
            if member.index == 0:  # invents other names in each round
                metrics = {f"r{number}_{each}": 1.0 for each in range(32)}
            member.send(member.update(number, 1.0, 1.0) | {"metrics": metrics})
        world.advance()
    report = world.report()
    assert len(report["metric_names"]) == METRICS_KEPT == 32
    rounds = report["rounds"][1:]
    assert {name for each in rounds for name in each["metrics"]} == {
        *report["metric_names"]
    }
    # What most clients report has its place, in whichever order names are sorted.
    assert all(each["metrics"]["train_s"] == 1.0 for each in rounds)
    assert [each["metrics_left_out"] for each in rounds] == [2, 32, 32]


def test_who_makes_the_initial_model_takes_no_place_from_what_others_measure() -> None:
    world = World()
    world.start(rounds=1, clients=3, per_round=3)
    members = world.enrol_all(3)
    world.advance()
    invented = {f"x{each}": 1.0 for each in range(METRICS_KEPT)}
    for member in members:
        metrics = invented if member.index == 0 else {}
        member.send(member.update(0, 1.0, 2.0) | {"metrics": metrics})
    world.advance()
    for member in members:
        member.send(member.update(1, 1.0, 1.0) | {"metrics": {"val_loss": 0.5}})
    world.advance()
    assert world.report()["metric_names"] == ["val_loss"]
    initial, trained = world.report()["rounds"]
    assert (initial["metrics"], initial["metrics_left_out"]) == ({}, METRICS_KEPT)
    assert trained["metrics"] == {"val_loss": 0.5}


class Reporting:
    def __init__(self, *names: str) -> None:
        self.metrics = dict.fromkeys(names, 1.0)


@pytest.mark.parametrize(
    ("before", "reported", "after"),
    [
        ([], [("b", "a"), ("b",)], ["b", "a"]),
        (["z"], [("a",)], ["z", "a"]),
        (["a"], [("a",)], ["a"]),
        ([], [], []),
    ],
)
def test_metrics_keep_their_places_and_the_common_ones_come_first(
    before, reported, after
) -> None:
    assert known_metrics(before, [Reporting(*names) for names in reported]) == after
