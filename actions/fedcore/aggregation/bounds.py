"""How far an update lies from a version, and how to bring it nearer."""

from __future__ import annotations

import numpy as np

from fedcore.aggregation.part import LengthMismatch, Part


def clip(data: bytes, base: bytes, factor: float) -> bytes:
    """Move a chunk towards `base`: base + factor x (data - base).

    Norm clipping (Sun et al. 2019, "Can You Really Backdoor Federated Learning?",
    section 4): with `factor` = bound / distance of the whole update, the whole comes
    to lie at the bound, in the direction in which it was.
    """
    start = np.frombuffer(base, dtype="<f4").astype(np.float64)
    moved = np.frombuffer(data, dtype="<f4").astype(np.float64)
    if len(start) != len(moved):
        raise LengthMismatch(f"found {len(moved)} values, expected {len(start)}")
    moved -= start
    moved *= factor
    moved += start
    return moved.astype("<f4").tobytes()


def square_distances_from(part: Part, version: bytes) -> list[float]:
    """Return each update's squared L2 distance from a version, in this part."""
    there = np.frombuffer(version, dtype="<f4").astype(np.float64)
    distances = []
    for data in part:
        gap = np.frombuffer(data, dtype="<f4").astype(np.float64)
        gap -= there
        distances.append(float(np.square(gap, out=gap).sum()))
    return distances
