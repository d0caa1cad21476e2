"""What training may start from: files of ours and of others, in the task's order."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fedclient import weights
from fedwhisk.errors import InputError
from fedwhisk.experiments import model_files
from fedwhisk.experiments.federation import Federation
from fedwhisk.experiments.model import Model
from tests.direct import DirectTransport
from tests.fedcore.world import SECRET, World, numbers, vector

LAYOUT = [("w", [2]), ("b", [1])]
W, B = np.array([1.0, 2.0], "<f4"), np.array([3.0], "<f4")


def test_a_foreign_file_is_put_in_the_tasks_order(tmp_path) -> None:
    save_file({"b": B, "w": W}, tmp_path / "m.safetensors")
    found = model_files.read(tmp_path / "m.safetensors", LAYOUT)
    assert (numbers(found.vector), found.layout) == ([1.0, 2.0, 3.0], LAYOUT)


def test_an_exported_version_keeps_its_order_where_the_task_is_not_at_hand(
    tmp_path,
) -> None:
    path = tmp_path / "m.safetensors"
    model = vector(1.0, 2.0, 3.0)
    weights.save(path, model, LAYOUT, experiment="e", version=3, task="far:AWAY")
    found = model_files.read(path, model_files.layout_of("far:AWAY"))
    assert (found.vector, found.layout) == (model, LAYOUT)


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        ({"w": W}, r"found \['w'\], expected \['b', 'w'\]"),
        ({"w": B, "b": B}, r"w has shape \[1\], expected \[2\]"),
        ({"w": W.astype("<f8"), "b": B}, r"found \['float64'\], expected float32"),
    ],
)
def test_another_tasks_model_is_refused_by_name(tmp_path, tensors, complaint) -> None:
    save_file(tensors, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=f"--model: .*{complaint}"):
        model_files.read(tmp_path / "m.safetensors", LAYOUT)


@pytest.fixture
def operator(monkeypatch) -> Federation:
    world = World()
    monkeypatch.setattr(
        "fedwhisk.experiments.federation.connect",
        lambda url: DirectTransport(world.services),
    )
    return Federation("http://here", SECRET)


def test_an_operator_brings_what_is_missing_of_a_model(operator, monkeypatch) -> None:
    monkeypatch.setattr("fedcore.codec.CHUNK_VALUES", 1)
    model = Model(0, vector(1.0, 2.0, 3.0), LAYOUT)
    assert operator.find("e") is None
    assert operator.start("e", {}, model=model).awaits_model is True
    assert operator.find("e") is not None
    assert operator.start("e", {}, model=model).awaits_model is False
    fetched = operator.model("e", 0)
    assert (fetched.vector, fetched.layout) == (model.vector, LAYOUT)


def test_a_version_is_exported_to_a_file_that_training_may_start_from(
    operator, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    operator.start("e", {}, model=Model(0, vector(1.0, 2.0, 3.0), LAYOUT))
    assert operator.export() == ("e", 0, Path("e-0.safetensors"))
    deeper = tmp_path / "deeper" / "model.safetensors"
    assert operator.export("e", 0, deeper).path == deeper
    for path in (Path("e-0.safetensors"), deeper):
        assert numbers(model_files.read(path, LAYOUT).vector) == [1.0, 2.0, 3.0]
    with pytest.raises(InputError, match="--out: /proc/m cannot be written"):
        operator.export("e", path=Path("/proc/m"))
