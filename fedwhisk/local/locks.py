"""Locks between processes: the kernel ends each with its process, however that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

POLL_S = 0.01
GLANCE_S = 0.05
"""Looking at a lock takes it for an instant: how long to wait for another's look."""

ATTEMPT_S = 1.0
"""How long an attempt goes on: much longer than a look."""

FOREVER = -1.0


def file_lock(file: Path, wait_s: float) -> FileLock:
    """Return the lock of a file, not yet held; taking it waits `wait_s` at most."""
    return FileLock(
        file,
        timeout=wait_s,
        poll_interval=POLL_S,
        thread_local=False,
        fallback_to_soft=False,  # that one would outlive a killed process
    )


@contextmanager
def locked(file: Path, wait_s: float = ATTEMPT_S) -> Iterator[None]:
    """Hold a file's lock for this process.

    Raises:
        Timeout: another process has it.
    """
    with file_lock(file, wait_s):
        yield


def is_locked(file: Path) -> bool:
    """Return True if a living process holds a file's lock."""
    if not file.exists():
        return False
    try:
        with file_lock(file, GLANCE_S):
            return False
    except Timeout:
        return True
