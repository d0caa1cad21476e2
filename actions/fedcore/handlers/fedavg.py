"""Aggregate a frozen round and publish its version (first step of advance_round)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from fedcore import initial, rules
from fedcore.aggregation import (
    Weights,
    combine,
    measure,
    plan,
    square_distances_from,
)
from fedcore.documents import Experiment, ExperimentState, RoundState, Update
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.advancing import serve_each
from fedcore.handlers.claim import Claim
from fedcore.handlers.parts import Parts
from fedcore.messages import Advanced, AdvanceRound
from fedcore.services import Services
from fedcore.settings import ExperimentSettings
from fedcore.store.store import Store
from fedcore.weights import counted

LOG = logging.getLogger(__name__)

DISTANCES_TOLD = 100
"""Updates whose distance a round's record names: the farthest ones."""


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
        distances = _publish(claimed, services)
    except LookupError as error:
        # A twin may have closed the round and removed its uploads under our hands;
        # if not, nothing is published, and the next one to advance tries again.
        LOG.warning("experiment %s: %s", experiment.name, error)
        return
    if distances is not None:
        _close(claimed, distances, services)


def _close(
    experiment: Experiment, distances: Mapping[str, float], services: Services
) -> None:
    number = experiment.live.number
    write = rules.close(experiment, services.clock(), distances)
    after = services.store.apply(write) or services.store.reread(experiment)
    # Not closed: it was stopped meanwhile, and needs its uploads when it is resumed.
    if rules.has_closed(after, number):
        services.store.drop_uploads_through(experiment, number)


def _frozen(experiment: Experiment, services: Services) -> Experiment:
    now = services.clock()
    if not rules.freezes(rules.due_event(experiment, now)):
        return experiment
    if experiment.live.number == 0:
        write = initial.settle(experiment, services.store.updates(experiment), now)
    else:
        write = rules.freeze(experiment, now)
    return services.store.apply(write) or services.store.reread(experiment)


def _publish(experiment: Experiment, services: Services) -> Mapping[str, float] | None:
    """Combine chunk by chunk, going on where an earlier aggregation was cut off.

    Returns:
        How far each update lies from the new version (see `LiveRound.distances`);
        None if another activation has to go on.
    """
    live = experiment.live
    updates = services.store.accepted_updates(experiment)
    if len(updates) != live.accepted_count:
        raise LookupError(
            f"round {live.number}: found {len(updates)} accepted updates, expected "
            f"{live.accepted_count}"
        )
    if live.number == 0:
        updates = updates[:1]  # all hold the same initial model
    claim = Claim(experiment, services)
    for step in _Work(experiment, updates, services.store).steps():
        if not claim.goes_on():
            return None
        step()
    return _farthest(updates, services.store.squares(experiment, live.number))


class _Work:
    """What an aggregation has left to do: steps that store once what they make."""

    def __init__(
        self, experiment: Experiment, updates: Sequence[Update], store: Store
    ) -> None:
        self._experiment = experiment
        self._number = experiment.live.number
        # The one update of round 0 is the initial model, whatever the strategy.
        initial = self._number == 0
        self._settings = ExperimentSettings() if initial else experiment.settings
        self._updates = updates
        self._parts = Parts(experiment, updates, store)
        self._store = store

    def steps(self) -> Iterator[Callable[[], None]]:
        """Yield steps, each of which reads one chunk of every update.

        Raises:
            LookupError: measures are gone: a twin has closed the round.
        """
        present = self._store.published_chunks(self._experiment, self._number)
        left = [each for each in self._parts.numbers if each not in present]
        weights: Weights = counted(self._settings, self._updates)
        if left and self._settings.measures:
            measured = self._store.measured_chunks(self._experiment)
            for each in self._parts.numbers:
                if each not in measured:
                    yield partial(self._measure, each)
            weights = plan(self._settings, weights, self._measures())
        for each in left:
            yield partial(self._combine, each, weights)

    def _measure(self, number: int) -> None:
        sent = self._parts.sent(number)
        found = measure(self._settings, self._parts.bounded(number, sent))
        self._store.add_measure(self._experiment, number, found)

    def _measures(self) -> Sequence[bytes]:
        found = self._store.measures(self._experiment)
        expected = len(self._parts.numbers)
        if len(found) != expected:
            raise LookupError(
                f"round {self._number}: found {len(found)} measures, "
                f"expected {expected}"
            )
        return found

    def _combine(self, number: int, weights: Weights) -> None:
        sent = self._parts.sent(number)
        bounded = self._parts.bounded(number, sent)
        version = combine(self._settings, bounded, weights)
        squares = square_distances_from(sent, version)
        self._store.publish_chunk(
            self._experiment, self._number, number, version, squares
        )


def _farthest(
    updates: Sequence[Update], squares: Sequence[Sequence[float]]
) -> Mapping[str, float]:
    """Return the largest distances by client, to six digits.

    Empty where an earlier release, which stored none, has published a chunk.
    """
    if any(len(each) != len(updates) for each in squares):
        return {}
    clients = (update.client for update in updates)
    totals = [sum(each) for each in zip(*squares, strict=True)]
    found = sorted(zip(totals, clients, strict=True), reverse=True)
    return {
        str(client): float(f"{math.sqrt(square):.6g}")
        for square, client in found[:DISTANCES_TOLD]
    }


ACTION = Action(
    name="fedavg",
    request=AdvanceRound,
    allowed=frozenset({Role.CLIENT, Role.OPERATOR, Role.OWNER}),
    handle=handle,
)
