from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fedclient import tasks
from fedclient.tasks import Place, Work
from fedcore.settings import ExperimentSettings

Make = Callable[..., Path]


def place(folder: Path | None = None, **settings: object) -> Place:
    few = {"clients": 2, "per_round": 1, "epochs": 2, "batch_size": 10, **settings}
    return Place(ExperimentSettings(**few), 0, folder)  # type: ignore[arg-type]


@pytest.fixture(params=[("mnist", (28, 28)), ("cifar10", (32, 32, 3))])
def work(request: pytest.FixtureRequest, make_npz: Make) -> Place:
    name, shape = request.param
    return place(make_npz(name, shape), task=name)


def test_equal_seeds_give_equal_bytes(work: Place) -> None:
    task = tasks.find(work.settings.task)
    model, data = task.initial_model(0), task.load(work)
    one, two = (task.train(model, data, Work(work, 1)) for _ in range(2))
    other = task.train(model, task.load(work), Work(work, 2))
    assert one.model == two.model != model
    assert other.model != one.model


def test_an_update_reports_received_and_trained_model(work: Place) -> None:
    task = tasks.find(work.settings.task)
    update = task.train(task.initial_model(0), task.load(work), Work(work, 1))
    assert update.examples == 24
    assert set(update.metrics) == {
        "train_loss",
        "train_s",
        "val_accuracy",
        "val_loss",
        "test_accuracy",
        "test_loss",
    }
    assert all(math.isfinite(value) for value in update.metrics.values())


def test_a_split_without_examples_has_no_metrics(make_npz: Make) -> None:
    tiny = place(make_npz("mnist", (28, 28), train=4))
    task = tasks.find("mnist")
    update = task.train(task.initial_model(0), task.load(tiny), Work(tiny, 1))
    assert (update.examples, set(update.metrics)) == (2, {"train_loss", "train_s"})


class Enough(Exception):
    pass


def test_training_ends_between_batches(work: Place) -> None:
    calls = 0

    def between() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Enough

    task = tasks.find(work.settings.task)
    with pytest.raises(Enough):
        task.train(task.initial_model(0), task.load(work), Work(work, 1, between))


def test_every_batch_calls_between(make_npz: Make) -> None:
    beats: list[None] = []
    here = place(make_npz("mnist", (28, 28)))
    task = tasks.find("mnist")
    task.train(
        task.initial_model(0),
        task.load(here),
        Work(here, 1, lambda: beats.append(None)),
    )
    # 2 epochs of 24 examples in batches of 10, and one chunk for each own split
    assert len(beats) == 2 * 3 + 2


def test_a_model_that_diverges_is_still_an_update(make_npz: Make) -> None:
    here = place(make_npz("mnist", (28, 28)), lr=1000.0, epochs=5)
    task = tasks.find("mnist")
    task.train(task.initial_model(0), task.load(here), Work(here, 1))


def test_digits_are_learned() -> None:
    here = place(clients=20, batch_size=50, lr=0.05)
    task = tasks.find("mnist")
    start = task.initial_model(0)
    update = task.train(start, task.load(here), Work(here, 1))
    before, after = (
        task.evaluate(model, None, lambda: None) for model in (start, update.model)
    )
    assert before.accuracy < 0.3
    assert after.accuracy > 0.75
    assert after.examples == 10_000
    assert after.loss < before.loss


def fresh(code: str) -> str:
    """Run code in a process of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


TRAIN = """
import sys
from pathlib import Path
from fedclient import tasks
from fedclient.process import settle_torch
from fedclient.tasks import Place, Work
from fedcore.settings import ExperimentSettings
settle_torch(1)
place = Place(ExperimentSettings(clients=2, per_round=1, epochs=1), 0, Path({folder!r}))
task = tasks.find("mnist")
update = task.train(task.initial_model(0), task.load(place), Work(place, 1))
"""


def test_processes_agree_on_every_byte(make_npz: Make) -> None:
    code = TRAIN.format(folder=str(make_npz("mnist", (28, 28))))
    code += "import hashlib; print(hashlib.sha256(update.model).hexdigest())"
    assert fresh(code) == fresh(code)


def test_training_imports_neither_optimisers_nor_torchvision(make_npz: Make) -> None:
    code = TRAIN.format(folder=str(make_npz("mnist", (28, 28))))
    heavy = ["torch._dynamo", "torchvision", "sympy", "torch.optim.sgd"]
    code += f"print([name for name in {heavy!r} if name in sys.modules])"
    found = fresh(code)
    assert "torchvision" not in found
    assert "_dynamo" not in found
    assert "sympy" not in found


@pytest.mark.parametrize(
    "module", ["loop", "api", "environment", "health", "process", "weights", "__main__"]
)
def test_what_talks_does_without_torch(module: str) -> None:
    code = f"import sys, fedclient.{module}; print('torch' in sys.modules)"
    assert fresh(code) == "False"
