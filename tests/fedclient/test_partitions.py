from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedclient import partitions
from fedclient.data import DataError

examples = st.integers(0, 500)
federations = st.integers(1, 40)
seeds = st.integers(0, 2**63 - 1)


def labels(count: int) -> np.ndarray:
    return np.zeros(count, np.uint8)


@pytest.mark.parametrize("name", sorted(partitions.PARTITIONS))
@given(count=examples, clients=federations, seed=seeds)
def test_every_example_has_exactly_one_owner(
    name: str, count: int, clients: int, seed: int
) -> None:
    dealt = partitions.PARTITIONS[name](labels(count), clients, seed)
    assert len(dealt) == clients
    assert sorted(np.concatenate(dealt).tolist()) == list(range(count))


@given(examples, federations, seeds)
def test_equal_shares_differ_by_one_at_most(
    count: int, clients: int, seed: int
) -> None:
    sizes = {len(part) for part in partitions.equal(labels(count), clients, seed)}
    assert max(sizes) - min(sizes) <= 1


@given(examples, federations, seeds)
def test_a_deal_is_the_seeds_alone(count: int, clients: int, seed: int) -> None:
    one, two = (partitions.equal(labels(count), clients, seed) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


def test_other_seeds_deal_otherwise() -> None:
    one, two = (partitions.equal(labels(100), 2, seed)[0].tolist() for seed in (0, 1))
    assert one != two


@given(st.integers(0, 5000))
def test_splits_are_disjoint_and_whole(count: int) -> None:
    splits = partitions.split(np.arange(count))
    parts = [splits.train, splits.validation, splits.test]
    assert np.concatenate(parts).tolist() == list(range(count))
    assert len(splits.validation) == len(splits.test) == count // 10


def test_a_twentieth_of_mnist_is_2400_300_300() -> None:
    splits = partitions.share("equal", labels(60_000), clients=20, index=7, seed=0)
    assert len(splits.train) == 2400
    assert len(splits.validation) == len(splits.test) == 300


def test_an_unknown_partition_is_named() -> None:
    with pytest.raises(DataError, match="'by-mood': unknown, expected one of equal"):
        partitions.share("by-mood", labels(10), clients=1, index=0, seed=0)


def test_a_client_without_examples_is_refused() -> None:
    with pytest.raises(DataError, match="client 4 of 5: no example to train on, 3"):
        partitions.share("equal", labels(3), clients=5, index=4, seed=0)
