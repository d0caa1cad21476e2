"""Krum: keep the updates that have the most neighbours.

Blanchard et al. 2017, "Machine Learning with Adversaries: Byzantine Tolerant Gradient
Descent": of n updates, f of them hostile, with n >= 2 f + 3, an update's score is the
sum of its squared distances to its n - f - 2 nearest; Krum takes the one of the least
score, Multi-Krum averages the m least. All updates count alike.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fedcore.aggregation.part import Part

Distances = NDArray[np.float64]


def square_distances(part: Part) -> Distances:
    """Return the squared L2 distances between the updates, in this part.

    One value for each pair: (0, 1), (0, 2) … (1, 2) … in the updates' order. Added up
    in float64, in one order: equal updates give equal distances, so that two
    aggregators choose the same.
    """
    pairs = [*combinations(range(len(part)), 2)]
    total = np.zeros(len(pairs))
    for matrix in part.slices():
        for place, (one, other) in enumerate(pairs):
            gap = np.subtract(matrix[one], matrix[other], dtype=np.float64)
            total[place] += np.square(gap, out=gap).sum()
    return total


def choose(distances: Distances, updates: int, *, hostile: int, keep: int) -> list[int]:
    """Return the positions of the `keep` updates of the least scores, in order.

    Where there are fewer than 2 `hostile` + 3 updates, as many hostile ones are
    withstood as their number allows. Of equal scores the first counts.
    """
    matrix = np.zeros((updates, updates))
    matrix[np.triu_indices(updates, 1)] = distances
    matrix += matrix.T
    withstood = min(hostile, max(0, (updates - 3) // 2))
    near = max(1, updates - withstood - 2)
    # The nearest of all is the update itself, at distance 0.
    scores = np.sort(matrix, axis=1)[:, 1 : near + 1].sum(axis=1).tolist()
    ranking = sorted(range(updates), key=lambda each: (scores[each], each))
    return sorted(ranking[:keep])
