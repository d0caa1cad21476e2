"""Slots for work that only a few processes may do at once, safe against kill -9.

One process keeps the slots; each of the others asks for one over a socket. The kernel
closes the socket of a process that dies, and its slot is free again. A semaphore in
shared memory would lose that slot.
"""

from __future__ import annotations

import select
import socket
from collections import deque

ASK, GRANT, GIVE_BACK = b"?", b"!", b"."


class TrainingSlot:
    """One process's end, in the shape of a semaphore."""

    def __init__(self, keeper: socket.socket) -> None:
        self._keeper = keeper
        self._asked = False

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take a slot; return False if none was free for `timeout` seconds.

        The wait keeps its turn: asking again goes on waiting.

        Raises:
            ConnectionError: the keeper is gone.
        """
        if not self._asked:
            self._keeper.sendall(ASK)
            self._asked = True
        ready, _, _ = select.select([self._keeper], [], [], timeout if block else 0)
        if not ready:
            return False
        if self._keeper.recv(1) != GRANT:
            raise ConnectionError("the keeper of the slots is gone")
        return True

    def release(self) -> None:
        """Give the slot back."""
        self._asked = False
        self._keeper.sendall(GIVE_BACK)


class Keeper:
    """The keeper's side: grants slots in the order of the requests."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._waiting: deque[socket.socket] = deque()
        self._holding: set[socket.socket] = set()

    def heard(self, worker: socket.socket, said: bytes) -> None:
        """Act on what a worker said; nothing at all means that it is gone."""
        if not said:
            self._forget(worker)
        for one in (said[i : i + 1] for i in range(len(said))):
            if one == ASK:
                self._waiting.append(worker)
            elif one == GIVE_BACK:
                self._take_back(worker)
        self._grant()

    def _forget(self, worker: socket.socket) -> None:
        self._take_back(worker)
        if worker in self._waiting:
            self._waiting.remove(worker)

    def _take_back(self, worker: socket.socket) -> None:
        if worker in self._holding:
            self._holding.remove(worker)
            self._free += 1

    def _grant(self) -> None:
        while self._free and self._waiting:
            worker = self._waiting.popleft()
            try:
                worker.sendall(GRANT)
            except OSError:
                continue  # it died while it waited: its end will be heard
            self._holding.add(worker)
            self._free -= 1
