"""Krum: keep the updates that have the most neighbours.

Blanchard et al. 2017, "Machine Learning with Adversaries: Byzantine Tolerant Gradient
Descent": of n updates, f of them hostile, with n >= 2 f + 3, an update's score is the
sum of its squared distances to its n - f - 2 nearest; Krum takes the one of the least
score, Multi-Krum averages the m least. All updates count alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fedcore.aggregation.part import Part

Distances = NDArray[np.float64]


def square_distances(parts: Iterable[Part], updates: int) -> Distances:
    """Return the squared L2 distances between whole updates, as a matrix.

    Added up over the parts in float64, in one order: equal updates give equal
    distances, so that two aggregators choose the same.
    """
    total = np.zeros((updates, updates))
    for part in parts:
        for matrix in part.slices():
            for one, other in combinations(range(updates), 2):
                gap = np.subtract(matrix[one], matrix[other], dtype=np.float64)
                total[one, other] += np.square(gap, out=gap).sum()
    return total + total.T


def choose(distances: Distances, *, hostile: int, keep: int) -> list[int]:
    """Return the positions of the `keep` updates of the least scores, in order.

    Where there are fewer than 2 `hostile` + 3 updates, as many hostile ones are
    withstood as their number allows. Of equal scores the first counts.
    """
    updates = len(distances)
    withstood = min(hostile, max(0, (updates - 3) // 2))
    near = max(1, updates - withstood - 2)
    # The nearest of all is the update itself, at distance 0.
    scores = np.sort(distances, axis=1)[:, 1 : near + 1].sum(axis=1).tolist()
    ranking = sorted(range(updates), key=lambda each: (scores[each], each))
    return sorted(ranking[:keep])
