"""What a client that has nothing to do waits for."""

import pytest

from tests.fedcore.world import World, members_of, open_round_1


def test_experiments_that_run_side_by_side_share_the_call_budget() -> None:
    world = World(calls_per_minute=60)
    for name in ("one", "two"):
        world.start(name)
        world.enrol("a", name)
        world.enrol("b", name)
    alone = world.report("one")["look_again_s"]
    for name in ("one", "two"):
        world.enrol("c", name)  # the last: it runs
    assert world.report("one")["look_again_s"] == pytest.approx(2 * alone)


def test_who_is_likely_drawn_next_waits_for_the_end_others_for_a_later_one() -> None:
    world = World()
    world.start(clients=20, per_round=5, rounds=5)
    members = open_round_1(world, 20)
    world.now += 30.0
    for member in members_of(world, members):
        member.submit(1, 1.0, 2.0)
    world.advance()  # round 1 took thirty seconds
    experiment = world.services.store.experiment("exp")
    assert experiment is not None
    soon = experiment.live.likely_next
    idle = [each for each in members if each not in members_of(world, members)]
    waits = {each.index: each.check_in()["retry_after"] for each in idle}
    assert all(30 <= waits[index] <= 32 for index in waits if index in soon)
    # Of one round that is known, half is trusted: 30 s to its end and 15 s more.
    assert all(waits[index] >= 43 for index in waits if index not in soon)
    assert len(waits) == 15


def test_each_of_a_cohort_is_told_its_own_turn() -> None:
    world = World(calls_per_minute=60)
    world.start(clients=3, per_round=2)
    members = open_round_1(world)
    first = [each.check_in()["turns"]["first"] for each in members_of(world, members)]
    assert sorted(first) == [pytest.approx(8.088), pytest.approx(16.176)]  # 11 calls
