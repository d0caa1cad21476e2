"""Runs that use the platform of another run: it stays up until they have ended."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fedwhisk.home import Home

FILE = "guests"


@contextmanager
def guest(home: Home) -> Iterator[None]:
    """Keep the platform of a home up, if one is; wait while one is just ending."""
    with (home.path / FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def last_to_leave(home: Home, say: Callable[[str], None]) -> Iterator[None]:
    """Wait for all guests, and let no other in before the end of this block."""
    with (home.path / FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for other runs that use this platform; Ctrl-C ends it anyway")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
