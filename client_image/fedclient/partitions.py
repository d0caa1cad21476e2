"""How an experiment's training data is dealt out to its clients.

A partition takes all labels, the number of clients and the experiment's seed, and
returns each client's example numbers, shuffled. Every client computes the same deal
and keeps its own share; nobody hands data out. A new one is a function in `PARTITIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedclient import streams
from fedclient.data import DataError

Numbers = NDArray[np.int64]
Partition = Callable[[NDArray[np.uint8], int, int], list[Numbers]]


@dataclass(frozen=True)
class Splits:
    """A client's example numbers: 80 % to train on, 10 % to validate, 10 % to test."""

    train: Numbers
    validation: Numbers
    test: Numbers


def equal(labels: NDArray[np.uint8], clients: int, seed: int) -> list[Numbers]:
    """Deal a seeded shuffle out in equal shares; sizes differ by one at most."""
    rng = np.random.Generator(np.random.PCG64(streams.seed("partition", seed)))
    return np.array_split(rng.permutation(len(labels)), clients)


PARTITIONS: Mapping[str, Partition] = {"equal": equal}


def share(
    name: str, labels: NDArray[np.uint8], *, clients: int, index: int, seed: int
) -> Splits:
    """Return the splits of client `index`.

    Raises:
        DataError: there is no such partition, or nothing to train on in the share.
    """
    if name not in PARTITIONS:
        known = ", ".join(sorted(PARTITIONS))
        raise DataError(f"partition {name!r}: unknown, expected one of {known}")
    splits = split(PARTITIONS[name](labels, clients, seed)[index])
    if not len(splits.train):
        raise DataError(
            f"client {index} of {clients}: no example to train on, {len(labels)} in all"
        )
    return splits


def split(numbers: Numbers) -> Splits:
    """Cut a share into its splits; the training split takes what does not divide."""
    tenth = len(numbers) // 10
    train, validation, test = np.split(
        numbers, [len(numbers) - 2 * tenth, len(numbers) - tenth]
    )
    return Splits(train, validation, test)
