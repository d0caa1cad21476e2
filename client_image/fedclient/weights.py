"""Models in three forms: a flat vector, named tensors, a safetensors file.

The flat vector is little-endian float32 in layout order: what travels. Named tensors
are views on one copy of it. Files carry the names, and where the model comes from.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fedcore.codec import VALUE_BYTES, Layout, parameter_count

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float32]


SOURCE = "fedwhisk"
"""The metadata entry that says where a model comes from, as a JSON object."""


class ModelError(Exception):
    """A model is missing or does not fit; the message says what was expected."""


@dataclass(frozen=True)
class ModelFile:
    """A model read from a file: its vector, its layout in file order, its metadata."""

    model: bytes
    layout: Layout
    metadata: Mapping[str, str] = field(default_factory=dict)


def arrays(model: bytes, layout: Layout) -> dict[str, Array]:
    """Return a model's tensors by name: writable views on one fresh copy.

    Raises:
        ModelError: the vector's length is not the layout's.
    """
    expected = parameter_count(layout)
    if len(model) != expected * VALUE_BYTES:
        raise ModelError(
            f"model: found {len(model)} bytes, expected {expected} float32 values"
        )
    vector = np.frombuffer(model, dtype="<f4").astype(np.float32)
    return {
        name: vector[start:end].reshape(shape)
        for name, shape, start, end in _spans(layout)
    }


def vector(tensors: Mapping[str, Array], layout: Layout) -> bytes:
    """Return named tensors as the flat vector of a layout.

    Raises:
        ModelError: a name is missing or left over, or a shape differs.
    """
    names = [name for name, _ in layout]
    if set(names) != set(tensors):
        raise ModelError(f"model: found {sorted(tensors)}, expected {sorted(names)}")
    for name, shape in layout:
        if list(tensors[name].shape) != list(shape):
            found = list(tensors[name].shape)
            raise ModelError(f"model: {name} has shape {found}, expected {list(shape)}")
    return b"".join(tensors[name].astype("<f4").tobytes() for name in names)


def torch_tensors(model: bytes, layout: Layout) -> dict[str, torch.Tensor]:
    """Return a model's tensors by name, as `nn.Module.load_state_dict` takes them."""
    import torch

    named = arrays(model, layout)
    return {name: torch.from_numpy(array) for name, array in named.items()}


def torch_vector(tensors: Mapping[str, torch.Tensor], layout: Layout) -> bytes:
    """Return torch tensors, such as a `state_dict()`, as a layout's flat vector."""
    return vector({k: v.detach().cpu().numpy() for k, v in tensors.items()}, layout)


def save(
    path: Path,
    model: bytes,
    layout: Layout,
    *,
    experiment: str,
    version: int,
    task: str,
) -> None:
    """Write a model to a safetensors file that says where it comes from.

    Equal arguments give equal bytes: all of the metadata is one JSON text, because
    safetensors writes several entries in an order that differs each time.

    Raises:
        OSError: the file cannot be written.
    """
    order = json.dumps([name for name, _ in layout])  # the file has its own
    source = {
        "experiment": experiment,
        "version": str(version),
        "task": task,
        "order": order,
    }
    metadata = {SOURCE: json.dumps(source, sort_keys=True)}
    try:
        save_file(arrays(model, layout), path, metadata)
    except SafetensorError as error:
        raise OSError(str(error)) from error


def load(path: Path, layout: Layout | None = None) -> ModelFile:
    """Read a model, in the order of `layout` if that is given, else of who saved it.

    Raises:
        ModelError: no such file, not safetensors, not float32, or another layout.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            source = (file.metadata() or {}).get(SOURCE, "{}")
        metadata = msgspec.json.decode(source, type=dict[str, str])
        saved = msgspec.json.decode(metadata.get("order", "[]"), type=list[str])
    except (OSError, SafetensorError, msgspec.DecodeError) as error:
        raise ModelError(
            f"{path}: not a readable safetensors file ({error})"
        ) from error
    found = {str(array.dtype) for array in tensors.values()} - {"float32"}
    if found:
        raise ModelError(f"{path}: found {sorted(found)}, expected float32 tensors")
    names = saved if sorted(saved) == sorted(tensors) else list(tensors)
    order = layout or [(name, list(tensors[name].shape)) for name in names]
    try:
        return ModelFile(vector(tensors, order), order, metadata)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def _spans(layout: Layout) -> Iterator[tuple[str, list[int], int, int]]:
    """Yield each tensor's name, shape, and place in the flat vector."""
    start = 0
    for name, shape in layout:
        end = start + math.prod(shape)
        yield name, shape, start, end
        start = end
