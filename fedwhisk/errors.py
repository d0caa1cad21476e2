"""What can go wrong on the operator's side, as one sentence and an exit code."""

from __future__ import annotations

FAILED = 1
WRONG_INPUT = 2
INTERRUPTED = 130


class OperatorError(Exception):
    """A failure that the operator can understand and mend.

    Attributes:
        exit_code: what the command ends with: 1 when something failed, 2 when the
            input was wrong.
    """

    exit_code = FAILED


class InputError(OperatorError):
    """A wrong option, setting or file: nothing has been started."""

    exit_code = WRONG_INPUT
