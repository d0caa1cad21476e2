"""What a run leaves behind: the model, the metrics, the experiment, a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from fedclient import weights
from fedcore.messages import Report, RoundReport
from fedwhisk.operator import Model


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. Bytes are of bodies, as its clients sent and got them.

    Attributes:
        wall_s: seconds from the command to the results; of several commands, if the
            first was cut off, all together.
        calls_by_action: calls of the clients.
        http_429: how many of them the platform throttled.
        peak_rss: largest memory of an action's process, in bytes, by action.
        activations: how often each action ran on the platform that this started, for
            whomever: its clients, its operator, its guests.
        cold_starts: how many of them began in a fresh process.
        gb_s: what OpenWhisk would bill for them, in GB-seconds.
        chaos: faults that were put in on purpose, by kind.
        unknown: commands that were killed: what they came to is not in here.
    """

    wall_s: float = 0.0
    calls_by_action: dict[str, int] = {}
    http_429: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    peak_rss: dict[str, int] = {}
    activations: dict[str, int] = {}
    cold_starts: dict[str, int] = {}
    gb_s: dict[str, float] = {}
    chaos: dict[str, int] = {}
    unknown: int = 0

    @property
    def calls(self) -> int:
        """Calls of the clients in all."""
        return sum(self.calls_by_action.values())

    def plus(self, other: Totals) -> Totals:
        """Return what both came to together."""
        actions = self.peak_rss.keys() | other.peak_rss.keys()
        return Totals(
            wall_s=self.wall_s + other.wall_s,
            calls_by_action=_sum(self.calls_by_action, other.calls_by_action),
            http_429=self.http_429 + other.http_429,
            bytes_in=self.bytes_in + other.bytes_in,
            bytes_out=self.bytes_out + other.bytes_out,
            peak_rss={
                name: max(self.peak_rss.get(name, 0), other.peak_rss.get(name, 0))
                for name in sorted(actions)
            },
            activations=_sum(self.activations, other.activations),
            cold_starts=_sum(self.cold_starts, other.cold_starts),
            gb_s=_sum(self.gb_s, other.gb_s),
            chaos=_sum(self.chaos, other.chaos),
            unknown=self.unknown + other.unknown,
        )


NOTHING = Totals()


Number = TypeVar("Number", int, float)


def _sum(one: dict[str, Number], other: dict[str, Number]) -> dict[str, Number]:
    names = sorted(one.keys() | other.keys())
    return {name: one.get(name, 0) + other.get(name, 0) for name in names}


@dataclass(frozen=True)
class Outcome:
    """The end of a run: what the experiment says, what it cost, where results are.

    `no_picture` says why the scores could not be drawn.
    """

    report: Report
    totals: Totals
    folder: Path
    model: Path | None
    no_picture: str = ""

    @property
    def state(self) -> str:
        """The experiment's state."""
        return self.report.state

    @property
    def score(self) -> dict[str, float]:
        """The newest version's score; empty where there is none."""
        scored = [each.evaluation for each in self.report.rounds if each.evaluation]
        return scored[-1] if scored else {}

    def to_json(self) -> str:
        """Return the run as one JSON object for programs."""
        trained = [each for each in self.report.rounds if each.round > 0]
        summary = {
            "experiment": self.report.experiment,
            "state": self.state,
            "rounds": len(trained),
            "accuracy": self.score.get("accuracy"),
            "loss": self.score.get("loss"),
            "wall_s": round(self.totals.wall_s, 3),
            "train_s": round(sum(training_seconds(each) for each in trained), 3),
            "calls": self.totals.calls,
            "calls_by_action": self.totals.calls_by_action,
            "http_429": self.totals.http_429,
            "bytes_in": self.totals.bytes_in,
            "bytes_out": self.totals.bytes_out,
            "peak_rss": self.totals.peak_rss,
            "activations": sum(self.totals.activations.values()),
            "cold_starts": sum(self.totals.cold_starts.values()),
            "gb_s": round(sum(self.totals.gb_s.values()), 3),
            "chaos": self.totals.chaos,
            "unknown": self.totals.unknown,
            "model": str(self.model) if self.model else None,
            "clients": self.report.enrolled,
        }
        return msgspec.json.encode(summary).decode()


def training_seconds(each: RoundReport) -> float:
    """Return the seconds that a round's clients trained, all together.

    The mean is weighted by examples; clients of equal shares make it exact.
    """
    return each.metrics.get("train_s", 0.0) * each.updates


def write(folder: Path, report: Report, model: Model | None, totals: Totals) -> Outcome:
    """Write all results into a folder, over those of an earlier run.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = None
    if model is not None:
        path = folder / "model.safetensors"
        save_model(path, model, report)
    write_metrics(folder / "metrics.csv", report.rounds)
    described = {"experiment": report, "totals": totals}
    text = msgspec.json.format(msgspec.json.encode(described), indent=2)
    (folder / "experiment.json").write_bytes(text + b"\n")
    return Outcome(report, totals, folder, path, _draw(folder / "accuracy.png", report))


def _draw(path: Path, report: Report) -> str:
    """Draw the scores, if there are any; return what went wrong, else nothing.

    A picture is the least of the results: no failure of it may cost the others.
    """
    if not any(each.evaluation for each in report.rounds):
        return ""
    try:
        from fedwhisk.plot import draw

        draw(path, report)
    except Exception as error:  # noqa: BLE001 - matplotlib raises many kinds
        return f"no picture: {type(error).__name__}: {error}"
    return ""


def save_model(path: Path, model: Model, report: Report) -> None:
    """Write a version to a safetensors file that says which experiment it is from."""
    weights.save(
        path,
        model.vector,
        model.layout,
        experiment=report.experiment,
        version=model.version,
        task=report.settings.task,
    )


def write_metrics(path: Path, rounds: Sequence[RoundReport]) -> None:
    """Write one line a round: what happened, the score, the clients' mean metrics."""
    names = sorted({name for each in rounds for name in each.metrics})
    head = ["round", "seconds", "updates", "examples", "attempts", "late", "refused"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow([*head, "accuracy", "loss", *names])
        for each in rounds:
            score = each.evaluation or {}
            row: list[float | None]
            row = [each.round, round(each.seconds, 3), each.updates, each.examples]
            row += [each.attempts, len(each.late), len(each.refused)]
            row += [score.get("accuracy"), score.get("loss")]
            table.writerow([*row, *(each.metrics.get(name) for name in names)])
