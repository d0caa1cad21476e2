"""Hostile bytes, through what reads a request's body on either kind of platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from fedcore import tokens
from fedcore.adapters import aws_lambda, routes
from localwhisk.errors import Refused
from localwhisk.web_request import read_cooked
from tests.fedcore.world import SECRET
from tests.security.deployed import BOUND, Deployed, gateway_event
from tests.security.test_fuzz import check

POSTED = [
    name
    for name, route in routes.ROUTES.items()
    if route.method == "POST" and name != "advance_round"
]
"""Actions that read a body; an empty `advance_round` is a request like any other."""

OPERATOR = tokens.operator_token(SECRET)

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"{'a': 1}",
    "cut off": b'{"experiment": "ex',
    "trailing": b'{"experiment": "exp"} {}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "not UTF-8": b'{"experiment": "\xff\xfe"}',
    "UTF-16": '{"experiment": "exp"}'.encode("utf-16"),
    "overlong UTF-8": b'{"experiment": "\xc0\xaf"}',
    "half a character": b'{"experiment": "\\ud800"}',
    "a zero": b'{"experiment": "\\u0000"}',
    "an infinity": b'{"experiment": 1e999}',
    "NaN": b'{"experiment": NaN, "client": Infinity}',
    "many digits": b'{"client": ' + b"9" * 5000 + b"}",
    "many decimals": b'{"client": 0.' + b"9" * 5000 + b"e-5000}",
    "deep lists": b'{"experiment": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"settings": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "never closed": b"[" * 1_000_000,
    "a list": b'[{"experiment": "exp"}]',
    "operators": b'{"experiment": {"$ne": null}, "client": {"$gt": -1}}',
    "dotted keys": b'{"experiment": "exp", "live.state": "closed", "$set": {}}',
    "the platform's own": b'{"__ow_method": "get", "__ow_headers": {}}',
}


def through_openwhisk(deployed: Deployed, action: str, body: bytes) -> dict[str, Any]:
    """As the embedded host reads a body, where it does not refuse it itself."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/{action}",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    try:
        sent = read_cooked(Request(scope), body)
    except Refused as refused:
        return {"statusCode": refused.status, "body": {"error": {"message": ""}}}
    # The host refuses the platform's own names; the adapter must not trust that.
    fields = {k: v for k, v in sent.fields.items() if k != "__ow_method"}
    return deployed.call(action, {**fields, **sent.opaque}, OPERATOR)


def through_lambda(deployed: Deployed, action: str, body: bytes) -> dict[str, Any]:
    """As AWS hands a body over that it takes for binary."""
    answer = aws_lambda.handler(gateway_event(action, OPERATOR, body), None)
    return answer | {"body": json.loads(answer["body"])}


@pytest.fixture
def deployed(monkeypatch) -> Deployed:
    for name, value in BOUND.items():
        monkeypatch.setenv(name, value)
    return Deployed(monkeypatch)


@pytest.mark.parametrize("reach", [through_openwhisk, through_lambda])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_whatever_a_body_holds_the_answer_is_a_refusal(
    deployed, reach: Callable[..., dict[str, Any]], body
) -> None:
    before = deployed.stored()
    for action in POSTED:
        answer = reach(deployed, action, body)
        check(answer)
        assert answer["statusCode"] >= 400
    assert deployed.stored() == before


@pytest.mark.parametrize("reach", [through_openwhisk, through_lambda])
def test_of_a_field_given_twice_the_last_counts_and_it_alone_is_checked(
    deployed, reach
) -> None:
    twice = b'{"experiment": {"$ne": null}, "experiment": "other"}'
    assert reach(deployed, "stop_experiment", twice)["body"]["experiment"] == "other"
    twice = b'{"experiment": "other", "experiment": {"$ne": null}}'
    assert reach(deployed, "stop_experiment", twice)["statusCode"] == 400
