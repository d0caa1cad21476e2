"""An aggregation that is cut off again and again: each activation gets further."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import pytest

from fedcore import codec, rules
from fedcore.handlers import fedavg
from fedcore.store.memory import MemoryDatabase
from tests.fedcore.world import OWNER, World, vector

CLIENTS, CHUNKS = 5, 4

STRATEGIES: dict[str, dict[str, Any]] = {
    "fedavg": {},
    "median": {"strategy": "median"},
    "trimmed mean": {"strategy": "trimmed_mean"},
    "krum": {"strategy": "krum", "quorum": 1.0, "krum_keep": 3},
    "clip": {"max_norm": 1.0, "norm_action": "clip"},
    "krum, clip": {
        **{"strategy": "krum", "quorum": 1.0, "krum_keep": 3},
        **{"max_norm": 1.0, "norm_action": "clip"},
    },
}


class CutOff(Exception):
    """The platform ends the activation."""


class Short(MemoryDatabase):
    """Ends an activation at the update chunk that is one too many for its limit."""

    def __init__(self) -> None:
        super().__init__()
        self.reads_left: float = float("inf")

    def find(self, collection: str, where: Any, fields: Any = (), **more: Any) -> Any:
        if collection == "update_chunks":
            self.reads_left -= 1
            if self.reads_left < 0:
                raise CutOff
        return super().find(collection, where, fields, **more)

    @property
    def done(self) -> int:
        """The chunks of version 1 that are measured or published."""
        return self.count("measures", {"round": 1}) + self.count(
            "model_chunks", {"version": 1}
        )


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "CHUNK_VALUES", 2)


D = TypeVar("D", bound=Short)


def frozen(settings: dict[str, Any], database: D) -> tuple[World, D]:
    """Round 1 with all of its updates, waiting for its aggregation."""
    world = World(database)
    usual = {"clients": CLIENTS, "per_round": CLIENTS, "rounds": 1, "claim_s": 10}
    world.start(**usual | settings)
    members = world.enrol_all(CLIENTS)
    world.advance()
    for number in (0, 1):
        for member in sorted(members, key=lambda each: each.index):
            if member.index in world.live["cohort"]:
                values = [number * (1 + member.index + place) / 7 for place in range(8)]
                examples = 1 + member.index % 2
                requests = member.updates(number, vector(*values), examples=examples)
                for request in requests:
                    member.send(request)
        if number == 0:
            world.advance()
    assert world.live["state"] == "frozen"
    return world, database


def outcome(world: World) -> tuple[list[bytes], dict[str, float]]:
    """Version 1 and the distances of its updates."""
    world.advance()
    report = world.report()
    assert report["state"] == "finished"
    store = world.services.store
    experiment = store.experiment("exp")
    assert experiment is not None
    chunks = [store.model_chunk(experiment, 1, number) for number in range(CHUNKS)]
    return [found[0] for found in chunks if found], report["rounds"][1]["distances"]


@pytest.mark.parametrize("settings", STRATEGIES.values(), ids=STRATEGIES)
def test_each_activation_gets_a_chunk_further_and_the_end_is_the_same(settings) -> None:
    undisturbed, _ = frozen(settings, Short())
    expected = outcome(undisturbed)
    world, database = frozen(settings, Short())
    activations = 0
    while world.report()["version"] < 1:
        before = database.done
        database.reads_left = CLIENTS  # one chunk of every update, and no more
        try:
            world.call(fedavg.ACTION, {"experiment": "exp"}, OWNER)
        except CutOff:
            assert database.done == before + 1
        activations += 1
        assert activations <= 2 * CHUNKS
        world.now += 10  # until the claim of the one that was cut off has ended
    database.reads_left = float("inf")
    assert outcome(world) == expected
    assert database.count("measures", {}) == 0


@pytest.mark.parametrize("settings", STRATEGIES.values(), ids=STRATEGIES)
def test_undisturbed_it_reads_each_update_once_and_krum_twice(settings) -> None:
    world, database = frozen(settings, Short())
    database.reads_left = 1_000
    world.advance()
    walks = 2 if "krum" in settings.values() else 1
    assert 1_000 - database.reads_left == walks * CLIENTS * CHUNKS


class Slow(Short):
    """A chunk of all updates takes ten seconds to read; a claim lasts ten."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    def find(self, collection: str, where: Any, fields: Any = (), **more: Any) -> Any:
        if collection == "update_chunks" and self.world is not None:
            self.world.now += 10 / CLIENTS
        return super().find(collection, where, fields, **more)


def slowly_frozen(time_left: Any = None) -> tuple[World, Slow]:
    """The same in a world where time passes while an activation reads."""
    world, database = frozen(STRATEGIES["krum"], Slow())
    database.world = world
    if time_left is not None:
        began = world.now
        world.services = replace(
            world.services, time_left=lambda: time_left - (world.now - began)
        )
    return world, database


def claims(world: World) -> float:
    """Until when the aggregation is claimed, in seconds from now."""
    return world.services.store.experiment("exp").live.claim_until - world.now


def test_a_claim_is_renewed_while_its_aggregation_goes_on() -> None:
    world, database = slowly_frozen()
    seen = []
    insert = database.insert

    def watched(collection: str, document: Any) -> bool:
        if collection in ("measures", "model_chunks"):
            seen.append(claims(world))
        return insert(collection, document)

    database.insert = watched
    world.advance()
    assert world.report()["state"] == "finished"
    # It was renewed right before each chunk, which took all of it.
    assert seen == [pytest.approx(0)] * 2 * CHUNKS


def test_an_aggregation_whose_claim_is_taken_over_leaves_the_rest_to_the_other() -> (
    None
):
    world, database = slowly_frozen()
    insert = database.insert

    def taken_over(collection: str, document: Any) -> bool:
        done = insert(collection, document)
        database.insert = insert
        world.now += 1
        experiment = world.services.store.experiment("exp")
        assert world.services.store.apply(rules.claim(experiment, world.now))
        return done

    database.insert = taken_over
    world.advance()
    assert (database.done, world.live["state"]) == (1, "frozen")
    assert claims(world) > 0  # the other's
    world.now += 10
    assert outcome(world) == outcome(frozen(STRATEGIES["krum"], Short())[0])


def test_an_activation_that_knows_its_limit_stops_before_it_and_another_goes_on() -> (
    None
):
    world, database = slowly_frozen(time_left=45)
    (member, *_) = [world.enrol(f"c{each}") for each in range(CLIENTS)]
    world.advance()
    assert database.done == 3  # after 30 of 45 s, twice 10 s do not fit any more
    assert claims(world) < 0
    assert member.check_in()["kind"] == "advance"
    world.services = replace(world.services, time_left=lambda: 0.0)
    for done in range(4, 2 * CHUNKS):
        world.advance()  # a chunk at least, however short the time
        assert database.done == done
    assert outcome(world) == outcome(frozen(STRATEGIES["krum"], Short())[0])
