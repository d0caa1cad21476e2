"""What a run leaves behind: the model, the metrics, the experiment, a picture."""

from __future__ import annotations

import csv
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from fedcore.messages import ClientReport, Report, RoundReport
from fedwhisk.experiments import model_files
from fedwhisk.experiments.model import Model

COLUMNS = ("round", "seconds", "updates", "examples", "attempts", "late", "refused")
POINTS = 2_000
"""Scores that a picture shows at least, where there are more."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What a run cost. Bytes are of bodies, as its clients sent and received them.

    Attributes:
        wall_s: seconds from the command to the results; of several commands, if the
            first was cut off, all together.
        calls_by_action: calls of the clients.
        http_429: how many of them the platform throttled.
        peak_rss: largest memory of an action's process, in bytes, by action.
        activations: how often each action ran on the platform that this started, for
            all: its clients, its operator, other runs.
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
        mine, theirs = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        sums = {name: _sum(mine[name], theirs[name]) for name in mine}
        sums["peak_rss"] = _merged(max, self.peak_rss, other.peak_rss)
        return Totals(**sums)


NOTHING = Totals()


def _sum(one: Any, other: Any) -> Any:
    """Return the sum of two numbers, or of two mappings name by name."""
    if isinstance(one, dict):
        return _merged(operator.add, one, other)
    return one + other


def _merged(
    join: Callable[[Any, Any], Any], one: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, Any]:
    names = sorted(one.keys() | other.keys())
    return {name: join(one.get(name, 0), other.get(name, 0)) for name in names}


@dataclass(frozen=True)
class History:
    """All that an experiment has to tell, however much: read once, from the start."""

    rounds: Iterable[RoundReport] = ()
    clients: Iterable[ClientReport] = ()


@dataclass
class Course:
    """Sums over the rounds, counted while they are read.

    Attributes:
        trained: rounds of training.
        train_s: seconds that clients trained in them, all together.
        capped: rounds in which an update counted less than it claimed.
        score: of the newest scored version; empty if none is scored.
        points: version, accuracy and loss, of at most `2 * POINTS` scored versions
            that lie `every` apart.
    """

    trained: int = 0
    train_s: float = 0.0
    capped: int = 0
    score: dict[str, float] = field(default_factory=dict)
    points: list[tuple[int, float, float]] = field(default_factory=list)
    every: int = 1

    def count(self, each: RoundReport) -> None:
        """Count one round more."""
        if each.round > 0:
            self.trained += 1
            self.train_s += training_seconds(each)
        self.capped += bool(each.capped)
        if each.evaluation is None:
            return
        self.score = each.evaluation
        if each.round % self.every == 0:
            point = (each.round, self.score["accuracy"], self.score["loss"])
            self.points.append(point)
        if len(self.points) > 2 * POINTS:
            self.every *= 2
            self.points = [each for each in self.points if each[0] % self.every == 0]


@dataclass(frozen=True)
class RunResult:
    """The end of a run: what the experiment says, what it cost, where results are.

    `no_picture` says why the scores could not be drawn.
    """

    report: Report
    course: Course
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
        """The newest version's score; empty if none is scored."""
        return self.course.score

    def to_json(self) -> str:
        """Return the run as one JSON object for programs."""
        summary = {
            "experiment": self.report.experiment,
            "state": self.state,
            "rounds": self.course.trained,
            "accuracy": self.score.get("accuracy"),
            "loss": self.score.get("loss"),
            "wall_s": round(self.totals.wall_s, 3),
            "train_s": round(self.course.train_s, 3),
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


def write(
    folder: Path, report: Report, history: History, model: Model | None, totals: Totals
) -> RunResult:
    """Write all results into a folder, over those of an earlier run.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = None
    if model is not None:
        path = folder / "model.safetensors"
        model_files.save(path, model, report.experiment, report.settings.task)
    course = _write_history(folder, report, history, totals)
    no_picture = _draw(folder / "accuracy.png", report, course)
    return RunResult(report, course, totals, folder, path, no_picture)


def _draw(path: Path, report: Report, course: Course) -> str:
    """Draw the scores, if there are any; return what went wrong, else nothing.

    A picture is the least of the results: no failure of it may cost the others.
    """
    if not course.points:
        return ""
    try:
        from fedwhisk.experiments.plot import draw

        draw(path, report, course.points)
    except Exception as error:  # noqa: BLE001 - matplotlib raises many kinds
        return f"no picture: {type(error).__name__}: {error}"
    return ""


def _write_history(
    folder: Path, report: Report, history: History, totals: Totals
) -> Course:
    """Write the rounds as they come, a line each: they may be too many to be held."""
    empty = msgspec.structs.replace(report, rounds=[], clients=[])
    described = {"experiment": empty, "totals": totals}
    text = msgspec.json.format(msgspec.json.encode(described), indent=2)
    before, _, rest = text.partition(b'"rounds": []')
    between, _, after = rest.partition(b'"clients": []')
    course = Course()
    with (
        (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as lines,
        (folder / "experiment.json").open("wb") as whole,
    ):
        table = csv.writer(lines)
        names = sorted(report.metric_names)
        table.writerow([*COLUMNS, "accuracy", "loss", *names])
        whole.write(before + b'"rounds": [')
        for position, each in enumerate(history.rounds):
            course.count(each)
            table.writerow(_line(each, names))
            whole.write(_item(position, each))
        whole.write(b"]" + between + b'"clients": [')
        for position, client in enumerate(history.clients):
            whole.write(_item(position, client))
        whole.write(b"]" + after + b"\n")
    return course


def _item(position: int, value: msgspec.Struct) -> bytes:
    """Return an item of a list in JSON, on its own line."""
    comma = b"," if position else b""
    return comma + b"\n      " + msgspec.json.encode(value)


def _line(each: RoundReport, names: Sequence[str]) -> list[float | None]:
    """Return what happened in a round, its score, the clients' mean metrics."""
    score = each.evaluation or {}
    happened = [each.round, round(each.seconds, 3), each.updates, each.examples]
    missed = [each.attempts, each.counts.late, each.counts.refused]
    scored = [score.get("accuracy"), score.get("loss")]
    return [*happened, *missed, *scored, *(each.metrics.get(name) for name in names)]
