"""A fleet on the cluster that KUBECONFIG names, and the embedded platform here.

Pods must reach this machine: by `CLUSTER_HOST`, else by the address from which this
machine reaches the API server. `FL_CLIENT_IMAGE` names the image; the default one
(tests/cluster/image.py) finds PyTorch through a hostPath of this environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from fedcore import tokens
from fedwhisk.operator import Operator
from tests.cluster.fleet import CHART, Fleet, run
from tests.cluster.image import NAME
from tests.tools import missing

SECRET = b"a secret of the tests on a cluster"


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


class Server:
    """`fedwhisk up` in a process of its own, which can be taken away and come back."""

    def __init__(self, home: Path) -> None:
        self.address = os.environ.get("CLUSTER_HOST") or own_address()
        self.port = free_port(self.address)
        self.url = f"http://{self.address}:{self.port}/api/v1/web/guest/fedwhisk"
        self._home = home
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", "from fedwhisk.cli import main; main()", "up"]
        self._process = subprocess.Popen(
            [*command, "--host", self.address, "--port", str(self.port)],
            env={
                **os.environ,
                "FEDWHISK_HOME": str(self._home),
                "FED_SECRET": SECRET.decode(),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready"):
                return
        pytest.fail("fedwhisk up did not come up")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.communicate(timeout=60)
            self._process = None


def own_address() -> str:
    """The address from which this machine reaches the cluster's API server."""
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    server = urlsplit(config["clusters"][0]["cluster"]["server"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((server.hostname, server.port or 443))
        return str(probe.getsockname()[0])


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("platform"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def operator(server: Server) -> Iterator[Operator]:
    with Operator(server.url, SECRET) as operator:
        yield operator


def values_file(folder: Path) -> Path:
    """What this cluster needs: the image, and where its packages are."""
    image = os.environ.get("FL_CLIENT_IMAGE", NAME)
    repository, _, tag = image.rpartition(":")
    values: dict[str, object] = {"image": {"repository": repository, "tag": tag}}
    if image == NAME:
        import torch

        packages = Path(torch.__file__).parents[1]
        target = "/opt/venv/lib/python3.11/site-packages"
        name = {"name": "packages"}
        values["extraVolumes"] = [{**name, "hostPath": {"path": str(packages)}}]
        values["extraVolumeMounts"] = [{**name, "mountPath": target, "readOnly": True}]
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


@pytest.fixture(scope="session")
def new_fleet(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[object]:
    """Make fleets, each in a namespace of its own; everything goes at the end."""
    values = values_file(tmp_path_factory.mktemp("values"))
    stamp, namespaces = f"{int(time.time()):x}", []

    def make(name: str) -> Fleet:
        namespace = f"fed-{name}-{stamp}"
        run("kubectl", "create", "namespace", namespace)
        namespaces.append(namespace)
        fleet = Fleet(namespace, values, server.url)
        fleet.secret("fl-enrolment", tokens.enrolment_token(SECRET))
        return fleet

    yield make
    for namespace in namespaces:
        run("kubectl", "delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="session")
def fleet(new_fleet) -> Fleet:
    """Twenty clients."""
    fleet = new_fleet("twenty")
    assert CHART.is_dir()
    fleet.install()
    fleet.wait_ready()
    return fleet
