"""The actions on Lambda, over one database, for tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedwhisk.local.database import EmbeddedDatabase
from tests.aws.lambda_process import Lambda
from tests.aws.platforms import SECRET, Platform
from tests.e2e.conftest import few_images

__all__ = ["few_images"]

CALLS_PER_MINUTE = 100_000
"""So many that clients are not told to wait."""


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an embedded database."""
    folder = tmp_path_factory.mktemp("database")
    with EmbeddedDatabase(folder / "data", folder / "log") as running:
        yield running.url


def bound(database: str, name: str) -> dict[str, str]:
    """What a deployment is bound to: a database of that name."""
    return {
        "MONGODB_URL": database,
        "MONGODB_DATABASE": name,
        "FED_SECRET": SECRET,
        "CALLS_PER_MINUTE": str(CALLS_PER_MINUTE),
    }


@pytest.fixture
def settings(database: str) -> dict[str, str]:
    """A function's environment, with a database of one test's own."""
    return bound(database, f"test_{secrets.token_hex(4)}")


@pytest.fixture
def function(settings: dict[str, str], tmp_path: Path) -> Iterator[Lambda]:
    """The function under the emulator."""
    with Lambda(tmp_path, settings) as running:
        yield running


@pytest.fixture(scope="session")
def platform(
    database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """A deployment of the actions; tests name experiments of their own."""
    folder = tmp_path_factory.mktemp("lambda")
    with Lambda(folder, bound(database, "on_lambda")) as running:
        yield Platform(running.url)
