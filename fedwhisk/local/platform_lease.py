"""Leases of the platform: it stays up until the runs that share it have ended.

Each run that shares another run's platform holds a lock, its lease. The lock of the
door is held for an instant by a run that takes a lease, and by the platform's owner
while the platform ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fedwhisk.local.home import Home
from fedwhisk.local.locks import FOREVER, is_locked, locked

DOOR, FOLDER = "door.lock", "guests.d"


@contextmanager
def leased(home: Home) -> Iterator[None]:
    """Keep the platform of a home up, if it is; wait while one is just ending."""
    folder = home.path / FOLDER
    folder.mkdir(exist_ok=True)
    own = folder / f"{os.getpid()}.lock"
    with ExitStack() as until_the_end:
        with locked(home.path / DOOR, FOREVER):
            until_the_end.enter_context(locked(own, FOREVER))
        until_the_end.callback(own.unlink, missing_ok=True)
        yield


@contextmanager
def wait_for_other_runs(home: Home, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until all leases have ended; none is given before this block ends."""
    waited = False
    while True:
        with locked(home.path / DOOR, FOREVER):
            present = _present(home)
            if present is None:
                yield
                return
        if not waited:
            say("waiting for other runs that use this platform; Ctrl-C ends it anyway")
            waited = True
        with locked(present, FOREVER):  # others may come in meanwhile
            pass


def _present(home: Home) -> Path | None:
    """Return the lock of a lease that is held; remove those of killed runs."""
    for own in (home.path / FOLDER).glob("*.lock"):
        if is_locked(own):
            return own
        own.unlink(missing_ok=True)
    return None
