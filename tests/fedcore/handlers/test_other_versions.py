"""A state that another version has written: it is named, and stops nobody else."""

import logging

import pytest

from fedcore.errors import UnreadableState
from fedcore.handlers import fedavg, select_clients, status, subscribe
from fedcore.store.memory import MemoryDatabase
from tests.fedcore.world import (
    ENROLMENT,
    OPERATOR,
    OWNER,
    World,
    members_of,
    open_round_1,
)


def aged(world: World, name: str = "exp") -> None:
    """Give an experiment a setting that this version does not know."""
    database = world.services.store.database
    assert isinstance(database, MemoryDatabase)
    change = {"$set": {"settings.from_tomorrow": 1}}
    assert database.update("experiments", {"name": name}, change) is not None


def test_a_document_of_another_version_is_named_with_what_does_not_fit() -> None:
    world = World()
    world.start()
    aged(world)
    with pytest.raises(UnreadableState) as refused:
        world.report()
    assert refused.value.message == (
        "stored experiment 'exp': Object contains unknown field `from_tomorrow` - at "
        "`$.settings`; it was written by another version of fedwhisk"
    )
    assert (refused.value.status, refused.value.retry_after) == (500, 300)


def test_one_such_experiment_keeps_nobody_from_the_others(caplog) -> None:
    world = World()
    world.start("good")
    world.now += 1
    world.start("aged")
    aged(world, "aged")
    with caplog.at_level(logging.ERROR):
        assert world.enrol("c0", experiment=None).experiment == "good"
    assert "passed over: stored experiment 'aged'" in caplog.text
    assert world.call(status.ACTION, {}, OPERATOR)["experiment"] == "good"


def test_where_there_are_such_alone_it_is_not_said_that_there_are_none() -> None:
    world = World()
    world.start()
    aged(world)
    with pytest.raises(UnreadableState, match="'exp'"):
        world.call(status.ACTION, {}, OPERATOR)
    with pytest.raises(UnreadableState, match="'exp'"):
        world.call(subscribe.ACTION, {"name": "c0"}, ENROLMENT)


def test_the_sweep_goes_on_without_them() -> None:
    world = World()
    world.start("good", min_clients=2)
    world.start("aged", min_clients=2)
    for name in ("good", "aged"):
        world.enrol("c0", name)
        world.enrol("c1", name)
    aged(world, "aged")
    assert [each.name for each in world.services.store.to_sweep(0)] == ["good"]
    assert world.call(fedavg.ACTION, {}, OWNER)["experiment"] is None


@pytest.mark.parametrize(
    ("collection", "change"),
    [
        ("updates", {"examples": 0}),  # a mean of nothing
        ("update_chunks", {"data": b"1234"}),  # shorter than the model
        ("updates", {"examples": "many"}),
    ],
)
def test_documents_that_do_not_fit_together_stop_no_other_experiment(
    collection, change, caplog
) -> None:
    world = World()
    world.start("exp", max_weight=0.0)
    members = open_round_1(world)
    for member in members_of(world, members):
        member.submit(1, 1.0, 1.0)
    database = world.services.store.database
    for document in database.find(collection, {"round": 1}):
        assert database.update(collection, {"_id": document["_id"]}, {"$set": change})
    world.start("other")
    for number in range(3):
        world.enrol(f"c{number}", "other")
    with caplog.at_level(logging.ERROR):
        world.call(select_clients.ACTION, world.call(fedavg.ACTION, {}, OWNER), OWNER)
    assert "passed over: experiment exp" in caplog.text
    assert world.report("other")["live"]["round"] == 0
    assert world.live["state"] == "frozen"
    world.now += 61  # after the claim
    with pytest.raises((UnreadableState, ValueError)):
        world.call(fedavg.ACTION, {"experiment": "exp"}, OWNER)
