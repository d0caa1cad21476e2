"""A client's side of a task: its context and data, loaded when first needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from fedclient import tasks
from fedclient.tasks import ClientContext, Score, Task, Update, Work
from fedcore.codec import Layout
from fedcore.settings import ExperimentSettings


class Learner(Protocol):
    """What the loop asks of a learning task, for one client of one experiment."""

    @property
    def layout(self) -> Layout:
        """The layout of the model."""
        ...

    def initial_model(self) -> bytes:
        """Return the model that the experiment's seed gives."""
        ...

    def train(self, model: bytes, round_number: int) -> Update:
        """Train `model` on the client's own data."""
        ...

    def evaluate(self, model: bytes) -> Score:
        """Score `model` on the central test set."""
        ...


class TaskLearner:
    """Does a task's work for one client."""

    def __init__(
        self, task: Task, context: ClientContext, between: Callable[[], None]
    ) -> None:
        self._task = task
        self._context = context
        self._between = between
        self._data: Any = None

    @property
    def layout(self) -> Layout:
        """See `Learner`."""
        return self._task.layout

    def initial_model(self) -> bytes:
        """See `Learner`."""
        return self._task.initial_model(self._context.settings.seed)

    def train(self, model: bytes, round_number: int) -> Update:
        """See `Learner`."""
        if self._data is None:
            self._data = self._task.load(self._context)
        work = Work(self._context, round_number, self._between)
        return self._task.train(model, self._data, work)

    def evaluate(self, model: bytes) -> Score:
        """See `Learner`."""
        return self._task.evaluate(model, self._context.data_dir, self._between)


def make_learner(
    settings: ExperimentSettings,
    index: int,
    *,
    data_dir: Path | None,
    between: Callable[[], None],
) -> TaskLearner:
    """Return the learner for client `index` of an experiment with these settings."""
    task = tasks.find(settings.task)
    return TaskLearner(task, ClientContext(settings, index, data_dir), between)
