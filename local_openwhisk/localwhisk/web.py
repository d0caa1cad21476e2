"""Web actions: anybody may call them by HTTP, and they answer with HTTP."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import Response

from localwhisk.activations import APPLICATION_ERROR, SUCCESS, Activation
from localwhisk.errors import INTERNAL, Refused, not_found
from localwhisk.http import (
    ACTIVATION_ID,
    error_answer,
    known_caller,
    read_payload_bytes,
    services,
    transaction,
)
from localwhisk.invocation import Caller
from localwhisk.models import Action, Parameter
from localwhisk.web_answer import ANSWERS, accepts
from localwhisk.web_request import (
    WebPath,
    check_protected,
    read_cooked,
    read_raw,
    split_path,
    web_payload,
)

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH",
}
CORS_HEADERS = (
    "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent"
)
NOT_READY = "Response not yet ready."
PROCESSING_ERROR = "There was an error processing your request."
AUTH_FAILED = "Authentication is possible but has failed or not yet been provided."


async def call_web_action(request: Request) -> Response:
    """Any method on `/api/v1/web/{namespace}/{package}/{action}`."""
    path = split_path(request.path_params["path"])
    if path is None:
        raise not_found()
    return await serve_web_action(request, path)


async def serve_web_action(request: Request, path: WebPath) -> Response:
    """Find the action, check what OpenWhisk checks, in its order, and run it."""
    host = services(request)
    action, lent = exported_action(request, path)
    host.throttles.check_invocation(action.namespace)
    body = await read_payload_bytes(request)
    own_options = action.annotation("web-custom-options") is True
    cors = {} if own_options else cors_headers(request)
    if request.method == "OPTIONS" and not own_options:
        return Response(b"", 200, cors)
    try:
        answer = await authenticated(request, path, action, lent, body)
    except Refused as refused:
        answer = error_answer(request, refused)
    if answer.status_code != 406:
        answer.headers.update(cors)
    return answer


def exported_action(request: Request, path: WebPath) -> tuple[Action, list[Parameter]]:
    """The action at this path, if it is there for everybody.

    Raises:
        Refused: 404, it isn't there or isn't exported.
    """
    host = services(request)
    action, lent = host.entities.resolve_action(path.namespace, path.name)
    if action.annotation("web-export") is not True:
        raise not_found()
    return action, lent


async def authenticated(
    request: Request,
    path: WebPath,
    action: Action,
    lent: list[Parameter],
    body: bytes,
) -> Response:
    """Run the action for a caller it accepts, and turn its result into an answer."""
    user = known_caller(request)
    if request.method != "OPTIONS":
        check_required_auth(request, action, user)
    if action.annotation("raw-http") is True:
        sent = read_raw(request, body)
    else:
        sent = read_cooked(request, body)
        check_protected(action, lent, sent)
    payload = web_payload(request, path, user.namespace if user else None, sent)
    host = services(request)
    owner = Caller(action.namespace, host.settings.auth, transaction(request))
    begun = host.invoker.begin(action, lent, payload, owner)
    record = await host.invoker.wait(begun, host.settings.blocking_wait_s)
    try:
        answer = outcome(record, path.extension)
        check_acceptable(request, answer)
    except Refused as refused:
        answer = error_answer(request, refused)
    answer.headers[ACTIVATION_ID] = begun.activation_id
    return answer


def check_required_auth(request: Request, action: Action, user: Caller | None) -> None:
    """Refuse callers without what the action's `require-whisk-auth` wants.

    Raises:
        Refused: 401.
    """
    wanted = action.annotation("require-whisk-auth")
    if wanted is True:
        fits = user is not None
    elif wanted:
        given = request.headers.get("x-require-whisk-auth", "")
        fits = hmac.compare_digest(given.encode(), str(wanted).encode())
    else:
        fits = True
    if not fits:
        raise Refused(401, AUTH_FAILED)


def outcome(record: Activation | None, extension: str) -> Response:
    """An activation's end as an answer of the type that the URL asks for.

    Raises:
        Refused: not ready (202), not answerable (400), no such property (404).
    """
    if record is None:
        raise Refused(202, NOT_READY)
    response = record.response
    if response.status == SUCCESS:
        if isinstance(response.result, list):
            return Response(INTERNAL, 500, {"content-type": "text/plain"})
        return ANSWERS[extension](response.result)
    if response.status == APPLICATION_ERROR:
        return ANSWERS[extension](response.result["error"])
    raise Refused(400, PROCESSING_ERROR)


def check_acceptable(request: Request, answer: Response) -> None:
    """Refuse an answer whose type the caller doesn't take.

    Raises:
        Refused: 406.
    """
    media = answer.headers.get("content-type", "").partition(";")[0]
    if media and not accepts(request.headers.get("accept", ""), media):
        raise Refused(
            406, f"Resource representation is only available with these types:\n{media}"
        )


def cors_headers(request: Request) -> dict[str, str]:
    """The CORS headers of web actions: everything is allowed."""
    asked = request.headers.get("access-control-request-headers", CORS_HEADERS)
    return {**CORS, "Access-Control-Allow-Headers": asked}
