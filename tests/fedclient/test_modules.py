from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fedclient import weights
from fedclient.pictures import PictureError
from fedclient.tasks import ClientContext, Score, Work
from fedclient.tasks.modules import ModuleTask
from fedcore.settings import ExperimentSettings

SETTINGS = ExperimentSettings(clients=2, per_round=1)


class Toy(ModuleTask):
    """A module with state of every kind: weights, running means, a counter."""

    def module(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))

    def load(self, context: ClientContext) -> torch.Tensor:
        return torch.arange(8.0).reshape(4, 2) + context.index

    def fit(self, module: nn.Module, data: Any, work: Work) -> tuple[int, dict]:
        assert module.training
        work.between()
        rate = work.context.settings.task_options.get("rate", 0.1)
        module(data[torch.randperm(len(data))]).sum().backward()
        with torch.no_grad():
            for each in module.parameters():
                each.sub_(each.grad, alpha=rate)
        return len(data), {"train_loss": 1.0}

    def score(self, module: nn.Module, data_dir: Path | None, between) -> Score:
        assert not module.training
        assert not torch.is_grad_enabled()
        return Score(0.5, float(module(torch.ones(1, 2)).sum()), 1)


TOY = Toy()


def train(model: bytes, *, seed: int = 0, index: int = 0, number: int = 1) -> bytes:
    context = ClientContext(
        ExperimentSettings(clients=2, per_round=1, seed=seed), index
    )
    return TOY.train(
        model, TOY.load(ClientContext(SETTINGS, 0)), Work(context, number)
    ).model


def test_the_model_is_all_state_that_is_made_of_floats() -> None:
    names = [name for name, _ in TOY.layout]
    assert names == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
    ]
    named = weights.arrays(TOY.initial_model(0), TOY.layout)
    assert named["1.running_var"].tolist() == [1, 1, 1]


def test_the_seed_fixes_the_initial_model() -> None:
    assert TOY.initial_model(3) == TOY.initial_model(3) != TOY.initial_model(4)


@pytest.mark.parametrize("other", [{"seed": 1}, {"index": 1}, {"number": 2}], ids=str)
def test_seed_round_and_client_fix_what_torch_draws(other) -> None:
    model = TOY.initial_model(0)
    assert train(model) == train(model) != train(model, **other)


def test_what_the_experiment_tells_the_task_reaches_fit() -> None:
    settings = ExperimentSettings(clients=2, per_round=1, task_options={"rate": 0.0})
    model, context = TOY.initial_model(0), ClientContext(settings, 0)
    trained = TOY.train(model, TOY.load(context), Work(context, 1)).model
    before, after = (weights.arrays(each, TOY.layout) for each in (model, trained))
    assert (before["0.weight"] == after["0.weight"]).all()


def test_other_draws_are_left_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(TOY.initial_model(0))
    assert torch.equal(torch.rand(3), expected)


def test_an_update_holds_the_trained_module_its_weight_and_its_metrics() -> None:
    model = TOY.initial_model(0)
    context = ClientContext(SETTINGS, 1)
    called = []
    update = TOY.train(
        model, TOY.load(context), Work(context, 1, lambda: called.append(1))
    )
    assert (update.examples, update.metrics, called) == (4, {"train_loss": 1.0}, [1])
    before, after = (weights.arrays(each, TOY.layout) for each in (model, update.model))
    assert all((before[name] != after[name]).any() for name in ("0.bias", "1.bias"))
    assert (after["1.running_mean"] != 0).any()


def test_a_model_is_scored_as_it_is() -> None:
    model = np.arange(21, dtype="<f4").tobytes()
    module = TOY.module().eval()
    module.load_state_dict(weights.torch_tensors(model, TOY.layout), strict=False)
    score = TOY.evaluate(model, None, lambda: None)
    assert score.loss == pytest.approx(module(torch.ones(1, 2)).sum().item())


def test_what_reads_no_images_says_so(tmp_path) -> None:
    with pytest.raises(PictureError, match=r"cat.png: Toy classifies no images"):
        TOY.predict(TOY.initial_model(0), tmp_path / "cat.png")
