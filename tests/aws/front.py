"""A small API gateway: HTTP in, events of payload format 2.0 to the function.

It stands where AWS's HTTP API stands, with a stage in its paths, and knows the routes
that `aws/serverless.yml` gives to the real one.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
import requests
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.gateway_events import format_2

SERVERLESS = Path(__file__).parents[2] / "aws" / "serverless.yml"
STAGE = "prod"


class Gateway:
    """Passes requests on, one at a time: there is one execution environment."""

    def __init__(self, invocations: str) -> None:
        self._invocations = invocations
        self._one_at_a_time = threading.Lock()

    def routes(self) -> list[Route]:
        """The routes of the function, under the stage."""
        function = yaml.safe_load(SERVERLESS.read_text())["functions"]["actions"]
        keys = [each["httpApi"].split() for each in function["events"][:-1]]
        return [
            Route(f"/{STAGE}{path}", self.answer, methods=[method])
            for method, path in keys
        ]

    async def answer(self, request: Request) -> Response:
        """Ask the function, and answer as its answer says."""
        event = event_of(request, await request.body())
        answer = await anyio.to_thread.run_sync(self._invoke, event)
        if "statusCode" not in answer:
            return Response('{"message":"Internal Server Error"}', 500)
        assert answer["isBase64Encoded"] is False
        return Response(answer["body"], answer["statusCode"], answer["headers"])

    def _invoke(self, event: dict[str, Any]) -> Any:
        with self._one_at_a_time:
            return requests.post(self._invocations, json=event, timeout=60).json()


def event_of(request: Request, body: bytes) -> dict[str, Any]:
    """The event that an HTTP API makes of a request; bodies that are text stay text."""
    is_text = request.headers.get("content-type", "").startswith("application/json")
    text = body.decode() if is_text else base64.b64encode(body).decode()
    place = (request.method, request.url.path, request.url.query)
    sent = (text, not is_text) if body else ()
    return format_2(*place, dict(request.headers), *sent)


@contextmanager
def gateway(invocations: str) -> Iterator[str]:
    """Yield the base URL of a gateway before a function."""
    app = Starlette(routes=Gateway(invocations).routes())
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/{STAGE}"
    finally:
        server.should_exit = True
        thread.join()
