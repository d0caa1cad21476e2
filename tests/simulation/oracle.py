"""What a version must be: each strategy from its paper, one value at a time.

Plain float64 arithmetic on all accepted updates at once, where the product works chunk
by chunk, in as many activations as it takes. It shares no code with the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fedcore.world import numbers, vector

Chunks = list[list[float]]
Order = Callable[[Iterable[int]], list[int]]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """An accepted update: its values, chunk by chunk, and the examples it claims."""

    chunks: Chunks
    examples: int


def next_version(
    settings: Settings, updates: Sequence[Sent], base: Chunks, order: Order
) -> list[bytes]:
    """Return the chunks of the version that these updates make.

    Args:
        settings: the experiment's.
        updates: the accepted ones, in client order.
        base: the version that they were trained from.
        order: in which a mean is summed.
    """
    models = [_bounded(each.chunks, base, settings) for each in updates]
    weights = _capped([each.examples for each in updates], settings["max_weight"])
    if settings["strategy"] == "krum":
        kept = _nearest(models, settings["byzantine"], settings["krum_keep"])
        weights = [int(place in kept) for place in range(len(models))]
    places = [place for place in order(range(len(models))) if weights[place]]

    def value(column: Sequence[float]) -> float:
        match settings["strategy"]:
            case "median":
                return _median(column)
            case "trimmed_mean":
                return _mean_without_ends(column, settings["trim"])
        total = 0.0
        for place in places:
            total += column[place] * weights[place]
        return total / sum(weights)

    return [
        vector(*(value(column) for column in zip(*pieces, strict=True)))
        for pieces in zip(*models, strict=True)
    ]


def distance(model: Chunks, other: Chunks) -> float:
    """Return how far two models lie from each other (L2)."""
    return math.sqrt(_square(model, other))


def _square(model: Chunks, other: Chunks) -> float:
    chunks = zip(model, other, strict=True)
    return sum(
        sum((a - b) ** 2 for a, b in zip(piece, there, strict=True))
        for piece, there in chunks
    )


def _bounded(model: Chunks, base: Chunks, settings: Settings) -> Chunks:
    """Bring a model that lies too far from its base to the bound (Sun et al. 2019)."""
    bound = settings["max_norm"]
    if not bound or distance(model, base) <= bound:
        return model
    share = bound / distance(model, base)
    return [
        numbers(vector(*(b + share * (a - b) for a, b in zip(mine, old, strict=True))))
        for mine, old in zip(model, base, strict=True)
    ]


def _capped(claims: list[int], factor: float) -> list[int]:
    """Count nobody for more than so many times the (lower) median of the claims."""
    median = sorted(claims)[(len(claims) - 1) // 2]
    most = max(1, int(factor * median)) if factor else max(claims)
    return [min(claim, most) for claim in claims]


def _median(column: Sequence[float]) -> float:
    ranked, half = sorted(column), len(column) // 2
    if len(column) % 2:
        return ranked[half]
    return (ranked[half - 1] + ranked[half]) / 2


def _mean_without_ends(column: Sequence[float], share: float) -> float:
    ranked = sorted(column)
    cut = math.ceil(round(share * len(ranked), 9))
    while 2 * cut >= len(ranked):
        cut -= 1
    kept = ranked[cut : len(ranked) - cut]
    return sum(kept) / len(kept)


def _nearest(models: Sequence[Chunks], hostile: int, keep: int) -> list[int]:
    """Return the places of the models with the nearest neighbours (Blanchard 2017)."""
    count = len(models)
    while hostile and count < 2 * hostile + 3:
        hostile -= 1
    scores = []
    for place, model in enumerate(models):
        others = [each for at, each in enumerate(models) if at != place]
        squares = sorted(_square(model, other) for other in others)
        scores.append((sum(squares[: max(1, count - hostile - 2)]), place))
    return [place for _, place in sorted(scores)[:keep]]
