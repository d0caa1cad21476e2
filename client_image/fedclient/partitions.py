"""How an experiment's training data is dealt out to its clients.

A partition takes all labels, the number of clients and the experiment's seed, and
returns each client's example numbers, shuffled. Every client computes the same deal
and keeps its own share; nobody hands data out. Ours are `equal`, `dirichlet:ALPHA`,
`shards:N`, and `own` where each client has data of its own and takes all of it; one
of yours is a function, named `module:function`, in a module that is installed where
the client runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fedclient import imports, streams
from fedclient.data import DataError
from fedclient.imports import CannotImport

Labels = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Partition = Callable[[Labels, int, int], list[Numbers]]

FEWEST = 10
"""Examples that `dirichlet` leaves a client at least: one to validate, one to test."""

DRAWS = 1000
"""How often `dirichlet` draws before it gives up."""


@dataclass(frozen=True)
class Splits:
    """A client's example numbers: 80 % to train on, 10 % to validate, 10 % to test."""

    train: Numbers
    validation: Numbers
    test: Numbers


def equal(labels: Labels, clients: int, seed: int) -> list[Numbers]:
    """Deal a seeded shuffle out in equal shares; sizes differ by one at most."""
    return np.array_split(_rng(seed).permutation(len(labels)), clients)


def own(labels: Labels, clients: int, seed: int) -> list[Numbers]:
    """Deal nothing out: each client has data of its own, and takes all of it.

    Shuffled, so that its splits are alike; by the seed alone, so that clients which
    look at the same data after all agree on what is not trained on.
    """
    return [_rng(seed).permutation(len(labels))] * clients


def dirichlet(
    labels: Labels, clients: int, seed: int, *, alpha: float
) -> list[Numbers]:
    """Split each class over the clients in proportions drawn from Dir(alpha).

    The smaller alpha, the fewer classes a client has most of; shares differ in size,
    too (Yurochkin et al. 2019, "Bayesian Nonparametric Federated Learning"). Drawn
    again until each client has `FEWEST` examples.

    Raises:
        DataError: that never happened; alpha is too small for this many clients.
    """
    rng = _rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    for _ in range(DRAWS):
        shares = rng.dirichlet([alpha] * clients, len(classes))
        cuts = np.floor(shares.cumsum(axis=1) * sizes[:, None]).astype(np.int64)
        cuts[:, -1] = sizes
        if np.diff(cuts, axis=1, prepend=0).sum(axis=0).min() >= FEWEST:
            break
    else:
        raise DataError(
            f"partition dirichlet:{alpha:g}: in {DRAWS} draws somebody got fewer than "
            f"{FEWEST} of {len(labels)} examples; expected a larger alpha, or fewer "
            f"clients than {clients}"
        )
    dealt: list[list[Numbers]] = [[] for _ in range(clients)]
    for label, ends in zip(classes, cuts, strict=True):
        shuffled = rng.permutation(np.flatnonzero(labels == label))
        for hand, part in zip(dealt, np.split(shuffled, ends[:-1]), strict=True):
            hand.append(part)
    return [rng.permutation(np.concatenate(hand)) for hand in dealt]


def shards(labels: Labels, clients: int, seed: int, *, each: int) -> list[Numbers]:
    """Sort by label, cut into shards of equal size, give `each` of them to a client.

    With two, most clients have two classes alone (McMahan et al. 2017,
    "Communication-Efficient Learning of Deep Networks from Decentralized Data").
    """
    rng = _rng(seed)
    shuffled = rng.permutation(len(labels))  # so that a class is not cut by its order
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    cut = np.array_split(by_label, clients * each)
    hands = rng.permutation(clients * each).reshape(clients, each)
    return [rng.permutation(np.concatenate([cut[n] for n in hand])) for hand in hands]


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(streams.seed("partition", seed)))


def find(name: str) -> Partition:
    """Return the partition of that name (see the module).

    Raises:
        DataError: there is no such partition.
    """
    kind, _, argument = name.partition(":")
    try:
        match kind:
            case "equal" if not argument:
                return equal
            case "own" if not argument:
                return own
            case "dirichlet":
                return partial(dirichlet, alpha=float(argument))
            case "shards":
                return partial(shards, each=int(argument))
        return cast(Partition, imports.attribute(kind, argument))
    except (CannotImport, ValueError) as error:
        raise DataError(
            f"partition {name!r}: {error}; expected equal, own, dirichlet:ALPHA, "
            "shards:N or module:function"
        ) from error


def share(name: str, labels: Labels, *, clients: int, index: int, seed: int) -> Splits:
    """Return the splits of client `index`.

    Raises:
        DataError: there is no such partition, or nothing to train on in the share.
    """
    splits = split(find(name)(labels, clients, seed)[index])
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
