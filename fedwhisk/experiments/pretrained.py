"""The model that an experiment begins with, from a safetensors file."""

from __future__ import annotations

from pathlib import Path

from fedclient import tasks, weights
from fedclient.tasks import UnknownTask
from fedclient.weights import ModelError
from fedcore.codec import Layout
from fedwhisk.errors import InputError
from fedwhisk.experiments.federation import Model


def read(path: Path, layout: Layout | None) -> Model:
    """Return the model of a file, in the order of the task's layout.

    Args:
        path: a safetensors file of float32 tensors.
        layout: the task's; None where the task is not at hand: then the file's own.

    Raises:
        InputError: the file cannot be read, or its tensors are not the task's.
    """
    try:
        found = weights.load(path, layout)
    except ModelError as error:
        raise InputError(f"--model: {error}") from None
    return Model(0, found.model, found.layout)


def layout_of(task: str) -> Layout | None:
    """Return a task's layout; None where the task cannot be loaded on this machine."""
    try:
        return tasks.find(task).layout
    except UnknownTask:
        return None
