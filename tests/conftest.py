"""What holds for all tests; which are pure, and what keeps them so."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background: the commands that tests interrupt would inherit this.
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
PURE = {".", "fedcore", "fedcore/adapters", "fedcore/handlers", "fedwhisk"}
PURE |= {f"fedwhisk/{room}" for room in ("cli", "clients", "deploy", "doctor")}
PURE |= {f"fedwhisk/{room}" for room in ("experiments", "local", "view")}
PURE |= {"client_image", "pace", "security", "wsk_manifests"}
"""Folders whose tests are pure, if they are not marked `e2e`."""
OUTSIDE = {"subprocess.Popen", "os.fork", "os.posix_spawn", "socket.connect"}
"""What a pure test does not do, by the names of Python's audit events."""

guarded = False


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what a pure test does not do, while one runs."""
    if guarded and event in OUTSIDE:
        pytest.fail(f"{event} {arguments}: mark this test `e2e`, it is not pure")


sys.addaudithook(watch)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the pure tests, before any are selected by their marks."""
    for item in items:
        folder = item.path.parent.relative_to(TESTS).as_posix()
        if folder in PURE and not item.get_closest_marker("e2e"):
            item.add_marker("pure")


@pytest.fixture(autouse=True)
def purity(request: pytest.FixtureRequest) -> Iterator[None]:
    """Watch over a pure test."""
    global guarded
    guarded = request.node.get_closest_marker("pure") is not None
    yield
    guarded = False
