import csv
import itertools
import json

import msgspec
import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from safetensors.numpy import load_file

from fedwhisk.experiments.model import Model
from fedwhisk.experiments.results import (
    POINTS,
    Course,
    History,
    Totals,
    training_seconds,
    write,
)
from fedwhisk.view.experiment import show_summary
from tests.fedwhisk.reports import closed, member, report

TOTALS = Totals(
    wall_s=40.0,
    calls_by_action={"check_in": 9, "submit_update": 5},
    http_429=0,
    bytes_in=1_000,
    bytes_out=2_000,
    peak_rss={"fedavg": 47_000_000},
)
MODEL = Model(2, np.array([1, 2, 3], "<f4").tobytes(), [("w", [2]), ("b", [1])])
ROUNDS = (
    closed(0, accuracy=0.1, updates=1, metrics={}),
    closed(1, accuracy=0.8),
    closed(2, accuracy=0.9, metrics={"train_s": 2.0, "val_loss": 0.3}),
)


def written(folder, *rounds, model=MODEL, **changes):
    """The outcome of an experiment whose report holds the last round alone."""
    whole = report(*rounds, **changes)
    last = msgspec.structs.replace(whole, rounds=list(rounds[-1:]))
    history = History(rounds=rounds, clients=[member(0), member(1)])
    return write(folder, last, history, model, TOTALS)


@pytest.fixture
def outcome(tmp_path):
    return written(tmp_path / "runs" / "three", *ROUNDS, state="finished")


def test_a_run_leaves_four_files(outcome) -> None:
    found = sorted(file.name for file in outcome.folder.iterdir())
    expected = ["accuracy.png", "experiment.json", "metrics.csv", "model.safetensors"]
    assert found == expected


@pytest.mark.parametrize("loss", [1.7e308, -1.7e308, 1e9, -1e9, -3.0, 0.0])
def test_a_loss_of_any_size_leaves_all_results(tmp_path, loss) -> None:
    scored = {"accuracy": 0.5, "loss": loss, "examples": 100.0}
    hostile = closed(3, evaluation=scored, metrics={"train_s": loss})
    outcome = written(tmp_path / "run", *ROUNDS, hostile, state="finished")
    assert (outcome.folder / "accuracy.png").stat().st_size > 1_000
    assert outcome.no_picture == ""
    assert json.loads(outcome.to_json())["loss"] == loss
    assert (
        (outcome.folder / "metrics.csv")
        .read_text()
        .splitlines()[4]
        .endswith(f",{loss},")
    )


def test_a_picture_that_fails_costs_nothing_else(tmp_path, capsys) -> None:
    scored = {"accuracy": 0.5, "loss": 1.7e308, "examples": 100.0}
    outcome = written(tmp_path / "run", closed(0, evaluation=scored), state="finished")
    found = sorted(file.name for file in outcome.folder.iterdir())
    assert found == ["experiment.json", "metrics.csv", "model.safetensors"]
    show_summary(Console(width=200), outcome)
    assert "no picture: Undrawable: no version has a loss" in capsys.readouterr().out


def test_the_model_is_written_by_its_layout(outcome) -> None:
    tensors = load_file(outcome.model)
    assert {name: array.tolist() for name, array in tensors.items()} == {
        "w": [1, 2],
        "b": [3],
    }


def test_metrics_have_a_line_a_round_and_gaps_where_nothing_was_measured(
    outcome,
) -> None:
    with (outcome.folder / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["round"] for row in rows] == ["0", "1", "2"]
    assert [row["accuracy"] for row in rows] == ["0.1", "0.8", "0.9"]
    assert [row["train_s"] for row in rows] == ["", "1.5", "2.0"]
    assert [row["val_loss"] for row in rows] == ["", "", "0.3"]


def test_the_experiment_is_kept_with_what_it_cost(outcome) -> None:
    kept = json.loads((outcome.folder / "experiment.json").read_text())
    assert kept["experiment"]["settings"]["rounds"] == 3
    assert [each["round"] for each in kept["experiment"]["rounds"]] == [0, 1, 2]
    assert [each["name"] for each in kept["experiment"]["clients"]] == ["c0", "c1"]
    assert kept["totals"]["bytes_out"] == 2_000


def test_the_summary_for_programs_counts_training_rounds_and_calls(outcome) -> None:
    summary = json.loads(outcome.to_json())
    assert (summary["experiment"], summary["state"]) == ("three", "finished")
    assert summary["rounds"] == 2  # round 0 makes the initial model
    assert summary["accuracy"] == 0.9
    assert summary["calls"] == 9 + 5
    assert summary["train_s"] == 2 * 1.5 + 2 * 2.0
    assert summary["model"] == str(outcome.folder / "model.safetensors")


def test_the_picture_is_an_image_of_a_readable_size(outcome) -> None:
    with Image.open(outcome.folder / "accuracy.png") as picture:
        assert picture.size == (980, 588)  # 7 x 4.2 inches at 140 dots


def test_results_replace_those_of_an_earlier_run(outcome, tmp_path) -> None:
    again = written(tmp_path / "runs" / "three", *ROUNDS[:2])
    assert len((again.folder / "metrics.csv").read_text().splitlines()) == 3


def test_without_a_version_there_is_neither_model_nor_picture(tmp_path) -> None:
    outcome = written(tmp_path / "none", state="failed", model=None)
    found = sorted(file.name for file in outcome.folder.iterdir())
    assert found == ["experiment.json", "metrics.csv"]
    summary = json.loads(outcome.to_json())
    assert (summary["model"], summary["accuracy"]) == (None, None)


def test_training_seconds_are_those_of_all_clients() -> None:
    assert training_seconds(closed(1, updates=4, metrics={"train_s": 2.5})) == 10.0


def test_a_picture_of_a_long_history_thins_its_scores_out_evenly() -> None:
    course = Course()
    for number in range(10 * POINTS):
        course.count(closed(number, accuracy=0.5))
    drawn = [point[0] for point in course.points]
    assert POINTS <= len(drawn) <= 2 * POINTS
    assert {after - before for before, after in itertools.pairwise(drawn)} == {
        course.every
    }
    assert (course.trained, course.score["accuracy"]) == (10 * POINTS - 1, 0.5)
