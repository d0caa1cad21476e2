"""`clients list` and `revoke`, where there is no cluster and nobody said where."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from fedcore.messages import Outline, Revoked
from fedwhisk.cli import app
from fedwhisk.errors import OperatorError
from tests.fedwhisk.reports import member, report


def no_cluster(*where: object) -> None:
    raise OperatorError("no cluster: no kubeconfig")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setattr("fedwhisk.cli.clients._fleet", no_cluster)


def known(monkeypatch, found) -> None:
    monkeypatch.setattr("fedwhisk.cli.clients._report", lambda on, name: found)


def test_without_a_cluster_the_experiments_clients_are_listed(monkeypatch) -> None:
    known(monkeypatch, report(clients=[member(0), member(1)]))
    result = CliRunner().invoke(app, ["clients", "list"])
    assert result.exit_code == 0
    assert "experiment three: running" in result.output
    assert "c1" in result.output
    assert "without pods (no cluster: no kubeconfig)" in result.output


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, ["clients", "list"]),
        (report(), ["clients", "list", "--context", "x"]),
    ],
)
def test_what_was_asked_for_and_is_not_there_is_an_error(monkeypatch, found, words):
    known(monkeypatch, found)
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, OperatorError)


class Deployment:
    def outline(self):
        return Outline(
            experiment="three",
            state="running",
            reason=None,
            task="mnist",
            round=1,
            rounds=3,
            version=0,
            scored=None,
            evaluation=None,
            created=0.0,
            ended=None,
        )

    def revoke(self, experiment, name, *, undo):
        return Revoked(experiment=experiment, client=1, name=name, revoked=not undo)


def test_revoke_says_which_experiment_it_took(monkeypatch) -> None:
    @contextmanager
    def operating(on, **more):
        yield Deployment()

    monkeypatch.setattr("fedwhisk.experiments.federation.operating", operating)
    result = CliRunner().invoke(app, ["clients", "revoke", "c1"])
    assert result.stderr == "experiment three, the newest\n"
    assert result.stdout == "three: client 1 (c1) is revoked\n"
    result = CliRunner().invoke(app, ["clients", "revoke", "c1", "--experiment", "e"])
    assert (result.stderr, result.exit_code) == ("", 0)
