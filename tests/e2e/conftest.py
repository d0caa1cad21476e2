"""The real command in a home of its own, on few images, for end-to-end tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localwhisk import HostServer, HostSettings
from tests.e2e.faults import Deployment
from tests.mnist import write_few_images
from tests.openwhisk import OpenWhisk
from tests.tools import once

SMALL = ["--clients", "4", "--per-round", "2", "--epochs", "3", "--batch-size", "20"]
CALM = ["--rounds", "3", "--seed", "5"]
"""Of the run that others are held against."""


class Machine:
    """A machine of its own for the `fedwhisk` command: home, data, results."""

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        unset = ("MONGODB_URL", "FED_SECRET", "BASE_URL_OW", "BASE_URL_AWS")
        kept = {k: v for k, v in os.environ.items() if k not in unset}
        here = {"FEDWHISK_HOME": str(self.home), "DATA_DIR": str(data_dir)}
        self.environment = kept | here

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command and return it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "fedwhisk", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Run the command to its end; return what it said."""
        running = self.start(*arguments)
        out, err = running.communicate(timeout=300)
        assert running.returncode == code, f"{out}\n{err}"
        return out, err

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run a small experiment; return the JSON object at the end."""
        out, _ = self.call("run", "--json", "--port", "0", *SMALL, *arguments)
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found

    def model(self, end: dict[str, Any]) -> bytes:
        """The model of a run that said this at its end."""
        return (self.folder / end["model"]).read_bytes()


@pytest.fixture(scope="session")
def few_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the first images of MNIST alone."""
    return write_few_images(tmp_path_factory.mktemp("data"))


@dataclass(frozen=True)
class CalmRun:
    """A run that nothing has disturbed: where it was, and what it said at its end."""

    machine: Machine
    end: dict[str, Any]

    @property
    def model(self) -> bytes:
        return self.machine.model(self.end)


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory, few_images: Path) -> CalmRun:
    """The run of `CALM`, of which parallel test workers share one."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(folder: Path) -> None:
        end = Machine(folder, few_images).run(*CALM)
        (folder / "end.json").write_text(json.dumps(end))

    folder = once(shared / "calm", make)
    end = json.loads((folder / "end.json").read_text())
    return CalmRun(Machine(folder, few_images), end)


@pytest.fixture
def machine(tmp_path: Path, few_images: Path) -> Machine:
    return Machine(tmp_path, few_images)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment to break; whoever does leaves it mended."""
    with Deployment(tmp_path_factory.mktemp("deployment")) as running:
        yield running


@pytest.fixture(scope="module")
def host() -> Iterator[HostServer]:
    """A host of a test file's own."""
    with HostServer(HostSettings(port=0, invocations_per_minute=10_000)) as server:
        yield server


@pytest.fixture
def whisk(host: HostServer) -> OpenWhisk:
    """That host's REST API."""
    return OpenWhisk(host.url, host.auth)
