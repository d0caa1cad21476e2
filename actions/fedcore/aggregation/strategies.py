"""The strategies by name. To add one, add a builder here and its name in `settings`.

A builder sees the settings and may walk the whole round before anything is combined;
what it returns combines one part. What a strategy keeps on the server between rounds
(FedAdam's moments, Reddi et al. 2021) would be one more thing to walk, chunk by chunk
beside the updates; what happens in the clients (FedProx) is a task's own matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from fedcore.aggregation import krum
from fedcore.aggregation.mean import weighted_mean
from fedcore.aggregation.part import Part
from fedcore.aggregation.robust import coordinate_median, trimmed_mean
from fedcore.settings import ExperimentSettings

Walk = Callable[[], Iterable[Part]]
"""Yields the parts of a round from the first chunk on; may be called again."""

Combine = Callable[[Part], bytes]
"""Makes one chunk of the next version from that chunk of the updates."""

Builder = Callable[[ExperimentSettings, int, Walk], Combine]
"""From the settings, the number of updates and the walk."""


def combiner(settings: ExperimentSettings, updates: int, walk: Walk) -> Combine:
    """Return what combines the parts of a round of so many updates."""
    return STRATEGIES[settings.strategy](settings, updates, walk)


def _fedavg(settings: ExperimentSettings, updates: int, walk: Walk) -> Combine:
    return weighted_mean


def _median(settings: ExperimentSettings, updates: int, walk: Walk) -> Combine:
    return coordinate_median


def _trimmed_mean(settings: ExperimentSettings, updates: int, walk: Walk) -> Combine:
    return partial(trimmed_mean, share=settings.trim)


def _krum(settings: ExperimentSettings, updates: int, walk: Walk) -> Combine:
    """Choose by a first walk; then the mean of the chosen, each counting once."""
    distances = krum.square_distances(walk(), updates)
    chosen = set(
        krum.choose(distances, hostile=settings.byzantine, keep=settings.krum_keep)
    )

    def combine(part: Part) -> bytes:
        pieces = enumerate(part)
        return weighted_mean(
            (data, 1) for place, (data, _) in pieces if place in chosen
        )

    return combine


STRATEGIES: dict[str, Builder] = {
    "fedavg": _fedavg,
    "median": _median,
    "trimmed_mean": _trimmed_mean,
    "krum": _krum,
}
