"""A learning task that needs no torch, so that many small federations run quickly.

A client's training adds a seeded random step to the model, and goes on while a file
`hold` lies in the data folder. A file `training-<round>-<client>` says that it has
begun, and in which process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedclient import streams
from fedclient.tasks import ClientContext, Score, Update, Work
from fedcore.codec import Layout, parameter_count


@dataclass(frozen=True)
class Walk:
    """A task (see `fedclient.tasks.Task`) of any layout."""

    layout: Layout

    def initial_model(self, seed: int) -> bytes:
        return self._draw("start", seed)

    def preload(self, data_dir: Path | None) -> None:
        pass

    def load(self, context: ClientContext) -> Path | None:
        return context.data_dir

    def train(self, model: bytes, data: Path | None, work: Work) -> Update:
        index = work.context.index
        if data is not None:
            linger(data, work)
        step = self._draw("step", work.context.settings.seed, work.round, index)
        trained = np.frombuffer(model, "<f4") + np.frombuffer(step, "<f4")
        return Update(trained.tobytes(), 10 + index, {"train_s": 0.1})

    def evaluate(
        self, model: bytes, data_dir: Path | None, between: Callable[[], None]
    ) -> Score:
        return Score(0.5, float(np.frombuffer(model, "<f4").std()), 10)

    def _draw(self, purpose: str, *key: int) -> bytes:
        generator = np.random.default_rng(streams.seed(f"walk {purpose}", *key))
        count = parameter_count(self.layout)
        return generator.standard_normal(count, dtype=np.float32).tobytes()


def linger(folder: Path, work: Work) -> None:
    """Say that this client is at work, and be so while it is held."""
    index = work.context.index
    told = folder / f"training-{work.round}-{index}"
    told.with_suffix(".new").write_text(str(os.getpid()))
    told.with_suffix(".new").replace(told)
    while (folder / "hold").exists():
        work.between()
        time.sleep(0.02)


SMALL = Walk([("w", [3])])
CHUNKS_3 = Walk([("w", [1000, 300]), ("b", [300])])
"""300,300 values: two chunks of 131,072 and one of 38,156."""
WIDE = Walk([(f"{n:0100}", [1]) for n in range(2_360)] + [("w", [131_072 - 2_360])])
"""One full chunk with as long a layout as is allowed: an answer near 1 MiB."""
