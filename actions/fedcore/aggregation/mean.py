"""The mean of updates, weighted by their examples.

Federated averaging (McMahan et al. 2017, "Communication-Efficient Learning of Deep
Networks from Decentralized Data", Algorithm 1): the next model is the mean of the
clients' models, weighted by their numbers of training examples.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fedcore.aggregation.part import EmptyRound, LengthMismatch


def weighted_mean(pieces: Iterable[tuple[bytes, int]]) -> bytes:
    """Average one chunk over the updates by their example counts.

    Args:
        pieces: pairs of (little-endian float32 values, examples), consumed one at a
            time. All have the same length; examples is at least 1.

    Returns:
        The mean as little-endian float32 values, accumulated in float64 in the given
        order: the same updates in the same order give the same bytes.

    Raises:
        EmptyRound: there was no pair, or no example in any of them.
        LengthMismatch: a chunk differs from the first in length.
    """
    total: NDArray[np.float64] | None = None
    examples = 0
    for data, weight in pieces:
        values = np.frombuffer(data, dtype="<f4").astype(np.float64)
        values *= weight
        if total is None:
            total = values
        elif len(values) != len(total):
            raise LengthMismatch(
                f"found {len(values)} values, expected {len(total)} as in the first"
            )
        else:
            total += values
        examples += weight
    if total is None or examples <= 0:
        raise EmptyRound(f"found {examples} examples in all, expected at least 1")
    total /= examples
    return total.astype("<f4").tobytes()
