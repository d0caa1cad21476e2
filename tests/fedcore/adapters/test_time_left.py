"""What a platform says of an activation's end reaches its handlers."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from fedcore.adapters import aws_lambda, deployment, openwhisk, routes
from fedcore.adapters.aws_events import own_call
from fedcore.handlers.action import Action, Role
from fedcore.messages import Advanced, AdvanceRound
from fedcore.services import Services
from tests.fedcore.world import SECRET, World

BOUND = {
    "MONGODB_URL": "mongodb://127.0.0.1:1",
    "MONGODB_DATABASE": "",
    "FED_SECRET": SECRET.decode(),
    "FED_SECRET_PREVIOUS": "",
    "CALLS_PER_MINUTE": "60",
}


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "services", lambda _: World().services)


def test_openwhisk_says_when_it_ends_an_activation(monkeypatch) -> None:
    told: list[float] = []

    def handle(request: Any, caller: Any, services: Services) -> Advanced:
        told.append(services.time_left())
        return Advanced()

    action = Action("probe", AdvanceRound, frozenset({Role.OWNER}), handle)
    monkeypatch.setattr(time, "time", lambda: 1_000.0)
    monkeypatch.delenv("__OW_DEADLINE", raising=False)
    openwhisk.serve_step(action, BOUND)
    monkeypatch.setenv("__OW_DEADLINE", "1300500")
    openwhisk.serve_step(action, BOUND)
    assert told == [math.inf, 300.5]


class Context:
    """What AWS tells a function about its call."""

    def get_remaining_time_in_millis(self) -> int:
        return 59_500


@pytest.mark.parametrize(("context", "left"), [(Context(), 59.5), (None, math.inf)])
def test_aws_says_how_much_time_is_left(monkeypatch, context, left) -> None:
    told: list[float] = []

    def run_steps(route: Any, call: Any, services: Services) -> Advanced:
        told.append(services.time_left())
        return Advanced()

    for name, value in BOUND.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws_lambda, "run_steps", run_steps)
    event = {"action": "advance_round", "request": {}}
    assert own_call(event)[0] in routes.ROUTES
    aws_lambda.handler(event, context)
    assert told == [left]
