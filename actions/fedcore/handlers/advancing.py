"""What the two steps of `advance_round` share: whom they serve, and their answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fedcore.documents import Experiment
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
    return Advanced(experiment=request.experiment)


def _served(caller: Caller, services: Services) -> Sequence[Experiment]:
    if caller.experiment is not None:
        return [caller.experiment]
    if caller.role is Role.CLIENT:
        raise Forbidden("advance_round: a client must name its experiment")
    return services.store.to_sweep(services.clock() - SWEPT_S)
