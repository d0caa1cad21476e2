"""`.ci/run`: the proofs on a cluster run, or the run fails, or no tools lie there."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci"

SUCCEEDS = "exit 0"
FAILS = "echo no compiler; exit 1"
FAILS_ONCE = 'mkdir "$CLUSTER_HOME/tried" 2>/dev/null && exit 1; exit 0'
HANGS = "sleep 60"
GOES_ON = 'until grep -q "make simulation" record; do sleep 0.02; done'
"""Ends when the tests are over, and no sooner."""


@dataclass
class Checkout:
    """A checkout with nothing in it but `.ci`; each tool writes down its call."""

    folder: Path
    build_limit: str = "30s"

    def tool(self, path: str, does: str = SUCCEEDS) -> None:
        """Make a tool that does this."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        called = f'echo "{file.name} $*" >> {self.folder}/record'
        file.write_text(f"#!/bin/bash\n{called}\n{does}\n")
        file.chmod(0o755)

    def run(self, script: str = ".ci/run", *words: str) -> int:
        """The status of a script of `.ci`; what it says is in `said`."""
        done = subprocess.run(
            [self.folder / script, *words],
            cwd=self.folder,
            env={
                "PATH": f"{self.folder}/tools:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "CLUSTER_HOME": str(self.folder),
                "CLUSTER_TOOLS": str(self.folder / "kubernetes"),
                "CLUSTER_BUILD_LIMIT": self.build_limit,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        self.said = done.stdout
        return done.returncode

    def calls(self, tool: str) -> list[str]:
        """What a tool was called with, call by call."""
        lines = (self.folder / "record").read_text().splitlines()
        return [line.partition(" ")[2] for line in lines if line.split()[0] == tool]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout on a machine that has all that a cluster takes."""
    made = Checkout(tmp_path)
    shutil.copytree(CI, tmp_path / ".ci")
    for tool in ("make", "go", "kubectl"):
        made.tool(f"tools/{tool}")
    made.tool("tools/ip", "exit 1")  # no network of another cluster
    made.tool("tools/id", "echo 0")
    made.tool("tools/awk", "echo 16000000")  # kB of memory
    made.tool(".venv/bin/python")
    return made


def with_tools(checkout: Checkout, build: str) -> Checkout:
    checkout.tool("kubernetes/build.sh", build)
    for name in ("up.sh", "load.sh", "down.sh"):
        checkout.tool(f"kubernetes/{name}")
    return checkout


def test_all_runs_and_the_build_beside_it(checkout) -> None:
    assert with_tools(checkout, SUCCEEDS).run() == 0, checkout.said
    made = [each.partition(" ARGS")[0] for each in checkout.calls("make")]
    assert made == ["test", "simulation", "test-cluster"]
    assert len(checkout.calls("down.sh")) == 1


def test_where_no_tools_lie_the_proofs_are_skipped_and_it_is_said(checkout) -> None:
    assert checkout.run() == 0
    assert checkout.calls("make") == ["test", "simulation"]
    assert "NO CLUSTER: no tools for one at" in checkout.said


def test_a_build_that_failed_is_tried_again_and_the_proofs_run(checkout) -> None:
    assert with_tools(checkout, FAILS_ONCE).run() == 0, checkout.said
    assert len(checkout.calls("build.sh")) == 2
    assert len(checkout.calls("make")) == 3


def test_a_build_that_goes_on_is_waited_for(checkout) -> None:
    assert with_tools(checkout, GOES_ON).run() == 0, checkout.said
    assert len(checkout.calls("build.sh")) == 2  # the second finds all there
    assert len(checkout.calls("make")) == 3


@pytest.mark.parametrize(
    ("build", "limit", "why"),
    [
        (FAILS, "30s", "its parts cannot be built"),
        (HANGS, "0.5s", "its parts are not built within the time"),
    ],
    ids=["fails", "hangs"],
)
def test_a_run_without_the_proofs_fails(checkout, build, limit, why) -> None:
    checkout.build_limit = limit
    assert with_tools(checkout, build).run() == 76
    assert checkout.calls("make") == ["test", "simulation"]
    assert len(checkout.calls("build.sh")) == 3  # beside the tests, and twice after
    assert f"NO CLUSTER: {why}" in checkout.said


def test_a_cluster_that_does_not_come_up_is_tried_again_then_fails_the_run(
    checkout,
) -> None:
    checkout.tool("tools/kubectl", "exit 1")
    assert with_tools(checkout, SUCCEEDS).run() == 76
    assert len(checkout.calls("up.sh")) == 2
    assert "NO CLUSTER: it does not come up" in checkout.said


@pytest.mark.parametrize("target", ["test", "simulation", "test-cluster"])
def test_a_test_that_fails_ends_the_run(checkout, target) -> None:
    checkout.tool("tools/make", f'[ "$1" != {target} ] || exit 3')
    assert with_tools(checkout, SUCCEEDS).run() == 3
    assert checkout.calls("make")[-1].startswith(target)
