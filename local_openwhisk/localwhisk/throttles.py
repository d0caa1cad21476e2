"""OpenWhisk's two throttles: calls in a wall-clock minute, activations in flight."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from localwhisk.errors import Refused


class MinuteThrottle:
    """Counts a namespace's calls in the current wall-clock minute."""

    def __init__(self, allowed: int, clock: Callable[[], float] = time.time) -> None:
        self.allowed = allowed
        self._clock = clock
        self._minute = 0
        self._counts: Counter[str] = Counter()

    def count(self, namespace: str) -> None:
        """Count one call; refused calls count as well.

        Raises:
            Refused: 429, this minute's calls are spent.
        """
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        self._counts[namespace] += 1
        found = self._counts[namespace]
        if found > self.allowed:
            raise Refused(
                429,
                "Too many requests in the last minute "
                f"(count: {found}, allowed: {self.allowed}).",
            )


class Throttles:
    """The throttles of one host; their limits may be changed while it runs."""

    def __init__(
        self,
        invocations_per_minute: int,
        concurrent_invocations: int,
        fires_per_minute: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.invocations = MinuteThrottle(invocations_per_minute, clock)
        self.fires = MinuteThrottle(fires_per_minute, clock)
        self.concurrent_invocations = concurrent_invocations
        self.in_flight: Counter[str] = Counter()

    def check_invocation(self, namespace: str) -> None:
        """Count a call of an action.

        Raises:
            Refused: 429, one of the two throttles is spent.
        """
        self.invocations.count(namespace)
        running = self.in_flight[namespace]
        if running >= self.concurrent_invocations:
            raise Refused(
                429,
                "Too many concurrent requests in flight "
                f"(count: {running}, allowed: {self.concurrent_invocations}).",
            )

    def check_fire(self, namespace: str) -> None:
        """Count the firing of a trigger.

        Raises:
            Refused: 429, this minute's firings are spent.
        """
        self.fires.count(namespace)
