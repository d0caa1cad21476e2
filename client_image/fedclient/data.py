"""Image data sets: `<DATA_DIR>/<name>.npz`, or without DATA_DIR what ships with us.

Where a folder is named, no other data is ever taken: a site whose mount is mistyped
must not train on somebody else's. CIFAR-10 is not shipped: without DATA_DIR, it is
downloaded.

A file has the Keras keys `x_train y_train x_test y_test`, with bytes in them: images
`[n, height, width]` or `[n, height, width, channels]`, labels `[n]` or `[n, 1]`.
Clients forked from one parent share what that parent preloaded; without it, a set is
read when needed and not kept, so that a lone client holds its own share only.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

SHIPPED = Path(__file__).parent / "data"
DOWNLOADS = Path("~/.cache/fedwhisk")
KEYS = ("x_train", "y_train", "x_test", "y_test")

_preloaded: dict[tuple[str, Path | None, str], Images] = {}


class DataError(Exception):
    """Data is missing or not as it should be; the message says where and how."""


@dataclass(frozen=True)
class ImageSet:
    """What a data set must look like: its name, one image's shape, its classes."""

    name: str
    shape: tuple[int, int, int]
    classes: int


@dataclass(frozen=True)
class Images:
    """Images `[n, height, width, channels]` and labels `[n]`, both as bytes."""

    images: Bytes
    labels: Bytes


def preload(wanted: ImageSet, data_dir: Path | None) -> None:
    """Read the whole set once, for this process and all that are forked from it."""
    for part in ("train", "test"):
        _preloaded[wanted.name, data_dir, part] = _read(wanted, data_dir, part)


def load(wanted: ImageSet, data_dir: Path | None, part: str) -> Images:
    """Return the set's `train` or `test` part.

    Raises:
        DataError: no file, keys or shapes or types that differ, labels out of range.
    """
    ready = _preloaded.get((wanted.name, data_dir, part))
    return ready if ready is not None else _read(wanted, data_dir, part)


def _read(wanted: ImageSet, data_dir: Path | None, part: str) -> Images:
    path = _find(wanted, data_dir)
    images, labels = _arrays(path, (f"x_{part}", f"y_{part}"))
    if wanted.shape[-1] == 1 and images.ndim == 3:
        images = images[..., np.newaxis]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    _check(path, part, wanted, images, labels)
    return Images(images, np.ascontiguousarray(labels))


def _find(wanted: ImageSet, data_dir: Path | None) -> Path:
    """Return the file to read, downloading it if it is CIFAR-10 and no folder is named.

    Raises:
        DataError: there is no such file; says where it was expected.
    """
    name = f"{wanted.name}.npz"
    if data_dir is not None:
        return _named(data_dir, name)
    downloads = DOWNLOADS.expanduser()
    for folder in (SHIPPED, downloads):
        if (folder / name).is_file():
            return folder / name
    if wanted.name == "cifar10":
        return _download_cifar10(downloads)
    raise DataError(f"{name}: none is shipped, expected it in DATA_DIR, which is empty")


def _named(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        lacks = "file" if folder.is_dir() else "folder"
        raise DataError(
            f"{path}: no such {lacks}; with DATA_DIR={folder} data is read from "
            "there alone"
        )
    return path


def _arrays(path: Path, keys: tuple[str, str]) -> tuple[Bytes, Bytes]:
    try:
        with path.open("rb") as stream, NpzFile(stream, allow_pickle=False) as file:
            missing = [key for key in KEYS if key not in file.files]
            if missing:
                raise DataError(
                    f"{path}: found keys {sorted(file.files)}, missing {missing}"
                )
            return file[keys[0]], file[keys[1]]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: not a readable .npz file ({error})") from error


def _check(
    path: Path, part: str, wanted: ImageSet, images: Bytes, labels: Bytes
) -> None:
    for key, array in ((f"x_{part}", images), (f"y_{part}", labels)):
        if array.dtype != np.uint8:
            raise DataError(f"{path}: {key} is {array.dtype}, expected uint8")
    if images.shape[1:] != wanted.shape:
        raise DataError(
            f"{path}: x_{part} has shape {list(images.shape)}, expected [n, "
            f"{', '.join(map(str, wanted.shape))}]"
        )
    if labels.shape != images.shape[:1] or not len(labels):
        raise DataError(
            f"{path}: y_{part} has shape {list(labels.shape)}, expected "
            f"[{len(images)}], one label an image, and not none"
        )
    if labels.max() >= wanted.classes:
        raise DataError(
            f"{path}: y_{part} holds label {labels.max()}, expected 0 to "
            f"{wanted.classes - 1}"
        )


def _download_cifar10(folder: Path) -> Path:
    """Fetch CIFAR-10 by torchvision and keep it as an .npz: later starts just read it.

    torchvision is imported here alone: it costs seconds and 150 MB.
    """
    from torchvision.datasets import CIFAR10

    arrays: dict[str, Bytes] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in ("train", "test"):
            found = CIFAR10(str(folder), train=part == "train", download=True)
            arrays[f"x_{part}"] = found.data
            arrays[f"y_{part}"] = np.array(found.targets, np.uint8)
        return _keep(folder / "cifar10.npz", arrays)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"cifar10.npz: DATA_DIR is empty, and the download to {folder} failed: "
            f"{error}"
        ) from error


def _keep(path: Path, arrays: dict[str, Bytes]) -> Path:
    """Write the file in one move: clients that start together find all or none."""
    draft = path.with_name(f".{path.stem}-{os.getpid()}.npz")
    np.savez_compressed(draft, allow_pickle=False, **arrays)
    return draft.replace(path)
