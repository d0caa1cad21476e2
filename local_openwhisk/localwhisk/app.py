"""The host as an ASGI application: which path is answered by what."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localwhisk import (
    apimgmt,
    gateway,
    rest_actions,
    rest_activations,
    rest_info,
    rest_packages,
    rest_rules,
    rest_triggers,
    web,
)
from localwhisk.errors import INTERNAL, NO_SUCH_PATH, Refused
from localwhisk.http import error_answer
from localwhisk.middleware import Transactions
from localwhisk.services import Services

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
API = "/api/v1"
NAMESPACE = f"{API}/namespaces/{{namespace}}"
REAP_EVERY_S = 5.0

INFO = [
    Route("/", rest_info.get_root),
    Route("/ping", rest_info.ping),
    Route(API, rest_info.get_api),
    Route(f"{API}/namespaces", rest_info.list_namespaces),
    Route(f"{NAMESPACE}/limits", rest_info.get_limits),
]
ACTIONS = [
    Route(f"{NAMESPACE}/actions", rest_actions.list_actions),
    Route(f"{NAMESPACE}/actions/", rest_actions.list_actions),
    Route(f"{NAMESPACE}/actions/{{name:path}}", rest_actions.get_action),
    Route(
        f"{NAMESPACE}/actions/{{name:path}}", rest_actions.put_action, methods=["PUT"]
    ),
    Route(
        f"{NAMESPACE}/actions/{{name:path}}",
        rest_actions.delete_action,
        methods=["DELETE"],
    ),
    Route(
        f"{NAMESPACE}/actions/{{name:path}}",
        rest_actions.invoke_action,
        methods=["POST"],
    ),
]
PACKAGES = [
    Route(f"{NAMESPACE}/packages", rest_packages.list_packages),
    Route(f"{NAMESPACE}/packages/{{name}}", rest_packages.get_package),
    Route(f"{NAMESPACE}/packages/{{name}}", rest_packages.put_package, methods=["PUT"]),
    Route(
        f"{NAMESPACE}/packages/{{name}}",
        rest_packages.delete_package,
        methods=["DELETE"],
    ),
]
TRIGGERS = [
    Route(f"{NAMESPACE}/triggers", rest_triggers.list_triggers),
    Route(f"{NAMESPACE}/triggers/{{name}}", rest_triggers.get_trigger),
    Route(f"{NAMESPACE}/triggers/{{name}}", rest_triggers.put_trigger, methods=["PUT"]),
    Route(
        f"{NAMESPACE}/triggers/{{name}}",
        rest_triggers.delete_trigger,
        methods=["DELETE"],
    ),
    Route(
        f"{NAMESPACE}/triggers/{{name}}", rest_triggers.fire_trigger, methods=["POST"]
    ),
]
RULES = [
    Route(f"{NAMESPACE}/rules", rest_rules.list_rules),
    Route(f"{NAMESPACE}/rules/{{name}}", rest_rules.get_rule),
    Route(f"{NAMESPACE}/rules/{{name}}", rest_rules.put_rule, methods=["PUT"]),
    Route(f"{NAMESPACE}/rules/{{name}}", rest_rules.delete_rule, methods=["DELETE"]),
    Route(f"{NAMESPACE}/rules/{{name}}", rest_rules.set_rule_status, methods=["POST"]),
]
ACTIVATIONS = [
    Route(f"{NAMESPACE}/activations", rest_activations.list_activations),
    Route(f"{NAMESPACE}/activations/{{id}}", rest_activations.get_activation),
    Route(f"{NAMESPACE}/activations/{{id}}/result", rest_activations.get_result),
    Route(f"{NAMESPACE}/activations/{{id}}/logs", rest_activations.get_logs),
]


class TenantConvertor(StringConvertor):
    """The id in an API's URL; what begins with `v1/` is not the gateway's."""

    regex = "(?!v1/)[^/]+"


register_url_convertor("tenant", TenantConvertor())

WEB = [
    Route(
        f"{API}/web/whisk.system/apimgmt/{{operation}}",
        apimgmt.manage,
        methods=["GET", "POST", "DELETE"],
    ),
    Route(f"{API}/web/{{path:path}}", web.call_web_action, methods=METHODS),
    Route("/api/{tenant:tenant}/{path:path}", gateway.serve, methods=METHODS),
]
ROUTES = [*INFO, *ACTIONS, *PACKAGES, *TRIGGERS, *RULES, *ACTIVATIONS, *WEB]


async def on_refused(request: Request, error: Exception) -> Response:
    """A refusal as OpenWhisk words it."""
    if not isinstance(error, Refused):
        raise error
    return error_answer(request, error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """A path or a method that no route has."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return error_answer(request, wrong_method(allowed, error.headers))
    if request.url.path.startswith(API):
        return error_answer(request, Refused(404, NO_SUCH_PATH))
    return error_answer(request, wrong_method("OPTIONS", None))


def wrong_method(allowed: str, headers: object) -> Refused:
    """The answer to a method that a path doesn't take."""
    kept = headers if isinstance(headers, dict) else None
    return Refused(405, f"HTTP method not allowed, supported methods: {allowed}", kept)


async def on_failure(request: Request, _: Exception) -> Response:
    """A fault of the host itself; the server logs its traceback."""
    return error_answer(request, Refused(500, INTERNAL))


def build_app(services: Services) -> Starlette:
    """The application; its parts open when it starts, and close when it ends."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        reaper = asyncio.ensure_future(reap(services))
        yield
        reaper.cancel()
        await services.close()

    app = Starlette(
        routes=ROUTES,
        lifespan=lifespan,
        middleware=[Middleware(Transactions)],
        exception_handlers={
            Refused: on_refused,
            HTTPException: on_http_error,
            Exception: on_failure,
        },
    )
    app.router.redirect_slashes = False
    app.state.services = services
    return app


async def reap(services: Services) -> None:
    """End processes that nobody has used for long, from time to time."""
    while True:
        await asyncio.sleep(REAP_EVERY_S)
        services.invoker.pool.reap()
