from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from fedclient import partitions, tasks, weights
from fedclient.data import DataError
from fedclient.tasks import ClientContext, UnknownTask, training
from fedclient.tasks.images import ImageTask
from fedcore import codec
from fedcore.settings import ExperimentSettings
from tests.fedclient.oracles import Cifar10, Mnist

NETWORKS = {"mnist": (Mnist, (1, 28, 28)), "cifar10": (Cifar10, (3, 32, 32))}


def image_task(name: str) -> ImageTask:
    task = tasks.find(name)
    assert isinstance(task, ImageTask)
    return task


@pytest.fixture(params=sorted(NETWORKS))
def pair(request: pytest.FixtureRequest) -> SimpleNamespace:
    """Our network, the plain one with equal weights, and a batch."""
    task = image_task(request.param)
    module, shape = NETWORKS[request.param]
    model = task.initial_model(5)
    plain = module()
    plain.load_state_dict(weights.torch_tensors(model, task.layout))
    generator = torch.Generator().manual_seed(1)
    return SimpleNamespace(
        network=task.network,
        plain=plain,
        flat=training.pack(model, task.layout),
        images=torch.randn(50, *shape, generator=generator),
        labels=torch.randint(10, (50,), generator=generator),
        masks=task.network.draw_masks(50, generator),
    )


@pytest.mark.parametrize(
    ("name", "parameters"), [("mnist", 21_840), ("cifar10", 62_006)]
)
def test_networks_have_the_sizes_of_the_design(name: str, parameters: int) -> None:
    task = tasks.find(name)
    assert codec.parameter_count(task.layout) == parameters
    assert len(task.initial_model(0)) == 4 * parameters


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_layouts_are_the_state_dicts_of_plain_modules(name: str) -> None:
    state = NETWORKS[name][0]().state_dict()
    assert [(k, list(v.shape)) for k, v in state.items()] == tasks.find(name).layout


@pytest.mark.parametrize("masked", [False, True])
def test_forward_equals_the_plain_module(pair: SimpleNamespace, masked: bool) -> None:
    masks = pair.masks if masked else None
    params = training.views(pair.flat, pair.network.layout)
    with torch.no_grad():
        found = pair.network.forward(params, pair.images, masks)
        expected = pair.plain(pair.images, masks)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_one_steps_gradient_equals_the_plain_modules(pair: SimpleNamespace) -> None:
    functional.cross_entropy(
        pair.plain(pair.images, pair.masks), pair.labels
    ).backward()
    flat = pair.flat.requires_grad_()
    images = pair.images.contiguous(memory_format=torch.channels_last)
    _, gradient = training.loss_and_gradient(
        pair.network, flat, images, pair.labels, pair.masks
    )
    found = training.views(gradient, pair.network.layout)
    for ours, plain in zip(found, pair.plain.parameters(), strict=True):
        torch.testing.assert_close(ours, plain.grad, rtol=1e-4, atol=1e-6)


def test_the_first_convolution_answers_channels_last(pair: SimpleNamespace) -> None:
    """The trap: for images of one channel only the weight's strides can say so."""
    weight, bias, *_ = training.views(pair.flat, pair.network.layout)
    result = functional.conv2d(pair.images, weight, bias)
    assert result.is_contiguous(memory_format=torch.channels_last)


def test_dropout_masks_keep_half_and_double_it() -> None:
    generator = torch.Generator().manual_seed(0)
    channels, units = image_task("mnist").network.draw_masks(2000, generator)
    assert (channels.shape, units.shape) == ((2000, 20), (2000, 50))
    for mask in (channels, units):
        assert set(mask.unique().tolist()) == {0.0, 2.0}
        assert mask.mean().item() == pytest.approx(1, abs=0.03)


def test_the_example_of_a_task_runs() -> None:
    found = doctest.testmod(tasks)
    assert found.failed == 0
    assert found.attempted > 0


def test_pixels_are_standardised() -> None:
    black, white = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 255.0)
    normalise = image_task("mnist").network.normalise
    assert normalise(black).item() == pytest.approx(-0.1307 / 0.3081)
    assert normalise(white).item() == pytest.approx((1 - 0.1307) / 0.3081)
    colour = image_task("cifar10").network.normalise(torch.full((1, 1, 1, 3), 255.0))
    assert colour.flatten().tolist() == pytest.approx(
        [(1 - 0.4914) / 0.2470, (1 - 0.4822) / 0.2435, (1 - 0.4465) / 0.2616]
    )


def test_the_initial_model_is_the_seeds_alone_and_within_its_bounds() -> None:
    task = tasks.find("mnist")
    assert task.initial_model(1) == task.initial_model(1) != task.initial_model(2)
    named = weights.arrays(task.initial_model(1), task.layout)
    for name, bound in (("conv2", 250**-0.5), ("fc1", 320**-0.5)):
        for part in ("weight", "bias"):
            largest = np.abs(named[f"{name}.{part}"]).max()
            assert 0.5 * bound < largest <= bound


def test_a_task_of_ones_own_is_found_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_task.py").write_text("TASK = 'anything'\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert tasks.find("my_task:TASK") == "anything"
    with pytest.raises(UnknownTask, match="my_task:OTHER"):
        tasks.find("my_task:OTHER")


@pytest.mark.parametrize(
    "raised", ["SystemExit(2)", "GeneratorExit()", "RuntimeError('no GPU')"]
)
@pytest.mark.parametrize(
    ("find", "error"), [(tasks.find, UnknownTask), (partitions.find, DataError)]
)
def test_a_module_whose_import_fails_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    find: Callable[[str], object],
    error: type[Exception],
    raised: str,
) -> None:
    (tmp_path / "fails.py").write_text(f"raise {raised}\n")
    monkeypatch.syspath_prepend(tmp_path)
    kind, _, _ = raised.partition("(")
    with pytest.raises(error, match=f"'fails:IT': importing fails ended with {kind}"):
        find("fails:IT")


def test_the_import_of_a_module_can_be_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.py").write_text("raise KeyboardInterrupt\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        tasks.find("slow:TASK")


@pytest.mark.parametrize("name", ["mnits", "no_such_module:TASK", ":TASK", "m:"])
def test_an_unknown_task_is_named(name: str) -> None:
    with pytest.raises(UnknownTask, match=name):
        tasks.find(name)


@pytest.mark.parametrize(("partition", "trained_on"), [("own", 48), ("equal", 3)])
def test_own_data_is_trained_on_whole_and_common_data_in_shares(
    make_npz: Callable[..., Path], partition: str, trained_on: int
) -> None:
    context = ClientContext(
        ExperimentSettings(partition=partition), 7, make_npz("mnist", (28, 28))
    )
    shares = image_task("mnist").load(context)  # of 60, all or a twentieth
    assert len(shares.train.labels) == trained_on
