"""What clusters do to pods in the middle of a round: nothing is lost or doubled."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

import pytest

from fedcore.messages import Report
from tests.cluster.experiments import (
    PlainRun,
    busy_pods,
    check_undisturbed,
    model_of,
    wait_training,
)
from tests.cluster.fleet import Fleet, until
from tests.cluster.server import Server

pytestmark = pytest.mark.cluster

CLIENTS = 6
# All are selected in each round, so no round ends without those that are hit. And no
# deadline may pass: a round that closes with its quorum makes other bytes.
SETTINGS = {
    "clients": CLIENTS,
    "per_round": CLIENTS,
    "epochs": 2,
    "seed": 8,
    "deadline_s": 7200,
}

Fault = Callable[[Fleet, Server, Report], None]


def test_training_survives_what_clusters_do(new_fleet, server, operator, tmp_path):
    operator.start("hard", {**SETTINGS, "rounds": 1000})
    fleet = new_fleet("hard")
    fleet.install("--set", f"clients.count={CLIENTS},experiment.name=hard")
    number = 0
    for fault in (deleted, killed_for_memory, api_away, drained, restarted):
        report = wait_training(operator, "hard", number + 1)
        number = report.live.round
        fault(fleet, server, report)
    wait_training(operator, "hard", number + 1)
    operator.stop("hard")
    report = operator.status("hard")
    check_undisturbed(report, updates=CLIENTS)
    assert report.enrolled == CLIENTS
    assert report.version >= number
    fleet.helm("uninstall")
    plain = PlainRun({**SETTINGS, "rounds": report.version}, tmp_path)
    assert model_of(operator, "hard") == plain.model()


def deleted(fleet: Fleet, server: Server, report: Report) -> None:
    """Three selected clients are deleted, one of them without grace."""
    one, two, three = pods = busy_pods(report)[:3]
    before = {pod: fleet.uid(pod) for pod in pods}
    fleet.kubectl("delete", "pod", one, "--force", "--grace-period=0")
    fleet.kubectl("delete", "pod", two, three, "--wait=false")
    for pod in pods:
        fleet.wait_replaced(pod, before[pod])


def killed_for_memory(fleet: Fleet, server: Server, report: Report) -> None:
    """The kernel ends a client for want of memory.

    The client is made the kernel's first choice; it would be the eater otherwise.
    """
    pod = busy_pods(report)[0]
    code = (
        "open('/proc/1/oom_score_adj', 'w').write('1000'); eaten = []\n"
        "while True: eaten.append(b'x' * (1 << 24))"
    )
    fleet.kubectl("exec", pod, "--", "python", "-c", code, check=False)
    until(lambda: fleet.last_end(pod) == "OOMKilled", "an end for want of memory")


def api_away(fleet: Fleet, server: Server, report: Report) -> None:
    """The actions and their database are away for 20 s."""
    server.stop()
    time.sleep(20)
    server.start()


def drained(fleet: Fleet, server: Server, report: Report) -> None:
    """The nodes are drained as far as the budget allows, and come back.

    A fifth of six clients, rounded up, are two. These are selected and have nowhere to
    go, so the round waits for them.
    """
    fleet.wait_ready(CLIENTS)
    nodes = {pod["spec"]["nodeName"] for pod in fleet.pods()}
    fleet.kubectl("cordon", *nodes)
    try:
        *_, last = pods = sorted(fleet.ready(), key=busy_pods(report).__contains__)
        for pod in pods[-3:-1]:
            before = fleet.uid(pod)
            until(lambda pod=pod: evict(fleet, pod) == "", f"{pod} evicted")
            fleet.wait_replaced(pod, before)
        assert "disruption budget" in evict(fleet, last)
        assert len(fleet.ready()) == CLIENTS - 2
    finally:
        fleet.kubectl("uncordon", *nodes)


def restarted(fleet: Fleet, server: Server, report: Report) -> None:
    """All are restarted, one after the other."""
    server.fedwhisk("clients", "restart", "-n", fleet.namespace)
    fleet.wait_rolled_out()


def evict(fleet: Fleet, pod: str) -> str:
    """Evict a pod as a drain does; return why not, if not."""
    place = {"name": pod, "namespace": fleet.namespace}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": place}
    url = f"/api/v1/namespaces/{fleet.namespace}/pods/{pod}/eviction"
    done = subprocess.run(
        ["kubectl", "create", "--raw", url, "-f", "-"],
        input=json.dumps(body),
        capture_output=True,
        text=True,
    )
    return done.stderr if done.returncode else ""
