"""The folder of the embedded platform's state: who uses it, its secret and key."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from filelock import Timeout

from fedcore.tokens import secret_fault
from fedwhisk.config import FOLDER, Settings
from fedwhisk.errors import InputError, OperatorError
from fedwhisk.local.locks import is_locked, locked

SECRET_BYTES = 32
LOOK_S = 0.1
KEY = re.compile(r"[0-9a-f-]{36}:[A-Za-z0-9]{64}")


class Taken(OperatorError):
    """Another process has the home."""


class Running(msgspec.Struct, frozen=True):
    """Where the platform that uses a home can be reached.

    Attributes:
        pid: the process that runs it.
        base_url: where its web actions are.
        apihost: where its REST API is.
        database_url: where its embedded database is; empty where it has another.
    """

    pid: int
    base_url: str
    apihost: str
    database_url: str = ""


class Home:
    """A folder of state. Nothing is made before it is needed."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def database(self) -> Path:
        """The folder of the embedded database."""
        return self.path / "database"

    @property
    def host(self) -> Path:
        """The folder of what is deployed on the embedded host."""
        return self.path / "host"

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.path / "logs"

    def make(self) -> None:
        """Make the folders, for this user alone.

        Raises:
            OperatorError: they cannot be made or written to.
        """
        try:
            for folder in (self.path, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise OperatorError(f"{self.path}: cannot be used ({error})") from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the home for this process; the lock goes with it, however it ends.

        Raises:
            Taken: another process has it.
            OperatorError: it cannot be made.
        """
        self.make()
        with ExitStack() as until_the_end:
            try:
                until_the_end.enter_context(locked(self.path / "lock"))
            except Timeout:
                raise Taken(self._taken()) from None
            self._running_file.unlink(missing_ok=True)  # a killed process has left it
            yield

    def is_held(self) -> bool:
        """Return True if a living process has the home."""
        return is_locked(self.path / "lock")

    def running(self) -> Running | None:
        """Return where the platform that uses the home is, if one is up."""
        if not self.is_held():
            return None
        try:
            return msgspec.json.decode(self._running_file.read_bytes(), type=Running)
        except (FileNotFoundError, msgspec.DecodeError):
            return None  # it is just starting

    def wait_while_starting(self, say: Callable[[str], None]) -> None:
        """Return when the platform that is just starting is up, or has ended again."""
        waited = False
        while self.is_held() and self.running() is None:
            if not waited:
                say(f"waiting for another platform to come up in {self.path}")
                waited = True
            time.sleep(LOOK_S)

    @contextmanager
    def announced(self, running: Running) -> Iterator[None]:
        """Tell other commands where the platform is, as long as it is up."""
        write_private(self._running_file, msgspec.json.encode(running))
        try:
            yield
        finally:
            self._running_file.unlink(missing_ok=True)

    def secret(self, settings: Settings) -> bytes:
        """Return the deployment's secret: the one that is set, or the home's own.

        Raises:
            OperatorError: the home's file holds no good secret.
        """
        if settings.fed_secret:
            return settings.fed_secret.encode()
        file = self.path / "secret"
        if not file.exists():
            write_private(file, secrets.token_hex(SECRET_BYTES).encode())
        found = file.read_text().strip()
        if fault := secret_fault(found):
            raise OperatorError(f"{file}: {fault}")
        return found.encode()

    def key(self) -> str:
        """Return the key of the host's namespace, which is the home's own.

        Raises:
            OperatorError: the file holds something else.
        """
        file = self.path / "key"
        if not file.exists():
            from localwhisk.settings import fresh_key  # and so the whole host

            write_private(file, fresh_key().encode())
        found = file.read_text(encoding="utf-8", errors="replace").strip()
        if KEY.fullmatch(found) is None:
            raise OperatorError(
                f"{file}: found no key, expected uuid:64 letters and digits; "
                "without the file a new one is made"
            )
        return found

    def remove(self) -> bool:
        """Remove the folder with everything in it; False when there was none.

        Raises:
            OperatorError: a platform is using it, or it holds something else.
        """
        if not self.path.exists():
            return False
        if self.is_held():
            raise OperatorError(self._taken())
        if not (self.path / "lock").exists() and any(self.path.iterdir()):
            raise OperatorError(f"{self.path}: not a folder of ours, left alone")
        shutil.rmtree(self.path)
        return True

    @property
    def _running_file(self) -> Path:
        return self.path / "running.json"

    def _taken(self) -> str:
        running = self.running()
        who = f"process {running.pid}" if running else "another process"
        return f"{self.path}: in use by {who}; stop it first, or set FEDWHISK_HOME"


def existing_home(settings: Settings) -> Home:
    """Return the home of a platform that has been up, for commands that only look.

    Raises:
        InputError: no platform has been up; says where it looked, and what to do.
    """
    home = Home(settings.fedwhisk_home)
    if not home.path.is_dir():
        above = " or in a folder above" if home.path.name == FOLDER else ""
        raise InputError(
            f"no platform's state at {home.path}{above}: `fedwhisk run` or `fedwhisk "
            "up` makes it, FEDWHISK_HOME says where else it is, --on means a "
            "deployment elsewhere"
        )
    return home


def made_home(settings: Settings) -> Home:
    """Return the home of a platform; where it is new, say where it has been made.

    Raises:
        OperatorError: it cannot be made or written to.
    """
    home = Home(settings.fedwhisk_home)
    new = not home.path.exists()
    home.make()
    if new:
        sys.stderr.write(f"keeping the platform's state in {home.path}\n")
    return home


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only this user may read; whole or not at all."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
