"""Median, trimmed mean and Krum, against numpy and against their papers' promises."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fedcore.aggregation import (
    EmptyRound,
    LengthMismatch,
    Part,
    krum,
    measure,
    part,
    plan,
)
from fedcore.aggregation.robust import coordinate_median, trimmed, trimmed_mean
from fedcore.settings import parse
from tests.fedcore.world import numbers, vector

floats = st.floats(-1e6, 1e6, width=32)
rows = st.integers(1, 6).flatmap(
    lambda length: st.lists(
        st.lists(floats, min_size=length, max_size=length), min_size=1, max_size=9
    )
)
RULES = {
    "median": coordinate_median,
    "trimmed mean": lambda of: trimmed_mean(of, 0.2),
}


def part_of(updates, *, keep: bool = True) -> Part:
    pieces = [vector(*values) for values in updates]
    values = len(updates[0]) if updates else 1
    return Part(lambda: iter(pieces), updates=len(pieces), values=values, keep=keep)


def choice(updates, **how) -> list[int]:
    return krum.choose(krum.square_distances(part_of(updates)), len(updates), **how)


def test_the_median_is_the_middle_value_of_each_column() -> None:
    assert numbers(coordinate_median(part_of([[1, 9], [2, 7], [100, -8]]))) == [2, 7]


def test_the_median_of_an_even_number_lies_half_way_between_the_middle_two() -> None:
    assert numbers(coordinate_median(part_of([[1], [2], [4], [99]]))) == [3]


def test_the_trimmed_mean_leaves_the_extremes_out() -> None:
    # A fifth of five is one at either end: (2 + 3 + 4) / 3.
    updates = [[3], [1e6], [2], [-1e6], [4]]
    assert numbers(trimmed_mean(part_of(updates), 0.2)) == [3]


@pytest.mark.parametrize(
    ("updates", "share", "cut"),
    [
        (10, 0.2, 2),
        (10, 0.01, 1),
        (10, 0, 0),
        (100, 0.07, 7),
        (1, 0.4, 0),
        (2, 0.4, 0),
        (3, 0.49, 1),
        (5, 0.49, 2),
    ],
)
def test_the_trimmed_number_is_rounded_up_and_something_stays(
    updates, share, cut
) -> None:
    assert trimmed(updates, share) == cut


@given(rows)
@example([[0.0], [-1.401298464324817e-45]])  # half of it rounds to -0, and may
def test_the_median_is_numpys(updates) -> None:
    expected = np.median(np.array(updates, np.float64), axis=0) + 0.0
    assert coordinate_median(part_of(updates)) == expected.astype("<f4").tobytes()


@given(rows, st.sampled_from([0.0, 0.1, 0.2, 0.4]))
def test_the_trimmed_mean_is_numpys_mean_of_what_is_left(updates, share) -> None:
    cut = trimmed(len(updates), share)
    kept = np.sort(np.array(updates, np.float64), axis=0)[cut : len(updates) - cut]
    found = numbers(trimmed_mean(part_of(updates), share))
    assert found == pytest.approx(kept.mean(axis=0).tolist(), rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(rows, st.randoms())
def test_the_order_of_the_updates_changes_no_bit(rule, updates, random) -> None:
    expected = rule(part_of(updates))
    random.shuffle(updates)
    assert rule(part_of(updates)) == expected


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(st.integers(3, 9), st.data())
def test_few_hostile_updates_cannot_leave_the_range_of_the_honest(
    rule, clients, data
) -> None:
    hostile = trimmed(clients, 0.2)
    honest = data.draw(
        st.lists(floats, min_size=clients - hostile, max_size=clients - hostile)
    )
    lies = data.draw(
        st.lists(
            st.sampled_from([3e38, -3e38, 1e30]) | floats,
            min_size=hostile,
            max_size=hostile,
        )
    )
    (found,) = numbers(rule(part_of([[value] for value in [*honest, *lies]])))
    slack = 1e-6 * max(1.0, *(abs(value) for value in honest))
    assert min(honest) - slack <= found <= max(honest) + slack


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_one_update_is_itself_bit_for_bit(rule) -> None:
    data = vector(0.1, -1e-30, 3e38)
    single = Part(lambda: iter([data]), updates=1, values=3)
    assert rule(single) == data


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_without_an_update_there_is_nothing_to_say(rule) -> None:
    with pytest.raises(EmptyRound, match="found no update"):
        rule(part_of([]))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_an_update_of_another_length_is_refused(rule) -> None:
    pieces = [vector(1.0), vector(1.0, 2.0)]
    with pytest.raises(LengthMismatch, match="found 2 values, expected 1"):
        rule(Part(lambda: iter(pieces), updates=2, values=1))


class Source:
    """Pieces that are read from somewhere: `walks` says how often."""

    def __init__(self, count: int, values: int) -> None:
        self.pieces = [vector(*[float(each)] * values) for each in range(count)]
        self.part = Part(self.read, updates=count, values=values)
        self.walks = 0

    def read(self):
        self.walks += 1
        return iter(self.pieces)


@pytest.mark.parametrize("held", [10**6, 10])
def test_a_part_is_read_once_however_often_it_is_walked(monkeypatch, held) -> None:
    monkeypatch.setattr(part, "HELD_BYTES", held)  # in memory, or in a file
    source = Source(5, 40)
    for _ in range(3):
        assert [*source.part] == source.pieces
    assert next(source.part.slices()).tolist() == [[each] * 40 for each in range(5)]
    assert source.walks == 1


def test_where_no_file_can_be_written_a_part_is_read_again(monkeypatch) -> None:
    def full(size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(part.tempfile, "SpooledTemporaryFile", full)
    source = Source(5, 40)
    for _ in range(2):
        assert [*source.part] == source.pieces
    assert source.walks == 2


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("keep", [True, False])
def test_a_part_too_large_for_memory_gives_the_same_bytes(
    monkeypatch, rule, keep
) -> None:
    updates = np.random.default_rng(0).normal(size=(7, 50)).tolist()
    expected = rule(part_of(updates))
    monkeypatch.setattr(part, "SLICE_BYTES", 7 * 4 * 3)  # three values at a time
    assert rule(part_of(updates, keep=keep)) == expected


def test_krum_scores_by_the_nearest_neighbours() -> None:
    # Of 0, 1, 3, 4 and 100, with one hostile: two nearest each, in squares.
    # 0: 1+9, 1: 1+4, 3: 1+4, 4: 1+9. Of the least, 1 comes first.
    updates = [[0], [1], [3], [4], [100]]
    distances = krum.square_distances(part_of(updates)).tolist()
    assert distances[:4] == [1, 9, 16, 10_000]  # from the first to the others
    assert choice(updates, hostile=1, keep=1) == [1]
    assert choice(updates, hostile=1, keep=2) == [1, 2]
    assert choice(updates, hostile=1, keep=4) == [0, 1, 2, 3]


def test_krum_plans_by_distances_that_are_added_up_over_the_chunks() -> None:
    settings = parse({"strategy": "krum", "quorum": 1.0})
    # The second update has the nearest neighbours in the first chunk alone.
    chunks = [[[0], [1], [3], [4], [100]], [[0], [50], [0], [0], [0]]]
    measures = [measure(settings, part_of(each)) for each in chunks]
    assert list(plan(settings, [7] * 5, measures[:1])) == [0, 1, 0, 0, 0]
    assert list(plan(settings, [7] * 5, measures)) == [0, 0, 1, 0, 0]
    assert len(measures[0]) == 8 * 10  # a float64 for each pair


@given(st.integers(1, 2), st.integers(0, 4), st.data())
def test_krum_never_chooses_one_that_lies_far_from_all_others(
    hostile, more, data
) -> None:
    clients = 2 * hostile + 3 + more
    near = st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3)
    updates = [data.draw(near) for _ in range(clients)]
    far = data.draw(
        st.lists(st.integers(0, clients - 1), min_size=hostile, max_size=hostile)
    )
    for number, place in enumerate(set(far), start=1):
        updates[place] = [1e5 * number] * 3  # not even near each other
    chosen = choice(updates, hostile=hostile, keep=clients - hostile)
    assert not set(chosen) & set(far)


@given(rows)
def test_krum_chooses_by_distance_whatever_the_chunks(updates) -> None:
    array = np.array(updates, np.float64)
    matrix = ((array[:, None, :] - array[None, :, :]) ** 2).sum(axis=2)
    expected = matrix[np.triu_indices(len(updates), 1)]
    found = krum.square_distances(part_of(updates))
    assert np.allclose(found, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("updates", [1, 2, 3, 4])
def test_krum_makes_do_with_few_updates(updates) -> None:
    values = [[float(each)] for each in range(updates)]
    assert len(choice(values, hostile=3, keep=1)) == 1
