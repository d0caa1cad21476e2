"""The action processes of a host: warm ones reused, their number bounded."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from localwhisk.processes import ActionProcess


@dataclass(eq=False)
class Seat:
    """A process and the action revision it belongs to."""

    revision: str
    process: ActionProcess
    idle_since: float = 0.0


class Pool:
    """Lends processes, one activation at a time.

    `start` is called to start a process; `seat` is warm if it has served before.
    """

    def __init__(self, most: int, most_per_action: int, idle_s: float) -> None:
        self._most, self._most_per_action = most, most_per_action
        self._idle_s = idle_s
        self._idle: list[Seat] = []  # the longest unused first
        self._alive: Counter[str] = Counter()  # by revision, starting ones included
        self._retired: set[str] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ending: set[asyncio.Task[None]] = set()

    async def lend(
        self, revision: str, start: Callable[[], Awaitable[ActionProcess]]
    ) -> tuple[Seat, bool]:
        """A process for one activation: a warm one, else a new one when there's room.

        Returns:
            The process' seat, and whether it was started for this call.
        """
        while True:
            if seat := self._take_idle(revision):
                return seat, False
            if self._make_room(revision):
                return await self._start(revision, start), True
            await self._wait()

    def give_back(self, seat: Seat, healthy: bool) -> None:
        """Return a process; one that failed, or whose action has changed, ends."""
        if healthy and seat.revision not in self._retired:
            seat.idle_since = time.monotonic()
            self._idle.append(seat)
            self._wake()
        else:
            self._end(seat)

    def retire(self, revision: str) -> None:
        """End the processes of a revision that has been replaced, busy ones later."""
        if self._alive[revision]:
            self._retired.add(revision)
        for seat in [s for s in self._idle if s.revision == revision]:
            self._idle.remove(seat)
            self._end(seat)

    def reap(self) -> None:
        """End the processes that nobody has used for long."""
        oldest = time.monotonic() - self._idle_s
        while self._idle and self._idle[0].idle_since < oldest:
            self._end(self._idle.pop(0))

    async def close(self) -> None:
        """End all idle processes, and wait for those that are ending."""
        while self._idle:
            self._end(self._idle.pop())
        await asyncio.gather(*self._ending)

    def _take_idle(self, revision: str) -> Seat | None:
        """The most recently used idle process of a revision that still lives."""
        for seat in reversed(self._idle):
            if seat.revision == revision:
                self._idle.remove(seat)
                if seat.process.alive:
                    return seat
                self._end(seat)
        return None

    def _make_room(self, revision: str) -> bool:
        """Whether one more process may start, at the cost of the longest unused one."""
        if self._alive[revision] >= self._most_per_action:
            return False
        if self._alive.total() < self._most:
            return True
        if not self._idle:
            return False
        self._end(self._idle.pop(0))
        return True

    async def _start(
        self, revision: str, start: Callable[[], Awaitable[ActionProcess]]
    ) -> Seat:
        self._alive[revision] += 1
        try:
            return Seat(revision, await start())
        except BaseException:
            self._left(revision)
            raise

    def _end(self, seat: Seat) -> None:
        self._left(seat.revision)
        task = asyncio.ensure_future(seat.process.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _left(self, revision: str) -> None:
        self._alive[revision] -= 1
        if not self._alive[revision]:  # a long-lived host forgets what is gone
            del self._alive[revision]
            self._retired.discard(revision)
        self._wake()

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _wake(self) -> None:
        """Let all who queue look again, in their order."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
