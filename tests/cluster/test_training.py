"""Twenty pods: the standard experiment, another size, the next experiment, the end."""

from __future__ import annotations

import pytest

from tests.cluster.experiments import (
    PlainRun,
    check_undisturbed,
    model_of,
    wait_finished,
)
from tests.cluster.fleet import Fleet, until

pytestmark = pytest.mark.cluster

STANDARD = {"epochs": 1, "seed": 7}
"""The default experiment (20 clients, 10 a round, 10 rounds of MNIST), fewer epochs."""


@pytest.fixture(scope="module")
def empty(new_fleet) -> tuple[Fleet, set[str]]:
    """A fleet that is not there yet, and what its namespace holds before."""
    fleet = new_fleet("twenty")
    return fleet, fleet.everything()


@pytest.fixture(scope="module")
def fleet(empty, operator) -> Fleet:
    """Twenty clients, and an experiment for them."""
    operator.start("standard", STANDARD)
    fleet, _ = empty
    fleet.install()
    fleet.wait_ready(20)
    return fleet


def test_twenty_pods_make_the_same_model_as_one_machine(fleet, operator, tmp_path):
    plain = PlainRun(STANDARD, tmp_path)
    report = wait_finished(operator, "standard")
    check_undisturbed(report, updates=10)
    assert {client.name for client in report.clients} == {
        f"{fleet.namespace}/fl-clients-{number}" for number in range(20)
    }
    assert len(report.rounds) == 11
    assert report.rounds[-1].evaluation["accuracy"] > 0.9
    assert model_of(operator, "standard") == plain.model()


def test_a_fleet_of_another_size_takes_part_in_the_next(fleet, operator, server):
    here = ("-n", fleet.namespace)
    operator.start("next", {"rounds": 1, "epochs": 1})
    server.fedwhisk("clients", "scale", "5", *here)
    until(lambda: len(fleet.pods()) == 5, "five pods")
    server.fedwhisk("clients", "scale", "20", *here)
    fleet.wait_ready(20)
    report = wait_finished(operator, "next")
    check_undisturbed(report, updates=10)
    assert report.enrolled == 20
    table = server.fedwhisk("clients", "list", "next", *here)
    assert table.count("ready") == table.count("finished") - 1 == 20
    log = server.fedwhisk("clients", "logs", "3", *here)
    assert "enrolled in next as client" in log


def test_uninstall_leaves_nothing(empty, fleet):
    _, before = empty
    fleet.helm("uninstall", "--wait")
    own = {"serviceaccount/default", "configmap/kube-root-ca.crt"}
    until(lambda: not fleet.everything() - before - own, "an empty namespace")
