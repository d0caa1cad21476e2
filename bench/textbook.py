"""Local training as PyTorch's tutorials write it: a module, an optimiser, a loop.

The network is the mnist task's, the data its shares; nothing is tuned. Images are
normalised once and batches are cut by index: a DataLoader would be slower.
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.job import Job
from fedclient import data, partitions, streams

MNIST = data.ImageSet("mnist", (28, 28, 1), 10)
MEAN, DEVIATION = 0.1307, 0.3081
EVALUATION_BATCH = 1000


class Net(nn.Module):
    """The mnist task's network, layer for layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits `[n, 10]` of images `[n, 1, 28, 28]`."""
        x = functional.relu(functional.max_pool2d(self.conv1(x), 2))
        x = self.conv2_drop(self.conv2(x))
        x = functional.relu(functional.max_pool2d(x, 2))
        x = functional.relu(self.fc1(x.flatten(1)))
        x = functional.dropout(x, training=self.training)
        logits: Tensor = self.fc2(x)
        return logits


@functools.cache
def images(part: str, folder: Path | None = None) -> tuple[Tensor, Tensor]:
    """Return a part of MNIST: normalised images `[n, 1, 28, 28]`, and labels."""
    found = data.load(MNIST, folder, part)
    pixels = torch.from_numpy(found.images).permute(0, 3, 1, 2).float()
    scaled = pixels.div(255).sub(MEAN).div(DEVIATION).contiguous()
    return scaled, torch.from_numpy(found.labels).long()


@functools.cache
def share(job: Job, index: int) -> tuple[Tensor, Tensor]:
    """Return a client's training examples."""
    pictures, labels = images("train")
    splits = partitions.share(
        "equal",
        labels.numpy(),
        clients=job.clients,
        index=index,
        seed=job.seed,
    )
    numbers = torch.from_numpy(splits.train)
    return pictures[numbers], labels[numbers]


def train(net: Net, examples: tuple[Tensor, Tensor], job: Job, *place: int) -> None:
    """Train in place for a round's epochs; `place` (round, client) seeds the draws."""
    torch.manual_seed(streams.seed("bench", job.seed, *place))
    pictures, labels = examples
    optimiser = torch.optim.SGD(net.parameters(), lr=job.lr, momentum=job.momentum)
    net.train()
    for _ in range(job.epochs):
        order = torch.randperm(len(labels))
        for batch in torch.split(order, job.batch_size):
            optimiser.zero_grad()
            loss = functional.cross_entropy(net(pictures[batch]), labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
            optimiser.step()


def accuracy(net: Net) -> float:
    """Return the share of test images that the network gets right."""
    pictures, labels = images("test")
    net.eval()
    right = 0
    with torch.no_grad():
        for start in range(0, len(labels), EVALUATION_BATCH):
            batch = slice(start, start + EVALUATION_BATCH)
            right += int((net(pictures[batch]).argmax(1) == labels[batch]).sum())
    return right / len(labels)
