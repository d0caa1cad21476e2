"""The table of clients, and what is said where there is no cluster to ask."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import yaml
from kubernetes.client import (
    V1ContainerState,
    V1ContainerStateRunning,
    V1ContainerStateWaiting,
    V1ContainerStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodList,
    V1PodStatus,
)

from fedcore.messages import Counts, LiveReport, Part, Report
from fedcore.settings import ExperimentSettings
from fedwhisk.clients.kubernetes import Fleet, Pod, connect
from fedwhisk.errors import OperatorError
from fedwhisk.view.clients import join
from tests.fedwhisk.reports import member

PODS = [Pod(f"fl-clients-{n}", f"fed/fl-clients-{n}", "ready", 0) for n in range(5)]


def report(state: str = "running", live: LiveReport | None = None) -> Report:
    """Clients 0 to 3 enrolled in pods 3 to 0; pod 4 did not."""
    parts: list[Part] = ["drawn", "accepted", "refused", ""]
    clients = [
        member(
            index,
            name=f"fed/fl-clients-{3 - index}",
            last_seen=90.0,
            due=100.0,
            part=part,
        )
        for index, part in enumerate(parts)
    ]
    return Report(
        experiment="e",
        id="0",
        state=state,
        reason=None,
        settings=ExperimentSettings(),
        parameters=10,
        version=1,
        enrolled=4,
        live=live,
        over=False,
        rounds=[],
        clients=clients,
        created=0.0,
        ended=None,
        now=100.0,
    )


LIVE = LiveReport(
    round=2,
    state="training",
    attempt=1,
    counts=Counts(cohort=3, accepted=1, refused=1),
    cohort=[0, 1, 2],
    target=2,
    quorum=2,
    accepted=[1],
    refused={"2": "too long"},
    late=[],
    opened=80.0,
    deadline=680.0,
)


def test_a_pod_stands_beside_what_the_experiment_knows_of_its_client() -> None:
    rows = join(PODS, report(live=LIVE))
    assert [row.known and row.known.index for row in rows] == [3, 2, 1, 0, None]
    assert [row.assignment for row in rows] == [
        "wait",
        "refused in round 2",
        "done with round 2",
        "at round 2",
        "not enrolled",
    ]


def test_a_revoked_client_is_told_apart_from_one_that_waits() -> None:
    known = report(live=LIVE)
    shut_out = msgspec.structs.replace(known.clients[3], revoked=True)
    clients = [*known.clients[:3], shut_out]
    rows = join(PODS, msgspec.structs.replace(known, clients=clients))
    assert rows[0].assignment == "revoked"


def test_after_the_end_every_client_is_finished() -> None:
    assert join(PODS, report("finished"))[0].assignment == "finished"


def test_pods_are_shown_without_an_experiment() -> None:
    assert [row.assignment for row in join(PODS, None)] == [""] * 5


def test_without_a_kubeconfig_there_is_no_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
        str(tmp_path / "none"),
    )
    with pytest.raises(OperatorError, match="no cluster"):
        connect("fl-clients", None, None)


@pytest.mark.e2e
def test_a_cluster_that_is_away_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{unused.getsockname()[1]}"
        file = tmp_path / "kubeconfig"
        context = {"cluster": "c", "user": "u", "namespace": "fed"}
        file.write_text(
            yaml.safe_dump(
                {
                    "current-context": "x",
                    "contexts": [{"name": "x", "context": context}],
                    "clusters": [{"name": "c", "cluster": {"server": server}}],
                    "users": [{"name": "u", "user": {}}],
                }
            )
        )
        monkeypatch.setattr(
            "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file)
        )
        fleet = connect("fl-clients", None, None)
        assert fleet.namespace == "fed"
        with pytest.raises(OperatorError, match=f"no answer from .* at {server}"):
            fleet.pods()


def container(name: str, restarts: int, waits: str = "") -> V1ContainerStatus:
    state = V1ContainerState(
        waiting=V1ContainerStateWaiting(reason=waits) if waits else None,
        running=None if waits else V1ContainerStateRunning(),
    )
    return V1ContainerStatus(
        name=name,
        ready=not waits,
        restart_count=restarts,
        state=state,
        image="i",
        image_id="i",
    )


class Cluster:
    """One release whose pods have these containers; it notes whose log is read."""

    def __init__(self, *containers: V1ContainerStatus) -> None:
        self._containers = list(containers)
        self.read: list[str | None] = []

    def list_namespaced_stateful_set(self, namespace: str, **_: object) -> object:
        metadata = V1ObjectMeta(name="fl-clients", namespace=namespace)
        return SimpleNamespace(items=[SimpleNamespace(metadata=metadata)])

    def list_namespaced_pod(self, namespace: str, **_: object) -> object:
        status = V1PodStatus(phase="Running", container_statuses=self._containers)
        metadata = V1ObjectMeta(name="fl-clients-0", namespace=namespace)
        return V1PodList(items=[V1Pod(metadata=metadata, status=status)])

    def read_namespaced_pod_log(
        self, pod: str, namespace: str, *, container: str | None = None, **_: object
    ) -> list[bytes]:
        self.read.append(container)
        return [b"a line\n"]


MESH = container("istio-proxy", 7)


@pytest.mark.parametrize(
    ("containers", "state", "restarts"),
    [
        ([container("client", 1)], "ready", 1),
        ([MESH, container("client", 1)], "ready", 1),
        ([container("client", 1), MESH], "ready", 1),
        ([MESH, container("client", 2, "CrashLoopBackOff")], "CrashLoopBackOff", 2),
        ([MESH], "starting", 0),
        ([], "starting", 0),
    ],
)
def test_a_pod_is_what_its_clients_container_is(containers, state, restarts) -> None:
    cluster = Cluster(*containers)
    (pod,) = Fleet("fl-clients", "fed", cluster, cluster).pods()
    assert pod == Pod("fl-clients-0", "fed/fl-clients-0", state, restarts)


def test_the_log_is_that_of_the_clients_container() -> None:
    cluster = Cluster(MESH, container("client", 1))
    fleet = Fleet("fl-clients", "fed", cluster, cluster)
    assert list(fleet.logs("fl-clients-0", lines=1)) == ["a line"]
    assert cluster.read == ["client"]
