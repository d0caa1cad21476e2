"""A client as a process: signals, heartbeat, torch's threads, exit statuses."""

from __future__ import annotations

import ctypes
import logging
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from fedclient import tasks
from fedclient.api import Actions, Traffic, connect
from fedclient.data import DataError
from fedclient.environment import ClientConfig
from fedclient.health import Heartbeat
from fedclient.loop import Loop, start_delay
from fedclient.replies import Refused
from fedclient.tasks import ClientContext, Task, UnknownTask
from fedclient.transfer import ClientError
from fedclient.transport import Transport

log = logging.getLogger(__name__)

DONE, FAILED = 0, 1
INTERRUPTED = 128 + signal.SIGTERM
"""Exit statuses of a client: the experiment is over, it cannot go on, it was ended."""

NAP_S = 0.5
"""How long a sleeping client may overlook a signal."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""glibc's malloc.h."""


class Interrupted(Exception):
    """A signal asked the client to end."""


class Slot(Protocol):
    """What bounds the clients that train at once: a (multiprocessing) semaphore."""

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; return False if none was free within `timeout` seconds."""
        ...

    def release(self) -> None:
        """Give the permit back."""
        ...


Training = Callable[[], AbstractContextManager[Any]]
Sleep = Callable[[float], None]


class Faults(Protocol):
    """What may come between a client and its federation, to show what survives it."""

    def transport(self, inner: Transport, sleep: Sleep) -> Transport:
        """Return the transport to use in place of `inner`."""
        ...

    def training(self, inner: Training, sleep: Sleep) -> Training:
        """Return what to train in, in place of `inner`."""
        ...


class Cancellation:
    """Lets a client live and end: beats while it works and sleeps, heeds signals."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._ended = False

    def listen(self) -> None:
        """End at SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)

    def _end(self, number: int, frame: FrameType | None) -> None:
        # A flag, seen between batches and naps: raising here could tear anything apart.
        self._ended = True

    def between(self) -> None:
        """Beat; raise `Interrupted` when a signal has come."""
        if self._ended:
            raise Interrupted
        self._heartbeat.beat()

    def sleep(self, seconds: float) -> None:
        """Wait, beating; `Interrupted` as in `between`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.between()
            time.sleep(min(left, NAP_S))
        self.between()

    @contextmanager
    def slot(self, places: Slot) -> Iterator[None]:
        """Hold one of the places; wait for it, beating."""
        while not places.acquire(True, NAP_S):
            self.between()
        try:
            yield
        finally:
            places.release()


def run_client(
    config: ClientConfig,
    *,
    train_slot: Slot | None = None,
    on_traffic: Callable[[Traffic], None] = lambda traffic: None,
    faults: Faults | None = None,
) -> int:
    """Be one client, to its end; return the exit status (`DONE`, `FAILED` …).

    It owns the process: it sets signal handlers and torch's threads.

    Args:
        config: the client's settings.
        train_slot: taken while training, to bound how many clients train at once.
        on_traffic: called at the end with the totals of the client's calls.
        faults: disturbs its calls and trainings; None is a calm day.
    """
    cancellation = Cancellation(Heartbeat(config.heartbeat_file))
    cancellation.listen()
    transport = connect(config.base_url)
    carrier: Transport = transport
    training: Training = nullcontext
    if train_slot is not None:
        training = partial(cancellation.slot, train_slot)
    if faults is not None:
        carrier = faults.transport(transport, cancellation.sleep)
        training = faults.training(training, cancellation.sleep)
    actions = Actions(carrier, sleep=cancellation.sleep)
    loop = _loop(config, actions, cancellation, training)
    _enrolled(config.enrolled_file, False)  # a killed predecessor may have left it
    try:
        cancellation.sleep(start_delay(config.name, config.start_spread_s))
        log.info("finished: %s", loop.run())
        return DONE
    except Interrupted:
        log.info("ended by a signal")
        return INTERRUPTED
    except (Refused, ClientError, DataError, UnknownTask) as error:
        log.error("%s: %s", config.name, error)
        return FAILED
    finally:
        _enrolled(config.enrolled_file, False)
        transport.close()
        on_traffic(actions.traffic)


def _loop(
    config: ClientConfig,
    actions: Actions,
    cancellation: Cancellation,
    training: Training,
) -> Loop:
    return Loop(
        actions,
        config,
        make_task=partial(_find_task, threads=config.threads),
        sleep=cancellation.sleep,
        between=cancellation.between,
        train_slot=training,
        on_enrolled=partial(_enrolled, config.enrolled_file),
    )


def _find_task(context: ClientContext, *, threads: int) -> Task:
    task = tasks.find(context.settings.task)
    if "torch" in sys.modules:  # a user's task may do without
        configure_torch(threads)
    return task


def configure_torch(threads: int) -> None:
    """Set torch's threads, and keep glibc from giving big blocks back at every free.

    Both thresholds together: the trim threshold alone freezes the other at 128 KB,
    which is slower than nothing.
    """
    import torch

    torch.set_num_threads(threads)
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)


def _enrolled(path: Path | None, enrolled: bool) -> None:
    """Let the readiness file exist while the client is enrolled."""
    if path is None:
        return
    if enrolled:
        path.touch()
    else:
        path.unlink(missing_ok=True)
