"""The chart as real helm renders it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.tool import helm_binary

CHART = Path(__file__).parents[2] / "helm" / "fl-clients"
CI_FILES = sorted((CHART / "ci").glob("*-values.yaml"))
MINIMAL = CHART / "ci" / "minimal-values.yaml"

Objects = list[dict[str, Any]]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def helm() -> Run:
    """Run helm; the caller looks at the result."""
    binary = shutil.which("helm") or str(helm_binary())

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [binary, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def render(helm: Run) -> Callable[..., Objects]:
    """Render the chart with a values file and more options."""

    def rendered(
        values: Path = MINIMAL, *options: str, release: str = "fl-clients"
    ) -> Objects:
        done = helm(
            "template", release, CHART, "--namespace", "fed", "-f", values, *options
        )
        assert done.returncode == 0, done.stderr
        objects = [each for each in yaml.safe_load_all(done.stdout) if each]
        assert objects
        return objects

    return rendered


@pytest.fixture(scope="session")
def refusal(helm: Run) -> Callable[..., str]:
    """Return what helm says when it refuses values."""

    def refused(*options: str, values: Path = MINIMAL) -> str:
        done = helm("template", "fl-clients", CHART, "-f", values, *options)
        assert done.returncode != 0, "helm took these values"
        return done.stderr

    return refused


def of_kind(objects: Objects, kind: str) -> dict[str, Any]:
    """The one object of a kind."""
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def pod_specs(objects: Objects) -> dict[str, dict[str, Any]]:
    """Every pod's spec, by the kind of the object that makes it."""
    ways = {
        "Pod": lambda each: each["spec"],
        "StatefulSet": lambda each: each["spec"]["template"]["spec"],
        "CronJob": lambda each: each["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    }
    return {
        each["kind"]: ways[each["kind"]](each)
        for each in objects
        if each["kind"] in ways
    }
