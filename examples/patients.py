"""A user's task: five hospitals, a table each, one model for all of them.

Each hospital's client reads its own CSV file; none of them leaves it. To try it here:

    python examples/patients.py hospitals
    export PYTHONPATH=examples DATA_DIR=hospitals
    fedwhisk run --task patients:TASK --clients 5 --per-round 5 --epochs 5 --lr 0.1

What else it is to be told stands in a file that `--config` names:
`task_options: {weight_decay: 0.001}`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from fedclient.data import DataError
from fedclient.tasks import ClientContext, Score, Work
from fedclient.tasks.modules import ModuleTask

MEASURED = ("age", "pressure", "glucose", "cholesterol", "pulse", "weight")

Table = tuple[Tensor, Tensor]
"""What was measured `[n, 6]`, and whether a patient came back `[n]`."""


class Patients(ModuleTask):
    """Whether a patient comes back, from six measurements."""

    def module(self) -> nn.Module:
        """Return a small perceptron."""
        return nn.Sequential(nn.Linear(len(MEASURED), 16), nn.ReLU(), nn.Linear(16, 2))

    def load(self, context: ClientContext) -> Table:
        """Read the hospital's own table."""
        return read(context.data_dir, f"hospital-{context.index}.csv")

    def fit(
        self, module: nn.Module, data: Table, work: Work
    ) -> tuple[int, Mapping[str, float]]:
        """Train as one would anywhere."""
        settings = work.context.settings
        optimiser = torch.optim.SGD(
            module.parameters(),
            lr=settings.lr,
            momentum=settings.momentum,
            weight_decay=float(settings.task_options.get("weight_decay", 0)),
        )
        batches = DataLoader(TensorDataset(*data), settings.batch_size, shuffle=True)
        for _ in range(settings.epochs):
            for measured, came_back in batches:
                work.between()
                optimiser.zero_grad()
                loss = functional.cross_entropy(module(measured), came_back)
                loss.backward()
                optimiser.step()
        return len(data[0]), {"train_loss": loss.item()}

    def score(
        self, module: nn.Module, data_dir: Path | None, between: Callable[[], None]
    ) -> Score:
        """Test it on a table that no hospital trains on."""
        measured, came_back = read(data_dir, "test.csv")
        logits = module(measured)
        right = (logits.argmax(1) == came_back).float().mean().item()
        loss = functional.cross_entropy(logits, came_back).item()
        return Score(accuracy=right, loss=loss, examples=len(measured))


TASK = Patients()


def read(folder: Path | None, name: str) -> Table:
    """Read a table: a line of names, then six numbers and 0 or 1 a line."""
    path = (folder or Path()) / name
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected a table")
    try:
        rows = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, dtype=np.float32)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    table = torch.from_numpy(rows)
    return table[:, :-1], table[:, -1].long()


def make_up(folder: Path, hospitals: int = 5, patients: int = 400) -> None:
    """Write tables of made-up patients, who differ from hospital to hospital."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    matters = rng.normal(size=len(MEASURED))
    for name in [*(f"hospital-{index}" for index in range(hospitals)), "test"]:
        usual = 0 if name == "test" else rng.normal(size=len(MEASURED))
        measured = rng.normal(usual, size=(patients, len(MEASURED)))
        came_back = measured @ matters + rng.normal(0, 0.3, patients) > 0
        np.savetxt(
            folder / f"{name}.csv",
            np.column_stack([measured, came_back]),
            fmt="%.4g",
            delimiter=",",
            header=",".join([*MEASURED, "came_back"]),
            comments="",
        )


if __name__ == "__main__":
    make_up(Path(sys.argv[1]))
