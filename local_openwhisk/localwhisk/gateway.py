"""The API gateway: calls of APIs, served under /api by the web actions behind them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from localwhisk.http import json_answer, services
from localwhisk.models import Api
from localwhisk.web import CORS, cors_headers, serve_web_action
from localwhisk.web_request import WebPath


def tenant(request: Request) -> str:
    """The id in the URLs of the namespace's APIs: the first half of its key."""
    return services(request).settings.auth.partition(":")[0]


async def serve(request: Request) -> Response:
    """A call of an API: find the operation, and call its web action."""
    path = "/" + request.path_params["path"]
    item = None
    if request.path_params["tenant"] == tenant(request):
        item = find_path(services(request).entities.apis.list(namespace(request)), path)
    if item is None:
        return gateway_error("Error: Not found.")
    if request.method == "OPTIONS":
        return Response(b"", 200, cors_headers(request))
    found = item.get(request.method.lower())
    if found is None:
        return gateway_error("Error: Whoops. Verb not supported.")
    answer = await serve_web_action(forwarded(request, found), backend(found, path))
    answer.headers.update({**CORS, **cors_headers(request)})
    return answer


def namespace(request: Request) -> str:
    """The one namespace whose APIs are served."""
    return services(request).settings.namespace


def gateway_error(message: str) -> Response:
    """The gateway's own error body."""
    return json_answer({"status": 404, "message": message}, 404)


def find_path(apis: list[Api], path: str) -> dict[str, Any] | None:
    """The operations at the longest path of any API that this path begins with."""
    best, found = -1, None
    for api in apis:
        for relative, item in api.document.get("paths", {}).items():
            full = api.name.rstrip("/") + "/" + relative.strip("/")
            full = full.rstrip("/")
            fits = path.rstrip("/") == full or path.startswith(full + "/")
            if fits and len(full) > best:
                best, found = len(full), item
    return found


def backend(found: dict[str, Any], path: str) -> WebPath:
    """The web action of an operation; a `.http` one also learns the request's path."""
    described = found["x-openwhisk"]
    kind = described.get("responsetype") or url_extension(described.get("url", ""))
    package = described.get("package") or "default"
    name = described["action"]
    return WebPath(
        namespace=described["namespace"],
        name=name if package == "default" else f"{package}/{name}",
        extension=f".{kind}",
        rest=path if kind == "http" else "",
    )


def url_extension(url: str) -> str:
    """The response type at the end of a backend URL."""
    return (
        url.rpartition(".")[2] if url.endswith((".json", ".html", ".text")) else "http"
    )


def forwarded(request: Request, found: dict[str, Any]) -> Request:
    """The request with the headers that a gateway adds."""
    headers = dict(request.headers)
    host, _, port = headers.get("host", "").partition(":")
    client = request.client.host if request.client else ""
    added = {
        "x-forwarded-url": str(request.url),
        "x-forwarded-host": host,
        "x-forwarded-port": port or "80",
        "x-forwarded-proto": request.url.scheme,
        "x-forwarded-for": client,
        "x-real-ip": client,
        "x-request-id": request.scope["transaction"],
    }
    key = found["x-openwhisk"].get("secureKey")
    if key is not None:
        added["x-require-whisk-auth"] = str(key)
    lines = [(k.encode(), quoted(v)) for k, v in {**headers, **added}.items()]
    return Request({**request.scope, "headers": lines}, request.receive)


def quoted(value: str) -> bytes:
    """A header's value as bytes."""
    return quote(value, safe=" !#$%&'*+,-./:;<=>?@[]^_`{|}~\"()\\").encode()
