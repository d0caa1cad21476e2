"""External tools that deploy: docker, osls, wskdeploy."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fedwhisk.errors import OperatorError

HOW_TO_GET_IT = {
    "docker": "docker is not on PATH; it builds and pushes the function's image",
    "osls": "osls is not on PATH: npm install --global osls",
    "wskdeploy": (
        "wskdeploy is not on PATH; it comes from the Apache OpenWhisk release page, or "
        "is built with Go from github.com/apache/openwhisk-wskdeploy"
    ),
}


def require_tools(*names: str) -> None:
    """Refuse to go on without these tools.

    Raises:
        OperatorError: says how to get the first one that is missing.
    """
    for name in names:
        if shutil.which(name) is None:
            raise OperatorError(HOW_TO_GET_IT[name])


def call(
    *command: str, folder: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run a tool of PATH; its output goes to the terminal.

    Args:
        command: the tool's name, and its arguments.
        folder: its working directory.
        environment: variables for it, in addition to this process's.

    Raises:
        OperatorError: it failed.
    """
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, cwd=folder, env=os.environ | dict(environment or {}), check=False
    )
    if done.returncode:
        named = [word for word in command[:2] if not word.startswith("-")]
        raise OperatorError(f"{' '.join(named)} ended with code {done.returncode}")
