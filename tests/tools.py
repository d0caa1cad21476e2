"""Real tools for tests: on PATH, or built once into the project's cache folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(__file__).parents[1] / ".cache" / "tools"
WSKDEPLOY = "github.com/apache/openwhisk-wskdeploy"
# The module lists no release, so `go install ...@latest` finds nothing to install.
WSKDEPLOY_VERSION = "v0.0.0-20241212232442-16acc805fe2c"


def missing(what: str) -> NoReturn:
    """Skip on a laptop that lacks a tool; fail where everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def wskdeploy() -> Path:
    """The real wskdeploy, built from its Go module the first time it is asked for."""
    folder = CACHE / f"wskdeploy-{WSKDEPLOY_VERSION}"
    binary = folder / "wskdeploy"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test workers build it once
        if not binary.exists():
            build_wskdeploy(folder, binary)
    return binary


def build_wskdeploy(folder: Path, binary: Path) -> None:
    """Compile wskdeploy, about 45 seconds of work."""
    if shutil.which("go") is None:
        missing("wskdeploy is built with Go, which is not on PATH")
    (folder / "go.mod").write_text(
        f"module tools\n\ngo 1.24\n\nrequire {WSKDEPLOY} {WSKDEPLOY_VERSION}\n"
    )
    fresh = binary.with_suffix(".new")
    command = ["go", "build", "-mod=mod", "-o", str(fresh), WSKDEPLOY]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if built.returncode != 0:
        missing(f"wskdeploy can't be built: {built.stderr[-500:]}")
    fresh.rename(binary)


def wsk() -> str:
    """The real wsk, which can't be built from its module; only from PATH."""
    found = shutil.which("wsk")
    if found is None:
        pytest.skip("wsk is not on PATH; it comes from the OpenWhisk release page")
    return found
