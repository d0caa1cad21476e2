"""When a client may make the calls of its work, as the server has planned it."""

from __future__ import annotations

import math
from collections.abc import Callable

from fedcore import messages


class Turns:
    """Waits for one turn after the other (see `messages.Turns`).

    Args:
        given: the turns, counted from the answer that held them: from now.
        clock: seconds, monotonic.
        sleep: waits that number of seconds. It may raise.
    """

    def __init__(
        self,
        given: messages.Turns,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._given = given
        self._clock = clock
        self._sleep = sleep
        self._began = clock()
        self._next = 0

    def wait(self) -> None:
        """Sleep until the next turn, each of which is used once."""
        first, every = self._given.first, self._given.every
        passed = self._clock() - self._began
        turn = first
        if every > 0:
            number = max(self._next, math.ceil((passed - first) / every))
            self._next = number + 1
            turn = first + number * every
        if turn > passed:
            self._sleep(turn - passed)
