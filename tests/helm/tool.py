"""The real helm: from its Go module, built once into the cache folder."""

from __future__ import annotations

from pathlib import Path

from tests.tools import CACHE, made_by, once

VERSION = "v3.22.0"
MODULE = "helm.sh/helm/v3"
# A helm that is built plainly takes every cluster for Kubernetes 1.20.
KUBERNETES = "34"


def helm_binary() -> Path:
    """Return helm, building it first where that is needed (minutes)."""
    return once(CACHE / f"helm-{VERSION}", _build) / "helm"


def _build(folder: Path) -> None:
    flags = [f"-X {MODULE}/internal/version.version={VERSION}"]
    for package in ("pkg/chartutil", "pkg/lint/rules"):
        flags.append(f"-X {MODULE}/{package}.k8sVersionMajor=1")
        flags.append(f"-X {MODULE}/{package}.k8sVersionMinor={KUBERNETES}")
    target = f"{MODULE}/cmd/helm@{VERSION}"
    options = ["-ldflags", " ".join(flags)]
    made_by("go", "install", *options, target, GOBIN=str(folder), CGO_ENABLED="0")
