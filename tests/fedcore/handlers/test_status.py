"""What `status` tells besides the report that other tests read: the list."""

from typing import Any

import pytest

from fedcore.errors import FedError
from fedcore.handlers import status
from fedcore.handlers.action import Credentials
from tests.fedcore.world import ENROLMENT, OPERATOR, OWNER, World, open_round_1

LIST = {"view": "list"}


def listed(world: World, who: Credentials = OPERATOR, **fields: Any) -> dict[str, Any]:
    return world.call(status.ACTION, LIST | fields, who)


def test_without_an_experiment_the_list_is_empty() -> None:
    assert listed(World()) == {"experiments": [], "total": 0, "now": 1000.0}


def test_experiments_are_listed_newest_first_each_in_a_line() -> None:
    world = World()
    world.start("old")
    world.now += 60
    world.start("new", rounds=7)
    found = listed(world, OWNER)
    assert (found["total"], found["now"]) == (2, 1060.0)
    assert [each["experiment"] for each in found["experiments"]] == ["new", "old"]
    assert found["experiments"][0] == {
        "experiment": "new",
        "state": "enrolling",
        "reason": None,
        "task": "mnist",
        "round": -1,
        "rounds": 7,
        "version": -1,
        "scored": None,
        "evaluation": None,
        "created": 1060.0,
        "ended": None,
    }


def test_the_list_holds_the_newest_score_there_is() -> None:
    world = World()
    world.start(evaluate=True)
    open_round_1(world)
    (before,) = listed(world)["experiments"]
    assert (before["round"], before["version"], before["scored"]) == (1, 0, None)
    change = {"$set": {"evaluation.result": {"accuracy": 0.25}}}
    assert world.services.store.database.update("rounds", {"number": 0}, change)
    (after,) = listed(world)["experiments"]
    assert (after["scored"], after["evaluation"]) == (0, {"accuracy": 0.25})


def test_a_client_learns_of_no_experiment_but_its_own() -> None:
    world = World()
    world.start()
    world.start("secret")
    me = world.enrol("c0")
    found = listed(world, me.credentials, experiment="exp", client=me.index)
    assert [each["experiment"] for each in found["experiments"]] == ["exp"]
    for who in (me.credentials, ENROLMENT, Credentials()):
        with pytest.raises(FedError) as refused:
            listed(world, who, client=me.index)
        assert refused.value.status in (401, 403)


def test_a_long_list_is_cut_and_says_so(monkeypatch) -> None:
    monkeypatch.setattr(status, "LISTED", 2)
    world = World()
    for number in range(3):
        world.now += 1
        world.start(f"e{number}")
    found = listed(world)
    assert [each["experiment"] for each in found["experiments"]] == ["e2", "e1"]
    assert found["total"] == 3
