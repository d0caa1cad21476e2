"""Image classification by a small network: what our tasks have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedclient import data, partitions
from fedclient.data import ImageSet
from fedclient.tasks import ClientContext, Prediction, Score, Update, Work, training
from fedclient.tasks.training import Examples, Network, Shares
from fedcore.codec import Layout


@dataclass(frozen=True)
class ImageTask:
    """A `Task` made of a data set, a network and a way to read an image file.

    Attributes:
        dataset: which data, and what it looks like.
        network: the model.
        labels: the classes' names.
        read: an image file's pixels as bytes, in the data set's shape.
    """

    dataset: ImageSet
    network: Network
    labels: tuple[str, ...]
    read: Callable[[Path], NDArray[np.uint8]]

    @property
    def layout(self) -> Layout:
        """See `Task`."""
        return self.network.layout

    def initial_model(self, seed: int) -> bytes:
        """See `Task`."""
        return training.initial_model(self.layout, seed)

    def preload(self, data_dir: Path | None) -> None:
        """See `Task`."""
        data.preload(self.dataset, data_dir)

    def load(self, context: ClientContext) -> Shares:
        """See `Task`. The result holds copies of the client's share alone."""
        everything = data.load(self.dataset, context.data_dir, "train")
        settings = context.settings
        splits = partitions.share(
            settings.partition,
            everything.labels,
            clients=settings.clients,
            index=context.index,
            seed=settings.seed,
        )

        def some(numbers: partitions.Numbers) -> Examples:
            return Examples.of(everything.images[numbers], everything.labels[numbers])

        return Shares(some(splits.train), some(splits.validation), some(splits.test))

    def train(self, model: bytes, data: Shares, work: Work) -> Update:
        """See `Task`."""
        return training.train(self.network, model, data, work)

    def evaluate(
        self, model: bytes, data_dir: Path | None, between: Callable[[], None]
    ) -> Score:
        """See `Task`."""
        test = data.load(self.dataset, data_dir, "test")
        examples = Examples.of(test.images, test.labels)
        return training.evaluate(self.network, model, examples, between)

    def predict(self, model: bytes, image: Path) -> Prediction:
        """See `Task`."""
        pixels = torch.tensor(self.read(image))[None].float()
        params = training.views(training.pack(model, self.layout), self.layout)
        with torch.inference_mode():
            images = self.network.normalise(pixels).permute(0, 3, 1, 2)
            logits = self.network.forward(params, images, None)
            shares = torch.softmax(logits[0].double(), 0).tolist()
        named = dict(zip(self.labels, shares, strict=True))
        return Prediction(max(named, key=named.__getitem__), named)


def standardise(
    mean: Sequence[float], deviation: Sequence[float]
) -> Callable[[Tensor], Tensor]:
    """Return what maps pixels 0 to 255 to (pixel / 255 - mean) / deviation, in place.

    Channels come last, and each has its own mean and deviation.
    """
    scale = 1 / (255 * torch.tensor(deviation, dtype=torch.float64))
    shift = -torch.tensor(mean, dtype=torch.float64) * 255 * scale
    scale, shift = scale.float(), shift.float()

    def normalise(pixels: Tensor) -> Tensor:
        return pixels.mul_(scale).add_(shift)

    return normalise
