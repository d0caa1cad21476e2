"""The actions on AWS: an image with docker, a stack with osls, both of them real.

osls is the open fork of the Serverless Framework's version 3. We call no AWS service
ourselves and read no credentials: both tools have their own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from fedwhisk.config import Settings
from fedwhisk.deploy.building import bound, build_function, require
from fedwhisk.errors import OperatorError
from fedwhisk.project import PROJECT

FOLDER = PROJECT / "aws"
NEEDED = ("aws_image", "mongodb_url", "fed_secret")
HOW_TO_GET_IT = {
    "docker": "docker is not on PATH; it builds and pushes the function's image",
    "osls": "osls is not on PATH: npm install --global osls",
}


def deploy(settings: Settings) -> None:
    """Build the image, push it, make or update the stack.

    Raises:
        InputError: names each setting that is missing; nothing has been done then.
        OperatorError: a tool is missing, or failed.
    """
    require(settings, *NEEDED)
    docker, osls = _tool("docker"), _tool("osls")
    build_function("3.11")
    image = settings.aws_image
    build = ["build", "--platform", "linux/amd64", "--provenance=false"]
    _call([docker, *build, "-f", "aws/Dockerfile", "-t", image, "."], PROJECT)
    _call([docker, "push", image], PROJECT)
    _call([osls, "deploy", "--region", region(image)], FOLDER, variables(settings))


def undeploy(settings: Settings) -> None:
    """Remove the stack; the image stays in its registry. Raises as `deploy`."""
    require(settings, *NEEDED)
    command = [_tool("osls"), "remove", "--region", region(settings.aws_image)]
    _call(command, FOLDER, variables(settings))


def region(image: str) -> str:
    """Return the region of an image's registry: a function has to be in the same."""
    return image.split(".")[3]


def variables(settings: Settings) -> dict[str, str]:
    """Return what `aws/serverless.yml` names."""
    named = {"AWS_IMAGE": settings.aws_image}
    return named | bound(settings, settings.calls_per_minute)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise OperatorError(HOW_TO_GET_IT[name])
    return found


def _call(
    command: list[str], folder: Path, environment: dict[str, str] | None = None
) -> None:
    """Run a tool; what it says goes to the terminal."""
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, cwd=folder, env=os.environ | (environment or {}), check=False
    )
    if done.returncode:
        name = Path(command[0]).name
        raise OperatorError(f"{name} {command[1]} ended with code {done.returncode}")
