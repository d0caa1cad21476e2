"""Learning tasks: what a client trains, as a small object that anyone can write.

A task knows a model, the data and how to train one on the other. The federation
around it sees models as bytes only: the flat little-endian float32 vector of the
task's layout (`fedclient.weights` turns it into named arrays and back).

An experiment's `task` is one of the names below or `module:attribute`, a task of
your own. That module must be installed where the client runs: nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from fedclient import imports
from fedclient.imports import CannotImport
from fedcore.codec import Layout
from fedcore.settings import ExperimentSettings

OURS = {
    "mnist": "fedclient.tasks.mnist:TASK",
    "cifar10": "fedclient.tasks.cifar10:TASK",
}
"""Our tasks by name, as paths: a task's module (and torch) is imported when used."""


class UnknownTask(Exception):
    """No such task."""


@dataclass(frozen=True)
class ClientContext:
    """Where a client stands in an experiment; it fixes the client's data.

    `settings.task_options` holds the settings of a user's own task.
    """

    settings: ExperimentSettings
    index: int
    data_dir: Path | None = None


@dataclass(frozen=True)
class Work:
    """One round's local training.

    Attributes:
        context: the client's, with the experiment's settings.
        round: the round; with the seed and the index it fixes every random draw.
        between: call it between batches. It may raise to end the training.
    """

    context: ClientContext
    round: int
    between: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Update:
    """A trained model, its number of training examples, and finite metrics."""

    model: bytes
    examples: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """How a model did: the share it got right, its mean loss, over how many."""

    accuracy: float
    loss: float
    examples: int


@dataclass(frozen=True)
class Prediction:
    """The likeliest class of an image, and the probability of each class."""

    label: str
    probabilities: Mapping[str, float]


class Task(Protocol):
    """A learning task. Equal arguments must give equal bytes.

    For example, without `predict`: a model of one value, which each client moves
    halfway to its index.

    >>> from array import array
    >>> class Middle:
    ...     layout = [("middle", [1])]
    ...     def initial_model(self, seed):
    ...         return array("f", [0.0]).tobytes()
    ...     def preload(self, data_dir):
    ...         pass
    ...     def load(self, context):
    ...         return float(context.index)
    ...     def train(self, model, data, work):
    ...         (value,) = array("f", model)
    ...         return Update(array("f", [(value + data) / 2]).tobytes(), examples=1)
    ...     def evaluate(self, model, data_dir, between):
    ...         (value,) = array("f", model)
    ...         return Score(accuracy=1.0, loss=abs(value - 2), examples=1)
    >>> task, context = Middle(), ClientContext(ExperimentSettings(), index=3)
    >>> work = Work(context, round=1)
    >>> update = task.train(task.initial_model(0), task.load(context), work)
    >>> array("f", update.model)
    array('f', [1.5])
    >>> task.evaluate(update.model, None, work.between)
    Score(accuracy=1.0, loss=0.5, examples=1)
    """

    @property
    def layout(self) -> Layout:
        """The names and shapes of the model's tensors, in order."""
        ...

    def initial_model(self, seed: int) -> bytes:
        """Return the model that training starts from; `seed` alone decides it."""
        ...

    def preload(self, data_dir: Path | None) -> None:
        """Read what all clients of one machine share, before they are forked."""
        ...

    def load(self, context: ClientContext) -> Any:
        """Return the client's own data, in the form that `train` takes.

        Raises:
            fedclient.data.DataError: the data is missing or not as it should be.
        """
        ...

    def train(self, model: bytes, data: Any, work: Work) -> Update:
        """Train `model` on the client's data and return the update."""
        ...

    def evaluate(
        self, model: bytes, data_dir: Path | None, between: Callable[[], None]
    ) -> Score:
        """Score `model` on the central test set, `between` as in `Work`."""
        ...

    def predict(self, model: bytes, image: Path) -> Prediction:
        """Classify an image file (see `fedclient.predict`)."""
        ...


def find(name: str) -> Task:
    """Return the task of that name, or at that `module:attribute`.

    Raises:
        UnknownTask: says which names there are, or what is wrong with the path.
    """
    path = OURS.get(name, name)
    module, colon, attribute = path.partition(":")
    if not (module and colon and attribute):
        raise UnknownTask(
            f"task {name!r}: expected one of {', '.join(sorted(OURS))}, or "
            "module:attribute for a task of your own"
        )
    try:
        return cast(Task, imports.attribute(module, attribute))
    except CannotImport as error:
        raise UnknownTask(
            f"task {name!r}: {error}, expected a module with a task"
        ) from error
