from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from torch.nn import functional

from fedclient import data, tasks, weights
from fedclient.tasks import ClientContext, Work, training
from fedclient.tasks.images import ImageTask
from fedclient.tasks.training import Examples
from fedcore.settings import ExperimentSettings
from tests.fedclient import oracles

Make = Callable[..., Path]


def context(folder: Path | None = None, **settings: object) -> ClientContext:
    few = {"clients": 2, "per_round": 1, "epochs": 2, "batch_size": 10, **settings}
    return ClientContext(ExperimentSettings(**few), 0, folder)  # type: ignore[arg-type]


@pytest.fixture(params=[("mnist", (28, 28)), ("cifar10", (32, 32, 3))])
def work(request: pytest.FixtureRequest, make_npz: Make) -> ClientContext:
    name, shape = request.param
    return context(make_npz(name, shape), task=name)


def test_equal_seeds_give_equal_bytes(work: ClientContext) -> None:
    task = tasks.find(work.settings.task)
    model, data = task.initial_model(0), task.load(work)
    one, two = (task.train(model, data, Work(work, 1)) for _ in range(2))
    other = task.train(model, task.load(work), Work(work, 2))
    assert one.model == two.model != model
    assert other.model != one.model


@pytest.mark.parametrize("other", [{"index": 1}, {"seed": 1}, {"round": 2}], ids=str)
def test_each_client_seed_and_round_draws_its_own_numbers(
    make_npz: Make, other: dict[str, int]
) -> None:
    here = context(make_npz("mnist", (28, 28)))
    task = tasks.find("mnist")
    model, data = task.initial_model(0), task.load(here)

    def trained(seed: int = 0, index: int = 0, round: int = 1) -> bytes:
        settings = msgspec.structs.replace(here.settings, seed=seed)
        work = Work(ClientContext(settings, index, here.data_dir), round)
        return task.train(model, data, work).model

    assert trained() != trained(**other)


@pytest.mark.parametrize("mu", [0.0, 2.0])
def test_training_is_sgd_with_momentum_from_zero_as_torch_has_it(
    make_npz: Make, mu: float
) -> None:
    # One batch an epoch and no dropout: the drawn order cannot matter.
    settings = {"epochs": 3, "batch_size": 24, "lr": 0.1, "momentum": 0.9}
    settings["proximal_mu"] = mu
    here = context(make_npz("cifar10", (32, 32, 3)), task="cifar10", **settings)
    task = tasks.find("cifar10")
    assert isinstance(task, ImageTask)
    start, shares = task.initial_model(0), task.load(here)
    update = task.train(start, shares, Work(here, 1))

    plain = oracles.Cifar10()
    plain.load_state_dict(weights.torch_tensors(start, task.layout))
    images, labels = shares.train.take(task.network, slice(None))
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    received = [value.detach().clone() for value in plain.parameters()]
    for _ in range(3):
        optimiser.zero_grad()
        loss = functional.cross_entropy(plain(images, None), labels)
        pairs = zip(plain.parameters(), received, strict=True)
        distance = sum(((now - then) ** 2).sum() for now, then in pairs)
        (loss + mu / 2 * distance).backward()
        optimiser.step()
    assert update.metrics["train_loss"] == pytest.approx(loss.item(), rel=1e-4)
    for name, found in weights.torch_tensors(update.model, task.layout).items():
        expected = plain.state_dict()[name]
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_evaluation_in_chunks_is_the_plain_modules_on_all_at_once(
    make_npz: Make,
) -> None:
    folder = make_npz("mnist", (28, 28), test=2 * training.EVALUATION_BATCH + 7)
    task = tasks.find("mnist")
    assert isinstance(task, ImageTask)
    model = task.initial_model(0)
    score = task.evaluate(model, folder, lambda: None)

    plain = oracles.Mnist()
    plain.load_state_dict(weights.torch_tensors(model, task.layout))
    test = data.load(task.dataset, folder, "test")
    images, labels = Examples.of(test.images, test.labels).take(
        task.network, slice(None)
    )
    with torch.no_grad():
        logits = plain(images, None)
    right = (logits.argmax(1) == labels).float().mean().item()
    assert score.examples == len(labels)
    assert score.accuracy == pytest.approx(right)
    expected = functional.cross_entropy(logits, labels).item()
    assert score.loss == pytest.approx(expected, rel=1e-4)


def test_an_update_reports_received_and_trained_model(work: ClientContext) -> None:
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
    tiny = context(make_npz("mnist", (28, 28), train=4))
    task = tasks.find("mnist")
    update = task.train(task.initial_model(0), task.load(tiny), Work(tiny, 1))
    assert (update.examples, set(update.metrics)) == (2, {"train_loss", "train_s"})


class Enough(Exception):
    pass


def test_training_ends_between_batches(work: ClientContext) -> None:
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
    here = context(make_npz("mnist", (28, 28)))
    task = tasks.find("mnist")
    task.train(
        task.initial_model(0),
        task.load(here),
        Work(here, 1, lambda: beats.append(None)),
    )
    # 2 epochs of 24 examples in batches of 10, and one chunk for each own split
    assert len(beats) == 2 * 3 + 2


def test_a_model_that_diverges_is_still_an_update(make_npz: Make) -> None:
    here = context(make_npz("mnist", (28, 28)), lr=1000.0, epochs=5)
    task = tasks.find("mnist")
    task.train(task.initial_model(0), task.load(here), Work(here, 1))


def test_digits_are_learned() -> None:
    here = context(clients=20, batch_size=50, lr=0.05)
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
from fedclient.process import configure_torch
from fedclient.tasks import ClientContext, Work
from fedcore.settings import ExperimentSettings
configure_torch(1)
few = ExperimentSettings(clients=2, per_round=1, epochs=1)
context = ClientContext(few, 0, Path({folder!r}))
task = tasks.find("mnist")
update = task.train(task.initial_model(0), task.load(context), Work(context, 1))
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
