"""The clients of `fedwhisk run`, as seen from the command line.

pool = ClientPool("mnist", data_dir=None, logs=folder)
pool.warm_up()          # returns at once; torch is loading
pool.wait()             # until it has, and the task and its data are there
pool.start(Start(…))
for event in pool.events(): …
pool.stop()
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from fedcore.codec import Layout
from fedwhisk.clients.supervisor_messages import (
    Calls,
    Ended,
    Event,
    Failed,
    FaultInjected,
    Ready,
    Start,
    to_line,
)
from fedwhisk.errors import OperatorError
from fedwhisk.local.database import last_line

STOP_S = 20.0


class ClientPool:
    """Client processes on this machine, forked from one that has all they share.

    Attributes:
        calls: calls that clients made, by action, as far as clients have ended.
        faults: that clients have met on purpose, by kind.
        given_up: the last words of clients that ended without being asked to.
        done: names of the clients whose experiment is over.
        initial: the initial model and its layout, if a seed was given, after `wait`.
    """

    def __init__(
        self, task: str, *, data_dir: Path | None, logs: Path, seed: int | None = None
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.bytes_in = self.bytes_out = self.throttled = 0
        self.given_up: dict[str, str] = {}
        self.done: set[str] = set()
        self.initial: tuple[bytes, Layout] = (b"", [])
        self._wanted = [task, str(data_dir.absolute()) if data_dir else ""]
        if seed is not None:
            self._wanted.append(str(seed))
        self._log = logs / "client_supervisor.log"
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._is_ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def warm_up(self) -> None:
        """Start loading what the clients share; returns at once."""
        command = [sys.executable, "-m", "fedwhisk.clients.supervisor", *self._wanted]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a command of our own
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the command line, not for them
            )
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()

    def wait(self) -> None:
        """Wait until everything that clients share is loaded.

        Raises:
            OperatorError: the task or its data cannot be had.
        """
        if self._is_ready:
            return
        event = self._events.get()
        if isinstance(event, Failed):
            raise OperatorError(event.message)
        if not isinstance(event, Ready):
            raise OperatorError(f"clients cannot start: {last_line(self._log)}")
        self._is_ready = True

    def start(self, start: Start) -> None:
        """Start the clients once everything is loaded; raises what `wait` raises."""
        self.wait()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(to_line(start))
            self._process.stdin.flush()

    def events(self) -> Iterator[Ended]:
        """Yield what has become of clients since the last time, without waiting.

        Raises:
            OperatorError: the clients' parent process is gone.
        """
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return
            if event is None:
                raise OperatorError(f"the clients are gone: {last_line(self._log)}")
            self._count(event)
            if isinstance(event, Ended):
                yield event

    def stop(self) -> None:
        """End all clients and count what they did; harmless when they have ended."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join()
        while not self._events.empty():
            event = self._events.get()
            if event is not None:
                self._count(event)
        self._process = None

    def _count(self, event: Event) -> None:
        if isinstance(event, Calls):
            self.calls.update(event.calls)
            self.bytes_in += event.bytes_in
            self.bytes_out += event.bytes_out
            self.throttled += event.throttled
        elif isinstance(event, FaultInjected):
            self.faults[event.fault] += 1
        elif isinstance(event, Ended) and event.restarts_in is None:
            if event.status == 0:
                self.done.add(event.client)
            else:
                self.given_up[event.client] = event.message

    def _read(self, stream: IO[bytes]) -> None:
        decoder = msgspec.json.Decoder(Event)
        with stream:
            for line in stream:
                event = decoder.decode(line)
                if isinstance(event, Ready) and event.size:
                    self.initial = (stream.read(event.size), event.layout)
                self._events.put(event)
        self._events.put(None)
