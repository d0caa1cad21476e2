"""The real helm: from its Go module, built once into the cache folder."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tools import PINNED, fetched, go_build

MODULE = "helm.sh/helm/v3"
# A helm that is built plainly takes every cluster for Kubernetes 1.20.
KUBERNETES = "34"


def helm_binary() -> Path:
    """Return helm, building it first where that is needed (minutes)."""
    return fetched("helm", _build) / "helm"


def _build(folder: Path) -> None:
    modules = (PINNED / "helm" / "go.mod").read_text()
    (version,) = re.findall(rf"{MODULE} (v\S+)", modules)
    flags = [f"-X {MODULE}/internal/version.version={version}"]
    for package in ("pkg/chartutil", "pkg/lint/rules"):
        flags.append(f"-X {MODULE}/{package}.k8sVersionMajor=1")
        flags.append(f"-X {MODULE}/{package}.k8sVersionMinor={KUBERNETES}")
    options = ["-ldflags", " ".join(flags)]
    go_build("helm", f"{MODULE}/cmd/helm", folder / "helm", *options)
