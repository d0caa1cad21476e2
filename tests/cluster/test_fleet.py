"""What clusters do to pods, and that the training neither stops nor changes.

Clients are deterministic: the same seed gives the same bytes, whoever dies in between,
unless an update is lost, counted twice or mixed up. So each proof ends with the bytes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from fedcore.messages import Report
from fedwhisk.operator import Operator
from tests.cluster.fleet import Fleet, until

pytestmark = pytest.mark.cluster

QUICK: dict[str, Any] = {"rounds": 3, "epochs": 1, "seed": 7}
LONG: dict[str, Any] = {"rounds": 3, "epochs": 3, "seed": 8}


def wait_for(
    operator: Operator, name: str, *, round: int = 0, state: str = "finished"
) -> Report:
    """Wait until the experiment is over, or one of its rounds is being trained."""

    def there() -> Report | None:
        report = operator.report(name)
        assert report.state in ("enrolling", "running", "finished"), report.reason
        live = report.live
        at_round = live and live.round == round and live.state == "training"
        done = at_round if round else report.state == state
        return report if done else None

    found: Report = until(there, f"{name}: {round or state}")
    return found


def check_undisturbed(report: Report, cohort: int = 10) -> None:
    """Nobody lost, nobody twice: every round closed with its target, at once."""
    assert report.enrolled == len({client.name for client in report.clients})
    for each in report.rounds[1:]:
        assert each.updates == len(set(each.cohort)) == cohort
        assert each.attempts == 1


def plain_run(settings: dict[str, Any], folder: Any) -> bytes:
    """The model of `fedwhisk run`, without Kubernetes."""
    options = ["run", "--experiment=plain", f"--out={folder}", "--port=0", "--json"]
    options += [f"--{key}={value}" for key, value in settings.items()]
    code = "from fedwhisk.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, *options],
        env={**os.environ, "FEDWHISK_HOME": str(folder / "home")},
        check=True,
        capture_output=True,
    )
    with safe_open(folder / "plain" / "model.safetensors", framework="numpy") as model:
        return b"".join(model.get_tensor(name).tobytes() for name in model.keys())  # noqa: SIM118


def in_file_order(operator: Operator, name: str) -> bytes:
    """The fleet's model, its tensors in the order of a model file."""
    import numpy as np

    model = operator.model(name)
    vector = np.frombuffer(model.vector, "<f4")
    parts, start = {}, 0
    for tensor, shape in model.layout:
        size = int(np.prod(shape))
        parts[tensor] = vector[start : start + size].tobytes()
        start += size
    return b"".join(parts[tensor] for tensor in sorted(parts))


def cohort_pods(report: Report, count: int) -> list[str]:
    """Pods that are training in the live round and have not submitted."""
    assert report.live is not None
    busy = set(report.live.cohort) - set(report.live.accepted)
    names = {client.index: client.name for client in report.clients}
    return [names[index].partition("/")[2] for index in sorted(busy)][:count]


def test_twenty_pods_make_the_same_model_as_one_machine(fleet, operator, tmp_path):
    operator.start("plain", QUICK)
    report = wait_for(operator, "plain")
    check_undisturbed(report)
    assert report.enrolled == 20
    assert {client.name for client in report.clients} == {
        f"{fleet.namespace}/fl-clients-{number}" for number in range(20)
    }
    evaluation = report.rounds[-1].evaluation
    assert evaluation is not None
    assert evaluation["accuracy"] > 0.8
    assert in_file_order(operator, "plain") == plain_run(QUICK, tmp_path)


def test_training_survives_what_clusters_do(fleet, server, operator, tmp_path):
    # No deadline may pass: a round that closes with its quorum makes other bytes.
    operator.start("hard", {**LONG, "deadline_s": 3600})
    report = wait_for(operator, "hard", round=1)
    one, two, three = cohort_pods(report, 3)
    fleet.kubectl("delete", "pod", one, "--force", "--grace-period=0")
    fleet.kubectl("delete", "pod", two, three, "--wait=false")
    report = wait_for(operator, "hard", round=2)
    victim = cohort_pods(report, 1)[0]
    eat_memory(fleet, victim)
    server.stop()
    time.sleep(20)
    server.start()
    wait_for(operator, "hard", round=3)
    fleet.kubectl("rollout", "restart", "statefulset/fl-clients")
    report = wait_for(operator, "hard")
    check_undisturbed(report)
    assert report.enrolled == 20
    assert in_file_order(operator, "hard") == plain_run(LONG, tmp_path)
    fleet.kubectl("rollout", "status", "statefulset/fl-clients", "--timeout=15m")


def eat_memory(fleet: Fleet, pod: str) -> None:
    """Let the kernel end the client for want of memory.

    The client is made the kernel's first choice; it would be the eater otherwise.
    """
    code = (
        "open('/proc/1/oom_score_adj', 'w').write('1000'); eaten = []\n"
        "while True: eaten.append(b'x' * (1 << 24))"
    )
    fleet.kubectl("exec", pod, "--", "python", "-c", code, check=False)
    until(lambda: fleet.last_end(pod) == "OOMKilled", "an end for want of memory", 120)


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


def test_a_hanging_client_is_restarted_and_others_are_not(new_fleet, operator):
    fleet = new_fleet("hang")
    fleet.install("--set", "clients.count=2,clients.hangSeconds=30")
    fleet.wait_ready(2)
    # From outside: a container's first process is deaf to its own kind.
    os.kill(process_of(fleet, "fl-clients-0"), signal.SIGSTOP)
    until(lambda: fleet.restarts("fl-clients-0") == 1, "a restart", 300)
    assert fleet.restarts("fl-clients-1") == 0
    fleet.wait_ready(2)


def process_of(fleet: Fleet, pod: str) -> int:
    """The client's process as this machine sees it, if the pod runs here."""
    uid = fleet.kubectl("get", "pod", pod, "-o", "jsonpath={.metadata.uid}")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            inside = uid in (folder / "cgroup").read_text()
            if inside and b"fedclient" in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:  # it has just ended
            continue
    pytest.skip("the pods run on another machine")


def test_a_bad_upgrade_is_rolled_back_and_scaling_keeps_names(fleet):
    said = fleet.upgrade("--set", "clients.cuont=3", check=False)
    assert "additional properties 'cuont' not allowed" in said
    fleet.upgrade("--set", "image.tag=no-such,image.pullPolicy=Never")
    until(lambda: len(fleet.ready()) < 20, "a pod that cannot start")
    fleet.helm("rollback")
    fleet.wait_ready()
    fleet.kubectl("scale", "statefulset/fl-clients", "--replicas=5")
    until(lambda: len(fleet.pods()) == 5, "five pods")
    fleet.kubectl("scale", "statefulset/fl-clients", "--replicas=20")
    fleet.wait_ready()


def test_a_drain_waits_for_the_budget(fleet):
    (node,) = {pod["spec"]["nodeName"] for pod in fleet.pods()}
    fleet.kubectl("cordon", node)
    try:
        for pod in fleet.ready()[:4]:
            assert evict(fleet, pod) == ""
        assert "disruption budget" in evict(fleet, fleet.ready()[-1])
    finally:
        fleet.kubectl("uncordon", node)
    fleet.wait_ready()


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


def test_two_releases_train_two_experiments_at_once(new_fleet, operator):
    settings = {"clients": 3, "per_round": 2, "rounds": 2, "epochs": 1}
    fleets = {name: new_fleet(name) for name in ("left", "right")}
    for name, fleet in fleets.items():
        operator.start(name, settings)
        fleet.install("--set", f"clients.count=3,experiment.name={name}")
    for name, fleet in fleets.items():
        report = wait_for(operator, name)
        check_undisturbed(report, cohort=2)
        namespaces = {each.name.partition("/")[0] for each in report.clients}
        assert namespaces == {fleet.namespace}
        fleet.helm("uninstall")


def test_uninstall_leaves_nothing(fleet):
    fleet.helm("uninstall", "--wait")
    kinds = "statefulset,service,poddisruptionbudget,networkpolicy,cronjob,pod"
    # The test pod is a hook's, and this fleet was never tested.
    until(
        lambda: not json.loads(fleet.kubectl("get", kinds, "-o", "json"))["items"],
        "an empty namespace",
        120,
    )
