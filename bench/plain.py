"""The floor: federated averaging in two processes, with no framework around it.

    python -m bench.plain textbook|ours JOB

Two workers of one thread each load torch and the data at the same time, then train a
round's clients as they become free. The parent averages with numpy, so that it need
not load torch; a version is scored by a worker while the next round trains. There is
no network, no database and nothing survives: what a framework costs comes on top.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.job import Job, Result

WORKERS = 2
Vector = NDArray[np.float32]
Trained = tuple[Vector, int, float]
"""A model, the examples it was trained on, the seconds that took."""


class Learner(Protocol):
    """One way to train; models are flat vectors."""

    def initial(self) -> Vector:
        """Return the model to start from."""

    def train(self, model: Vector, number: int, index: int) -> tuple[Vector, int]:
        """Train as client `index` in round `number`; return model and examples."""

    def accuracy(self, model: Vector) -> float:
        """Score a model on the test images."""


class Textbook:
    """`bench.textbook`: nn.Module and optim.SGD."""

    def __init__(self, job: Job) -> None:
        import torch

        from bench import textbook

        torch.set_num_threads(1)
        torch.manual_seed(job.seed)
        self._job, self._book, self._torch = job, textbook, torch
        self._net = textbook.Net()

    def initial(self) -> Vector:
        """See `Learner`."""
        return self._vector()

    def train(self, model: Vector, number: int, index: int) -> tuple[Vector, int]:
        """See `Learner`."""
        self._load(model)
        examples = self._book.share(self._job, index)
        self._book.train(self._net, examples, self._job, number, index)
        return self._vector(), len(examples[1])

    def accuracy(self, model: Vector) -> float:
        """See `Learner`."""
        self._load(model)
        return self._book.accuracy(self._net)

    def _load(self, model: Vector) -> None:
        vector = self._torch.from_numpy(model)
        self._torch.nn.utils.vector_to_parameters(vector, self._net.parameters())

    def _vector(self) -> Vector:
        flat = self._torch.nn.utils.parameters_to_vector(self._net.parameters())
        return flat.detach().numpy().copy()


class Ours:
    """The client's own task, called directly."""

    def __init__(self, job: Job) -> None:
        from fedclient import process, tasks
        from fedcore.settings import ExperimentSettings

        names = ("clients", "per_round", "rounds", "epochs", "batch_size")
        same = {name: getattr(job, name) for name in (*names, "lr", "momentum", "seed")}
        self._settings = ExperimentSettings(**same)
        self._tasks = tasks
        self._task = tasks.find("mnist")
        self._task.preload(None)
        process.configure_torch(threads=1)

    def initial(self) -> Vector:
        """See `Learner`."""
        return _vector(self._task.initial_model(self._settings.seed))

    def train(self, model: Vector, number: int, index: int) -> tuple[Vector, int]:
        """See `Learner`."""
        context = self._tasks.ClientContext(self._settings, index)
        work = self._tasks.Work(context, number)
        update = self._task.train(model.tobytes(), self._task.load(context), work)
        return _vector(update.model), update.examples

    def accuracy(self, model: Vector) -> float:
        """See `Learner`."""
        return self._task.evaluate(model.tobytes(), None, lambda: None).accuracy


def _vector(model: bytes) -> Vector:
    return np.frombuffer(model, np.float32).copy()


LOOPS: dict[str, Callable[[Job], Learner]] = {"textbook": Textbook, "ours": Ours}
_learner: Learner


def _prepare(loop: str, job: Job) -> None:
    global _learner
    _learner = LOOPS[loop](job)


def _initial() -> Vector:
    return _learner.initial()


def _train(model: Vector, number: int, index: int) -> Trained:
    started = time.perf_counter()
    trained, examples = _learner.train(model, number, index)
    return trained, examples, time.perf_counter() - started


def _accuracy(model: Vector) -> float:
    return _learner.accuracy(model)


def run(loop: str, job: Job) -> Result:
    """Train the job with one of `LOOPS`."""
    # Forked before anything is loaded: a worker starts in milliseconds.
    context = multiprocessing.get_context("fork")
    seconds, score = 0.0, Future[float]()
    with ProcessPoolExecutor(WORKERS, context, _prepare, (loop, job)) as workers:
        model = workers.submit(_initial).result()
        for number in range(1, job.rounds + 1):
            futures = [
                workers.submit(_train, model, number, index)
                for index in job.cohort(number)
            ]
            updates = [future.result() for future in futures]
            model = _mean(updates)
            seconds += sum(update[2] for update in updates)
            score = workers.submit(_accuracy, model)
        return Result(score.result(), seconds)


def _mean(updates: list[Trained]) -> Vector:
    total = np.zeros(updates[0][0].shape, np.float64)
    for vector, examples, _ in updates:
        total += vector.astype(np.float64) * examples
    return (total / sum(update[1] for update in updates)).astype(np.float32)


if __name__ == "__main__":
    result = run(sys.argv[1], Job.of(sys.argv[2]))
    sys.stdout.write(result.to_json() + "\n")
