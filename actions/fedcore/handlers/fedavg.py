"""Aggregate a frozen round and publish its version (first step of advance_round)."""

from __future__ import annotations

import logging

from fedcore import codec, rules
from fedcore.aggregation import weighted_mean
from fedcore.documents import Experiment, ExperimentState, RoundState
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.advancing import serve_each
from fedcore.messages import Advanced, AdvanceRound
from fedcore.services import Services
from fedcore.store.store import accepted_chunks

LOG = logging.getLogger(__name__)


def handle(request: AdvanceRound, caller: Caller, services: Services) -> Advanced:
    """Freeze what is due, aggregate what is frozen. Safe to run twice, or at once.

    Its answer is the next step's request, also when there was nothing to do.
    """
    return serve_each(aggregate, request, caller, services)


def aggregate(experiment: Experiment, services: Services) -> None:
    """Publish the version of one experiment's live round, if it is due."""
    experiment = _frozen(experiment, services)
    live = experiment.live
    now = services.clock()
    running = experiment.state is ExperimentState.RUNNING
    if not running or live.state is not RoundState.FROZEN or live.claim_until > now:
        return
    claimed = services.store.apply(rules.claim(experiment, now))
    if claimed is None:
        return
    try:
        _publish(claimed, services)
    except LookupError as error:
        # A twin may have closed the round and removed its uploads under our hands;
        # if not, nothing is published, and the next one to advance tries again.
        LOG.warning("experiment %s: %s", experiment.name, error)
        return
    services.store.apply(rules.close(claimed, services.clock()))
    services.store.drop_uploads_through(claimed, live.number)


def _frozen(experiment: Experiment, services: Services) -> Experiment:
    now = services.clock()
    if not rules.freezes(rules.due_event(experiment, now)):
        return experiment
    frozen = services.store.apply(rules.freeze(experiment, now))
    return frozen or services.store.reread(experiment)


def _publish(experiment: Experiment, services: Services) -> None:
    """Average chunk by chunk, going on where an earlier aggregation was cut off."""
    store = services.store
    live = experiment.live
    updates = store.accepted_updates(experiment)
    if len(updates) != live.accepted_count:
        raise LookupError(
            f"round {live.number}: found {len(updates)} accepted updates, expected "
            f"{live.accepted_count}"
        )
    present = store.published_chunks(experiment, live.number)
    for number in range(codec.chunk_count(experiment.parameters)):
        if number not in present:
            chunks = accepted_chunks(store, experiment, updates, number)
            store.publish_chunk(experiment, live.number, number, weighted_mean(chunks))


ACTION = Action(
    name="fedavg",
    request=AdvanceRound,
    allowed=frozenset({Role.CLIENT, Role.OPERATOR, Role.OWNER}),
    handle=handle,
)
