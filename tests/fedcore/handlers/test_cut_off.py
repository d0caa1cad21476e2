"""What the simulation found: each bug, played as briefly as it can be."""

from collections.abc import Callable
from typing import Any

import pytest

from fedcore.handlers import fedavg, select_clients
from fedcore.store.memory import MemoryDatabase
from tests.fedcore.world import OWNER, World, finish, members_of, open_round_1


class Died(Exception):
    """The request ends here."""


class Interrupted(MemoryDatabase):
    """Lets something else happen before the next insert into a collection, once.

    The request may die right after that insert.
    """

    def __init__(self, collection: str) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = None
        self.dies = False
        self._at = collection

    def insert(self, collection: str, document: Any) -> bool:
        meanwhile = self.meanwhile
        if meanwhile is None or collection != self._at:
            return super().insert(collection, document)
        self.meanwhile = None
        meanwhile()
        inserted = super().insert(collection, document)
        if self.dies:
            raise Died
        return inserted


def test_a_resumed_round_waits_for_those_who_were_sent_to_sleep() -> None:
    world = World()
    world.start(attempts=1, deadline_s=100)
    members = open_round_1(world)
    world.now = world.live["deadline"]
    world.advance()
    sleeps = {member.index: member.check_in()["retry_after"] for member in members}
    world.resume(attempts=1, deadline_s=100)
    longest = max(sleeps[index] for index in world.live["cohort"])
    assert longest > 100
    world.now += longest
    told = [member.check_in()["kind"] for member in members]
    assert sorted(told) == ["train", "train", "wait"]  # nobody ends it at once
    finish(world, members, lambda index: 1.0)
    assert world.report()["state"] == "finished"


def test_a_round_that_is_stopped_while_it_is_aggregated_keeps_its_uploads() -> None:
    database = Interrupted("model_chunks")
    world = World(database)
    world.start()
    members = open_round_1(world)
    for member in members_of(world, members):
        member.submit(1, 3.0, 3.0)
    database.meanwhile = world.stop
    world.advance()
    assert world.report()["state"] == "stopped"
    assert database.count("update_chunks", {"round": 1}) == 2
    world.resume()
    members[0].check_in()
    world.advance()
    assert world.model(1) == [3.0, 3.0]


def test_a_sweep_removes_what_a_late_writer_left_behind() -> None:
    database = Interrupted("update_chunks")
    world = World(database)
    world.start(rounds=1, quorum=0.5)
    one, late = members_of(world, open_round_1(world))
    one.submit(1, 1.0, 1.0)

    def the_round_ends() -> None:
        world.now = world.live["deadline"]
        world.advance()

    database.meanwhile = the_round_ends
    database.dies = True
    with pytest.raises(Died):
        late.submit(1, 9.0, 9.0)
    assert world.report()["state"] == "finished"
    assert database.count("update_chunks", {}) == 1
    for step in (fedavg, select_clients):
        world.call(step.ACTION, {}, OWNER)
    assert database.count("update_chunks", {}) == database.count("uploads", {}) == 0
