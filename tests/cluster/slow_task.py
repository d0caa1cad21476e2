"""A task of one's own, mounted into pods: its training is two batches of 45 s."""

from __future__ import annotations

import time
from pathlib import Path

from fedclient.tasks import ClientContext, Score, Update, Work

BATCH_S = 45.0


class SlowTask:
    """Learns nothing, slowly (see `fedclient.tasks.Task`)."""

    layout = [("weight", [1])]  # noqa: RUF012 - never changed

    def initial_model(self, seed: int) -> bytes:
        return bytes(4)

    def preload(self, data_dir: Path | None) -> None:
        pass

    def load(self, context: ClientContext) -> None:
        pass

    def train(self, model: bytes, data: None, work: Work) -> Update:
        for _ in range(2):
            time.sleep(BATCH_S)
            work.between()
        return Update(model, examples=1)

    def evaluate(self, model: bytes, data_dir: Path | None, between: object) -> Score:
        return Score(accuracy=1.0, loss=0.0, examples=1)


TASK = SlowTask()
