"""The process that clients are forked from.

Its command is `python -m fedwhisk.clients.supervisor TASK DATA_DIR`.
With a third argument, a seed, it makes the initial model that this seed gives.
It loads torch and the task's data once; each client then costs milliseconds and what
it writes to. It reads one `Start` from its standard input and reports on its standard
output. When the input closes, because its parent says so or has died, it ends its
clients and itself.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import msgspec

from fedwhisk.clients.supervisor_messages import (
    Calls,
    Ended,
    Failed,
    FaultInjected,
    Ready,
    Start,
    to_line,
)
from fedwhisk.clients.training_slots import Keeper, TrainingSlot
from fedwhisk.local.database import last_line
from fedwhisk.local.die_with_parent import die_with_parent

CRASHED = 70
"""Exit status of a client after an unexpected error (EX_SOFTWARE)."""

GIVEN_UP = (0, 1)
"""Exit statuses after which a client has nothing left to try."""

SAME_FAULTS = 3
"""A client gives up after this many equal errors in a row."""

LONGEST_PAUSE_S = 60.0
END_S = 10.0


class _CannotStart(Exception):
    """No client can be started; the text says why."""


@dataclass
class Child:
    """A client's process. `ends` counts how often one of that name crashed."""

    name: str
    pid: int
    socket: socket.socket
    ends: int = 0


@dataclass
class ClientSupervisor:
    """Starts clients, keeps their training slots, restarts those that crash."""

    start: Start
    keeper: Keeper
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    children: dict[socket.socket, Child] = field(default_factory=dict)
    due: list[tuple[float, str, int]] = field(default_factory=list)
    last_errors: dict[str, deque[str]] = field(default_factory=dict)

    def run(self) -> None:
        """Start and restart clients until the standard input closes."""
        self.selector.register(sys.stdin.buffer, selectors.EVENT_READ)
        for name in self.start.names:
            self._fork(name, 0)
        while True:
            for key, _ in self.selector.select(self._pause()):
                if key.fileobj is sys.stdin.buffer:
                    if not os.read(0, 4096):
                        return
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)
            self._restart_due()

    def end(self) -> None:
        """Ask all clients to end; kill those that do not."""
        for child in self.children.values():
            os.kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + END_S
        while self.children and time.monotonic() < deadline:
            for key, _ in self.selector.select(0.1):
                if isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj, restart=False)
        for child in self.children.values():
            os.kill(child.pid, signal.SIGKILL)

    def _fork(self, name: str, ends: int) -> None:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_client(name, ends, theirs, parent)
        theirs.close()
        ours.setblocking(True)
        self.children[ours] = Child(name, pid, ours, ends)
        self.selector.register(ours, selectors.EVENT_READ)

    def _become_client(
        self, name: str, ends: int, keeper: socket.socket, parent: int
    ) -> NoReturn:
        """Run the child to its end, in every case; never return."""
        status = CRASHED
        try:
            die_with_parent(parent)
            for other in self.children:
                other.close()
            self.selector.close()
            report = os.dup(1)
            _log_to(Path(self.start.logs) / f"{name}.log", truncate=not ends)
            status = _run(self.start, name, TrainingSlot(keeper), report)
        except BaseException:  # noqa: BLE001 - a fork must not return into its parent
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _hear(self, worker: socket.socket, *, restart: bool = True) -> None:
        try:
            said = worker.recv(64)
        except ConnectionError:
            said = b""
        self.keeper.heard(worker, said)
        if not said:
            self._buried(worker, restart=restart)

    def _buried(self, worker: socket.socket, *, restart: bool) -> None:
        """Report that a client has ended, and plan its restart if it crashed."""
        child = self.children.pop(worker)
        self.selector.unregister(worker)
        worker.close()
        status = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
        line = last_line(Path(self.start.logs) / f"{child.name}.log")
        said = line.partition(f" {child.name}: ")[2] or line  # less time and level
        pause = None
        if (
            restart
            and status not in GIVEN_UP
            and not self._is_hopeless(child, status, said)
        ):
            pause = min(LONGEST_PAUSE_S, 2.0**child.ends - 1)
            self.due.append((time.monotonic() + pause, child.name, child.ends + 1))
        _report(Ended(child.name, status, pause, said))

    def _is_hopeless(self, child: Child, status: int, said: str) -> bool:
        """Return True if a client meets the same error again and again.

        A client that stays for other experiments may do better in those.
        """
        if status != CRASHED or self.start.stay:
            return False
        last = self.last_errors.setdefault(child.name, deque(maxlen=SAME_FAULTS))
        last.append(said)
        return last.count(said) == SAME_FAULTS

    def _pause(self) -> float | None:
        """Seconds until the next client is due, or None when none is."""
        if not self.due:
            return None
        return max(0.0, min(self.due)[0] - time.monotonic())

    def _restart_due(self) -> None:
        now = time.monotonic()
        ready = [entry for entry in self.due if entry[0] <= now]
        self.due = [entry for entry in self.due if entry[0] > now]
        for _, name, ends in ready:
            self._fork(name, ends)


def _run(start: Start, name: str, slot: TrainingSlot, report: int) -> int:
    """Run one client to its end; return its exit status."""
    from fedclient import logs
    from fedclient.api import Traffic
    from fedclient.environment import ClientConfig
    from fedclient.process import run_client
    from fedwhisk.faults import ClientFaults

    def note(fault: str) -> None:
        os.write(report, to_line(FaultInjected(fault)))

    def tell(traffic: Traffic) -> None:
        calls = Calls(
            dict(traffic.calls), traffic.bytes_in, traffic.bytes_out, traffic.throttled
        )
        os.write(report, to_line(calls))  # short: one write, never mixed with others

    logs.to_standard_error()
    config = ClientConfig(
        base_url=start.base_url,
        name=name,
        enrolment_token=start.enrolment_tokens[name],
        experiment=start.experiment,
        data_dir=Path(start.data_dir) if start.data_dir else None,
        stay=start.stay,
        start_spread_s=start.spread_s,
    )
    faults = ClientFaults(start.faults, name, note) if start.faults else None
    return run_client(config, train_slot=slot, on_traffic=tell, faults=faults)


def _log_to(log: Path, *, truncate: bool) -> None:
    """Write this process's output to a file: a new one, or at its end."""
    how = os.O_TRUNC if truncate else 0
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | how, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


def _report(event: msgspec.Struct, more: bytes = b"") -> None:
    sys.stdout.buffer.write(to_line(event) + more)
    sys.stdout.buffer.flush()


def _load(task: str, data_dir: str, seed: str = "") -> tuple[Ready, bytes]:
    """Load what all clients share; with a seed, also make the initial model.

    Raises:
        _CannotStart: says why it cannot be loaded.
    """
    from fedclient import tasks
    from fedclient.data import DataError
    from fedclient.tasks import UnknownTask

    ready, model = Ready(), b""
    try:
        found = tasks.find(task)
        found.preload(Path(data_dir) if data_dir else None)
        if seed:
            model = found.initial_model(int(seed))
            ready = Ready(len(model), found.layout)
    except (DataError, UnknownTask) as error:
        raise _CannotStart(str(error)) from error
    except Exception as error:
        traceback.print_exc()
        raise _CannotStart(f"task {task!r}: {type(error).__name__}: {error}") from error
    # Shared pages stay shared: the collector would write to every object.
    gc.collect()
    gc.freeze()
    return ready, model


def main(arguments: Sequence[str]) -> int:
    """Load what clients share, wait for `Start`, and run them."""
    try:
        ready, model = _load(*arguments)
    except _CannotStart as trouble:
        _report(Failed(str(trouble)))
        return 1
    _report(ready, model)
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    start = msgspec.json.decode(line, type=Start)
    supervisor = ClientSupervisor(start, Keeper(start.at_once))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        supervisor.run()
    finally:
        supervisor.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
