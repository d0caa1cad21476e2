"""AWS Lambda: one function behind an API gateway, with the routes of all actions.

The runtime calls `handler`. The deployment's settings are the function's environment.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from fedcore.adapters import aws_events, deployment, routes, serving
from fedcore.adapters.routes import ActionSpec
from fedcore.adapters.serving import Call, Outcome
from fedcore.errors import InvalidRequest
from fedcore.handlers.action import Action, Credentials
from fedcore.services import Services

CALLS_PER_MINUTE = 6000
"""Where nothing is said: AWS counts calls at once, not calls a minute."""


Run = Callable[[ActionSpec, Call], msgspec.Struct]
"""Runs a route's steps on this deployment."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer one event in the form that its sender understands.

    `context` tells how much time is left, where AWS itself calls.
    """
    run = partial(_run, context)
    if aws_events.is_web(event):
        return _answer_web(event, run)
    return _answer_owner(event, run)


def _answer_web(event: Mapping[str, Any], run: Run) -> dict[str, Any]:
    request = aws_events.web_request(event)
    route = routes.find(request.method, request.path)
    if route is None:
        # What the gateway itself says of a route that it does not know.
        return _http(404, {"content-type": serving.JSON}, '{"message":"Not Found"}')
    outcome = serving.attempt(route.name, lambda: run(route, request.call()))
    body = outcome.body
    text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
    return _http(outcome.status, outcome.headers, text)


def _http(status: int, headers: dict[str, str], body: str) -> dict[str, Any]:
    """Return an HTTP answer; payload formats 1.0 and 2.0 both read this one."""
    return {
        "statusCode": status,
        "headers": headers,
        "body": body,
        "isBase64Encoded": False,
    }


def _answer_owner(event: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Answer with the plain object: the answer, or our error."""

    def work() -> msgspec.Struct:
        action, call = aws_events.own_call(event)
        route = routes.ROUTES.get(action)
        if route is None:
            raise InvalidRequest(
                f"action: found {action!r}, expected one of {', '.join(routes.ROUTES)}"
            )
        return run(route, call)

    return _plain(serving.attempt("event", work))


def _plain(outcome: Outcome) -> dict[str, Any]:
    body = outcome.body
    return {"html": body} if isinstance(body, str) else body


def _run(context: Any, route: ActionSpec, call: Call) -> msgspec.Struct:
    settings = deployment.read(os.environ, calls_per_minute=CALLS_PER_MINUTE)
    services = deployment.services(settings)
    remaining_ms = getattr(context, "get_remaining_time_in_millis", None)
    if remaining_ms is not None:
        services = replace(services, time_left=lambda: remaining_ms() / 1000)
    return run_steps(route, call, services)


def run_steps(route: ActionSpec, call: Call, services: Services) -> msgspec.Struct:
    """Run a route's steps one after the other; only the first knows the caller.

    Raises:
        FedError: a step refuses; those before it have done their work.
    """
    first, *rest = map(_action, route.steps)
    answer = first.run(
        call.fields, call.credentials, services, from_query=call.from_query
    )
    for step in rest:
        handed_on = msgspec.to_builtins(answer)
        answer = step.run(handed_on, Credentials(trusted=True), services)
    return answer


def _action(step: str) -> Action[Any]:
    """Import a handler when it is first needed: one of them brings numpy."""
    action: Action[Any] = importlib.import_module(f"fedcore.handlers.{step}").ACTION
    return action
