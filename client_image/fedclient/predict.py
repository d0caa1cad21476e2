"""Classification of image files with a trained model from a safetensors file.

The model runs as in evaluation, without dropout, on pixels normalised as in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fedclient import tasks, weights
from fedclient.tasks import Prediction, Task
from fedclient.weights import ModelError, ModelFile


@dataclass(frozen=True)
class Predictor:
    """A model with the task that it was trained for."""

    task: Task
    file: ModelFile

    def __call__(self, image: Path) -> Prediction:
        """Classify a PNG or JPEG file of any size.

        For `mnist` one digit, which is brought to 28 x 28 in white on black: a picture
        with a light background is inverted.

        Raises:
            fedclient.pictures.PictureError: the file cannot be read as an image.
        """
        return self.task.predict(self.file.model, image)


def load(path: Path, task: str | None = None) -> Predictor:
    """Return the predictor of a model file.

    Args:
        path: the safetensors file.
        task: the task's name, if the file does not say it.

    Raises:
        ModelError: the file is missing or damaged, or holds another task's model.
        fedclient.tasks.UnknownTask: there is no such task here.
    """
    name = task or weights.load(path).metadata.get("task")
    if not name:
        raise ModelError(f"{path}: its metadata name no task; say which it is for")
    found = tasks.find(name)
    return Predictor(found, weights.load(path, found.layout))
