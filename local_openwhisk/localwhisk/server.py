"""The host as a server, in a background thread."""

from __future__ import annotations

import asyncio
import errno
import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from localwhisk.addresses import EVERY_ADDRESS, outside_address
from localwhisk.app import build_app
from localwhisk.invoke import CrashAfter
from localwhisk.services import Services, build_services
from localwhisk.settings import HostSettings
from localwhisk.stats import HostStats
from localwhisk.storage import Storage

KEEP_ALIVE_S = 120
GRACE_S = 5


class CannotListen(Exception):
    """The wanted address or port cannot be had."""


class PortBusy(CannotListen):
    """Another program listens on the wanted port."""


class HostServer:
    """An embedded OpenWhisk: `with HostServer(HostSettings(port=0)) as host: ...`.

    `crash_after` says which action processes are to be killed at work, for a show.

    Attributes:
        url: where this machine reaches it, such as `http://127.0.0.1:3233`, once it
            is started.
        outside_url: where other machines reach it, if it listens to them.
        auth: the credentials of its namespace, `uuid:key`.
    """

    def __init__(
        self,
        settings: HostSettings | None = None,
        crash_after: CrashAfter = lambda: None,
    ) -> None:
        self.settings = settings or HostSettings()
        self.auth = self.settings.auth
        self.url = self.outside_url = ""
        self._crash_after = crash_after
        self._services: Services | None = None
        self._server: uvicorn.Server | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def web_url(self) -> str:
        """What the namespace's web actions' URLs begin with: `{web_url}/{package}`."""
        return f"{self.url}/api/v1/web/{self.settings.namespace}"

    def stats(self) -> HostStats:
        """What the host has done so far."""
        return self.services.counters.snapshot()

    @property
    def services(self) -> Services:
        """The parts of the running host."""
        if self._services is None:
            raise RuntimeError("the host is not started")
        return self._services

    def start(self) -> Self:
        """Listen, and serve in a background thread.

        Raises:
            PortBusy: another program listens on the wanted port.
            CannotListen: the address is none of this machine's, or is forbidden.
            HomeInUse: another host keeps its entities in the same folder.
        """
        self._prepare()
        self._thread = threading.Thread(target=self._run, name="host", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Answer what is under way, end all processes and stop."""
        if self._server:
            self._server.should_exit = True
        if self._thread:
            self._thread.join()
        self._release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        """Take the port and the folder, so that whatever is wrong shows here."""
        self._socket = listen(self.settings.host, self.settings.port)
        bound, port = self._socket.getsockname()
        self.url = f"http://{self.settings.host}:{port}"
        if bound == EVERY_ADDRESS:  # which is none to connect to
            self.url = f"http://127.0.0.1:{port}"
        self.outside_url = f"http://{outside_address(self.settings.host)}:{port}"
        try:
            services = build_services(
                self.settings, Storage(self._home()), self._crash_after
            )
            services.open()
        except BaseException:
            self._release()
            raise
        services.runtime.api_host = self.url
        self._services = services
        config = uvicorn.Config(
            build_app(services),
            lifespan="on",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = uvicorn.Server(config)

    def _home(self) -> Path:
        if self.settings.home is not None:
            return self.settings.home
        self._temporary = tempfile.TemporaryDirectory(prefix="fedwhisk-host-")
        return Path(self._temporary.name)

    def _run(self) -> None:
        if self._server is None or self._socket is None:
            raise RuntimeError("the host is not prepared")
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def _release(self) -> None:
        if self._socket:
            self._socket.close()
        if self._temporary:
            self._temporary.cleanup()
        self._socket = self._temporary = self._thread = None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; callers may connect from now on.

    Raises:
        PortBusy: another program listens there.
        CannotListen: the address is none of this machine's, or is forbidden.
    """
    # The protocol is named: asyncio turns Nagle's delay off for TCP by name only.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortBusy(
                f"port {port} on {host} is in use by another program; "
                "choose another one, or 0 for any free one"
            ) from error
        raise CannotListen(
            f"port {port} on {host}: cannot listen ({error.strerror}); expected an "
            "IPv4 address of this machine, or 0.0.0.0 for all of them"
        ) from error
    listener.listen(1024)
    return listener
