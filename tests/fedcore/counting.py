"""A database that counts what is asked of it, and long histories written into it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from fedcore.documents import (
    Client,
    Document,
    EvaluationState,
    Experiment,
    RoundRecord,
    to_document,
)
from fedcore.store.memory import MemoryDatabase
from tests.fedcore.world import World


class Counting:
    """Passes calls on, and counts them and the documents that come back."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.calls: Counter[str] = Counter()
        self.documents = 0
        self.bytes = 0

    def reset(self) -> None:
        """Count from here."""
        self.calls.clear()
        self.documents = self.bytes = 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.database, name)

        def counted(*arguments: Any, **more: Any) -> Any:
            answer = call(*arguments, **more)
            self.calls[name] += 1
            found = answer if isinstance(answer, list) else [answer]
            documents = [each for each in found if isinstance(each, dict)]
            self.documents += len(documents)
            self.bytes += sum(len(msgspec.json.encode(each)) for each in documents)
            return answer

        return counted


def client_document(experiment: Experiment, index: int, name: str = "") -> Document:
    """A client as it is stored."""
    client = Client(
        experiment=experiment.id,
        index=index,
        name=name or f"c{index}",
        enrolled=1000.0,
        last_seen=1000.0,
    )
    return to_document(client) | {"_id": f"{experiment.id}/{index:07}"}


def round_document(
    experiment: Experiment, number: int, *, scored: bool = True, **changes: Any
) -> Document:
    """A closed round as it is stored; its version is scored unless said otherwise."""
    score = {"accuracy": 0.5, "loss": 1.0, "examples": 10.0}
    record = RoundRecord(
        number=number,
        opened=1000.0 + number,
        closed=1001.0 + number,
        attempts=1,
        cohort=[0, 1],
        accepted={"0": "a" * 64, "1": "b" * 64},
        examples=2,
        metrics={"train_s": 1.0},
        quorum_s=1.0,
        usual_s=1.0,
        evaluation=EvaluationState(
            attempts=1, client=0, asked=[0], result=score if scored else None
        ),
    )
    changed = msgspec.structs.replace(record, **changes)
    return to_document(changed) | {
        "_id": f"{experiment.id}/{number:07}",
        "experiment": experiment.id,
    }


def long_history(
    clients: int, rounds: int, database: Any = None, **settings: Any
) -> tuple[World, Counting]:
    """A world in whose live round nobody is left to train, after so long a history.

    Of the rounds the last few are stored, as no request may read any others.
    """
    counting = Counting(database or MemoryDatabase())
    world = World(counting)
    world.now = 2000.0 + rounds
    chosen = {"clients": clients, "per_round": 2, "rounds": 1_000_000}
    world.start(**chosen | {"evaluate": True} | settings)
    experiment = world.services.store.experiment("exp")
    assert experiment is not None
    for index in {*range(min(clients, 20)), clients // 2, clients - 1}:
        counting.insert("clients", client_document(experiment, index))
    for number in range(max(0, rounds - 200), rounds):
        counting.insert("rounds", round_document(experiment, number))
    live = {
        "number": rounds,
        "state": "training",
        "cohort": [1, 2],
        "target": 2,
        "quorum": 2,
        "opened": world.now - 0.5,
        "deadline": world.now + 600,
        "likely_next": [0, 1],
    }
    where = {"_id": experiment.id}
    whole = {
        "state": "running",
        "version": rounds - 1,
        "unscored_from": rounds,
        "enrolments": {"minute": 1, "count": 1, "total": clients},
        "live": to_document(experiment)["live"] | live,
    }
    counting.update("experiments", where, {"$set": whole})
    counting.reset()
    return world, counting
