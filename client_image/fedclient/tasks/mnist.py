"""Handwritten digits: MNIST with a convolutional network of 21,840 parameters.

The network is the one of PyTorch's long-standing MNIST example (pytorch/examples,
2017), so are the mean and the deviation, which are those of the training images.
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
    ("conv1.weight", [10, 1, 5, 5]),
    ("conv1.bias", [10]),
    ("conv2.weight", [20, 10, 5, 5]),
    ("conv2.bias", [20]),
    ("fc1.weight", [50, 320]),
    ("fc1.bias", [50]),
    ("fc2.weight", [10, 50]),
    ("fc2.bias", [10]),
]


def forward(params: Params, images: Tensor, masks: Masks | None) -> Tensor:
    """Return logits (see `Network`)."""
    w1, b1, w2, b2, w3, b3, w4, b4 = params
    x = functional.conv2d(images, w1, b1)
    x = functional.max_pool2d(x, 2).relu()
    x = functional.conv2d(x, w2, b2)
    x = functional.max_pool2d(x, 2).relu()
    if masks is not None:
        # A mask of 0 or 2 commutes with the maximum: it need meet a quarter only.
        x = x * masks[0][:, :, None, None]
    x = functional.linear(x.flatten(1), w3, b3).relu()
    if masks is not None:
        x = x * masks[1]
    return functional.linear(x, w4, b4)


def draw_masks(count: int, generator: torch.Generator) -> Masks:
    """Return the masks of dropout2d over 20 channels and of dropout over 50 units."""
    return tuple(
        torch.rand(count, width, generator=generator).ge_(0.5).mul_(2)
        for width in (20, 50)
    )


TASK = ImageTask(
    ImageSet("mnist", (28, 28, 1), 10),
    Network(LAYOUT, forward, draw_masks, standardise([0.1307], [0.3081])),
    labels=tuple("0123456789"),
    read=pictures.read_digit,
)
