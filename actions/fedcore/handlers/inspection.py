"""What makes an update acceptable: layout, length, finite values, examples, norm."""

from __future__ import annotations

import math

from fedcore import codec
from fedcore.documents import Experiment
from fedcore.messages import SubmitUpdate
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


def inspect_norm(
    experiment: Experiment, place: Place, chunks: int, services: Services
) -> float:
    """Return the L2 norm of a whole upload, if it is within bounds.

    Raises:
        Refusal: the norm is above `max_norm`.
    """
    total = 0.0
    for number in range(chunks):
        chunk = Place(place.round, place.client, place.upload, number)
        data = services.store.update_chunk(experiment, chunk)
        total += codec.square_sum(codec.values(data or b""))
    norm = math.sqrt(total)
    bound = experiment.settings.max_norm
    if bound and norm > bound:
        raise Refusal(f"norm: found {norm:.6g}, expected at most {bound:g}")
    return norm


def _inspect_claims(experiment: Experiment, request: SubmitUpdate) -> None:
    most = experiment.settings.max_examples
    if not 1 <= request.examples <= most:
        raise Refusal(f"examples: found {request.examples}, expected 1 to {most}")
    for name, value in request.metrics.items():
        if not math.isfinite(value):
            raise Refusal(f"metrics.{name}: found {value}, expected a finite number")


def _parameters(experiment: Experiment, request: SubmitUpdate) -> int:
    """Return the size of the model, which round 0 may fix."""
    if request.layout is None:
        if experiment.layout is None:
            raise Refusal("layout: found none, expected one with the first update")
        return experiment.parameters
    if experiment.layout is not None and request.layout != experiment.layout:
        raise Refusal("layout: differs from the experiment's")
    parameters = codec.parameter_count(request.layout)
    most = experiment.settings.max_parameters
    if not 1 <= parameters <= most:
        raise Refusal(f"layout: found {parameters} parameters, expected 1 to {most}")
    return parameters
