"""Who takes part: how each is started, in fresh processes and folders of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.job import Job, Result

PROJECT = Path(__file__).resolve().parents[1]
CACHE = PROJECT / ".cache"
LOGS = CACHE / "bench"
FLOWER = "1.41.0"
FLOWER_ENVIRONMENT = CACHE / f"flower-{FLOWER}"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0"}


class Absent(Exception):
    """A contender cannot take part here; the message says why."""


@dataclass(frozen=True)
class Contender:
    """One way to do the job.

    Attributes:
        name: for the command line.
        title: for the table.
        prepare: what is not measured: installs and builds; raises `Absent`.
        command: what is measured, given the job; its last line is a `Result`.
        environment: variables besides ours.
    """

    name: str
    title: str
    prepare: Callable[[], None]
    command: Callable[[Job], Sequence[str]]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Measured:
    """A contender's result, and the seconds from its command to its exit."""

    wall_s: float
    result: Result


def measure(contender: Contender, job: Job) -> Measured:
    """Run a contender once.

    Raises:
        Absent: it cannot take part, or it failed; its log tells more.
    """
    contender.prepare()
    wall_s, last_line = run_alone(
        contender.name, contender.command(job), contender.environment
    )
    return Measured(wall_s, Result.of(last_line))


def run_alone(
    name: str, command: Sequence[str], environment: Mapping[str, str]
) -> tuple[float, str]:
    """Run a command in a folder of its own; return its seconds and its last line.

    Raises:
        Absent: it failed; its log, named after `name`, tells more.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    with tempfile.TemporaryDirectory() as folder, log.open("w") as said:
        paths = [str(PROJECT / each) for each in (".", "actions", "client_image")]
        ours = {"PYTHONPATH": os.pathsep.join(paths), "FEDWHISK_HOME": f"{folder}/home"}
        variables = os.environ | ours | dict(environment)
        for variable in ("MONGODB_URL", "DATA_DIR"):
            variables.pop(variable, None)
        started = time.monotonic()
        ended = subprocess.run(  # noqa: S603 - commands of our own
            command,
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            check=False,
        )
        wall_s = time.monotonic() - started
        said.write(ended.stdout)
    if ended.returncode != 0:
        raise Absent(f"ended with status {ended.returncode}, see {log}")
    return wall_s, ended.stdout.splitlines()[-1]


def _nothing() -> None:
    """There is nothing to prepare."""


def _plain(loop: str) -> Callable[[Job], Sequence[str]]:
    return lambda job: [sys.executable, "-m", "bench.plain", loop, job.to_json()]


def fedwhisk_run(job: Job) -> Sequence[str]:
    """Return the command that does the job with everything on this machine."""
    command = [sys.executable, "-m", "fedwhisk", "run", "--json", "--port", "0"]
    command += ["--on", "embedded"]  # whatever the environment names
    for name, value in asdict(job).items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def build_actions() -> None:
    """Build the zips beforehand, as they are installed only once."""
    from actions.build import build

    build("local")


def _flower(job: Job) -> Sequence[str]:
    python = FLOWER_ENVIRONMENT / "bin" / "python"
    return [str(python), "-m", "bench.flower", job.to_json()]


def _install_flower() -> None:
    """Install Flower into an environment of its own, with our torch's version."""
    done = FLOWER_ENVIRONMENT / ".installed"
    if done.exists():
        return
    uv = shutil.which("uv") or str(PROJECT / ".uv" / "bin" / "uv")
    from importlib.metadata import version

    packages = [f"flwr[simulation]=={FLOWER}", f"torch=={version('torch')}", "numpy"]
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python"]
    create = [uv, "venv", "--quiet", "--clear", "--python", sys.executable]
    for command in (
        [*create, str(FLOWER_ENVIRONMENT)],
        [*install, str(FLOWER_ENVIRONMENT / "bin" / "python"), *packages],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            raise Absent(f"not installed: {said.strip().splitlines()[-1]}") from None
    done.touch()


CONTENDERS = (
    Contender("plain", "plain PyTorch", _nothing, _plain("textbook"), ONE_THREAD),
    Contender("ours", "plain, our loop", _nothing, _plain("ours"), ONE_THREAD),
    Contender("fedwhisk", "fedwhisk run", build_actions, fedwhisk_run, {}),
    Contender("flower", f"Flower {FLOWER}", _install_flower, _flower, QUIET),
)
