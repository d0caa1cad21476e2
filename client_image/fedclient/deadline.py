"""HTTP whose whole answer, head and body, must come before a deadline.

The timeout of a socket starts again with each byte, so that a server which sends one
now and then could keep a client for days.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from functools import partial
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool


class Overdue(TimeoutError):
    """The answer was not complete in time."""


class DeadlineAdapter(HTTPAdapter):
    """Reads each answer within `seconds`, counted from when it was asked for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__()

    def get_connection_with_tls_context(
        self, *args: Any, **kwargs: Any
    ) -> ConnectionPool:
        """Return a pool whose connections read before the deadline."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        usual = type(pool).ConnectionCls

        def connect(*args: Any, **kwargs: Any) -> Any:
            connection = usual(*args, **kwargs)
            connection.response_class = partial(_Response, seconds=self._seconds)
            return connection

        pool.ConnectionCls = connect
        return pool  # type: ignore[no-any-return]


class _Response(http.client.HTTPResponse):
    def __init__(
        self, sock: socket.socket, *args: Any, seconds: float, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_Timed(raw, sock, seconds))


class _Timed(io.RawIOBase):
    """A socket's stream that ends with `Overdue` after some seconds."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, seconds: float) -> None:
        self._raw = raw
        self._socket = sock
        self._silence_s = sock.gettimeout() or seconds
        self._ends = time.monotonic() + seconds
        self._seconds = seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - time.monotonic()
        if left > 0:
            self._socket.settimeout(min(left, self._silence_s))
            try:
                return self._raw.readinto(buffer)
            except TimeoutError:
                if left > self._silence_s:
                    raise
        raise Overdue(f"no whole answer within {self._seconds:g} s")

    def close(self) -> None:
        self._raw.close()
        super().close()
