"""One platform for many processes: one of them starts it, the others join."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import TypeVar

from fedwhisk.local.home import Home, Taken

Shared = TypeVar("Shared")


def joined_or_started(
    until_the_end: ExitStack,
    home: Home,
    *,
    join: Callable[[ExitStack], Shared | None],
    start: Callable[[], AbstractContextManager[Shared]],
    say: Callable[[str], None],
) -> Shared:
    """Return the platform of a home: the one that is up, else one that is started.

    If many processes ask at once, one starts it and the others wait.

    Args:
        until_the_end: keeps what is joined or started.
        home: the platform's.
        join: returns the platform that is up, if one is.
        start: starts one.
        say: gets a line if it has to wait.
    """
    while True:
        home.wait_while_starting(say)
        if (found := join(until_the_end)) is not None:
            return found
        with suppress(Taken):  # another process was faster: look again
            return until_the_end.enter_context(start())


def say_aside(line: str) -> None:
    """Say something beside a command's own output."""
    sys.stderr.write(f"{line}\n")
