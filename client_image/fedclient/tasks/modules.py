"""A user's task: any `torch.nn.Module`, any data, four methods to write.

class Patients(ModuleTask):
    def module(self): …             # the network, untrained
    def load(self, context): …      # the client's own data
    def fit(self, module, data, work): …           # train it, in place
    def score(self, module, data_dir, between): …  # test it

TASK = Patients()

`examples/patients.py` is one, whole; `fedwhisk run --task patients:TASK` runs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fedclient import streams, weights
from fedclient.pictures import PictureError
from fedclient.tasks import ClientContext, Prediction, Score, Update, Work
from fedcore.codec import Layout


class ModuleTask(ABC):
    """A `Task` on a torch module.

    What is averaged is all of its state that is made of floats, so the running means of
    a batch normalisation as well; counters stay as they are in a new module. Before a
    module is made and before it is trained torch is seeded, so that the experiment's
    seed, the round and the client's index fix all that torch draws.
    """

    @abstractmethod
    def module(self) -> nn.Module:
        """Return a new module; how it is initialised is how training starts."""

    @abstractmethod
    def load(self, context: ClientContext) -> Any:
        """Return the client's own data, in the form that `fit` takes.

        Raises:
            fedclient.data.DataError: the data is missing or not as it should be.
        """

    @abstractmethod
    def fit(
        self, module: nn.Module, data: Any, work: Work
    ) -> tuple[int, Mapping[str, float]]:
        """Train the module, in place, for one round.

        Call `work.between()` between batches. The experiment's settings are in
        `work.context.settings`, those of your own in its `task_options`.

        Returns:
            The number of training examples, which weighs the update, and metrics.
        """

    @abstractmethod
    def score(
        self, module: nn.Module, data_dir: Path | None, between: Callable[[], None]
    ) -> Score:
        """Test the module on the central test set; with `evaluate: false`, never."""

    @cached_property
    def layout(self) -> Layout:
        """See `Task`."""
        return [
            (name, list(value.shape)) for name, value in _floats(self.module()).items()
        ]

    def initial_model(self, seed: int) -> bytes:
        """See `Task`."""
        with _seeded("initial model", seed):
            return self._model(self.module())

    def preload(self, data_dir: Path | None) -> None:
        """See `Task`. Data is each client's own; what is shared is an import.

        The first optimiser of a process costs it seconds and 150 MB: here once for all.
        """
        torch.optim.SGD([torch.zeros(1, requires_grad=True)])

    def train(self, model: bytes, data: Any, work: Work) -> Update:
        """See `Task`."""
        context = work.context
        with _seeded("training", context.settings.seed, work.round, context.index):
            module = self._module(model)
            module.train()
            examples, metrics = self.fit(module, data, work)
        return Update(self._model(module), examples, metrics)

    def evaluate(
        self, model: bytes, data_dir: Path | None, between: Callable[[], None]
    ) -> Score:
        """See `Task`."""
        module = self._module(model)
        module.eval()
        with torch.no_grad():
            return self.score(module, data_dir, between)

    def predict(self, model: bytes, image: Path) -> Prediction:
        """See `Task`.

        Raises:
            PictureError: always, unless a subclass reads images.
        """
        raise PictureError(f"{image}: {type(self).__name__} classifies no images")

    def _module(self, model: bytes) -> nn.Module:
        module = self.module()
        # Not strict: counters are not in the model.
        module.load_state_dict(weights.torch_tensors(model, self.layout), strict=False)
        return module

    def _model(self, module: nn.Module) -> bytes:
        return weights.torch_vector(_floats(module), self.layout)


def _floats(module: nn.Module) -> dict[str, torch.Tensor]:
    state = module.state_dict()
    return {name: each for name, each in state.items() if each.is_floating_point()}


@contextmanager
def _seeded(purpose: str, *key: int) -> Iterator[None]:
    """Let torch draw the numbers of that stream, and others' afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(streams.seed(purpose, *key))
        yield
