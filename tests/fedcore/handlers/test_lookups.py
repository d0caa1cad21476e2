"""Every question of a federation is one that any database answers without a walk."""

from __future__ import annotations

from typing import Any

import pytest

from fedcore.store.database import INDEXES, UNIQUE
from fedcore.store.memory import MemoryDatabase
from tests.fedcore.world import Member, World, finish, open_round_1

SMALL_COLLECTION = "experiments"
WALKED = {SMALL_COLLECTION, "update_chunks"}
"""Chunks of uploads are read by ranges of keys: they are those of the live round."""

FEW = 32
"""Keys in a list: the embedded database's time for a list grows with its square."""


class Watched(MemoryDatabase):
    """Remembers which method asked which collection by which filter."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def find(self, collection: str, where: Any, *more: Any, **others: Any) -> Any:
        self.asked.append(("find", collection, where))
        return super().find(collection, where, *more, **others)

    def count(self, collection: str, where: Any) -> int:
        self.asked.append(("count", collection, where))
        return super().count(collection, where)

    def update(self, collection: str, where: Any, change: Any) -> Any:
        self.asked.append(("update", collection, where))
        return super().update(collection, where, change)

    def change(self, collection: str, where: Any, change: Any) -> bool:
        self.asked.append(("change", collection, where))
        return super().update(collection, where, change) is not None

    def delete(self, collection: str, where: Any) -> int:
        self.asked.append(("delete", collection, where))
        return super().delete(collection, where)


def looks_up(collection: str, where: dict[str, Any]) -> bool:
    """Whether a key, a few, or the beginning of an index says where to look."""
    if "_id" in where:
        keys = where["_id"]
        return isinstance(keys, str) or ("$in" in keys and len(keys["$in"]) <= FEW)
    indexes = [*UNIQUE.get(collection, []), *INDEXES.get(collection, [])]
    asked = set(where)
    return any(asked == set(index[: len(asked)]) for index in indexes)


@pytest.fixture
def played() -> list[tuple[str, str, dict[str, Any]]]:
    """What two rounds asked: trained, scored, looked at; one update came too late."""
    database = Watched()
    world = World(database)
    four = {"clients": 4, "per_round": 3, "over_select": 1, "quorum": 1.0}
    world.start(**four, strategy="krum", byzantine=0, max_norm=9.0, evaluate=True)
    members = open_round_1(world, 4)
    late = members[-1]
    finish(world, members[:3], float)
    assert late.submit(1, 2.0, 2.0)["accepted"] is False
    for version in (0, 1, 2):
        score(world, members, version)
    assert len(world.report()["clients"]) == 4
    world.model(1)
    return database.asked


def score(world: World, members: list[Member], version: int) -> None:
    """Let whom it is given to score a version."""
    world.now += 200.0
    for member in members:
        work = member.check_in()
        if work["kind"] == "evaluate" and work["version"] == version:
            told = {"accuracy": 0.5, "loss": 1.0, "examples": 10, "version": version}
            member.check_in(evaluation=told)
            return
    pytest.fail(f"nobody was given version {version}")


def test_no_question_needs_a_walk_through_a_collection(played) -> None:
    walks = [
        (method, collection, where)
        for method, collection, where in played
        if collection not in WALKED and not looks_up(collection, where)
    ]
    assert walks == []


def test_only_small_documents_are_changed_and_returned_at_once(played) -> None:
    changed = {
        method: {collection for by, collection, _ in played if by == method}
        for method in ("update", "change")
    }
    assert changed["update"] == {SMALL_COLLECTION}
    assert changed["change"] >= {"clients", "rounds"}
