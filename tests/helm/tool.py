"""The real helm: from PATH, or built once from its Go module into the cache folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.tools import CACHE, missing

VERSION = "v3.22.0"
MODULE = "helm.sh/helm/v3"
# A helm that is built plainly takes every cluster for Kubernetes 1.20.
KUBERNETES = "34"


def helm_binary() -> Path:
    """Return helm, building it first where that is needed (minutes)."""
    folder = CACHE / f"helm-{VERSION}"
    binary = folder / "helm"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test workers build it once
        if not binary.exists():
            _build(folder)
    return binary


def _build(folder: Path) -> None:
    if shutil.which("go") is None:
        missing("helm is built with Go, and neither of them is on PATH")
    flags = [f"-X {MODULE}/internal/version.version={VERSION}"]
    for package in ("pkg/chartutil", "pkg/lint/rules"):
        flags.append(f"-X {MODULE}/{package}.k8sVersionMajor=1")
        flags.append(f"-X {MODULE}/{package}.k8sVersionMinor={KUBERNETES}")
    target = f"{MODULE}/cmd/helm@{VERSION}"
    built = subprocess.run(
        ["go", "install", "-ldflags", " ".join(flags), target],
        env={**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
    )
    if built.returncode != 0:
        missing(f"helm cannot be built: {built.stderr[-500:]}")
