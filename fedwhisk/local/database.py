"""The database of the embedded platform: SecantusDB, in a separate process.

SecantusDB speaks MongoDB's wire protocol and keeps its data with WiredTiger, as
MongoDB does: journaled writes are on disk when they are acknowledged. It is licensed
under GPL-2.0, so it is started by its command line and never imported.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from fedwhisk.errors import OperatorError
from fedwhisk.local import die_with_parent
from fedwhisk.local.home import write_private
from localwhisk.addresses import EVERY_ADDRESS, outside_address

CACHE = "64M"
OPLOG_SECONDS, OPLOG_ENTRIES = "60", "500"
"""Nobody follows changes: a short log of them keeps the disk small."""

LOOPBACK = "127.0.0.1"
READY_S = 30.0
STOP_S = 15.0
HEARD_S, AGAIN_S = 0.1, 4.0
"""When its end is hurried on, and when it is asked for once more."""


class _Started(msgspec.Struct, frozen=True):
    """Which process served a data folder last."""

    pid: int
    port: int
    host: str = LOOPBACK


class EmbeddedDatabase:
    """A database process for one data folder.

    `start` returns at once; `wait` does so when the database answers. Both belong to
    a thread that lives as long as the database (see `die_with_parent`).

    Args:
        folder: of its data.
        log: of what it says.
        host: the address it listens on: there it has no password.
        port: where it listens; 0 takes a free one.
    """

    def __init__(
        self, folder: Path, log: Path, host: str = LOOPBACK, port: int = 0
    ) -> None:
        self._folder = folder.absolute()
        self._log = log
        self._record = self._folder.with_name(f"{self._folder.name}.json")
        self._process: subprocess.Popen[bytes] | None = None
        self._host = host
        self._port = port

    @property
    def url(self) -> str:
        """Where this machine reaches it, in MongoDB's notation."""
        return _url(_near(self._host), self._port)

    @property
    def outside_url(self) -> str:
        """Where other machines reach it, if it listens to them."""
        return _url(outside_address(self._host), self._port)

    @property
    def pid(self) -> int | None:
        """The process that serves the folder, once started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process on a free port; one left over is ended first.

        Raises:
            OperatorError: SecantusDB is not installed, or cannot listen there.
        """
        if importlib.util.find_spec("secantus") is None:
            raise OperatorError(
                "the embedded database is not installed (PyPI: secantusdb); "
                "install it, or set MONGODB_URL"
            )
        self._end_leftover()
        self._port = free_port(self._host, self._port)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a command of our own
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        record = _Started(self._process.pid, self._port, _near(self._host))
        write_private(self._record, msgspec.json.encode(record))

    def wait(self) -> None:
        """Return when the database answers.

        Raises:
            OperatorError: it ended, or did not answer in time.
        """
        if self._process is None:
            raise RuntimeError("the database has not been started")
        end = time.monotonic() + READY_S
        while not answers(self.url, timeout_s=0.5):
            if self._process.poll() is not None:
                raise OperatorError(
                    "the embedded database ended at once "
                    f"(code {self._process.returncode}): {last_line(self._log)}"
                )
            if time.monotonic() > end:
                raise OperatorError(
                    f"the embedded database did not answer in {READY_S:g} s: "
                    f"{last_line(self._log)}"
                )
            time.sleep(0.02)

    def stop(self) -> None:
        """End the process in an orderly way; harmless when it has ended."""
        if self._process is None:
            return
        self._process.terminate()
        if not self._ends(HEARD_S):
            # Its listener sleeps for two seconds on, unless somebody connects. Who does
            # at once keeps the signal from being heard, in three of four tries.
            with suppress(OSError):
                socket.create_connection((_near(self._host), self._port), 1.0).close()
        if not self._ends(AGAIN_S):
            self._process.terminate()
        if not self._ends(STOP_S):
            # Acknowledged writes are in its journal: the next start recovers them.
            self._process.kill()
            self._process.wait()
        self._record.unlink(missing_ok=True)

    def _ends(self, within_s: float) -> bool:
        assert self._process is not None  # noqa: S101 - for the type checker
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def __enter__(self) -> EmbeddedDatabase:
        self.start()
        self.wait()
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop()

    def _command(self) -> list[str]:
        launcher = [
            sys.executable,
            "-I",
            "-S",
            die_with_parent.__file__,
            str(os.getpid()),
        ]
        database = [sys.executable, "-m", "secantus", "--host", self._host]
        options = {
            "--port": str(self._port),
            "--storage-path": str(self._folder),
            "--cache-size": CACHE,
            "--oplog-retention-seconds": OPLOG_SECONDS,
            "--oplog-max-entries": OPLOG_ENTRIES,
            "--log-level": "WARNING",
        }
        return launcher + database + [x for pair in options.items() for x in pair]

    def _end_leftover(self) -> None:
        """End the process that a killed parent left on our folder, if any."""
        try:
            left = msgspec.json.decode(self._record.read_bytes(), type=_Started)
        except (FileNotFoundError, msgspec.DecodeError):
            return
        # Its number may be somebody else's by now: ask who serves the port.
        if _serving(left) == left.pid:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.kill(left.pid, sent)
                if _ended(left.pid, within_s=STOP_S):
                    break
        self._record.unlink(missing_ok=True)


def _url(host: str, port: int) -> str:
    return f"mongodb://{host}:{port}/?directConnection=true"


def _near(host: str) -> str:
    """Return the address by which this machine reaches what listens on another."""
    return LOOPBACK if host == EVERY_ADDRESS else host


def _serving(left: _Started) -> int | None:
    """Return the number of the process whose database listens there, if any."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    url = _url(left.host, left.port)
    client: MongoClient[dict[str, Any]] = MongoClient(
        url, serverSelectionTimeoutMS=500, connectTimeoutMS=500, socketTimeoutMS=2000
    )
    with client:
        try:
            pid = client.admin.command("serverStatus").get("pid")
        except PyMongoError:
            return None
    return int(pid) if pid is not None else None


def _ended(pid: int, *, within_s: float) -> bool:
    """Wait for a process that is not our child; return True if it has ended."""
    end = time.monotonic() + within_s
    stat = Path(f"/proc/{pid}/stat")
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            # A zombie (Linux: state Z) has ended; only its parent has not asked yet.
            if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def answers(url: str, *, timeout_s: float) -> bool:
    """Return True if a MongoDB answers `ping` within `timeout_s`.

    Raises:
        OperatorError: the URL cannot be read.
    """
    # Not at the top: commands that need no database start faster without.
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError

    wait = int(timeout_s * 1000)
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(
            url, serverSelectionTimeoutMS=wait, connectTimeoutMS=wait
        )
    except (InvalidURI, ConfigurationError, ValueError) as error:
        reason = type(error).__name__  # its text may hold a password
        raise OperatorError(f"MONGODB_URL cannot be used ({reason})") from None
    with client:
        try:
            client.admin.command("ping")
        except PyMongoError:
            return False
    return True


def free_port(host: str = LOOPBACK, wanted: int = 0) -> int:
    """Return a port that nobody listens on: the wanted one, or for 0 any.

    Raises:
        OperatorError: the wanted one is busy, or the address is not this machine's.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            raise OperatorError(
                f"the embedded database cannot listen on {host}:{wanted} "
                f"({error.strerror}); expected an IPv4 address of this machine, and a "
                "free port"
            ) from error
        port: int = probe.getsockname()[1]
        return port


def last_line(log: Path) -> str:
    """Return the last thing that a log says, for a message."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        lines = []
    return lines[-1][-300:] if lines else "it said nothing"
