"""What is measured: one federated training of MNIST, told to every contender alike."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass

IMAGES = 60_000
"""MNIST's training images."""


@dataclass(frozen=True)
class Job:
    """A federated training; the default is the project's default experiment."""

    clients: int = 20
    per_round: int = 10
    rounds: int = 10
    epochs: int = 10
    batch_size: int = 50
    lr: float = 0.01
    momentum: float = 0.5
    seed: int = 0

    @property
    def samples(self) -> int:
        """The training samples of the whole job: each client trains on 80 %."""
        share = IMAGES // self.clients
        train = share - 2 * (share // 10)
        return self.rounds * self.per_round * self.epochs * train

    def cohort(self, number: int) -> Sequence[int]:
        """Draw the clients of a round."""
        draw = random.Random(f"{self.seed}/{number}")  # noqa: S311 - no secret
        return sorted(draw.sample(range(self.clients), self.per_round))

    def to_json(self) -> str:
        """Return the job as a command's argument."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Job:
        """Return the job that `to_json` wrote."""
        return cls(**json.loads(text))


DEFAULT = Job()
QUICK = Job(rounds=2, epochs=5)


@dataclass(frozen=True)
class Result:
    """What a contender says at its end.

    Attributes:
        accuracy: the final model's, on the 10,000 test images.
        train_s: seconds of local training, summed over clients; None if unknown.
    """

    accuracy: float
    train_s: float | None

    def to_json(self) -> str:
        """Return the result as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, line: str) -> Result:
        """Read a contender's last line; it may say more than is asked here."""
        found = json.loads(line)
        return cls(found["accuracy"], found.get("train_s"))
