"""What makes an update acceptable: layout, length, finite values, examples, norm.

The norm is that of what the client changed: an update that was scaled or whose sign was
flipped lies far from the version that it was trained from, whatever its own size (Sun
et al. 2019, "Can You Really Backdoor Federated Learning?", section 4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from fedcore import codec
from fedcore.documents import Experiment
from fedcore.messages import LARGEST, SubmitUpdate
from fedcore.services import Services
from fedcore.store.store import Place


class Refusal(Exception):
    """An update does not count; the text says why."""


def inspect_chunk(experiment: Experiment, request: SubmitUpdate, data: bytes) -> None:
    """Check one chunk and what comes with it.

    Raises:
        Refusal: says what was found and what was expected.
    """
    _inspect_claims(experiment, request)
    parameters = _parameters(experiment, request)
    of = codec.chunk_count(parameters)
    if request.chunks != of:
        raise Refusal(f"chunks: found {request.chunks}, expected {of}")
    length = codec.chunk_length(parameters, request.chunk) * codec.VALUE_BYTES
    if len(data) != length:
        raise Refusal(
            f"chunk {request.chunk}: found {len(data)} bytes, expected {length}"
        )
    position = codec.first_non_finite(codec.values(data))
    if position is not None:
        raise Refusal(f"chunk {request.chunk}: value {position} is not finite")


def square_distance(
    experiment: Experiment, request: SubmitUpdate, data: bytes, services: Services
) -> float | None:
    """Return a chunk's squared L2 distance from the version that it was trained from.

    It is stored beside the chunk, so that no request has to read a whole upload. None
    where the distance is not bounded.
    """
    if request.round == 0 or not experiment.settings.max_norm:
        return None
    version = request.round - 1
    base = services.store.model_chunk(experiment, version, request.chunk)
    if base is None:
        raise Refusal(f"norm: version {version} has no chunk {request.chunk}")
    return codec.square_distance(codec.values(data), codec.values(base[0]))


def inspect_whole(
    experiment: Experiment, request: SubmitUpdate, place: Place, services: Services
) -> float:
    """Check what only a whole upload shows; read it only where that is needed.

    Returns:
        Its L2 distance from the version that it was trained from, where that is
        bounded, else 0. Round 0 has no such version, and no bound.

    Raises:
        Refusal: the distance is above `max_norm`, and not to be clipped; or chunks
            of an initial model do not fit together.
    """
    settings = experiment.settings
    if request.round == 0:
        _inspect_lengths(experiment, request, place, services)
        return 0.0
    if not settings.max_norm:
        return 0.0
    squares = services.store.chunk_squares(experiment, place)
    if None in squares:
        raise Refusal("norm: found chunks that an earlier release has stored")
    norm = math.sqrt(sum(each for each in squares if each is not None))
    if norm > settings.max_norm and settings.norm_action == "refuse":
        raise Refusal(f"norm: found {norm:.6g}, expected at most {settings.max_norm:g}")
    return norm


def _inspect_lengths(
    experiment: Experiment, request: SubmitUpdate, place: Place, services: Services
) -> None:
    """Hold every chunk to the layout that came with the last one to arrive."""
    parameters = _parameters(experiment, request)
    for number, data in _chunks(experiment, request, place, services):
        length = codec.chunk_length(parameters, number) * codec.VALUE_BYTES
        if len(data) != length:
            raise Refusal(f"chunk {number}: found {len(data)} bytes, expected {length}")


def _chunks(
    experiment: Experiment, request: SubmitUpdate, place: Place, services: Services
) -> Iterator[tuple[int, bytes]]:
    """Yield an upload's chunks, one in memory at a time.

    A chunk that is gone went with its round: what is left does not count any more.
    """
    for number in range(request.chunks):
        chunk = Place(place.round, place.client, place.upload, number)
        data = services.store.update_chunk(experiment, chunk)
        if data is not None:
            yield number, data


def _inspect_claims(experiment: Experiment, request: SubmitUpdate) -> None:
    most = experiment.settings.max_examples
    if not 1 <= request.examples <= most:
        raise Refusal(f"examples: found {request.examples}, expected 1 to {most}")
    for name, value in request.metrics.items():
        if not abs(value) <= LARGEST:  # also refuses NaN
            raise Refusal(
                f"metrics.{name}: found {value}, expected -{LARGEST:g} to {LARGEST:g}"
            )


def _parameters(experiment: Experiment, request: SubmitUpdate) -> int:
    """Return the size of the model, which round 0 may fix."""
    if request.layout is None:
        if experiment.layout is None:
            raise Refusal("layout: found none, expected one with the first update")
        return experiment.parameters
    if experiment.layout is not None and request.layout != experiment.layout:
        raise Refusal("layout: differs from the experiment's")
    fault = codec.layout_fault(request.layout, experiment.settings.max_parameters)
    if fault is not None:
        raise Refusal(f"layout: {fault}")
    return codec.parameter_count(request.layout)
