"""What every route needs: who calls, what was sent, how an answer looks."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from localwhisk.errors import Refused, malformed
from localwhisk.invocation import Caller
from localwhisk.services import Services
from localwhisk.settings import ENTITY_BYTES

ACTIVATION_ID = "x-openwhisk-activation-id"
JSON_TYPE = "application/json"
REALM = 'Basic realm="OpenWhisk secure realm",charset=UTF-8'
NO_CREDENTIALS = (
    "The resource requires authentication, which was not supplied with the request"
)
BAD_CREDENTIALS = "The supplied authentication is invalid"
TRUE = {"true", "yes", "on"}

Body = TypeVar("Body")


def services(request: Request) -> Services:
    """The host's parts."""
    found: Services = request.app.state.services
    return found


def transaction(request: Request) -> str:
    """The request's transaction id."""
    return str(request.scope["transaction"])


def json_answer(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON. OpenWhisk names no charset, and its tools look at that."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Response(body, status, {**(headers or {}), "content-type": JSON_TYPE})


def error_answer(request: Request, refused: Refused) -> Response:
    """OpenWhisk's error body: the text, and the transaction's id as its code."""
    content = {"error": refused.message, "code": transaction(request)}
    return json_answer(content, refused.status, refused.headers)


def credentials(request: Request) -> str | None:
    """The `uuid:key` of Basic authentication, None where there is none to be read."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def known_caller(request: Request) -> Caller | None:
    """Who calls, by valid credentials; None for anybody else."""
    settings = services(request).settings
    given = credentials(request)
    if given is None or not hmac.compare_digest(given.encode(), settings.auth.encode()):
        return None
    return Caller(settings.namespace, settings.auth, transaction(request))


def authenticate(request: Request) -> Caller:
    """Who calls.

    Raises:
        Refused: 401, without valid credentials.
    """
    caller = known_caller(request)
    if caller is None:
        given = "authorization" in request.headers
        message = BAD_CREDENTIALS if given else NO_CREDENTIALS
        raise Refused(401, message, {"WWW-Authenticate": REALM})
    return caller


def authorize(request: Request, resource: str = "") -> Caller:
    """Who calls, if the namespace in the path is the caller's.

    Args:
        request: its path names the namespace, `_` being the caller's own.
        resource: what is asked for inside it, for the message.

    Raises:
        Refused: 401 without valid credentials, 403 for another's namespace.
    """
    caller = authenticate(request)
    asked = request.path_params["namespace"]
    if asked not in ("_", caller.namespace):
        name = f"{asked}/{resource}" if resource else asked
        raise Refused(
            403, f"The supplied authentication is not authorized to access '{name}'."
        )
    return caller


def flag(request: Request, name: str) -> bool:
    """A true-or-false query parameter, false where it isn't given."""
    return request.query_params.get(name, "").lower() in TRUE


async def read_body(request: Request, allowed: int = ENTITY_BYTES) -> bytes:
    """The whole body; of a larger one no more than its announcement is read.

    Raises:
        Refused: 413, it is larger than `allowed` bytes; 408, it did not come in time.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > allowed:
        raise too_large("Request", int(announced), allowed)
    seconds = services(request).settings.body_s
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > allowed:
                    raise too_large("Request", len(body), allowed)
    except TimeoutError:
        raise Refused(
            408, f"The request's body did not come within {seconds:g} s."
        ) from None
    return bytes(body)


async def read_payload_bytes(request: Request) -> bytes:
    """The body of a call of an action or trigger, within the limit for those.

    Raises:
        Refused: 413, it is larger than an action may be sent; 408, too slow.
    """
    return await read_body(request, services(request).settings.payload_bytes)


async def read_payload(request: Request) -> dict[str, Any]:
    """The parameters in the body of a call by the API; none without a body.

    Raises:
        Refused: 413 too large, 415 not JSON, 400 not an object.
    """
    body = await read_payload_bytes(request)
    if not body:
        return {}
    require_json(request)
    payload = decode(body, Any)
    if not isinstance(payload, dict):
        raise malformed("JSON object expected")
    return payload


async def read_entity(request: Request, kind: type[Body]) -> Body:
    """The body of a PUT or POST as what is expected; all defaults without a body.

    Raises:
        Refused: 413 too large, 415 not JSON, 400 something else than expected.
    """
    body = await read_body(request)
    if body:
        require_json(request)
    return decode(body or b"{}", kind)


def require_json(request: Request) -> None:
    """Refuse bodies that are labelled as something else.

    Raises:
        Refused: 415.
    """
    label = request.headers.get("content-type", JSON_TYPE)
    if label.partition(";")[0].strip().lower() != JSON_TYPE:
        raise Refused(
            415,
            "The request's Content-Type is not supported. Expected:\napplication/json",
        )


def decode(body: bytes, kind: type[Body]) -> Body:
    """JSON as a value of a type.

    Raises:
        Refused: 400, with what was found and expected where.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error) from error


def too_large(what: str, size: int, allowed: int) -> Refused:
    """The answer to something over its size, both in bytes."""
    return Refused(413, f"{what} larger than allowed: {size} > {allowed} bytes.")
