"""The heartbeat file: a client's sign of life, and the probe that reads it.

`python -m fedclient.health --max-age 120` is for an exec probe: it ends with 0 when
the heartbeat is younger than so many seconds, else it says why and ends with 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
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


def complaint(path: Path, max_age_s: float, now: float) -> str | None:
    """Return what is wrong with the heartbeat at wall-clock time `now`, if anything."""
    try:
        age = now - path.stat().st_mtime
    except FileNotFoundError:
        return f"{path}: no heartbeat yet"
    if age > max_age_s:
        return (
            f"{path}: last heartbeat {age:.0f} s ago, at most {max_age_s:g} s allowed"
        )
    return None


def main(arguments: list[str] | None = None) -> int:
    """Check the heartbeat file; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fedclient.health")
    parser.add_argument("--max-age", type=float, required=True, metavar="SECONDS")
    parser.add_argument(
        "--file",
        type=Path,
        default=os.environ.get("FED_HEARTBEAT_FILE") or None,
        help="heartbeat file (default: FED_HEARTBEAT_FILE)",
    )
    options = parser.parse_args(arguments)
    if options.file is None:
        parser.error("no heartbeat file: set FED_HEARTBEAT_FILE or give --file")
    wrong = complaint(options.file, options.max_age, time.time())
    if wrong:
        sys.stderr.write(wrong + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
