"""OpenWhisk: arguments in, `{statusCode, headers, body}` out.

A web action's arguments are the request's fields, the bound parameters and what the
platform adds (`__ow_*`), all in one dictionary. A call without `__ow_method` did not
come over the web: it is the namespace owner's own, or the step of a sequence.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace
from typing import Any

import msgspec

from fedcore.adapters import deployment, serving
from fedcore.adapters.serving import Call, Outcome
from fedcore.handlers.action import Action, Credentials

Arguments = dict[str, Any]


def serve(action: Action[Any], args: Arguments) -> Arguments:
    """Run an action for a web caller; every outcome is an HTTP answer."""
    return _http(_outcome(action, args))


def serve_step(action: Action[Any], args: Arguments) -> Arguments:
    """Run the first step of a sequence: its plain answer is the next one's request.

    A refusal is an `error`, which ends the sequence and reaches the caller as the
    HTTP answer inside it.
    """
    outcome = _outcome(action, args)
    if outcome.refused:
        return {"error": _http(outcome)}
    plain: Arguments = msgspec.to_builtins(outcome.answer)
    return plain


def time_left() -> float:
    """Return the seconds until OpenWhisk ends the activation."""
    # Set for each activation, in milliseconds since the epoch.
    deadline = os.environ.get("__OW_DEADLINE")
    return float(deadline) / 1000 - time.time() if deadline else math.inf


def _outcome(action: Action[Any], args: Arguments) -> Outcome:
    def work() -> msgspec.Struct:
        services = deployment.services(deployment.read(_bound(args)))
        services = replace(services, time_left=time_left)
        call = _call(args)
        return action.run(
            call.fields, call.credentials, services, from_query=call.from_query
        )

    return serving.attempt(action.name, work)


def _bound(args: Arguments) -> Arguments:
    """Return the bound parameters.

    A web caller may set any parameter that is not bound: with one of these missing, it
    could bring a secret or a database of its own.

    Raises:
        Misconfigured: one is not bound, not even as an empty text.
    """
    for name in deployment.BOUND:
        if name not in args:
            raise deployment.Misconfigured(f"{name}: not bound to this action")
    return {name: args[name] for name in deployment.BOUND}


def _http(outcome: Outcome) -> Arguments:
    return {
        "statusCode": outcome.status,
        "headers": outcome.headers,
        "body": outcome.body,
    }


def _call(args: Arguments) -> Call:
    """Return the request's own fields, and who sends them."""
    if "__ow_body" in args:
        raise serving.not_an_object()
    fields = {
        name: value
        for name, value in args.items()
        if name not in deployment.BOUND and not name.startswith("__ow_")
    }
    if "__ow_method" not in args:
        return Call(fields, Credentials(trusted=True))
    credentials = serving.web_credentials(args.get("__ow_headers"))
    return Call(fields, credentials, from_query=args["__ow_method"] == "get")
