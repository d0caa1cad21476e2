"""What can go wrong on the operator's side, as one sentence and an exit code."""

from __future__ import annotations

import signal
from types import FrameType

FAILED = 1
WRONG_INPUT = 2
INTERRUPTED = 130


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does: by KeyboardInterrupt."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class OperatorError(Exception):
    """A failure that the operator can understand and fix.

    Attributes:
        exit_code: what the command ends with: 1 when something failed, 2 when the
            input was wrong.
    """

    exit_code = FAILED


class InputError(OperatorError):
    """A wrong option, setting or file: nothing has been started."""

    exit_code = WRONG_INPUT
