"""Who scores a version, and until when a score may come."""

from itertools import pairwise
from typing import Any

import pytest

from fedcore.scoring import EVALUATION_S, TURN_S
from tests.fedcore.world import Member, World, members_of, open_round_1

SCORE = {"accuracy": 0.5, "loss": 1.0, "examples": 10}


def report_score(member: Member, version: int) -> dict[str, Any]:
    return member.check_in(evaluation=SCORE | {"version": version})


def asked(world: World) -> list[list[int]]:
    """Who was asked to score each version."""
    rounds = world.services.store.database.find("rounds", {})
    return [each["evaluation"]["asked"] for each in rounds]


def test_a_client_that_asks_all_the_time_scores_no_version_after_the_other() -> None:
    world = World()
    world.start(evaluate=True, rounds=4, clients=6, per_round=2)
    hog, *others = open_round_1(world, 6)
    for number in range(5):
        if number:
            for member in members_of(world, [hog, *others]):
                member.submit(number, 1.0, 1.0)
            world.advance()
        for _ in range(5):
            todo = hog.check_in()
            if todo["kind"] == "evaluate":
                report_score(hog, todo["version"])
        for member in others:
            todo = member.check_in()
            if todo["kind"] == "evaluate":
                report_score(member, todo["version"])
    mine = [number for number, who in enumerate(asked(world)) if hog.index in who]
    assert all(after - before > 3 for before, after in pairwise(mine))


def test_the_next_try_is_for_a_client_that_was_not_asked_before() -> None:
    world = World()
    world.start(evaluate=True, rounds=1)
    members = open_round_1(world)
    silent = next(m for m in members if m.check_in()["kind"] == "evaluate")
    world.now += EVALUATION_S + 1
    assert silent.check_in()["kind"] != "evaluate"
    other = next(m for m in members if m is not silent)
    if other.index in world.live["cohort"]:
        other.submit(1, 1.0, 1.0)
    else:
        other.check_in()
    assert asked(world)[0] == [silent.index, other.index]


def test_a_client_alone_takes_every_try() -> None:
    world = World()
    world.start(evaluate=True, rounds=1, clients=1, per_round=1)
    (alone,) = open_round_1(world, 1)
    alone.submit(1, 1.0, 1.0)
    world.advance()
    given = []
    for _ in range(8):
        given.append(alone.check_in())
        world.now += EVALUATION_S + 1
    assert [each.get("version") for each in given] == [0, 0, 0, 1, 1, 1, None, None]
    assert given[-1]["kind"] == "stop"


def test_where_the_others_are_away_the_same_client_is_asked_a_while_later() -> None:
    world = World()
    world.start(evaluate=True)
    one, *_ = open_round_1(world)
    world.stop()
    assert one.check_in()["kind"] == "evaluate"
    world.now += EVALUATION_S + 1
    assert one.check_in()["kind"] == "wait"
    world.now += TURN_S
    assert one.check_in()["kind"] == "evaluate"
    assert asked(world) == [[one.index]]
    assert world.report()["rounds"][0]["evaluation_tries"] == 2


def test_a_client_that_has_scored_a_version_is_not_told_again() -> None:
    world = World()
    world.start(evaluate=True)
    one, *_ = open_round_1(world)
    world.stop()
    version = one.check_in()["version"]
    assert report_score(one, version)["kind"] == "stop"
    assert one.check_in()["kind"] == "stop"


def test_an_experiment_is_over_once_its_last_try_to_score_is() -> None:
    world = World()
    world.start(evaluate=True, rounds=1, clients=1, per_round=1)
    (alone,) = open_round_1(world, 1)
    alone.submit(1, 1.0, 1.0)
    world.advance()
    assert world.report()["state"] == "finished"
    for version in (0, 0, 0, 1, 1, 1):
        assert world.report()["over"] is False
        assert alone.check_in()["version"] == version
        world.now += EVALUATION_S + 1
    # The third try at version 1 has run out, and nobody may try again.
    assert world.report()["over"] is True


def test_the_last_try_that_is_under_way_is_waited_for() -> None:
    world = World()
    world.start(evaluate=True, rounds=1, clients=1, per_round=1)
    (alone,) = open_round_1(world, 1)
    alone.submit(1, 1.0, 1.0)
    world.advance()
    for _ in range(5):
        alone.check_in()
        world.now += EVALUATION_S + 1
    assert alone.check_in()["version"] == 1  # for the third time
    assert world.report()["rounds"][1]["evaluation_tries"] == 3
    assert world.report()["over"] is False
    report_score(alone, 1)
    report = world.report()
    assert report["over"] is True
    assert report["rounds"][1]["evaluation"]["accuracy"] == 0.5


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_what_has_not_ended_or_is_not_scored_is_not_over(state) -> None:
    world = World()
    world.start(evaluate=True)
    open_round_1(world)
    if state == "stopped":
        world.stop()
    assert (world.report()["state"], world.report()["over"]) == (state, False)


def test_without_scores_an_experiment_is_over_when_it_ends() -> None:
    world = World()
    world.start()
    open_round_1(world)
    assert world.report()["over"] is False
    world.stop()
    assert world.report()["over"] is True
