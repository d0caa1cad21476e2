"""AWS Lambda without a gateway: the client sends the event that one would send.

AWS's runtime interface emulator, inside every Lambda image, serves a function at
`http://HOST:8080/2015-03-31/functions/function/invocations`. It answers one call at a
time, and a second one meanwhile ends it for good
(github.com/aws/aws-lambda-runtime-interface-emulator, issue 97). So the clients of a
machine take turns.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from filelock import FileLock, Timeout

from fedclient.transport import HttpTransport, Message, NoAnswer, Reply

INVOCATIONS = re.compile(r"/2015-03-31/functions/[^/]+/invocations/?")
"""The path of Lambda's own invocation API, which the emulator speaks."""

LONGEST_TURN_S = 5.0
"""How long to wait for the others before the call counts as not answered."""

TURN_POLL_S = 0.02
"""Seconds between two looks at whether it is our turn."""


class EmulatorTransport:
    """One function that serves all actions, reached by its invocation URL."""

    def __init__(self, url: str) -> None:
        base_url, _, self._invocations = url.rstrip("/").rpartition("/")
        self._http = HttpTransport(base_url)
        self._lock = _lock_file(url)

    def send(self, message: Message) -> Reply:
        """Return the reply (see `Transport`)."""
        body = json.dumps(gateway_event(message)).encode()
        with _turn(self._lock):
            reply = self._http.send(Message(self._invocations, "POST", body=body))
        return _unwrap(reply)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def is_invocation_url(url: str) -> bool:
    """Return True if a URL is that of a Lambda function, not of a gateway."""
    return INVOCATIONS.fullmatch(urlsplit(url).path) is not None


def gateway_event(message: Message) -> dict[str, Any]:
    """Return what an HTTP API sends to its function (payload format 2.0).

    Source: docs.aws.amazon.com/apigateway, "AWS Lambda proxy integrations for HTTP
    APIs".
    """
    path = f"/{message.action}"
    return {
        "version": "2.0",
        "routeKey": f"{message.method} {path}",
        "rawPath": path,
        "rawQueryString": urlencode(message.query),
        "queryStringParameters": dict(message.query),
        "headers": {name.lower(): value for name, value in message.headers.items()},
        "requestContext": {
            "http": {"method": message.method, "path": path},
            "stage": "$default",
        },
        "body": message.body.decode(),
        "isBase64Encoded": False,
    }


def _unwrap(reply: Reply) -> Reply:
    """Return the answer inside the emulator's, as a gateway would pass it on."""
    if reply.status != 200:
        return reply
    try:
        answer = json.loads(reply.body)
        body = answer.get("body", "")
        encoded = answer.get("isBase64Encoded", False)
        return Reply(
            status=int(answer["statusCode"]),
            body=base64.b64decode(body) if encoded else body.encode(),
            headers={k.lower(): str(v) for k, v in answer.get("headers", {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        # The function crashed or ran out of time; a gateway would say no more.
        return Reply(502, reply.body)


def _lock_file(url: str) -> Path:
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"fedclient-{os.getuid()}-{digest}.lock"


@contextmanager
def _turn(file: Path) -> Iterator[None]:
    """Hold the machine's lock; it is free again when this process ends, however.

    Raises:
        NoAnswer: the others did not let go in time.
    """
    lock = FileLock(
        file,
        timeout=LONGEST_TURN_S,
        mode=0o600,
        poll_interval=TURN_POLL_S,
        fallback_to_soft=False,
    )
    try:
        lock.acquire()
    except Timeout:
        raise NoAnswer("other clients of this machine were calling") from None
    try:
        yield
    finally:
        lock.release()
