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
    """Ten classes, as even as can be."""
    return (np.arange(count) % 10).astype(np.uint8)


def of_class(kept: np.ndarray, shares: list[np.ndarray]) -> np.ndarray:
    """Return how many examples of each class each client has: [clients, classes]."""
    return np.array([np.bincount(kept[share], minlength=10) for share in shares])


def spoken(kept: np.ndarray, clients: int, seed: int) -> list[np.ndarray]:
    """Speaker by speaker: a partition of one's own."""
    return np.array_split(np.arange(len(kept)), clients)


DEALS = ["equal", "shards:1", "shards:3", "dirichlet:100"]
NAMES = [*DEALS, "own"]


@pytest.mark.parametrize("name", DEALS)
@given(count=st.integers(2000, 3000), clients=st.integers(1, 10), seed=seeds)
def test_every_example_has_exactly_one_owner(
    name: str, count: int, clients: int, seed: int
) -> None:
    dealt = partitions.find(name)(labels(count), clients, seed)
    assert len(dealt) == clients
    assert sorted(np.concatenate(dealt).tolist()) == list(range(count))


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
def test_a_deal_is_the_seeds_alone(name: str, seed: int) -> None:
    deal = partitions.find(name)
    one, two = (deal(labels(1000), 5, seed) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_other_seeds_deal_otherwise(name: str) -> None:
    deal = partitions.find(name)
    one, two = (deal(labels(1000), 5, seed)[0].tolist() for seed in (0, 1))
    assert one != two


@given(seeds, st.integers(2, 20))
def test_the_smaller_alpha_the_less_alike_the_clients_are(
    seed: int, clients: int
) -> None:
    kept = labels(4000)

    def skew(alpha: float) -> float:
        found = of_class(kept, partitions.dirichlet(kept, clients, seed, alpha=alpha))
        assert (found.sum(axis=1) >= partitions.FEWEST).all()
        mix = found / found.sum(axis=1, keepdims=True)
        return float(np.abs(mix - 0.1).sum())

    assert skew(0.3) > skew(1000)


def test_an_alpha_too_small_for_so_many_clients_is_refused() -> None:
    with pytest.raises(DataError, match=r"dirichlet:0.01: in 1000 draws .* 2000 exam"):
        partitions.dirichlet(labels(2000), 100, 0, alpha=0.01)


@given(seeds)
def test_with_two_shards_a_client_has_few_classes(seed: int) -> None:
    kept = labels(2000)
    found = of_class(kept, partitions.shards(kept, 20, seed, each=2))
    assert (found.sum(axis=1) == 100).all()
    assert ((found > 0).sum(axis=1) <= 2).all()  # 40 shards of 50 fit ten classes


@given(examples, federations, seeds)
def test_equal_shares_differ_by_one_at_most(
    count: int, clients: int, seed: int
) -> None:
    sizes = {len(part) for part in partitions.equal(labels(count), clients, seed)}
    assert max(sizes) - min(sizes) <= 1


@given(examples, federations, seeds)
def test_a_client_with_data_of_its_own_takes_all_of_it(
    count: int, clients: int, seed: int
) -> None:
    dealt = partitions.own(labels(count), clients, seed)
    assert [sorted(hand.tolist()) for hand in dealt] == [list(range(count))] * clients


def test_how_many_others_there_are_leaves_own_data_as_it_is() -> None:
    few, many = (
        partitions.share("own", labels(100), clients=count, index=1, seed=0)
        for count in (2, 20)
    )
    assert few.train.tolist() == many.train.tolist() != sorted(few.train.tolist())
    assert [len(part) for part in (few.train, few.validation, few.test)] == [80, 10, 10]


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


def test_a_partition_of_ones_own_is_named_by_its_path() -> None:
    splits = partitions.share(
        f"{__name__}:spoken", labels(40), clients=2, index=1, seed=0
    )
    assert splits.train.tolist() == list(range(20, 36))


@pytest.mark.parametrize("name", ["by-mood", "own:2", "shards:two", f"{__name__}:sung"])
def test_an_unknown_partition_is_named(name: str) -> None:
    with pytest.raises(DataError, match=f"partition '{name}': .*; expected equal, own"):
        partitions.share(name, labels(10), clients=1, index=0, seed=0)


def test_a_client_without_examples_is_refused() -> None:
    with pytest.raises(DataError, match="client 4 of 5: no example to train on, 3"):
        partitions.share("equal", labels(3), clients=5, index=4, seed=0)
