"""`revoke_client` where an experiment is stopped, fails, and is resumed."""

from __future__ import annotations

import pytest

from fedcore import rules
from tests.fedcore.world import World, members_of, open_round_1


def needs(world: World) -> tuple[int, int]:
    return world.live["target"], world.live["quorum"]


def test_a_resumed_round_whose_clients_are_all_revoked_draws_others() -> None:
    world = World()
    settings = {"clients": 2, "per_round": 1, "attempts": 1, "rounds": 1}
    world.start(**settings)
    members = open_round_1(world, 2)
    (first,) = members_of(world, members)
    (other,) = set(members) - {first}
    world.revoke(f"c{first.index}")
    world.now = world.live["deadline"]
    world.advance()
    assert world.report()["state"] == "failed"
    world.resume(**settings)
    assert other.check_in()["kind"] == "advance"
    world.advance()
    assert (world.live["attempt"], world.live["state"]) == (1, "training")
    assert other.submit(1, 1.0, 1.0)["accepted"] is True
    world.advance()
    assert world.report()["state"] == "finished"


def test_where_nobody_else_is_left_it_fails_again() -> None:
    world = World()
    settings = {"clients": 1, "per_round": 1, "attempts": 1}
    world.start(**settings)
    open_round_1(world, 1)
    world.stop()
    world.revoke("c0")
    world.resume(**settings)
    experiment = world.services.store.experiment("exp")
    world.services.store.apply(rules.begin(experiment, world.now))
    world.advance()
    assert (world.live["attempt"], world.live["cohort"]) == (1, [0])
    world.now = world.live["deadline"]
    world.advance()
    assert world.report()["state"] == "failed"


@pytest.mark.parametrize("how", ["stop and resume", "undo"])
def test_no_fewer_settle_the_initial_model_where_others_can_be_drawn(how) -> None:
    world = World()
    settings = {"clients": 10, "per_round": 5}
    world.start(**settings)
    members = world.enrol_all(10)
    world.advance()
    first, second, third = members_of(world, members)
    if how == "stop and resume":
        world.stop()
    world.revoke(f"c{first.index}")
    world.revoke(f"c{second.index}")
    if how == "stop and resume":
        world.resume(**settings)
        third.check_in()
    else:
        world.revoke(f"c{second.index}", undo=True)
        second.submit(0, 6.0, 6.0)
    third.submit(0, 6.0, 6.0)
    assert (needs(world), world.live["state"]) == ((3, 3), "training")
    world.advance()
    assert (needs(world), world.live["attempt"]) == ((3, 3), 2)
    assert len(world.live["cohort"]) == 6
