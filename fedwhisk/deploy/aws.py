"""The actions on AWS Lambda: an image by docker, a stack by osls.

osls is the open fork of the Serverless Framework's version 3. We call no AWS service
ourselves and read no credentials: both tools have their own. osls prints the base URL.
"""

from __future__ import annotations

from fedwhisk.config import Settings
from fedwhisk.deploy import tools
from fedwhisk.deploy.building import bound, build_function, require
from fedwhisk.project import PROJECT

FOLDER = PROJECT / "aws"
TARGET = "3.11"
"""The folder for Lambda's runtime (see `actions/build.py`)."""

NEEDED = ("aws_image", "mongodb_url", "fed_secret")


def build(settings: Settings) -> None:
    """Build the function's image, and push it to its registry.

    Raises:
        OperatorError: the function cannot be built, or docker failed.
    """
    build_function(TARGET)
    image = settings.aws_image
    options = ("--platform", "linux/amd64", "--provenance=false")
    which = ("-f", "aws/Dockerfile", "-t", image)
    tools.call("docker", "build", *options, *which, ".", folder=PROJECT)
    tools.call("docker", "push", image, folder=PROJECT)


def deploy(settings: Settings) -> None:
    """Build and push the image, and create or update the stack.

    Raises:
        InputError: names each setting that is missing; nothing has been done then.
        OperatorError: a tool is missing, or failed.
    """
    require(settings, *NEEDED)
    tools.require_tools("docker", "osls")
    build(settings)
    _osls(settings, "deploy")


def undeploy(settings: Settings) -> None:
    """Remove the stack; the image stays in its registry. Raises as `deploy`."""
    require(settings, *NEEDED)
    tools.require_tools("osls")
    _osls(settings, "remove")


def _osls(settings: Settings, command: str) -> None:
    words = ("osls", command, "--region", region(settings.aws_image))
    tools.call(*words, folder=FOLDER, environment=variables(settings))


def region(image: str) -> str:
    """Return the region of an image's registry; the function must be in the same."""
    return image.split(".")[3]


def variables(settings: Settings) -> dict[str, str]:
    """Return the variables of `aws/serverless.yml`."""
    named = {"AWS_IMAGE": settings.aws_image}
    return named | bound(settings, settings.calls_per_minute)
