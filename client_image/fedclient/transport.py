"""How a request reaches an action: HTTP, or whatever else keeps the same promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.exceptions import ProxyError

CONNECT_S = 10.0
READ_S = 75.0
"""Above the 60 s after which OpenWhisk answers a blocking call with 202."""


class NoAnswer(Exception):
    """The request may or may not have arrived; no answer came back.

    Attributes:
        unreached: the URL, if no connection to it came about; else empty.
    """

    def __init__(self, reason: str, *, unreached: str = "") -> None:
        super().__init__(reason)
        self.unreached = unreached


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
    """What came back, header names in lower case, and from which URL if it had one."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = field(default="", compare=False)


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
        self._shown = _without_credentials(self._base_url)
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
            raise self._no_answer(error) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        shown = f"{self._shown}/{message.action}"
        return Reply(response.status_code, response.content, headers, shown)

    def _no_answer(self, error: requests.RequestException) -> NoAnswer:
        """Say in a few words what requests and urllib3 say in six lines."""
        connect_s, read_s = self._timeout
        match error:
            case requests.ConnectTimeout():
                reason = f"no connection within {connect_s:g} s"
                return NoAnswer(reason, unreached=self._shown)
            case requests.ReadTimeout():
                return NoAnswer(f"nothing came back within {read_s:g} s")
        cause = _innermost(error)
        reason = _words(cause)
        if isinstance(error, ProxyError):
            return NoAnswer(f"proxy: {reason}")
        broken = isinstance(cause, ConnectionResetError | BrokenPipeError)
        lost = broken or not isinstance(cause, OSError)
        return NoAnswer(reason, unreached="" if lost else self._shown)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _words(cause: BaseException) -> str:
    """Return an error's own words: the system's, if it is the system's."""
    if isinstance(cause, OSError):
        return cause.strerror or str(cause)
    return f"{type(cause).__name__}: {cause}".strip()


def _without_credentials(url: str) -> str:
    """Return a URL as it may be logged."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
