"""What AWS sends to a function: requests over a gateway, and calls of the owner's own.

API Gateway's payload formats 1.0 (REST APIs, and HTTP APIs that ask for it) and 2.0
(HTTP APIs, function URLs) differ in where things stand, not in what they say. An event
without a `requestContext` came over no gateway: AWS has let in whoever sent it, by
the account's own permissions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from fedcore.adapters import serving
from fedcore.adapters.serving import Call
from fedcore.errors import InvalidRequest, TooLarge
from fedcore.handlers.action import Credentials

Event = Mapping[str, Any]

LARGEST_BODY = 1024 * 1024
"""Bytes. AWS would carry 6 MB, OpenWhisk 1 MiB: what works here works there."""

SWEEP = "advance_round"


@dataclass(frozen=True)
class WebRequest:
    """A request over a gateway, whichever format brought it.

    Attributes:
        method: the HTTP method.
        path: the URL's path, with the gateway's prefixes.
        query: the query string's fields; of a repeated one the last counts.
        headers: by their names in lower case.
        body: as it came; base64 where `encoded`.
        encoded: whether the gateway took the body for binary.
    """

    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)
    encoded: bool

    def call(self) -> Call:
        """Return what the action is asked; the body wins over the query.

        Raises:
            InvalidRequest: the body is no JSON object.
            TooLarge: it is larger than any platform of ours would carry.
        """
        credentials = serving.web_credentials(self.headers)
        is_get = self.method.upper() == "GET"
        return Call(self.query | self._object(), credentials, from_query=is_get)

    def _object(self) -> dict[str, Any]:
        raw = self._bytes()
        if not raw:
            return {}
        if len(raw) > LARGEST_BODY:
            raise TooLarge(
                f"body: found {len(raw)} bytes, expected at most {LARGEST_BODY}"
            )
        media_type = self.headers.get("content-type", "").partition(";")[0]
        if media_type.strip().lower() != serving.JSON:
            raise serving.not_an_object()
        try:
            content = msgspec.json.decode(raw)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise serving.not_an_object() from None
        if not isinstance(content, dict):
            raise serving.not_an_object()
        return content

    def _bytes(self) -> bytes:
        if not self.encoded:
            return self.body.encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(self.body, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("body: marked as base64, and is not") from None


def is_web(event: Event) -> bool:
    """Tell whether an event came over a gateway."""
    return "requestContext" in event


def web_request(event: Event) -> WebRequest:
    """Read a gateway's event, format 1.0 or 2.0."""
    headers = event.get("headers") or {}
    if event.get("version") == "2.0":
        method = event["requestContext"]["http"]["method"]
        path = event["rawPath"]
        query = dict(
            parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True)
        )
    else:
        method, path = event["httpMethod"], event["path"]
        query = dict(event.get("queryStringParameters") or {})
    return WebRequest(
        method=method,
        path=path,
        query=query,
        headers={name.lower(): value for name, value in headers.items()},
        body=event.get("body") or "",
        encoded=bool(event.get("isBase64Encoded")),
    )


def own_call(event: Event) -> tuple[str, Call]:
    """Read a call of the owner's own: the action's name, and what it is asked.

    That is `{"action": …, "request": {…}}`, or a schedule's event, which is the sweep:
    every overdue experiment moves on.

    Raises:
        InvalidRequest: it is neither.
    """
    if event.get("detail-type") == "Scheduled Event":
        return SWEEP, Call({}, Credentials(trusted=True))
    action, request = event.get("action"), event.get("request", {})
    known = set(event) <= {"action", "request"}
    if not (known and isinstance(action, str) and isinstance(request, dict)):
        raise InvalidRequest(
            f"event: found {', '.join(sorted(map(str, event))) or 'nothing'}; expected "
            "a gateway's request, a schedule's event, or `action` and `request`"
        )
    return action, Call(request, Credentials(trusted=True))
