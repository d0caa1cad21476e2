"""Small photographs: CIFAR-10 with a convolutional network of 62,006 parameters.

The network is LeNet-5 as in PyTorch's CIFAR-10 tutorial. Means and deviations are
those of the 50,000 training images, by channel, as commonly quoted.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fedclient import pictures
from fedclient.data import ImageSet
from fedclient.tasks.images import ImageTask, standardise
from fedclient.tasks.training import Masks, Network, Params
from fedcore.codec import Layout

LAYOUT: Layout = [
    ("conv1.weight", [6, 3, 5, 5]),
    ("conv1.bias", [6]),
    ("conv2.weight", [16, 6, 5, 5]),
    ("conv2.bias", [16]),
    ("fc1.weight", [120, 400]),
    ("fc1.bias", [120]),
    ("fc2.weight", [84, 120]),
    ("fc2.bias", [84]),
    ("fc3.weight", [10, 84]),
    ("fc3.bias", [10]),
]

MEAN = (0.4914, 0.4822, 0.4465)
DEVIATION = (0.2470, 0.2435, 0.2616)

LABELS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def forward(params: Params, images: Tensor, masks: Masks | None) -> Tensor:
    """Return logits (see `Network`). There is no dropout, so no mask is read."""
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    # relu and the maximum commute, gradients too: it need meet a quarter only.
    x = functional.conv2d(images, w1, b1)
    x = functional.max_pool2d(x, 2).relu()
    x = functional.conv2d(x, w2, b2)
    x = functional.max_pool2d(x, 2).relu()
    x = functional.linear(x.flatten(1), w3, b3).relu()
    x = functional.linear(x, w4, b4).relu()
    return functional.linear(x, w5, b5)


def draw_masks(count: int, generator: torch.Generator) -> Masks:
    """Return no masks: nothing is dropped."""
    return ()


TASK = ImageTask(
    ImageSet("cifar10", (32, 32, 3), 10),
    Network(LAYOUT, forward, draw_masks, standardise(MEAN, DEVIATION)),
    labels=LABELS,
    read=pictures.read_photograph,
)
