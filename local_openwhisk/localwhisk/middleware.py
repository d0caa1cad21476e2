"""Around every request: its transaction id, and the limit on its URI."""

from __future__ import annotations

import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localwhisk.settings import URI_BYTES

REQUEST_ID = "X-Request-ID"


class Transactions:
    """Gives each request an id, which its answer and its errors carry."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = Headers(scope=scope).get(REQUEST_ID) or uuid.uuid4().hex
        scope["transaction"] = identity

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = identity
            await send(message)

        if len(scope["raw_path"]) + len(scope["query_string"]) >= URI_BYTES:
            too_long = PlainTextResponse(
                f"URI length exceeds the configured limit of {URI_BYTES} characters",
                414,
            )
            await too_long(scope, receive, labelled)
        else:
            await self._app(scope, receive, labelled)
