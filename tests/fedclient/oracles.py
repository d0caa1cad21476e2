"""The tasks' networks as plain modules: what our functions must agree with."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Mnist(nn.Module):
    """The network as its paper trail writes it, with dropout as given masks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 5)
        self.conv2 = nn.Conv2d(10, 20, 5)
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: Tensor, masks: tuple[Tensor, ...] | None) -> Tensor:
        channels, units = masks or (torch.ones(len(x), 20), torch.ones(len(x), 50))
        x = functional.max_pool2d(self.conv1(x), 2).relu()
        x = self.conv2(x) * channels[:, :, None, None]
        x = functional.max_pool2d(x, 2).relu()
        x = self.fc1(x.flatten(1)).relu() * units
        return self.fc2(x)


class Cifar10(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor, masks: tuple[Tensor, ...] | None) -> Tensor:
        x = functional.max_pool2d(self.conv1(x).relu(), 2)
        x = functional.max_pool2d(self.conv2(x).relu(), 2)
        x = self.fc1(x.flatten(1)).relu()
        return self.fc3(self.fc2(x).relu())
