"""Virtual time: code that sleeps, run one piece at a time, in no time at all."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from greenlet import greenlet


class VirtualTime:
    """A clock that jumps from one event to the next. No threads, no real sleeping.

    What is started runs until it sleeps; then whoever wakes first goes on. So a run
    is fixed by what runs in it.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self._order = itertools.count()
        self._events: list[tuple[float, int, greenlet]] = []
        self._hub = greenlet.getcurrent()

    def time(self) -> float:
        return self.now

    def start(self, body: Callable[[], object], *, after: float = 0.0) -> None:
        """Run `body` in so many seconds."""
        self._wake(greenlet(body, parent=self._hub), self.now + after)

    def sleep(self, seconds: float) -> None:
        """Let others go on for so many seconds."""
        self._wake(greenlet.getcurrent(), self.now + max(0.0, seconds))
        self._hub.switch()

    def run(self, until: Callable[[], bool], limit_s: float) -> None:
        """Go on until that holds; fail if it does not within so many seconds."""
        end = self.now + limit_s
        while self._events and not until():
            self.now, _, next_one = heapq.heappop(self._events)
            assert self.now < end, f"not over after {limit_s:g} s"
            next_one.switch()

    def _wake(self, sleeper: greenlet, at: float) -> None:
        heapq.heappush(self._events, (at, next(self._order), sleeper))


class Slots:
    """A few places, taken in the order of asking."""

    def __init__(self, time: VirtualTime, places: int) -> None:
        self._time = time
        self._free = places
        self._queue: deque[object] = deque()

    @contextmanager
    def slot(self) -> Iterator[None]:
        ticket = object()
        self._queue.append(ticket)
        while not (self._free and self._queue[0] is ticket):
            self._time.sleep(0.05)
        self._queue.popleft()
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
