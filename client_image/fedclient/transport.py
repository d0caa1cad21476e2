"""How a request reaches an action: HTTP, or another way that keeps the same promise."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.exceptions import ProxyError
from urllib3.exceptions import HTTPError, ReadTimeoutError

from fedclient.deadline import DeadlineAdapter, Overdue
from fedclient.printable import printable

CONNECT_S = 10.0
READ_S = 75.0
"""Above the 60 s after which OpenWhisk answers a blocking call with 202."""

ANSWER_S = 150.0
"""Seconds in which a whole answer must have come: a server may send byte by byte."""

LARGEST_ANSWER = 2 << 20
"""Bytes: twice the 1 MiB that OpenWhisk carries, since the envelope of AWS's emulator
escapes what is in it. A dishonest server may send any number."""

PIECE = 1 << 16


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
        self,
        base_url: str,
        *,
        timeout: tuple[float, float] = (CONNECT_S, READ_S),
        answer_s: float = ANSWER_S,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._shown = _without_credentials(self._base_url)
        self._timeout = timeout
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter(answer_s))

    def send(self, message: Message) -> Reply:
        """Return the reply (see `Transport`)."""
        try:
            response = self._session.request(
                message.method,
                f"{self._base_url}/{message.action}",
                params=dict(message.query),
                data=message.body or None,
                headers={**message.headers, "Accept-Encoding": "identity"},
                timeout=self._timeout,
                allow_redirects=False,  # a redirected POST would become a GET
                stream=True,
            )
            body = _body(response)
        except requests.RequestException as error:
            raise self._no_answer(error) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        shown = f"{self._shown}/{message.action}"
        return Reply(response.status_code, body, headers, shown)

    def _no_answer(self, error: requests.RequestException) -> NoAnswer:
        """Return in a few words what requests and urllib3 say in six lines."""
        connect_s, read_s = self._timeout
        cause = _innermost(error)
        if isinstance(cause, Overdue):
            return NoAnswer(str(cause))
        match error:
            case requests.ConnectTimeout():
                reason = f"no connection within {connect_s:g} s"
                return NoAnswer(reason, unreached=self._shown)
            case requests.ReadTimeout():
                return NoAnswer(f"nothing came back within {read_s:g} s")
        reason = printable(_description(cause))
        if isinstance(error, ProxyError):
            return NoAnswer(f"proxy: {reason}")
        broken = isinstance(cause, ConnectionResetError | BrokenPipeError)
        lost = broken or not isinstance(cause, OSError)
        return NoAnswer(reason, unreached="" if lost else self._shown)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _body(response: requests.Response) -> bytes:
    """Return an answer's body as it was sent, within a bound of its size.

    Raises:
        NoAnswer: it is compressed, and so of any size; or beyond the bound.
        requests.RequestException: the connection broke, or took too long.
    """
    body = bytearray()
    with closing(response):
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise NoAnswer(f"found a body in {encoding[:40]!r}, expected a plain one")
        while piece := _piece(response):
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise NoAnswer(
                    f"found a body of more than {LARGEST_ANSWER:,} bytes, which no "
                    "action sends"
                )
    return bytes(body)


def _piece(response: requests.Response) -> bytes:
    """Return what has come, without waiting for more; empty at the end."""
    try:
        piece: bytes = response.raw.read1(PIECE, decode_content=False)
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    return piece


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _description(cause: BaseException) -> str:
    """Return what an error says: in the system's words, if it is the system's."""
    if isinstance(cause, OSError):
        return cause.strerror or str(cause)
    return f"{type(cause).__name__}: {cause}".strip()


def _without_credentials(url: str) -> str:
    """Return a URL as it may be logged."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
