"""Models in safetensors files: what training starts from, and what it leaves."""

from __future__ import annotations

from pathlib import Path

from fedclient import tasks, weights
from fedclient.tasks import UnknownTask
from fedclient.weights import ModelError
from fedcore.codec import Layout
from fedcore.errors import InvalidSettings
from fedcore.settings import check_name
from fedwhisk.errors import InputError
from fedwhisk.experiments.model import Model


def read(path: Path, layout: Layout | None) -> Model:
    """Return the model of a file, in the order of the task's layout.

    Args:
        path: a safetensors file of float32 tensors.
        layout: the task's; None means the file's own.

    Raises:
        InputError: the file cannot be read, or its tensors are not the task's.
    """
    try:
        found = weights.load(path, layout)
    except ModelError as error:
        raise InputError(f"--model: {error}") from None
    return Model(0, found.model, found.layout)


def layout_of(task: str) -> Layout | None:
    """Return a task's layout; None if the task cannot be loaded on this machine."""
    try:
        return tasks.find(task).layout
    except UnknownTask:
        return None


def default_path(experiment: str, version: int) -> Path:
    """Return the file of a version in the working directory.

    Raises:
        InputError: the stored name could lead out of this folder.
    """
    try:
        return Path(f"{check_name(experiment)}-{version}.safetensors")
    except InvalidSettings as error:
        raise InputError(f"{error}; --out names another file") from None


def export(path: Path, model: Model, experiment: str, task: str) -> None:
    """Write a version to a file that a person has named, and make its folder.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, model, experiment, task)
    except OSError as error:
        raise InputError(f"--out: {path} cannot be written ({error})") from None


def save(path: Path, model: Model, experiment: str, task: str) -> None:
    """Write a version to a safetensors file that says which experiment it is from."""
    weights.save(
        path,
        model.vector,
        model.layout,
        experiment=experiment,
        version=model.version,
        task=task,
    )
