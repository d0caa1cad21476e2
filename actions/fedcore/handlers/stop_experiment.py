"""End an experiment before its last round; what is trained stays."""

from __future__ import annotations

from fedcore import rules
from fedcore.handlers.action import Action, Caller, Role
from fedcore.messages import StopExperiment, Stopped
from fedcore.services import Services


def handle(request: StopExperiment, caller: Caller, services: Services) -> Stopped:
    """Stop the experiment unless it has ended. Safe to run twice."""
    experiment = caller.named_experiment
    while rules.allows(experiment, rules.Event.STOP):
        # Its state may change under our hands: then decide again on the new one.
        stopped = services.store.apply(rules.stop(experiment, services.clock()))
        experiment = stopped or services.store.reread(experiment)
    return Stopped(experiment=experiment.name, state=experiment.state)


ACTION = Action(
    name="stop_experiment",
    request=StopExperiment,
    allowed=frozenset({Role.OPERATOR, Role.OWNER}),
    handle=handle,
)
