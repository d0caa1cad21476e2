"""Classification of image files with a trained model from a safetensors file.

The model runs as in evaluation, without dropout, on pixels normalised as in training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fedclient import tasks, weights
from fedclient.pictures import PictureError
from fedclient.tasks import Prediction, Task, UnknownTask
from fedclient.weights import ModelError, ModelFile

LONGEST = 300
"""Characters of another's error that are passed on; torch's can be pages."""


class TaskError(Exception):
    """A task failed in a way that it does not name; its own error is the cause."""


@dataclass(frozen=True)
class Predictor:
    """A model with the task, and its name, that it was trained for."""

    task: Task
    name: str
    file: ModelFile

    def __call__(self, image: Path) -> Prediction:
        """Classify a PNG or JPEG file of any size.

        For `mnist` one digit, which is brought to 28 x 28 in white on black: a picture
        with a light background is inverted.

        Raises:
            fedclient.pictures.PictureError: the file cannot be read as an image.
            TaskError: the task's `predict` failed, or returned no `Prediction`.
        """
        with _own_code(self.name, f"no prediction for {image}"):
            found = self.task.predict(self.file.model, image)
            # As plain values: a task may return numpy's numbers.
            shares = {str(k): float(v) for k, v in found.probabilities.items()}
            return Prediction(str(found.label), shares)


def load(path: Path, task: str | None = None) -> Predictor:
    """Return the predictor of a model file.

    Args:
        path: the safetensors file.
        task: the task's name or `module:attribute`, if the file does not name one
            of ours. A file may come from anybody, so it cannot choose a module.

    Raises:
        ModelError: the file is missing or damaged, or holds another task's model.
        fedclient.tasks.UnknownTask: there is no such task here.
        TaskError: the task cannot be used.
    """
    name = task or _ours(path)
    with _own_code(name, "not usable"):
        found = tasks.find(name)
        return Predictor(found, name, weights.load(path, found.layout))


def _ours(path: Path) -> str:
    """Return the task that a file's metadata name, if it is one of ours."""
    name = weights.load(path).metadata.get("task", "")
    if name in tasks.OURS:
        return name
    found = f"name task {name[:LONGEST]!r}" if name else "name no task"
    raise ModelError(
        f"{path}: its metadata {found}, expected one of {', '.join(sorted(tasks.OURS))}"
        "; with --task module:attribute it is read as your own task's"
    )


@contextmanager
def _own_code(name: str, outcome: str) -> Iterator[None]:
    """Turn what a user's task raises into one sentence, `SystemExit` included."""
    try:
        yield
    except (ModelError, PictureError, UnknownTask):
        raise
    except (Exception, SystemExit) as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise TaskError(f"task {name}: {outcome}: {text[:LONGEST]}") from error
