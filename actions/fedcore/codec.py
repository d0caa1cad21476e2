"""Models on the wire: layouts, chunks, hashes, upload ids. Standard library only.

A model is one flat vector of little-endian float32 values in layout order. It
travels in chunks of at most `CHUNK_VALUES` values, as base64 inside JSON, because
OpenWhisk carries 1 MiB each way and the same bytes must fit every platform.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import sys
from array import array
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from fedcore.errors import InvalidRequest, TooLarge

CHUNK_VALUES = 131_072
"""Values in a full chunk: 512 KiB, which is 683 KiB of base64."""

VALUE_BYTES = 4

LARGEST_LAYOUT = 262_144
"""Characters of a layout's JSON: it travels beside a chunk, within the same 1 MiB."""

Layout = list[tuple[str, list[int]]]
"""The ordered (name, shape) pairs of a model's tensors; the dtype is float32."""


def parameter_count(layout: Layout) -> int:
    """Return the number of values in a model of this layout."""
    return sum(math.prod(shape) for _, shape in layout)


def layout_fault(layout: Layout, most: int) -> str | None:
    """Say what is wrong with a layout of at most `most` values; None: nothing is."""
    parameters = parameter_count(layout)
    if not 1 <= parameters <= most:
        return f"found {parameters} parameters, expected 1 to {most}"
    if len({name for name, _ in layout}) < len(layout):
        return "found a name twice, expected a name a tensor"
    size = len(json.dumps(layout))
    if size > LARGEST_LAYOUT:
        return f"found {size} characters of JSON, expected at most {LARGEST_LAYOUT}"
    return None


def chunk_count(parameters: int) -> int:
    """Return the number of chunks that carry `parameters` values (at least 1)."""
    return max(1, -(-parameters // CHUNK_VALUES))


def chunk_length(parameters: int, number: int) -> int:
    """Return how many values chunk `number` (from 0) of a model holds."""
    return min(CHUNK_VALUES, parameters - number * CHUNK_VALUES)


def split(vector: bytes) -> Iterator[bytes]:
    """Cut a model's bytes into its chunks, in order."""
    step = CHUNK_VALUES * VALUE_BYTES
    for start in range(0, max(len(vector), 1), step):
        yield vector[start : start + step]


def sha256(data: bytes) -> str:
    """Return the hash of a chunk as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def layout_hash(layout: Layout) -> str:
    """Return 16 hexadecimal digits that two layouts share only if they are equal."""
    return sha256(_canonical(layout).encode())[:16]


def layout_difference(**layouts: Layout) -> str:
    """Return where two layouts differ first; empty if they are equal.

    `layout_difference(found=a, expected=b)` is "tensor 1: found b [1], expected none".
    """
    (one, a), (other, b) = layouts.items()
    pairs = zip_longest(map(_tensor, a), map(_tensor, b), fillvalue="none")
    differing = ((n, *pair) for n, pair in enumerate(pairs) if pair[0] != pair[1])
    for number, first, second in differing:
        return f"tensor {number}: {one} {first}, {other} {second}"
    return ""


def _tensor(entry: tuple[str, Sequence[int]]) -> str:
    name, shape = entry
    return f"{name} {[*shape]}"


def _canonical(layout: Layout) -> str:
    return json.dumps(layout, separators=(",", ":"))


def upload_id(
    round_number: int, hashes: Sequence[str], layout: Layout | None = None
) -> str:
    """Name an upload by its round and its chunks' hashes: equal content, equal id.

    An initial model's also covers its layout: the same values under other names and
    shapes are another model.
    """
    said = [] if layout is None else [_canonical(layout)]
    text = "\n".join([str(round_number), *said, *hashes])
    return hashlib.sha256(text.encode()).hexdigest()


def encode(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def decode(text: str, *, where: str = "data") -> bytes:
    """Return the bytes of base64 text that holds at most one chunk.

    Raises:
        TooLarge: the text is longer than a full chunk's.
        InvalidRequest: the text is not base64, or not a whole number of values.
    """
    limit = -(-CHUNK_VALUES * VALUE_BYTES // 3) * 4
    if len(text) > limit:
        raise TooLarge(
            f"{where}: {len(text)} characters of base64, at most {limit} allowed "
            f"(a chunk has {CHUNK_VALUES} float32 values)"
        )
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"{where}: not base64 ({error})") from None
    if len(data) % VALUE_BYTES:
        raise InvalidRequest(
            f"{where}: {len(data)} bytes are not a whole number of float32 values"
        )
    return data


def values(data: bytes) -> array[float]:
    """Return a chunk's bytes as float32 values, whatever this machine's byte order."""
    result = array("f")
    result.frombytes(data)
    if sys.byteorder == "big":
        result.byteswap()
    return result


def first_non_finite(chunk: array[float]) -> int | None:
    """Return the position of the first NaN or infinity, or None when all are finite."""
    # The sum of finite float32 values is finite in float64: one pass clears a chunk.
    if math.isfinite(sum(chunk)):
        return None
    return next(i for i, value in enumerate(chunk) if not math.isfinite(value))


def square_distance(chunk: array[float], base: array[float]) -> float:
    """Return the squared L2 distance of two chunks of one length, in float64."""
    return sum((a - b) * (a - b) for a, b in zip(chunk, base, strict=True))
