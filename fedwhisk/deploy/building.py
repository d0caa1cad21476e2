"""What all platforms share: settings, the build, and what is bound to the actions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedwhisk.config import Settings
from fedwhisk.errors import InputError, OperatorError
from fedwhisk.project import builder


def require(settings: Settings, *names: str) -> None:
    """Refuse settings that lack one of these.

    Raises:
        InputError: names each that is missing.
    """
    missing = [name.upper() for name in names if not getattr(settings, name)]
    if missing:
        raise InputError(f"{', '.join(missing)}: not set, see .env.template")


def build_actions(target: str) -> Path:
    """Bring the zips of a target up to date, and return their folder.

    Raises:
        OperatorError: they cannot be built.
    """

    def say() -> None:
        sys.stderr.write("building the actions, which takes a few seconds once\n")

    with _operator_errors("actions"):
        folder: Path = builder().build(target, on_work=say)
        return folder


def build_function(target: str) -> None:
    """Bring the folder of the AWS Lambda function up to date.

    Raises:
        OperatorError: it cannot be built.
    """
    with _operator_errors("function"):
        builder().build_function(target)


@contextmanager
def _operator_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (builder().BuildError, OSError) as error:
        raise OperatorError(f"the {what} cannot be built: {error}") from error


def bound(settings: Settings, calls_per_minute: int) -> dict[str, str]:
    """Return what is bound to the actions, the same on every platform."""
    return {
        "MONGODB_URL": settings.mongodb_url,
        "MONGODB_DATABASE": settings.mongodb_database,
        "FED_SECRET": settings.fed_secret,
        "FED_SECRET_PREVIOUS": settings.fed_secret_previous,
        "CALLS_PER_MINUTE": str(calls_per_minute),
    }
