"""What the two steps of `advance_round` share: whom they serve, and their answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from fedcore.documents import Experiment
from fedcore.errors import Forbidden, UnreadableState
from fedcore.handlers.action import Caller, Role
from fedcore.messages import Advanced, AdvanceRound
from fedcore.services import Services

LOG = logging.getLogger(__name__)

UNFIT = (UnreadableState, LookupError, ValueError)
"""What a step raises where an experiment's documents do not fit together."""

SWEPT_S = 3600.0
"""How long a finished experiment is still swept: no request of its clients lives on."""


def serve_each(
    step: Callable[[Experiment, Services], None],
    request: AdvanceRound,
    caller: Caller,
    services: Services,
) -> Advanced:
    """Take a step in the experiment that is named, or else in all that run or did.

    Of all, one whose documents do not fit together keeps no other from its step.

    Raises:
        Forbidden: a client names no experiment.
    """
    for experiment in _served(caller, services):
        try:
            step(experiment, services)
        except UNFIT as error:
            if caller.experiment is not None:
                raise
            # Its name alone: an error may quote what a client has sent.
            kind = type(error).__name__
            LOG.error("passed over: experiment %s (%s)", experiment.name, kind)
    return Advanced(experiment=request.experiment)


def _served(caller: Caller, services: Services) -> Sequence[Experiment]:
    if caller.experiment is not None:
        return [caller.experiment]
    if caller.role is Role.CLIENT:
        raise Forbidden("advance_round: a client must name its experiment")
    return services.store.to_sweep(services.clock() - SWEPT_S)
