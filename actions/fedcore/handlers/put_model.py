"""Store the initial model that an operator brings, chunk by chunk."""

from __future__ import annotations

from fedcore import codec, initial
from fedcore.documents import Experiment
from fedcore.errors import InvalidRequest, UnknownModel, UploadMismatch
from fedcore.handlers.action import Action, Caller, Role
from fedcore.messages import PutModel, Stored
from fedcore.services import Services

NAMED_MISSING = 100
"""Missing chunks that one answer names at most."""


def handle(request: PutModel, caller: Caller, services: Services) -> Stored:
    """Store a chunk of version 0, once; the last one to arrive publishes the version.

    The experiment's `initial` covers layout and content, so whoever sends a chunk, and
    however often, the bytes are the same.

    Raises:
        UnknownModel: the experiment expects no model from an operator.
        UploadMismatch: the model is not the one that the experiment began with.
        InvalidRequest: the chunk's length does not fit, or a value is not finite.
    """
    experiment = caller.named_experiment
    data = _chunk(request, experiment)
    store = services.store
    store.publish_chunk(experiment, 0, request.chunk, data)
    present = store.published_chunks(experiment, 0)
    missing = [each for each in range(len(request.hashes)) if each not in present]
    if not missing:
        store.apply(initial.publish(experiment, services.clock()))
    return Stored(experiment=experiment.name, missing=missing[:NAMED_MISSING])


def _chunk(request: PutModel, experiment: Experiment) -> bytes:
    """Return the chunk's bytes, once they are found to be the pinned model's."""
    if experiment.initial is None or experiment.layout is None:
        raise UnknownModel(
            f"{experiment.name!r}: its clients make the initial model, for it was "
            "started without one"
        )
    found = codec.upload_id(0, request.hashes, experiment.layout)
    if found != experiment.initial:
        raise UploadMismatch(
            f"hashes: they make the model {found}, {experiment.name!r} was started "
            f"with {experiment.initial}"
        )
    of = codec.chunk_count(experiment.parameters)
    if len(request.hashes) != of:
        raise InvalidRequest(f"hashes: found {len(request.hashes)}, expected {of}")
    if request.chunk >= of:
        raise InvalidRequest(f"chunk: found {request.chunk}, expected 0 to {of - 1}")
    data = codec.decode(request.data)
    if codec.sha256(data) != request.hashes[request.chunk]:
        raise UploadMismatch(
            f"data: has the hash {codec.sha256(data)}, expected "
            f"{request.hashes[request.chunk]} for chunk {request.chunk}"
        )
    _check_values(data, request.chunk, experiment.parameters)
    return data


def _check_values(data: bytes, number: int, parameters: int) -> None:
    length = codec.chunk_length(parameters, number) * codec.VALUE_BYTES
    if len(data) != length:
        raise InvalidRequest(f"data: found {len(data)} bytes, expected {length}")
    position = codec.first_non_finite(codec.values(data))
    if position is not None:
        raise InvalidRequest(f"data: value {position} is not finite")


ACTION = Action(
    name="put_model",
    request=PutModel,
    allowed=frozenset({Role.OPERATOR, Role.OWNER}),
    handle=handle,
)
