"""A client that hangs is restarted; one in a long batch is not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cluster import slow_task
from tests.cluster.experiments import report_of, wait_training
from tests.cluster.fleet import Fleet, until
from tests.tools import missing

pytestmark = pytest.mark.cluster

HANG_S = 60
"""Looks are as far apart; a batch takes 45 s, so looks find it at work."""


@pytest.fixture
def fleet(new_fleet, operator) -> Fleet:
    """Two clients in long batches, of a task that is mounted into them."""
    fleet = new_fleet("slow")
    fleet.kubectl("create", "configmap", "task", f"--from-file={slow_task.__file__}")
    name = {"name": "task"}
    fleet.values["extraVolumes"].append({**name, "configMap": name})
    fleet.values["extraVolumeMounts"].append({**name, "mountPath": "/opt/task"})
    fleet.values["extraEnv"] = [{"name": "PYTHONPATH", "value": "/app:/opt/task"}]
    grace = "clients.terminationGracePeriodSeconds=5"
    settings = {"task": "slow_task:TASK", "clients": 2, "per_round": 2, "rounds": 9}
    operator.start("slow", settings)
    wanted = f"clients.count=2,clients.hangSeconds={HANG_S},{grace}"
    fleet.install("--set", f"{wanted},experiment.name=slow")
    fleet.wait_ready(2)
    return fleet


def test_a_hanging_client_is_restarted_and_one_in_a_long_batch_is_not(fleet, operator):
    report = wait_training(operator, "slow", 1)
    pods = {each.index: each.name.partition("/")[2] for each in report.clients}
    # From outside: a container's first process is deaf to its own kind.
    os.kill(process_of(fleet, pods[0]), signal.SIGSTOP)
    until(lambda: fleet.restarts(pods[0]) == 1, "a restart")

    def both_are_done() -> bool:
        """The restarted client takes its round up again; only then can it close."""
        return len(report_of(operator, "slow").rounds) > 1

    until(both_are_done, "the round's end")
    assert fleet.restarts(pods[0]) == 1
    assert fleet.restarts(pods[1]) == 0
    operator.stop("slow")


def process_of(fleet: Fleet, pod: str) -> int:
    """The client's process as this machine sees it, if the pod runs here."""
    inside = fleet.uid(pod), fleet.uid(pod).replace("-", "_")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            group = (folder / "cgroup").read_text()
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if any(each in group for each in inside) and b"fedclient\0" in command:
            return int(folder.name)
    missing("the pods run on another machine")
