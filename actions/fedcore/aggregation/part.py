"""One chunk of a round, seen from all of its updates, within a bound of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

HELD_BYTES = 16 * 2**20
"""A part of up to so many bytes is read once; a larger one at each walk over it."""

SLICE_BYTES = 8 * 2**20
"""Bytes of the matrices that `Part.slices` yields."""

Piece = tuple[bytes, int]
"""One update's chunk: little-endian float32 values, and its number of examples."""

Matrix = NDArray[np.float32]


class EmptyRound(ValueError):
    """There was no update to combine, or no example in any of them."""


class LengthMismatch(ValueError):
    """An update's chunk has another number of values than it should."""


class Part:
    """One chunk of every accepted update, in client order. It may be walked again.

    Args:
        read: reads the pieces, one after the other; each walk may call it.
        updates: how many pieces there are.
        values: how many values each of them has.
        hold: whether to keep the pieces in memory, up to `HELD_BYTES`.
    """

    def __init__(
        self,
        read: Callable[[], Iterator[Piece]],
        *,
        updates: int,
        values: int,
        hold: bool = True,
    ) -> None:
        self.values = values
        self._read = read
        self._updates = updates
        self._hold = hold and 4 * updates * values <= HELD_BYTES
        self._held: list[Piece] = []

    def __len__(self) -> int:
        return self._updates

    def __iter__(self) -> Iterator[Piece]:
        if self._held:
            return iter(self._held)
        if not self._hold:
            return self._read()
        self._held = list(self._read())
        return iter(self._held)

    def slices(self) -> Iterator[Matrix]:
        """Yield the part as matrices [update, value], some columns at a time.

        Each matrix is fresh, so that it may be overwritten. A part that is too large
        to be held is read once for each of them.

        Raises:
            LengthMismatch: a piece has another number of values than `values`.
        """
        width = max(1, SLICE_BYTES // (4 * max(1, len(self))))
        for start in range(0, self.values, width):
            stop = min(start + width, self.values)
            matrix = np.empty((len(self), stop - start), np.float32)
            for row, (data, _) in zip(matrix, self, strict=True):
                row[:] = self._checked(data)[start:stop]
            yield matrix

    def _checked(self, data: bytes) -> Matrix:
        found = np.frombuffer(data, dtype="<f4")
        if len(found) != self.values:
            raise LengthMismatch(f"found {len(found)} values, expected {self.values}")
        return found
