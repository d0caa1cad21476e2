"""Many clients on this machine: `fedwhisk client --count 20`.

They are forked from one process that has torch loaded (see `pool`). A home has one
such group at a time; a file there names the process that ends it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path

from filelock import Timeout

from fedclient import preflight
from fedclient.api import Unreachable
from fedclient.environment import ClientConfig
from fedclient.replies import Refused
from fedcore.messages import Stop
from fedcore.settings import ExperimentSettings
from fedwhisk.clients.environment import with_own_token
from fedwhisk.clients.pool import ClientPool
from fedwhisk.clients.supervisor_messages import Start, numbered
from fedwhisk.errors import INTERRUPTED, OperatorError, interrupt_on_sigterm
from fedwhisk.faults import FaultRates
from fedwhisk.local.database import last_line
from fedwhisk.local.home import Home, write_private
from fedwhisk.local.locks import is_locked, locked

LOOK_S = 0.5
SAY_S = 10.0
"""Seconds between two lines that tell how many have enrolled so far."""

ENROLLED = "enrolled in "
"""What a client logs when it has enrolled."""

STOP_S = 60.0
"""A client that waits for an answer sees the signal when the answer is there."""


@dataclass(frozen=True)
class LocalClients:
    """The clients to start.

    Attributes:
        config: what they have in common; each one's name is this one's and a number.
        count: how many.
        at_once: how many may train at the same moment.
        secret: the deployment's, if it is known: then each client gets its own token,
            which experiments may require.
        faults: rates of faults that disturb them; None: no faults.
    """

    config: ClientConfig
    _: KW_ONLY
    count: int
    at_once: int
    secret: bytes | None = field(default=None, repr=False)
    faults: FaultRates | None = None

    @property
    def names(self) -> list[str]:
        """One name a client, the same at every start."""
        # A name is also a log file's.
        return numbered(self.config.name.replace("/", "-"), self.count)

    def one(self, name: str) -> ClientConfig:
        """Return the settings of a client."""
        return with_own_token(replace(self.config, name=name), self.secret)

    def first(self) -> ClientConfig:
        """Return the settings of the first client."""
        return self.one(self.names[0])

    def start(self, logs: Path) -> Start:
        """Return the message that starts them."""
        data_dir = self.config.data_dir
        return Start(
            base_url=self.config.base_url,
            experiment=self.config.experiment,
            names=self.names,
            enrolment_tokens={
                name: self.one(name).enrolment_token for name in self.names
            },
            at_once=self.at_once,
            data_dir=str(data_dir.absolute()) if data_dir else None,
            logs=str(logs),
            stay=self.config.stay,
            spread_s=self.config.start_spread_s,
            faults=self.faults,
        )


def run(clients: LocalClients, home: Home, say: Callable[[str], None]) -> int:
    """Run the clients until their experiment is over, or a signal comes.

    Returns:
        The exit status: 0, 1 if a client gave up, 130 if it was interrupted.

    Raises:
        OperatorError: they run already, or cannot be started.
    """
    interrupt_on_sigterm()
    home.make()
    if is_locked(_lock(home)):
        raise OperatorError(_taken(home))
    # Checked before the lock is taken, so that `--detach` reports it.
    task = _task(clients.first())
    if task is None:
        say(f"experiment {clients.config.experiment} is over: nothing is left to do")
        return 0
    with _on_duty(home):
        pool = ClientPool(task, data_dir=clients.config.data_dir, logs=home.logs)
        progress = EnrolmentProgress(clients.names, home.logs, say)
        try:
            pool.warm_up()
            pool.start(clients.start(home.logs))
            where = clients.config.base_url
            say(f"{clients.count} clients at {where}; Ctrl-C ends them")
            return _watch(pool, clients, progress, say)
        except KeyboardInterrupt:
            say("ending the clients")
            return INTERRUPTED
        finally:
            pool.stop()


def detach(command: Sequence[str], home: Home) -> int:
    """Start a command that runs clients in the background; return its process number.

    Raises:
        OperatorError: clients run already, or the command ended at once.
    """
    home.make()
    if is_locked(_lock(home)):
        raise OperatorError(_taken(home))
    log = home.logs / "clients.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 - a command of our own
            [sys.executable, "-m", "fedwhisk", *command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # it outlives this terminal
        )
    while running(home) != process.pid:
        if process.poll() is not None:
            raise OperatorError(f"the clients ended at once: {last_line(log)}")
        time.sleep(0.05)
    return process.pid


def stop(home: Home) -> int | None:
    """End the clients; return the number of their process, None if none ran.

    Raises:
        OperatorError: they do not end.
    """
    pid = running(home)
    if pid is None:
        return None
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_S
    while is_locked(_lock(home)):
        if time.monotonic() > end:
            raise OperatorError(f"process {pid} has not ended in {STOP_S:g} s")
        time.sleep(0.05)
    return pid


def running(home: Home) -> int | None:
    """Return the process that runs the clients of a home, if one does."""
    if not is_locked(_lock(home)):
        return None
    try:
        return int(_file(home).read_text())
    except FileNotFoundError:
        return None  # it is just starting


class EnrolmentProgress:
    """How many clients have enrolled, by their logs.

    Args:
        names: of the clients that are about to start.
        logs: the folder of their logs; old ones are removed.
        say: gets a line now and then, and when all have enrolled.
    """

    def __init__(
        self, names: Sequence[str], logs: Path, say: Callable[[str], None]
    ) -> None:
        self._count = self._said = len(names)
        self._missing = {logs / f"{name}.log" for name in names}
        self._say = say
        self._last = time.monotonic()
        for log in self._missing:
            log.unlink(missing_ok=True)

    def look(self) -> None:
        """Count the clients that have enrolled since the last time."""
        self._missing = {log for log in self._missing if not _has_enrolled(log)}
        missing, now = len(self._missing), time.monotonic()
        if missing != self._said and (not missing or now > self._last + SAY_S):
            here = self._count - missing
            self._say(f"{here} of {self._count} clients have enrolled")
            self._said, self._last = missing, now


def _has_enrolled(log: Path) -> bool:
    return log.exists() and ENROLLED in log.read_text(errors="replace")


def _watch(
    pool: ClientPool,
    clients: LocalClients,
    progress: EnrolmentProgress,
    say: Callable[[str], None],
) -> int:
    while len(pool.done) + len(pool.given_up) < clients.count:
        for ended in pool.events():
            if ended.restarts_in is not None:
                again = f"again in {ended.restarts_in:g} s"
                say(f"{ended.client} ended: {ended.message}; {again}")
            elif ended.status:
                say(f"{ended.client} gave up: {ended.message}")
        progress.look()
        time.sleep(LOOK_S)
    say(f"{len(pool.done)} of {clients.count} clients have done their part")
    return 1 if pool.given_up else 0


def _task(config: ClientConfig) -> str | None:
    """Return the task, which is loaded once for all clients; None if it is over.

    Raises:
        OperatorError: nobody answers there, or not to this token, or there is no
            experiment for clients that do not wait for one.
    """
    try:
        rehearsed = preflight.ask(config)
    except Refused as refusal:
        awaited = refusal.code == "unknown_experiment" and config.stay
        if awaited or refusal.code == "federation_full":
            return ExperimentSettings().task  # none is open yet: the likeliest
        raise OperatorError(str(refusal)) from None
    except Unreachable as error:
        raise OperatorError(f"{config.base_url}: {error}") from None
    over = isinstance(rehearsed.assignment, Stop) and not config.stay
    return None if over else rehearsed.task


@contextmanager
def _on_duty(home: Home) -> Iterator[None]:
    """Hold the home's lock of clients; the kernel frees it when this process ends."""
    with ExitStack() as until_the_end:
        try:
            until_the_end.enter_context(locked(_lock(home)))
        except Timeout:
            raise OperatorError(_taken(home)) from None
        write_private(_file(home), str(os.getpid()).encode())
        until_the_end.callback(_file(home).unlink)
        yield


def _taken(home: Home) -> str:
    return (
        f"clients run already (process {running(home)}): end them with "
        "`fedwhisk client stop`, or set FEDWHISK_HOME"
    )


def _lock(home: Home) -> Path:
    return home.path / "clients.lock"


def _file(home: Home) -> Path:
    return home.path / "clients.pid"
