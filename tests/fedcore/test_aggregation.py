import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedcore.aggregation import EmptyRound, LengthMismatch, weighted_mean
from tests.fedcore.world import numbers, vector

values = st.floats(-1e6, 1e6, width=32)
updates = st.integers(1, 5).flatmap(
    lambda length: st.lists(
        st.tuples(
            st.lists(values, min_size=length, max_size=length),
            st.integers(1, 10_000),
        ),
        min_size=1,
        max_size=6,
    )
)


def test_examples_count_not_clients() -> None:
    mean = weighted_mean([(vector(1.0), 3), (vector(5.0), 1)])
    assert numbers(mean) == [2.0]  # (3·1 + 1·5) / 4


def test_the_mean_of_one_update_is_that_update_bit_for_bit() -> None:
    data = struct.pack("<3f", 0.1, -1e-30, 3e38)
    assert weighted_mean([(data, 7)]) == data


@given(updates)
def test_the_mean_lies_between_the_smallest_and_the_largest(given_updates) -> None:
    mean = numbers(weighted_mean([(vector(*v), n) for v, n in given_updates]))
    for column, found in enumerate(mean):
        entries = [v[column] for v, _ in given_updates]
        slack = 1e-5 * max(1.0, *(abs(entry) for entry in entries))
        assert min(entries) - slack <= found <= max(entries) + slack


@given(updates, st.integers(2, 9))
def test_a_common_factor_of_the_examples_changes_nothing(given_updates, factor) -> None:
    plain = weighted_mean([(vector(*v), n) for v, n in given_updates])
    scaled = weighted_mean([(vector(*v), n * factor) for v, n in given_updates])
    assert numbers(scaled) == pytest.approx(numbers(plain), rel=1e-6, abs=1e-6)


def test_inputs_are_never_modified() -> None:
    data = bytearray(vector(1.0, 2.0))
    weighted_mean([(bytes(data), 1), (vector(3.0, 4.0), 1)])
    assert data == vector(1.0, 2.0)


@pytest.mark.parametrize("nothing", [[], [(vector(1.0), 0)]])
def test_a_round_without_examples_has_no_mean(nothing) -> None:
    with pytest.raises(EmptyRound, match="0 examples"):
        weighted_mean(nothing)


def test_chunks_of_different_lengths_are_refused() -> None:
    with pytest.raises(LengthMismatch, match="found 2 values, expected 1"):
        weighted_mean([(vector(1.0), 1), (vector(1.0, 2.0), 1)])
