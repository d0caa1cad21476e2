"""Waiting for processes; real tools, from PATH or built once into the cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import psutil
import pytest

Found = TypeVar("Found")

PATIENCE_S = 300.0
CACHE = Path(__file__).parents[1] / ".cache" / "tools"
PINNED = Path(__file__).parent / "pinned"
"""What tests fetch: exact versions, and hashes of their content."""
WSKDEPLOY = "github.com/apache/openwhisk-wskdeploy"


# --- processes ------------------------------------------------------------------------


def wait_until(
    holds: Callable[[], Found],
    what: str = "it",
    *,
    patience_s: float = PATIENCE_S,
    pause_s: float = 0.05,
) -> Found:
    """What `holds` returns, once that is something."""
    end = time.monotonic() + patience_s
    while not (found := holds()):
        assert time.monotonic() < end, f"not within {patience_s:.0f} s: {what}"
        time.sleep(pause_s)
    return found


def lines_until(running: subprocess.Popen[str], pattern: str) -> list[str]:
    """What a process says, up to the first line that begins with a pattern.

    Of what it says on standard error, where its output is not at hand.
    """
    said = []
    for line in running.stdout or running.stderr:
        said.append(line.rstrip("\n"))
        if re.match(pattern, line):
            return said
    errors = running.stderr.read() if running.stderr else ""
    raise AssertionError("\n".join([f"no line was {pattern!r}:", *said, errors]))


def interrupt(
    running: subprocess.Popen[str], number: signal.Signals = signal.SIGINT
) -> tuple[str, str]:
    """End a process as Control-C does, or another signal; return what it still said."""
    running.send_signal(number)
    return running.communicate(timeout=120)


def runs(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has buried yet doesn't."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- tools ----------------------------------------------------------------------------


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder that is filled by whoever asks first; parallel test workers wait."""
    done = folder / "done"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def fetched(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of a tool, made once for what `pinned` has under its name."""
    pins = PINNED / name
    files = sorted(pins.iterdir()) if pins.is_dir() else [pins.with_suffix(".txt")]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    content = python.encode() + b"".join(each.read_bytes() for each in files)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return once(CACHE / f"{name}-{digest}", make)


def missing(what: str) -> NoReturn:
    """Skip on a laptop that lacks a tool; fail where everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def made_by(name: str, *arguments: str, cwd: Path | None = None, **values: str) -> None:
    """Run a tool of PATH that makes another one; keywords are variables for it."""
    tool = shutil.which(name)
    if tool is None:
        missing(f"{name} is not on PATH")
    done = subprocess.run(
        [tool, *arguments],
        cwd=cwd,
        env={**os.environ, **values},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        missing(f"{name} {arguments[0]} failed: {done.stderr[-500:]}")


def pip_install(name: str, *options: str) -> None:
    """Install what `pinned` has under a name, if it has the hashes that stand there."""
    pins = str((PINNED / name).with_suffix(".txt"))
    made_by("uv", "pip", "install", *options, "--require-hashes", "-r", pins)


def go_build(name: str, package: str, binary: Path, *options: str) -> None:
    """Build a command from the modules that `pinned` has under a name."""
    reproducible = ["-mod=readonly", "-trimpath", *options]
    command = ["build", *reproducible, "-o", str(binary), package]
    made_by("go", *command, cwd=PINNED / name, CGO_ENABLED="0")


def wskdeploy() -> Path:
    """The real wskdeploy, built from its Go module the first time: some 45 s."""

    def make(folder: Path) -> None:
        go_build("wskdeploy", WSKDEPLOY, folder / "wskdeploy")

    return fetched("wskdeploy", make) / "wskdeploy"
