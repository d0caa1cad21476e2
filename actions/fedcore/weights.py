"""How much each update counts: its examples, within a bound that the others set.

An update's number of examples is its client's own claim. Without a bound one client
could claim so many that its model becomes the next version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedcore.documents import Capped, Update
from fedcore.settings import ExperimentSettings

CAPPED_TOLD = 100
"""Capped updates that a round's record names: those with the largest claims."""


def counted(settings: ExperimentSettings, updates: Sequence[Update]) -> list[int]:
    """Return how many examples each update counts, in their order.

    At most `max_weight` times the median of the claims, rounded down, and at least 1.
    Of an even number of claims the lower one in the middle is the median, so that half
    of the clients cannot lift it.
    """
    claims = [update.examples for update in updates]
    if not settings.max_weight or not claims:
        return claims
    median = sorted(claims)[(len(claims) - 1) // 2]
    most = max(1, int(settings.max_weight * median))
    return [min(claim, most) for claim in claims]


def capped(
    settings: ExperimentSettings, updates: Sequence[Update]
) -> dict[str, Capped]:
    """Return the updates that count less than they claim, by their client's index."""
    pairs = zip(updates, counted(settings, updates), strict=True)
    found = [
        (update.client, Capped(claimed=update.examples, counted=count))
        for update, count in pairs
        if count < update.examples
    ]
    found.sort(key=lambda each: (-each[1].claimed, each[0]))
    return {str(client): each for client, each in found[:CAPPED_TOLD]}


def in_words(capped: Mapping[str, Capped], names: Mapping[str, str]) -> str:
    """Return a line about capped updates: how many, and the one that claims most.

    Args:
        capped: at least one, as `capped` returns them.
        names: of clients, by their index as text.
    """
    index, most = next(iter(capped.items()))
    name = f" ({names[index]})" if index in names else ""
    rest = f", and {len(capped) - 1} more" if len(capped) > 1 else ""
    return (
        f"{len(capped)} counted less than claimed (max_weight): client {index}{name} "
        f"{most.counted:,} of {most.claimed:,} examples{rest}"
    )
