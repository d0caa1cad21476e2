"""What the two steps of `advance_round` share: whom they serve, and their answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fedcore.documents import Experiment, ExperimentState
from fedcore.errors import Forbidden
from fedcore.handlers.action import Caller, Role
from fedcore.messages import Advanced, AdvanceRound
from fedcore.services import Services

SWEPT_S = 3600.0
"""How long a finished experiment is still swept: no request of its clients lives on."""


def serve_each(
    step: Callable[[Experiment, Services], None],
    request: AdvanceRound,
    caller: Caller,
    services: Services,
) -> Advanced:
    """Take a step in the experiment that is named, or else in all that run or did.

    Raises:
        Forbidden: a client names no experiment.
    """
    for experiment in _served(caller, services):
        step(experiment, services)
    number = caller.experiment.live.number if caller.experiment else None
    return Advanced(experiment=request.experiment, round=number)


def _served(caller: Caller, services: Services) -> Iterator[Experiment]:
    if caller.experiment is not None:
        yield caller.experiment
        return
    if caller.role is Role.CLIENT:
        raise Forbidden("advance_round: a client must name its experiment")
    states = (ExperimentState.RUNNING, ExperimentState.FINISHED)
    now = services.clock()
    for experiment in services.store.experiments(*states):
        if experiment.ended is None or now - experiment.ended < SWEPT_S:
            yield experiment
