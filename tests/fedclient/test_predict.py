from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedclient import data, pictures, predict, tasks, weights
from fedclient.pictures import PictureError
from fedclient.predict import TaskError
from fedclient.tasks import Prediction, Work
from fedclient.weights import ModelError
from fedcore.settings import ExperimentSettings

DIGIT = np.kron(np.eye(28, dtype=np.uint8) * 255, np.ones((4, 4), np.uint8))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    task = tasks.find("mnist")
    path = tmp_path / "model.safetensors"
    weights.save(
        path,
        task.initial_model(0),
        task.layout,
        experiment="e",
        version=0,
        task="mnist",
    )
    return path


@pytest.mark.parametrize("name", ["digit.png", "digit.jpeg"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_image_of_any_size_gives_a_class_and_probabilities(
    tmp_path: Path, model: Path, name: str, mode: str
) -> None:
    Image.fromarray(DIGIT).convert(mode).resize((91, 60)).save(tmp_path / name)
    found = predict.load(model)(tmp_path / name)
    assert list(found.probabilities) == list("0123456789")
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.probabilities[found.label] == max(found.probabilities.values())


def test_ink_on_paper_is_inverted(tmp_path: Path) -> None:
    Image.fromarray(DIGIT).save(tmp_path / "light.png")
    Image.fromarray(255 - DIGIT).save(tmp_path / "ink.png")
    light = pictures.read_digit(tmp_path / "light.png")
    assert light.shape == (28, 28, 1)
    assert (light[..., 0] == np.eye(28) * 255).all()
    assert (pictures.read_digit(tmp_path / "ink.png") == light).all()


def test_what_is_transparent_is_paper(tmp_path: Path) -> None:
    ink = np.zeros((112, 112, 4), np.uint8)
    ink[..., 3] = DIGIT  # black where there is ink, else nothing at all
    Image.fromarray(ink, "RGBA").save(tmp_path / "ink.png")
    assert (pictures.read_digit(tmp_path / "ink.png")[..., 0] == np.eye(28) * 255).all()


def test_a_photograph_keeps_its_colours(tmp_path: Path) -> None:
    Image.new("RGB", (100, 70), (200, 10, 90)).save(tmp_path / "photo.png")
    found = pictures.read_photograph(tmp_path / "photo.png")
    assert found.shape == (32, 32, 3)
    assert (found == [200, 10, 90]).all()


def test_prediction_sees_what_evaluation_sees(tmp_path: Path) -> None:
    """A trained model names the digits of the test set as evaluation does."""
    task = tasks.find("mnist")
    here = tasks.ClientContext(ExperimentSettings(epochs=2, lr=0.05), 0)
    trained = task.train(task.initial_model(0), task.load(here), Work(here, 1)).model
    test = data.load(data.ImageSet("mnist", (28, 28, 1), 10), None, "test")
    right = 0
    for number in range(100):
        path = tmp_path / f"{number}.png"
        Image.fromarray(test.images[number, ..., 0]).save(path)
        right += task.predict(trained, path).label == str(test.labels[number])
    assert right >= 75


@pytest.mark.parametrize("content", [b"", b"junk", b"\x89PNG\r\n\x1a\n cut short"])
def test_an_unreadable_image_is_named(
    tmp_path: Path, model: Path, content: bytes
) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(PictureError, match=r"bad\.png: not a readable image"):
        predict.load(model)(tmp_path / "bad.png")


def test_a_missing_image_is_named(tmp_path: Path, model: Path) -> None:
    with pytest.raises(PictureError, match=r"none\.png"):
        predict.load(model)(tmp_path / "none.png")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        predict.load(tmp_path / "none.safetensors")


def test_a_model_of_another_task_is_refused(model: Path) -> None:
    with pytest.raises(ModelError, match="expected"):
        predict.load(model, "cifar10")


def test_a_model_that_names_no_task_needs_one_named(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    task = tasks.find("mnist")
    path = tmp_path / "bare.safetensors"
    save_file(weights.arrays(task.initial_model(0), task.layout), path)
    with pytest.raises(ModelError, match="name no task"):
        predict.load(path)
    assert predict.load(path, "mnist").file.model == task.initial_model(0)


@pytest.mark.usefixtures("own_tasks")
@pytest.mark.parametrize("named", ["own_tasks:COUNTS", "exits:TASK", "fedclient:x"])
def test_a_file_does_not_choose_a_module(
    tmp_path: Path, model: Path, named: str
) -> None:
    read = weights.load(model)
    path = tmp_path / "foreign.safetensors"
    layout = tasks.find("mnist").layout
    weights.save(path, read.model, layout, experiment="e", version=0, task=named)
    loaded = sys.modules.keys() & {"own_tasks", "exits"}
    with pytest.raises(ModelError, match=f"name task '{named}', expected .*--task"):
        predict.load(path)
    assert sys.modules.keys() & {"own_tasks", "exits"} == loaded
    assert predict.load(path, "own_tasks:COUNTS").name == "own_tasks:COUNTS"


OWN_TASKS = """
import numpy as np
from fedclient.tasks import Prediction, mnist

class Own:
    layout = mnist.TASK.layout
    def __init__(self, predict):
        self.predict = predict

RAISES = Own(lambda model, image: [][0])
MUMBLES = Own(lambda model, image: "seven")
COUNTS = Own(lambda model, image: Prediction(7, {7: np.float32(0.75)}))
SHAPELESS = object()
"""


@pytest.fixture
def own_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_tasks.py").write_text(OWN_TASKS)
    (tmp_path / "exits.py").write_text("raise SystemExit(2)\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own_tasks")
@pytest.mark.parametrize(
    ("task", "complaint"),
    [
        ("own_tasks:RAISES", "no prediction for a.png: IndexError: list index out of"),
        ("own_tasks:MUMBLES", "no prediction for a.png: AttributeError: 'str' object"),
        ("own_tasks:SHAPELESS", "not usable: AttributeError: 'object' object has no"),
    ],
)
def test_what_ones_own_task_does_wrong_is_one_sentence(
    model: Path, task: str, complaint: str
) -> None:
    with pytest.raises(TaskError, match=f"^task {task}: {complaint}"):
        predict.load(model, task)(Path("a.png"))


@pytest.mark.usefixtures("own_tasks")
def test_whatever_numbers_a_task_predicts_are_plain(model: Path) -> None:
    found = predict.load(model, "own_tasks:COUNTS")(Path("a.png"))
    assert found == Prediction("7", {"7": 0.75})
    assert type(found.probabilities["7"]) is float
