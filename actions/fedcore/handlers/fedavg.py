"""Aggregate a frozen round and publish its version (first step of advance_round)."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence

from fedcore import codec, rules
from fedcore.aggregation import Part, clip, combiner, square_distances_from
from fedcore.documents import Experiment, ExperimentState, RoundState, Update
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.advancing import serve_each
from fedcore.messages import Advanced, AdvanceRound
from fedcore.services import Services
from fedcore.settings import ExperimentSettings
from fedcore.store.store import Store, accepted_chunks

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
        distances = _publish(claimed, services.store)
    except LookupError as error:
        # A twin may have closed the round and removed its uploads under our hands;
        # if not, nothing is published, and the next one to advance tries again.
        LOG.warning("experiment %s: %s", experiment.name, error)
        return
    closing = rules.close(claimed, services.clock(), distances)
    after = services.store.apply(closing) or services.store.reread(claimed)
    # Not closed: it was stopped meanwhile, and needs its uploads when it is resumed.
    if rules.has_closed(after, live.number):
        services.store.drop_uploads_through(claimed, live.number)


def _frozen(experiment: Experiment, services: Services) -> Experiment:
    now = services.clock()
    if not rules.freezes(rules.due_event(experiment, now)):
        return experiment
    frozen = services.store.apply(rules.freeze(experiment, now))
    return frozen or services.store.reread(experiment)


def _publish(experiment: Experiment, store: Store) -> Mapping[str, float]:
    """Combine chunk by chunk, going on where an earlier aggregation was cut off.

    Returns:
        How far each update lies from the new version (see `LiveRound.distances`).
    """
    live = experiment.live
    updates = store.accepted_updates(experiment)
    if len(updates) != live.accepted_count:
        raise LookupError(
            f"round {live.number}: found {len(updates)} accepted updates, expected "
            f"{live.accepted_count}"
        )
    walk = _Walk(experiment, updates, store)
    # The one update of round 0 is the initial model, whatever the strategy.
    settings = experiment.settings if live.number > 0 else ExperimentSettings()
    combine = combiner(settings, len(updates), walk.parts)
    present = store.published_chunks(experiment, live.number)
    squares = [0.0] * len(updates)
    for number in range(walk.chunks):
        part = walk.part(number)
        if number in present:
            version = walk.published(live.number, number)
        else:
            version = combine(walk.bounded(number, part))
            store.publish_chunk(experiment, live.number, number, version)
        for place, square in enumerate(square_distances_from(part, version)):
            squares[place] += square
    return _farthest(updates, squares)


class _Walk:
    """The chunks of a round's accepted updates."""

    def __init__(
        self, experiment: Experiment, updates: Sequence[Update], store: Store
    ) -> None:
        self.chunks = codec.chunk_count(experiment.parameters)
        self._experiment = experiment
        self._updates = updates
        self._store = store

    def parts(self) -> Iterator[Part]:
        """Yield what is to be combined, chunk by chunk."""
        for number in range(self.chunks):
            yield self.bounded(number, self.part(number))

    def part(self, number: int) -> Part:
        """Return a chunk of the updates as they were sent."""
        return Part(
            lambda: accepted_chunks(
                self._store, self._experiment, self._updates, number
            ),
            updates=len(self._updates),
            values=codec.chunk_length(self._experiment.parameters, number),
        )

    def bounded(self, number: int, part: Part) -> Part:
        """Return a part with the updates that lie too far away clipped."""
        factors = [self._factor(update) for update in self._updates]
        if all(factor == 1.0 for factor in factors):
            return part
        base = self.published(self._experiment.live.number - 1, number)

        def read() -> Iterator[tuple[bytes, int]]:
            for factor, (data, examples) in zip(factors, part, strict=True):
                yield clip(data, base, factor) if factor < 1 else data, examples

        return Part(read, updates=len(part), values=part.values, hold=False)

    def published(self, version: int, number: int) -> bytes:
        """Return a chunk of a published version.

        Raises:
            LookupError: it is not there.
        """
        found = self._store.model_chunk(self._experiment, version, number)
        if found is None:
            raise LookupError(f"version {version}: chunk {number} is missing")
        return found[0]

    def _factor(self, update: Update) -> float:
        """Return what is left of an update's way from the version before."""
        bound = self._experiment.settings.max_norm
        return min(1.0, bound / update.norm) if bound and update.norm else 1.0


def _farthest(
    updates: Sequence[Update], squares: Sequence[float]
) -> Mapping[str, float]:
    """Return the largest distances by client, to six digits."""
    found = sorted(
        zip(squares, (update.client for update in updates), strict=True), reverse=True
    )
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
