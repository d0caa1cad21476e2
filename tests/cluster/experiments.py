"""Experiments on a cluster: how they stand, and what their models must be.

Clients are deterministic: the same seed gives the same bytes, whoever dies in between,
unless an update is lost, counted twice or mixed up. So the bytes are the proof.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedclient import weights
from fedcore.codec import Layout
from fedcore.messages import Report
from fedwhisk.experiments.federation import Federation
from tests.cluster.fleet import until
from tests.cluster.server import COMMAND


def report_of(operator: Federation, name: str) -> Report:
    """How the experiment stands; it must neither have failed nor been stopped."""
    report = operator.status(name)
    assert report.state in ("enrolling", "running", "finished"), report.reason
    return report


def wait_finished(operator: Federation, name: str) -> Report:
    """Wait until the experiment is over and its last model has its score."""

    def there() -> Report | None:
        report = report_of(operator, name)
        scored = report.rounds and report.rounds[-1].evaluation
        return report if report.state == "finished" and scored else None

    found: Report = until(there, f"{name}: the end")
    return found


def wait_training(operator: Federation, name: str, round_number: int) -> Report:
    """Wait until that round, or a later one, is being trained."""

    def there() -> Report | None:
        report = report_of(operator, name)
        assert report.state != "finished", f"over before round {round_number}"
        live = report.live
        here = live and live.round >= round_number and live.state == "training"
        return report if here else None

    found: Report = until(there, f"{name}: round {round_number}")
    return found


def check_undisturbed(report: Report, updates: int) -> None:
    """Nobody lost, nobody twice: every round closed with its target, at once."""
    assert report.enrolled == len({client.name for client in report.clients})
    for each in report.rounds[1:]:
        assert each.updates == len(set(each.cohort)) == updates
        assert each.attempts == 1


def busy_pods(report: Report) -> list[str]:
    """Pods that are selected in the live round and have not submitted."""
    assert report.live is not None
    busy = set(report.live.cohort) - set(report.live.accepted)
    names = {client.index: client.name for client in report.clients}
    return [names[index].partition("/")[2] for index in sorted(busy)]


class PlainRun:
    """The same settings on this machine alone, by `fedwhisk run`, at the same time."""

    def __init__(self, settings: Mapping[str, Any], folder: Path) -> None:
        self._folder = folder
        options = [
            f"--{key.removesuffix('_s').replace('_', '-')}={value}"
            for key, value in settings.items()
        ]
        place = ("--experiment=plain", f"--out={folder}", "--port=0", "--json")
        self._process = subprocess.Popen(
            [*COMMAND, "run", *place, *options],
            env={**os.environ, "FEDWHISK_HOME": str(folder / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def model(self) -> bytes:
        """Wait for the model; its tensors in the order of their names."""
        out, err = self._process.communicate()
        assert self._process.returncode == 0, out + err
        found = weights.load(self._folder / "plain" / "model.safetensors")
        return _by_name(found.model, found.layout)


def model_of(operator: Federation, name: str) -> bytes:
    """The experiment's newest model, its tensors in the order of their names."""
    model = operator.model(name)
    return _by_name(model.vector, model.layout)


def _by_name(model: bytes, layout: Layout) -> bytes:
    tensors = weights.arrays(model, layout)
    return b"".join(tensors[name].tobytes() for name in sorted(tensors))
