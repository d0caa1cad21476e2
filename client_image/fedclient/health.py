"""The heartbeat file: a client's sign of life, and the probe that reads it.

`python -m fedclient.health SECONDS [FILE]` is for an exec probe: it ends with 0 when
the file (else FED_HEARTBEAT_FILE) was touched within that many seconds (`inf`: ever),
else it says why and ends with 1. A probe runs often: no import here costs anything.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEAT_S = 1.0


class Heartbeat:
    """Touches a file, at most once a second; without a file it does nothing."""

    def __init__(
        self, path: Path | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._clock = clock
        self._due = clock()

    def beat(self) -> None:
        """Show that the client is alive."""
        if self._path is not None and self._clock() >= self._due:
            self._path.touch()
            self._due = self._clock() + BEAT_S


def complaint(path: str | Path, max_age_s: float, now: float) -> str | None:
    """Return what is wrong with the heartbeat at wall-clock time `now`, if anything."""
    try:
        age = now - os.stat(path).st_mtime  # noqa: PTH116 - pathlib costs 20 ms
    except FileNotFoundError:
        return f"{path}: no heartbeat yet"
    if age > max_age_s:
        return (
            f"{path}: last heartbeat {age:.0f} s ago, at most {max_age_s:g} s allowed"
        )
    return None


def main(arguments: list[str]) -> int:
    """Check the heartbeat file; return the exit status."""
    seconds, file, *more = [*arguments, "", ""]
    file = file or os.environ.get("FED_HEARTBEAT_FILE", "")
    try:
        max_age_s = float(seconds)
    except ValueError:
        max_age_s = -1.0
    if not (max_age_s >= 0 and file) or any(more):
        sys.stderr.write(
            "usage: python -m fedclient.health SECONDS [FILE]; without FILE, "
            "FED_HEARTBEAT_FILE names it\n"
        )
        return 2
    wrong = complaint(file, max_age_s, time.time())
    if wrong:
        sys.stderr.write(wrong + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
