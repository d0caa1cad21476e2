"""AWS's own pieces and the tools around them, once, in the project's cache folder."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

from actions.build import HERE, build_function
from tests.tools import PINNED, fetched, made_by, missing, pip_install

RIE_IN_WHEEL = "samcli/local/rapid/aws-lambda-rie-{machine}"
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}


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
        pip_install("aws-sam-cli", "--no-deps", "--target", str(wheel))
        binary = wheel / RIE_IN_WHEEL.format(machine=machine)
        shutil.copy(binary, folder / "aws-lambda-rie")
        (folder / "aws-lambda-rie").chmod(0o755)
        shutil.rmtree(wheel)

    return fetched("aws-sam-cli", make) / "aws-lambda-rie"


def runtime() -> Path:
    """A folder with the real Python runtime client, and what it needs."""

    def make(folder: Path) -> None:
        target = ["--target", str(folder / "packages")]
        pip_install("awslambdaric", "--python", sys.executable, *target)

    return fetched("awslambdaric", make) / "packages"


def cfn_lint() -> Path:
    """The real cfn-lint, in an environment of its own: it brings a good deal along."""

    def make(folder: Path) -> None:
        venv = folder / "venv"
        made_by("uv", "venv", "--quiet", "--python", sys.executable, str(venv))
        pip_install("cfn-lint", "--python", str(venv / "bin" / "python"))

    return fetched("cfn-lint", make) / "venv" / "bin" / "cfn-lint"


def osls() -> Path:
    """The real osls, the open fork of the Serverless Framework."""

    def make(folder: Path) -> None:
        for file in (PINNED / "osls").iterdir():
            shutil.copy(file, folder)
        quiet = ["--no-audit", "--no-fund", "--loglevel", "error"]
        made_by("npm", "ci", *quiet, cwd=folder)

    return fetched("osls", make) / "node_modules" / ".bin" / "osls"
