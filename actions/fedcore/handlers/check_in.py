"""Tell a client what to do now; take a finished evaluation along."""

from __future__ import annotations

import math

from fedcore.errors import InvalidRequest
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.assignment import assign
from fedcore.messages import CheckedIn, CheckIn, Evaluation
from fedcore.services import Services


def handle(request: CheckIn, caller: Caller, services: Services) -> CheckedIn:
    """Store the evaluation, if there is one, and give the assignment."""
    experiment = caller.named_experiment
    if request.evaluation is not None:
        result = _result(request.evaluation)
        version = request.evaluation.version
        services.store.score(experiment, version, request.client, result)
    return CheckedIn(assignment=assign(experiment, request.client, services))


def _result(evaluation: Evaluation) -> dict[str, float]:
    if not math.isfinite(evaluation.loss):
        raise InvalidRequest(
            f"evaluation.loss: found {evaluation.loss}, expected a finite number"
        )
    return {
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "examples": evaluation.examples,
    }


ACTION = Action(
    name="check_in",
    request=CheckIn,
    allowed=frozenset({Role.CLIENT}),
    handle=handle,
)
