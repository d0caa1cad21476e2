from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fedclient import weights
from fedclient.weights import ModelError

shapes = st.lists(array_shapes(max_dims=4, max_side=4), min_size=1, max_size=4)
LAYOUT = [("w", [2, 3]), ("b", [2])]
MODEL = np.arange(8, dtype="<f4").tobytes()


@given(shapes, st.data())
def test_vector_and_arrays_are_each_others_inverse(
    sizes: list[tuple[int, ...]], data: st.DataObject
) -> None:
    layout = [(f"t{i}", list(shape)) for i, shape in enumerate(sizes)]
    floats = st.floats(width=32, allow_nan=False)
    count = sum(math.prod(shape) for shape in sizes)
    model = data.draw(arrays(np.float32, count, elements=floats)).tobytes()
    assert weights.vector(weights.arrays(model, layout), layout) == model
    assert weights.torch_vector(weights.torch_tensors(model, layout), layout) == model


def test_arrays_follow_the_layouts_order() -> None:
    named = weights.arrays(MODEL, LAYOUT)
    assert named["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert named["b"].tolist() == [6, 7]


def test_arrays_are_views_on_a_copy() -> None:
    named = weights.arrays(MODEL, LAYOUT)
    named["b"][:] = 0
    assert weights.arrays(MODEL, LAYOUT)["b"].tolist() == [6, 7]
    assert named["b"].base is named["w"].base


def test_a_tensor_in_another_memory_format_travels_by_its_indices() -> None:
    image = torch.arange(24.0).reshape(1, 2, 3, 4)
    last = image.contiguous(memory_format=torch.channels_last)
    expected = np.arange(24, dtype="<f4").tobytes()
    assert weights.torch_vector({"x": last}, [("x", [1, 2, 3, 4])]) == expected


def test_a_vector_of_another_length_is_refused() -> None:
    with pytest.raises(ModelError, match="found 28 bytes, expected 8 float32 values"):
        weights.arrays(MODEL[:-4], LAYOUT)


def test_other_names_and_shapes_are_refused() -> None:
    named = weights.arrays(MODEL, LAYOUT)
    with pytest.raises(ModelError, match="expected"):
        weights.vector({"w": named["w"]}, LAYOUT)
    with pytest.raises(ModelError, match=r"w has shape \[3, 2\], expected \[2, 3\]"):
        weights.vector({"w": named["w"].T, "b": named["b"]}, LAYOUT)


def test_a_file_keeps_model_and_origin(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weights.save(path, MODEL, LAYOUT, experiment="e-1", version=3, task="mnist")
    found = weights.load(path, LAYOUT)
    assert found.model == MODEL
    metadata = dict(found.metadata)
    assert metadata.pop("order") == '["w", "b"]'
    assert metadata == {"experiment": "e-1", "version": "3", "task": "mnist"}
    assert weights.load(path).layout == LAYOUT  # whatever order the file has


def test_files_that_are_no_models_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        weights.load(tmp_path / "none.safetensors")
    (tmp_path / "junk").write_bytes(b"junk, and not a short piece of it" * 9)
    with pytest.raises(ModelError, match="junk: not a readable safetensors file"):
        weights.load(tmp_path / "junk")


def test_a_file_of_other_numbers_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(2)}, tmp_path / "double.safetensors")
    with pytest.raises(ModelError, match="float64"):
        weights.load(tmp_path / "double.safetensors")


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weights.save(path, MODEL, LAYOUT, experiment="e", version=0, task="t")
    with pytest.raises(ModelError, match=r"model\.safetensors: model: found"):
        weights.load(path, [("other", [8])])


@pytest.mark.parametrize("source", ["not JSON", "[]", '{"task": 1}'])
def test_a_file_whose_origin_cannot_be_read_is_refused(
    tmp_path: Path, source: str
) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "odd.safetensors"
    save_file({"w": np.zeros(2, np.float32)}, path, {weights.SOURCE: source})
    with pytest.raises(ModelError, match=r"odd\.safetensors: not a readable"):
        weights.load(path)
