"""One chunk of a round, seen from all of its updates, within a bound of memory."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

HELD_BYTES = 16 * 2**20
"""A part of at most this size is kept in memory, a larger one in a temporary file."""

KEPT_BYTES = 256 * 2**20
"""A part beyond this size is not kept: each walk over it reads it again."""

SLICE_BYTES = 8 * 2**20
"""Bytes of the matrices that `Part.slices` yields."""

VALUE_BYTES = 4

Matrix = NDArray[np.float32]


class EmptyRound(ValueError):
    """There was no update to combine, or no example in any of them."""


class LengthMismatch(ValueError):
    """An update's chunk has another number of values than it should."""


class Part:
    """One chunk of every accepted update, in client order. It may be walked again.

    The first walk keeps what it reads for as long as the part lives, so that the
    database is asked once for each update.

    Args:
        read: reads the pieces (little-endian float32 values), one after the other.
        updates: how many pieces there are.
        values: how many values each of them has.
        keep: False where reading again costs little.
    """

    def __init__(
        self,
        read: Callable[[], Iterator[bytes]],
        *,
        updates: int,
        values: int,
        keep: bool = True,
    ) -> None:
        self.values = values
        self._read = read
        self._updates = updates
        self._keep = keep and VALUE_BYTES * updates * values <= KEPT_BYTES
        self._kept: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._updates

    def __iter__(self) -> Iterator[bytes]:
        return self._columns(0, self.values)

    def slices(self) -> Iterator[Matrix]:
        """Yield the part as matrices [update, value], some columns at a time.

        Each matrix is fresh, so that it may be overwritten.

        Raises:
            LengthMismatch: a piece has another number of values than `values`.
        """
        width = max(1, SLICE_BYTES // (VALUE_BYTES * max(1, len(self))))
        for start in range(0, self.values, width):
            stop = min(start + width, self.values)
            matrix = np.empty((len(self), stop - start), np.float32)
            columns = self._columns(start, stop)
            for row, data in zip(matrix, columns, strict=True):
                row[:] = np.frombuffer(data, "<f4")
            yield matrix

    def _columns(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the values from `start` to `stop` of each piece."""
        if self._keep and self._kept is None:
            self._kept = self._kept_file()
        first, size = VALUE_BYTES * start, VALUE_BYTES * (stop - start)
        if self._kept is None:
            for data in self._checked():
                yield data[first : first + size]
            return
        for number in range(len(self)):
            self._kept.seek(VALUE_BYTES * number * self.values + first)
            yield self._kept.read(size)

    def _kept_file(self) -> IO[bytes] | None:
        """Read all pieces into a file of their own; None where there is no room."""
        try:
            file = tempfile.SpooledTemporaryFile(HELD_BYTES)  # noqa: SIM115
            weakref.finalize(self, file.close)
            for data in self._checked():
                file.write(data)
        except OSError:  # a full or read-only disk: the pieces can be read again
            self._keep = False
            return None
        return file

    def _checked(self) -> Iterator[bytes]:
        for data in self._read():
            found = len(data) // VALUE_BYTES
            if found != self.values:
                raise LengthMismatch(f"found {found} values, expected {self.values}")
            yield data
