"""What `fedwhisk run` is to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fedcore.settings import ExperimentSettings
from fedwhisk.faults import NO_FAULTS, FaultRates
from fedwhisk.platforms import Where


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What to run, and how.

    Attributes:
        name: the experiment.
        settings: its settings.
        out: the folder that gets a folder of its results.
        at_once: how many clients may train at the same moment.
        port: where the embedded host listens, if that port is free.
        on: which deployment serves the actions.
        faults: what is done to it on purpose, to show that it does no harm.
        fresh: whether to train a finished one again, under another name.
        model: the file that training starts from; None: the task's initial model.
    """

    name: str
    settings: ExperimentSettings
    out: Path
    at_once: int
    port: int
    on: Where
    faults: FaultRates = NO_FAULTS
    fresh: bool = False
    model: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of the results."""
        return self.out / self.name
