"""The strategies by name. To add one, add it here and its name in `settings`.

A strategy is up to three pure functions. Each activation of an aggregation goes on
where the one before was cut off, because what they return for a chunk is stored once:

    measure(part) -> sums                    of each chunk, where a strategy needs them
    plan(settings, weights, totals) -> weights        once all chunks are measured
    combine(settings, part, weights) -> chunk         of the next version

What a strategy keeps on the server between rounds (FedAdam's moments, Reddi et al.
2021) would be one more argument and result of `combine`; what happens in the clients
(FedProx) is a task's own matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from fedcore.aggregation import krum
from fedcore.aggregation.mean import weighted_mean
from fedcore.aggregation.part import Part
from fedcore.aggregation.robust import coordinate_median, trimmed_mean
from fedcore.settings import ExperimentSettings

Weights = Sequence[int]
"""How much each update counts, in their order."""

Sums = NDArray[np.float64]
"""What is measured of one chunk; added up over the chunks it is true of the whole."""


@dataclass(frozen=True)
class Strategy:
    """How a round's updates become a version.

    Attributes:
        combine: makes one chunk of the next version from that chunk of the updates.
        measure: what has to be known of the whole updates before any is combined.
        plan: the weights by which they are combined, from their own and the totals.
    """

    combine: Callable[[ExperimentSettings, Part, Weights], bytes]
    measure: Callable[[Part], Sums] | None = None
    plan: Callable[[ExperimentSettings, Weights, Sums], Weights] | None = None


def measure(settings: ExperimentSettings, part: Part) -> bytes:
    """Return what the strategy measures of one chunk, as little-endian float64."""
    of = STRATEGIES[settings.strategy].measure
    return b"" if of is None else of(part).astype("<f8").tobytes()


def plan(
    settings: ExperimentSettings, weights: Weights, measures: Iterable[bytes]
) -> Weights:
    """Return the weights to combine by, from the measures of all chunks in order."""
    of = STRATEGIES[settings.strategy].plan
    if of is None:
        return weights
    # Added up in the chunks' order: equal measures give equal plans.
    totals = reduce(np.add, (np.frombuffer(each, "<f8") for each in measures))
    return of(settings, weights, totals)


def combine(settings: ExperimentSettings, part: Part, weights: Weights) -> bytes:
    """Return one chunk of the next version."""
    return STRATEGIES[settings.strategy].combine(settings, part, weights)


def _mean(settings: ExperimentSettings, part: Part, weights: Weights) -> bytes:
    pairs = zip(part, weights, strict=True)
    return weighted_mean((data, weight) for data, weight in pairs if weight)


def _median(settings: ExperimentSettings, part: Part, weights: Weights) -> bytes:
    return coordinate_median(part)


def _trimmed_mean(settings: ExperimentSettings, part: Part, weights: Weights) -> bytes:
    return trimmed_mean(part, settings.trim)


def _chosen(settings: ExperimentSettings, weights: Weights, totals: Sums) -> Weights:
    """Krum keeps some of the updates, each counting once."""
    kept = krum.choose(
        totals, len(weights), hostile=settings.byzantine, keep=settings.krum_keep
    )
    return [int(place in kept) for place in range(len(weights))]


STRATEGIES: dict[str, Strategy] = {
    "fedavg": Strategy(_mean),
    "median": Strategy(_median),
    "trimmed_mean": Strategy(_trimmed_mean),
    "krum": Strategy(_mean, measure=krum.square_distances, plan=_chosen),
}
