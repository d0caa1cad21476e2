"""One warm process of one action: started, asked one thing at a time, killed.

The process is a group of its own, runs the base interpreter without site-packages, and
sees the unpacked code, the standard library and OpenWhisk's environment: nothing of
the host's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localwhisk.logs import STREAMS, LogPipes
from localwhisk.settings import MEBIBYTE

LAUNCHER = Path(__file__).with_name("launcher.py")
# The interpreter under the venv, so that the venv's packages can't be seen.
INTERPRETER: str = getattr(sys, "_base_executable", sys.executable)
FLAGS = ("-I", "-S", "-B", "-X", "utf8")
CHUNK = 256 * 1024
WATCH_S = 0.25
VM_HWM = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class ActionGone(Exception):
    """The process ended, or was ended for its memory, before it answered."""


class ActionTimedOut(Exception):
    """The process didn't answer in time, and was killed."""


@dataclass(frozen=True)
class Program:
    """What a process needs to know of its action.

    `environment` holds what stays the same for all activations; memory is in MB,
    logs in bytes.
    """

    folder: Path
    main: str
    environment: Mapping[str, str]
    memory_mb: int
    log_bytes: int


@dataclass(frozen=True)
class Answer:
    """A result line, cut off where it is too long, and its true size in bytes."""

    line: bytes
    size: int


class ActionProcess:
    """A running process. Create with `start`; ask one thing at a time."""

    def __init__(
        self, popen: subprocess.Popen[bytes], logs: LogPipes, memory_mb: int
    ) -> None:
        self._popen = popen
        self._logs = logs
        self._memory = memory_mb * MEBIBYTE
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self.peak_rss = 0

    @classmethod
    async def start(cls, program: Program) -> ActionProcess:
        """Start the interpreter; the action's import is answered by `ask(b"")`."""
        ours, theirs = socket.socketpair()
        logs = LogPipes()
        logs.allowed = program.log_bytes
        popen = await asyncio.to_thread(launch, program, theirs, logs)
        theirs.close()
        logs.handed_over()
        process = cls(popen, logs, program.memory_mb)
        process._reader, process._writer = await asyncio.open_unix_connection(sock=ours)
        return process

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._popen.poll() is None

    async def ask(self, request: bytes, timeout_s: float, keep: int) -> Answer:
        """Send one request line, and wait for the line that answers it.

        Args:
            request: JSON without a line feed; empty to wait for the import's answer.
            timeout_s: seconds until the process is killed.
            keep: bytes of the answer to keep.

        Raises:
            ActionTimedOut: no answer in time.
            ActionGone: the process ended, or used more memory than it may.
        """
        exchange = asyncio.ensure_future(self._exchange(request, keep))
        try:
            return await self._watch(exchange, timeout_s)
        except ConnectionError as error:
            raise ActionGone from error
        finally:
            exchange.cancel()
            self._measure()

    async def _exchange(self, request: bytes, keep: int) -> Answer:
        if request:
            self._writer.write(request + b"\n")
            await self._writer.drain()
        kept, size = bytearray(), 0
        while True:
            chunk = await self._reader.read(CHUNK)
            if not chunk:
                raise ActionGone
            size += len(chunk)
            if len(kept) <= keep:
                kept += chunk
            if chunk.endswith(b"\n"):
                return Answer(bytes(kept), size - 1)

    async def _watch(
        self, exchange: asyncio.Future[Answer], timeout_s: float
    ) -> Answer:
        """Wait for the answer, with an eye on the clock and on the memory."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            left = deadline - loop.time()
            await asyncio.wait({exchange}, timeout=max(0.0, min(left, WATCH_S)))
            if exchange.done():
                return exchange.result()
            if left <= 0:
                raise ActionTimedOut
            self._measure()
            if self.peak_rss > self._memory:
                raise ActionGone

    def _measure(self) -> None:
        self.peak_rss = max(self.peak_rss, peak_rss(self._popen.pid))

    def kill(self) -> None:
        """End the process at once, whatever it is at; harmless when it has ended."""
        self._popen.kill()

    def take_logs(self) -> list[str]:
        """What the process printed since the last call."""
        return self._logs.take()

    async def end(self) -> None:
        """Kill the process and everything it has started, and free what it held."""
        if self.alive:
            self._measure()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._logs.close()
        self._writer.close()
        await asyncio.to_thread(self._popen.wait)


def launch(
    program: Program, channel: socket.socket, logs: LogPipes
) -> subprocess.Popen[bytes]:
    """Start the interpreter in the action's folder."""
    stdout, stderr = (logs.writing_end(stream) for stream in STREAMS)
    return subprocess.Popen(  # noqa: S603 (our own launcher, no shell)
        [INTERPRETER, *FLAGS, str(LAUNCHER), program.main],
        stdin=channel.fileno(),
        stdout=stdout,
        stderr=stderr,
        cwd=program.folder,
        env=dict(program.environment),
        start_new_session=True,
    )


def peak_rss(pid: int) -> int:
    """The largest resident memory of a process so far, in bytes; 0 if unknown."""
    try:
        status = Path("/proc", str(pid), "status").read_text()
    except OSError:  # gone, or a system without /proc
        return 0
    found = VM_HWM.search(status)
    return int(found[1]) * 1024 if found else 0
