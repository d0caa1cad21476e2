"""Releases: the test of the settings, two at once, an upgrade that fails."""

from __future__ import annotations

import pytest

from tests.cluster.experiments import check_undisturbed, wait_finished
from tests.cluster.fleet import Fleet

pytestmark = pytest.mark.cluster


def test_helm_test_says_which_setting_is_wrong(new_fleet):
    fleet = new_fleet("doubt")
    fleet.secret("wrong", "0.wrong")
    fleet.install("--set", "clients.count=0")
    good = fleet.helm("test", "--logs")
    assert "may enrol" in good.stdout
    fleet.upgrade("--set", "clients.count=0,enrolment.existingSecret=wrong")
    bad = fleet.helm("test", "--logs", check=False)
    assert bad.returncode != 0
    assert "wrong token" in bad.stdout
    fleet.upgrade("--set", "clients.count=0,openwhisk.baseUrl=http://127.0.0.1:9/x")
    bad = fleet.helm("test", "--logs", check=False)
    assert bad.returncode != 0
    assert "wrong URL" in bad.stdout


@pytest.fixture(scope="module")
def fleets(new_fleet, operator) -> dict[str, Fleet]:
    """Two releases in two namespaces, each with an experiment of its own."""
    settings = {"clients": 3, "per_round": 2, "rounds": 2, "epochs": 1}
    fleets = {name: new_fleet(name) for name in ("left", "right")}
    for name, fleet in fleets.items():
        operator.start(name, settings)
        fleet.install("--set", wanted(name))
    return fleets


def wanted(experiment: str) -> str:
    return f"clients.count=3,experiment.name={experiment}"


def test_two_releases_train_two_experiments_at_once(fleets, operator):
    for name, fleet in fleets.items():
        report = wait_finished(operator, name)
        check_undisturbed(report, updates=2)
        namespaces = {each.name.partition("/")[0] for each in report.clients}
        assert namespaces == {fleet.namespace}


def test_an_upgrade_rolls_out_and_a_failed_one_is_rolled_back(fleets):
    fleet = fleets["left"]
    waiting = ("--wait", "--timeout=15m")
    changed = wanted("left") + ",podLabels.team=learning"
    fleet.upgrade("--set", changed, *waiting)
    assert {pod["metadata"]["labels"].get("team") for pod in fleet.pods()} == {
        "learning"
    }
    said = fleet.upgrade("--set", "clients.cuont=3", check=False)
    assert "additional properties 'cuont' not allowed" in said
    bad = changed + ",image.tag=no-such,image.pullPolicy=Never"
    said = fleet.upgrade("--set", bad, "--wait", "--timeout=20s", check=False)
    assert "UPGRADE FAILED" in said
    assert "ErrImageNeverPull" in fleet.kubectl("get", "pods")
    assert len(fleet.ready()) == 2
    fleet.helm("rollback", *waiting)
    assert len(fleet.ready()) == 3
