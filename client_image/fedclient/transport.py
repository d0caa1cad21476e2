"""How a request reaches an action: HTTP, or whatever else keeps the same promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import requests

CONNECT_S = 10.0
READ_S = 75.0
"""Above the 60 s after which OpenWhisk answers a blocking call with 202."""


class NoAnswer(Exception):
    """The request may or may not have arrived; no answer came back."""


@dataclass(frozen=True)
class Message:
    """A request to one action, independent of any platform.

    Attributes:
        action: the action's name, the last part of its URL.
        method: `POST` with a JSON body, or `GET` with a query.
    """

    action: str
    method: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Reply:
    """What came back. Header names are in lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Transport(Protocol):
    """Carries one message and brings its reply, with neither retries nor judgement."""

    def send(self, message: Message) -> Reply:
        """Return the reply.

        Raises:
            NoAnswer: the connection failed, broke or timed out.
        """
        ...


class HttpTransport:
    """Actions at `{base_url}/{action}`: OpenWhisk web actions, or a gateway's paths.

    One session keeps its connection open. TLS is verified; `REQUESTS_CA_BUNDLE` and
    the proxy variables of the environment are honoured.
    """

    def __init__(
        self, base_url: str, *, timeout: tuple[float, float] = (CONNECT_S, READ_S)
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()

    def send(self, message: Message) -> Reply:
        """Return the reply (see `Transport`)."""
        try:
            response = self._session.request(
                message.method,
                f"{self._base_url}/{message.action}",
                params=dict(message.query),
                data=message.body or None,
                headers=dict(message.headers),
                timeout=self._timeout,
                allow_redirects=False,  # a redirected POST would become a GET
            )
        except requests.RequestException as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, response.content, headers)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
