"""OpenWhisk: arguments in, `{statusCode, headers, body}` out.

A web action's arguments are the request's fields, the bound parameters and what the
platform adds (`__ow_*`), all in one dictionary. A call without `__ow_method` did not
come over the web: it is the namespace owner's own, or the step of a sequence.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from fedcore.adapters import deployment
from fedcore.errors import FedError, InvalidRequest
from fedcore.handlers.action import Action, Credentials
from fedcore.messages import Page

LOG = logging.getLogger(__name__)

Arguments = dict[str, Any]
TOKEN_HEADER = "x-fed-token"  # noqa: S105 - a header's name


def serve(action: Action[Any], args: Arguments) -> Arguments:
    """Run an action for a web caller; every outcome is an HTTP answer."""
    return _respond(action, args, _http)


def serve_step(action: Action[Any], args: Arguments) -> Arguments:
    """Run the first step of a sequence: its plain answer is the next one's request.

    A refusal is an `error`, which ends the sequence and reaches the caller as the
    HTTP answer inside it.
    """
    return _respond(action, args, msgspec.to_builtins, wrap="error")


def _respond(
    action: Action[Any],
    args: Arguments,
    render: Callable[[msgspec.Struct], Arguments],
    wrap: str | None = None,
) -> Arguments:
    try:
        services = deployment.services(deployment.read(args))
        answer = action.run(
            _fields(args),
            _credentials(args),
            services,
            from_query=args.get("__ow_method") == "get",
        )
        return render(answer)
    except FedError as error:
        failure = _answer(error.status, error.body())
        LOG.info("%s refused: %s %s", action.name, error.code, error.message)
    except Exception as error:  # noqa: BLE001 - the last line before the platform
        # The caller learns nothing of our insides; the activation's log does, without
        # the values that were at hand.
        _log_without_values(action.name, error)
        message = f"{action.name} failed ({type(error).__name__})"
        failure = _answer(500, FedError(message).body())
    return {wrap: failure} if wrap else failure


def _http(answer: msgspec.Struct) -> Arguments:
    if isinstance(answer, Page):
        return {
            "statusCode": 200,
            "headers": {"content-type": "text/html; charset=utf-8"},
            "body": answer.html,
        }
    return _answer(200, msgspec.to_builtins(answer))


def _answer(status: int, body: dict[str, object]) -> Arguments:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": body,
    }


def _credentials(args: Arguments) -> Credentials:
    if "__ow_method" not in args:
        return Credentials(trusted=True)
    headers = args.get("__ow_headers", {})
    return Credentials(token=str(headers.get(TOKEN_HEADER, "")))


def _fields(args: Arguments) -> Arguments:
    """Return the request's own fields."""
    if "__ow_body" in args:
        raise InvalidRequest(
            "body: found something else, expected one JSON object "
            "(content-type: application/json)"
        )
    return {
        name: value
        for name, value in args.items()
        if name not in deployment.BOUND and not name.startswith("__ow_")
    }


def _log_without_values(name: str, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{each.name}:{each.lineno}" for each in reversed(frames[-6:]))
    LOG.error("%s failed: %s at %s", name, type(error).__name__, where)
