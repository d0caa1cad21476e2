"""Run a command that ends when its parent does, even when that is killed.

    python -I -S die_with_parent.py PARENT_PID COMMAND [ARGUMENT…]

The kernel sends the command SIGTERM when the thread that started it ends (Linux,
prctl(2) PR_SET_PDEATHSIG, which survives exec). Standard library only: it runs with
nothing of ours on its path, and turns into the command at once.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, sent: int = signal.SIGTERM) -> None:
    """Have this process get a signal when its parent ends.

    Elsewhere than on Linux nothing happens: a leftover is ended at the next start.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sent, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(1)


def main() -> None:
    """Become the command in the arguments."""
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
