"""The embedded platform on this machine, where pods reach it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.tools import interrupt, lines_until

SECRET = b"a secret of the tests on a cluster"
COMMAND = (sys.executable, "-m", "fedwhisk")


class Server:
    """`fedwhisk up` in a process of its own, which can be taken away and come back."""

    def __init__(self, home: Path) -> None:
        self.address = os.environ.get("CLUSTER_HOST") or own_address()
        self.port = free_port(self.address)
        self.url = f"http://{self.address}:{self.port}/api/v1/web/guest/fedwhisk"
        self._environment = {
            **os.environ,
            "FEDWHISK_HOME": str(home),
            "FED_SECRET": SECRET.decode(),
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        place = ("--host", self.address, "--port", str(self.port))
        self._process = subprocess.Popen(
            [*COMMAND, "up", *place],
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        lines_until(self._process, "ready")

    def stop(self) -> None:
        if self._process is not None:
            interrupt(self._process, signal.SIGTERM)
            self._process = None

    def fedwhisk(self, *arguments: str) -> str:
        """What the command says on this platform's machine."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            env={**self._environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


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
