"""Coordinate by coordinate: what few hostile updates cannot drag far.

Yin et al. 2018, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical
Rates", definitions 1 (median) and 2 (trimmed mean). Both lie between the honest
updates' extremes in each coordinate, as long as the hostile ones are fewer than half,
or than the trimmed share. All updates count alike: how many examples an update stands
for is its client's own claim.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fedcore.aggregation.part import EmptyRound, Matrix, Part


def coordinate_median(part: Part) -> bytes:
    """Return the median of each value over the updates, as little-endian float32.

    Of an even number of updates it is the mean of the two in the middle.

    Raises:
        EmptyRound: there was no update.
        LengthMismatch: a chunk has another length than the part's.
    """
    _refuse_empty(part)
    return b"".join(_median(matrix) for matrix in part.slices())


def trimmed_mean(part: Part, share: float) -> bytes:
    """Return each value's mean without its largest and smallest, as little-endian f32.

    Args:
        part: the updates' chunk.
        share: of the updates, how many to leave out at either end, rounded up; one
            or two always stay.

    Raises:
        EmptyRound, LengthMismatch: as `coordinate_median`.
    """
    _refuse_empty(part)
    cut = trimmed(len(part), share)
    return b"".join(_mean_between(matrix, cut) for matrix in part.slices())


def trimmed(updates: int, share: float) -> int:
    """Return how many of so many updates are left out at either end."""
    # Rounded first: 0.07 x 100 must be 7, not the ceiling of 7.000000000000001.
    wanted = math.ceil(round(share * updates, 9))
    return min(wanted, (updates - 1) // 2)


def _median(matrix: Matrix) -> bytes:
    low, high = (len(matrix) - 1) // 2, len(matrix) // 2
    matrix.partition(sorted({low, high}), axis=0)
    middle: NDArray[np.float64] = matrix[low].astype(np.float64)
    middle += matrix[high]
    middle /= 2
    # 0 and -0 are equal, so that either may end up in the middle: say 0 for both.
    middle += 0.0
    return middle.astype("<f4").tobytes()


def _mean_between(matrix: Matrix, cut: int) -> bytes:
    matrix.sort(axis=0)
    kept = matrix[cut : len(matrix) - cut]
    total = np.zeros(matrix.shape[1])
    for row in kept:  # float64, from the smallest up: the order is the values' own
        total += row
    total /= len(kept)
    return total.astype("<f4").tobytes()


def _refuse_empty(part: Part) -> None:
    if not len(part):
        raise EmptyRound("found no update, expected at least 1")
