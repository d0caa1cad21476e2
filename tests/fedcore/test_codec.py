import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedcore import codec
from fedcore.errors import InvalidRequest, TooLarge

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=50))
def test_decoding_undoes_encoding(values) -> None:
    data = struct.pack(f"<{len(values)}f", *values)
    assert codec.decode(codec.encode(data)) == data
    assert codec.values(data).tolist() == values


@given(st.integers(1, 3 * codec.CHUNK_VALUES))
def test_chunks_cover_a_model_in_order_without_gap(parameters) -> None:
    of = codec.chunk_count(parameters)
    lengths = [codec.chunk_length(parameters, number) for number in range(of)]
    assert sum(lengths) == parameters
    assert all(length == codec.CHUNK_VALUES for length in lengths[:-1])
    assert 1 <= lengths[-1] <= codec.CHUNK_VALUES


def test_a_split_model_joins_to_itself() -> None:
    model = bytes(range(256)) * 4096
    chunks = list(codec.split(model))
    assert len(chunks) == 2
    assert b"".join(chunks) == model


def test_a_full_chunk_fits_openwhisks_limit_with_room_for_the_rest() -> None:
    full = codec.encode(bytes(codec.CHUNK_VALUES * codec.VALUE_BYTES))
    assert len(full) < 1_048_576 - 300_000


def test_an_upload_id_depends_on_round_content_and_order() -> None:
    ids = {
        codec.upload_id(1, ["a", "b"]),
        codec.upload_id(2, ["a", "b"]),
        codec.upload_id(1, ["b", "a"]),
        codec.upload_id(1, ["ab"]),
    }
    assert len(ids) == 4


@pytest.mark.parametrize("text", ["!!!!", "abc", "\u00e4", "YQ=="])
def test_what_is_no_chunk_is_refused_by_name(text) -> None:
    with pytest.raises(InvalidRequest, match="data:"):
        codec.decode(text)


def test_a_chunk_beyond_the_limit_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(TooLarge, match="at most"):
        codec.decode("A" * 700_000)


@given(st.lists(finite, min_size=1, max_size=20), st.data())
def test_the_first_value_that_is_not_finite_is_found(values, data) -> None:
    position = data.draw(st.integers(0, len(values) - 1))
    bad = data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    chunk = codec.values(struct.pack(f"<{len(values)}f", *values))
    assert codec.first_non_finite(chunk) is None
    chunk[position] = bad
    assert codec.first_non_finite(chunk) == position


@given(st.text() | st.binary(max_size=64).map(lambda data: codec.encode(data)))
def test_whatever_text_comes_is_decoded_or_refused(text) -> None:
    try:
        data = codec.decode(text)
    except (InvalidRequest, TooLarge):
        return
    assert len(codec.values(data)) * codec.VALUE_BYTES == len(data)


@given(st.binary(max_size=400).map(lambda data: data[: len(data) // 4 * 4]))
def test_whatever_bytes_come_the_first_bad_value_is_found(data) -> None:
    chunk = codec.values(data)
    bad = [place for place, value in enumerate(chunk) if not math.isfinite(value)]
    assert codec.first_non_finite(chunk) == (bad[0] if bad else None)


@given(st.lists(finite, max_size=20))
def test_the_distance_from_itself_is_none(values) -> None:
    chunk = codec.values(struct.pack(f"<{len(values)}f", *values))
    assert codec.square_distance(chunk, chunk) == 0


@pytest.mark.parametrize(
    ("layout", "fault"),
    [
        ([("w", [2, 3])], None),
        ([("w", [])], None),  # one value
        ([("w", [0])], "found 0 parameters, expected 1 to 6"),
        ([("w", [7])], "found 7 parameters, expected 1 to 6"),
        ([("w", [1]), ("w", [1])], "found a name twice, expected a name a tensor"),
    ],
)
def test_what_is_wrong_with_a_layout_is_said(layout, fault) -> None:
    assert codec.layout_fault(layout, 6) == fault
