"""Fleets on the cluster that KUBECONFIG names, and the embedded platform here.

Pods must reach this machine: by `CLUSTER_HOST`, else by the address from which this
machine reaches the API server. `FL_CLIENT_IMAGE` names the image; the default one
(tests/cluster/image.py) finds PyTorch through a hostPath of this environment.

Each file of proofs has a platform and namespaces of its own: they may run at once.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fedcore import tokens
from fedwhisk.experiments.federation import Federation
from tests.cluster.fleet import Fleet, run, until
from tests.cluster.image import NAME
from tests.cluster.server import SECRET, Server
from tests.tools import missing

NewFleet = Callable[..., Fleet]


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """Skip unless asked for: a kubeconfig alone does not mean "break things there"."""
    if os.environ.get("CLUSTER_TESTS") != "1":
        pytest.skip("CLUSTER_TESTS is not 1 (`make test-cluster`)")
    if not os.environ.get("KUBECONFIG"):
        missing("KUBECONFIG is not set: no cluster to test on")
    for tool in ("kubectl", "helm"):
        if shutil.which(tool) is None:
            missing(f"{tool} is not on PATH")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("platform"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def operator(server: Server) -> Iterator[Federation]:
    with Federation(server.url, SECRET) as operator:
        yield operator


def basic_values() -> dict[str, Any]:
    """What this cluster needs: the image, and where its packages are.

    Clients come at once, and ask for no more memory than they need: nodes are few.
    """
    image = os.environ.get("FL_CLIENT_IMAGE", NAME)
    repository, _, tag = image.rpartition(":")
    values: dict[str, Any] = {
        "image": {"repository": repository, "tag": tag},
        "clients": {
            "startSpreadSeconds": 0,
            "resources": {"requests": {"memory": "256Mi"}},
        },
        "extraVolumes": [],
        "extraVolumeMounts": [],
    }
    if image == NAME:
        import torch

        packages = Path(torch.__file__).parents[1]
        target = "/opt/venv/lib/python3.11/site-packages"
        name = {"name": "packages"}
        values["extraVolumes"] = [{**name, "hostPath": {"path": str(packages)}}]
        values["extraVolumeMounts"] = [{**name, "mountPath": target, "readOnly": True}]
    return values


@pytest.fixture(scope="module")
def new_fleet(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewFleet]:
    """Make fleets, each in a namespace of its own; everything goes at the end."""
    stamp, namespaces = f"{time.time_ns():x}"[-8:], []

    def make(name: str) -> Fleet:
        namespace = f"fed-{name}-{stamp}"
        run("kubectl", "create", "namespace", namespace)
        namespaces.append(namespace)
        run("kubectl", "label", "namespace", namespace, "fedwhisk=test")
        file = tmp_path_factory.mktemp(name) / "values.yaml"
        fleet = Fleet(namespace, file, basic_values(), server.url)
        fleet.secret("fl-enrolment", tokens.enrolment_token(SECRET))
        account = ("get", "serviceaccount/default", "--ignore-not-found", "-o=name")
        until(lambda: fleet.kubectl(*account), "the namespace's service account")
        return fleet

    yield make
    for namespace in namespaces:
        run("kubectl", "delete", "namespace", namespace, "--wait=false")
