"""`fedwhisk list`, as it is printed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from fedcore.messages import Listing, Outline
from fedwhisk.cli import app

DAY_S = 86_400


def outline(name: str, age_s: float, accuracy: float | None = None) -> Outline:
    return Outline(
        experiment=name,
        state="running",
        reason=None,
        task="mnist",
        round=2,
        rounds=10,
        version=1,
        scored=None if accuracy is None else 1,
        evaluation=None if accuracy is None else {"accuracy": accuracy, "loss": 0.5},
        created=10 * DAY_S - age_s,
        ended=None,
    )


@dataclass
class Deployment:
    listing: Listing

    def experiments(self) -> Listing:
        return self.listing


@pytest.fixture
def lists(monkeypatch):
    def said(*outlines: Outline, options=(), total=None):
        listing = Listing(
            experiments=[*outlines], total=total or len(outlines), now=10 * DAY_S
        )

        @contextmanager
        def operating(on, **more):
            yield Deployment(listing)

        monkeypatch.setattr("fedwhisk.experiments.federation.operating", operating)
        result = CliRunner().invoke(app, ["list", *options])
        assert result.exit_code == 0
        return result.output

    return said


def test_each_experiment_is_a_line(lists) -> None:
    text = lists(outline("new", 90), outline("old", 3 * DAY_S, accuracy=0.9))
    assert [line.split() for line in text.splitlines()] == [
        ["experiment", "state", "round", "accuracy", "age"],
        ["new", "running", "2", "of", "10", "90", "s"],
        ["old", "running", "2", "of", "10", "90.00", "%", "3", "d"],
    ]


def test_those_left_out_are_counted(lists) -> None:
    assert lists(outline("new", 60), total=101).endswith("and 100 older ones\n")


def test_where_there_is_none_a_line_says_so(lists) -> None:
    assert lists() == "no experiment yet\n"


def test_the_list_is_json_too(lists) -> None:
    found = json.loads(lists(outline("new", 60, accuracy=0.5), options=["--json"]))
    assert found["experiments"][0]["evaluation"]["accuracy"] == 0.5
    assert found["total"] == 1
