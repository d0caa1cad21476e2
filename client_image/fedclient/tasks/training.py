"""Local training of a small network on one thread, without torch.optim.

What makes it fast is the memory layout, not less arithmetic: images and convolution
weights are channels-last, which a CPU's kernels like best. The rest is plain: one flat
vector of parameters, autograd, SGD with momentum in three lines. torch.optim and
torchvision are not imported: they would cost each client seconds and 150 MB.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fedclient import streams, weights
from fedclient.tasks import Score, Update, Work
from fedcore.codec import Layout
from fedcore.settings import ExperimentSettings

Params = tuple[Tensor, ...]
Masks = tuple[Tensor, ...]

EVALUATION_BATCH = 250
"""Images scored at once: larger batches fall out of the cache."""


@dataclass(frozen=True)
class Network:
    """A model as functions on its parameters.

    Attributes:
        layout: names and shapes; each weight is followed by its bias.
        forward: logits `[n, classes]` of images `[n, channels, height, width]`. With
            masks it trains; without it has no dropout.
        draw_masks: dropout masks for n examples, each `[n, …]`: 0 or 1 / (1 - p).
        normalise: pixels as bytes to what the network takes.
    """

    layout: Layout
    forward: Callable[[Params, Tensor, Masks | None], Tensor]
    draw_masks: Callable[[int, torch.Generator], Masks]
    normalise: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Examples:
    """Images `[n, height, width, channels]` and labels `[n]`, as bytes."""

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Examples:
        """Wrap numpy arrays, without a copy."""
        return cls(torch.from_numpy(images), torch.from_numpy(labels))

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, network: Network, which: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return some examples as the network takes them: channels-last, normalised."""
        images = network.normalise(self.images[which].float())
        return images.permute(0, 3, 1, 2), self.labels[which].long()


@dataclass(frozen=True)
class Shares:
    """A client's own examples, split as in `partitions.Splits`."""

    train: Examples
    validation: Examples
    test: Examples


def train(network: Network, model: bytes, shares: Shares, work: Work) -> Update:
    """Train a model on a client's share for one round.

    The metrics: `val_accuracy` and `val_loss` are the received model's on the client's
    validation split (federated evaluation), `test_accuracy` and `test_loss` the trained
    one's on its local test split, `train_loss` the mean loss of the last epoch,
    `train_s` the seconds that it took. A split without examples gives no metrics.
    """
    started = time.perf_counter()
    received = evaluate(network, model, shares.validation, work.between)
    trained, loss = fit(network, model, shares.train, work)
    own = evaluate(network, trained, shares.test, work.between)
    metrics = {"train_loss": loss, **_named("val", received), **_named("test", own)}
    metrics["train_s"] = time.perf_counter() - started
    return Update(trained, len(shares.train), metrics)


def _named(split: str, score: Score) -> dict[str, float]:
    if not score.examples:
        return {}
    return {f"{split}_accuracy": score.accuracy, f"{split}_loss": score.loss}


def fit(
    network: Network, model: bytes, examples: Examples, work: Work
) -> tuple[bytes, float]:
    """Run SGD for the round's epochs; return the model and the last epoch's mean loss.

    With `proximal_mu` the objective also holds mu / 2 times the squared distance from
    the received model: FedProx (Li et al. 2020). The loss returned does not.
    The momentum starts at zero in each round: clients keep nothing between rounds.
    """
    settings = work.context.settings
    key = (settings.seed, work.round, work.context.index)
    generator = torch.Generator().manual_seed(streams.seed("training", *key))
    received = pack(model, network.layout)
    flat = received.clone().requires_grad_()
    momentum = torch.zeros_like(flat)
    total = torch.zeros(())
    for _ in range(settings.epochs):
        total.zero_()
        for batch in _batches(network, examples, settings, generator):
            work.between()
            loss, gradient = loss_and_gradient(network, flat, *batch)
            with torch.no_grad():
                if settings.proximal_mu:
                    gradient.add_(flat - received, alpha=settings.proximal_mu)
                momentum.mul_(settings.momentum).add_(gradient)
                flat.sub_(momentum, alpha=settings.lr)
                total.add_(loss, alpha=len(batch[1]))
    return unpack(flat.detach(), network.layout), float(total) / len(examples)


def _batches(
    network: Network,
    examples: Examples,
    settings: ExperimentSettings,
    generator: torch.Generator,
) -> Iterator[tuple[Tensor, Tensor, Masks]]:
    """Yield an epoch's shuffled batches; order and masks are drawn once an epoch."""
    order = torch.randperm(len(examples), generator=generator)
    masks = network.draw_masks(len(examples), generator)
    for start in range(0, len(examples), settings.batch_size):
        batch = slice(start, start + settings.batch_size)
        # Gathered and normalised by the batch: an epoch's floats would not fit a cache.
        images, labels = examples.take(network, order[batch])
        yield images, labels, tuple(mask[batch] for mask in masks)


def loss_and_gradient(
    network: Network, flat: Tensor, images: Tensor, labels: Tensor, masks: Masks
) -> tuple[Tensor, Tensor]:
    """Return a batch's mean cross-entropy, and its gradient by `flat`."""
    logits = network.forward(views(flat, network.layout), images, masks)
    loss = functional.cross_entropy(logits, labels)
    (gradient,) = torch.autograd.grad(loss, flat)
    return loss.detach(), gradient


def evaluate(
    network: Network,
    model: bytes,
    examples: Examples,
    between: Callable[[], None] = lambda: None,
) -> Score:
    """Score a model without dropout. Without examples, the score is 0 of 0."""
    params = views(pack(model, network.layout), network.layout)
    right, loss, count = 0, 0.0, len(examples)
    for start in range(0, count, EVALUATION_BATCH):
        between()
        batch = slice(start, start + EVALUATION_BATCH)
        with torch.inference_mode():
            images, labels = examples.take(network, batch)
            logits = network.forward(params, images, None)
            loss += functional.cross_entropy(logits, labels, reduction="sum").item()
            right += int((logits.argmax(1) == labels).sum())
    return Score(right / max(count, 1), loss / max(count, 1), count)


def initial_model(layout: Layout, seed: int) -> bytes:
    """Draw each weight and its bias from U(-1/√fan_in, 1/√fan_in), PyTorch's default.

    He et al. 2015 with a = √5, as `nn.Conv2d` and `nn.Linear` do it.
    """
    generator = torch.Generator().manual_seed(streams.seed("initial model", seed))
    tensors, bound = {}, 0.0
    for name, shape in layout:
        if len(shape) > 1:  # a bias has the bound of the weight before it
            bound = math.prod(shape[1:]) ** -0.5
        tensors[name] = torch.empty(shape).uniform_(-bound, bound, generator=generator)
    return weights.torch_vector(tensors, layout)


# --- packed parameters ---------------------------------------------------------------
#
# One flat vector, with convolution weights in the order output, row, column, input. It
# is the strides of the weight that make a convolution channels-last: for images of
# one channel the images' own strides say nothing, and the result would be channels-
# first, at half the speed.


def pack(model: bytes, layout: Layout) -> Tensor:
    """Return a model as one flat vector, convolution weights channels-last."""
    tensors = weights.torch_tensors(model, layout).values()
    return torch.cat([_channels_last(tensor).reshape(-1) for tensor in tensors])


def unpack(flat: Tensor, layout: Layout) -> bytes:
    """Return packed parameters as the model's bytes."""
    tensors = views(flat, layout)
    names = [name for name, _ in layout]
    return weights.torch_vector(dict(zip(names, tensors, strict=True)), layout)


def views(flat: Tensor, layout: Layout) -> Params:
    """Return the tensors of a packed vector, as views that autograd follows."""
    parts = torch.split(flat, [math.prod(shape) for _, shape in layout])
    return tuple(
        _view(part, shape) for part, (_, shape) in zip(parts, layout, strict=True)
    )


def _view(part: Tensor, shape: list[int]) -> Tensor:
    if len(shape) != 4:
        return part.view(shape)
    outputs, inputs, height, width = shape
    return part.view(outputs, height, width, inputs).permute(0, 3, 1, 2)


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor
