"""Hand out any published version, chunk by chunk."""

from __future__ import annotations

from fedcore import codec
from fedcore.errors import UnknownModel
from fedcore.handlers.action import Action, Caller, Role
from fedcore.messages import Chunk, GetModel, ModelChunk
from fedcore.services import Services


def handle(request: GetModel, caller: Caller, services: Services) -> ModelChunk:
    """Return one chunk of a version. Reads only.

    Raises:
        UnknownModel: the version is not published, or has no such chunk.
    """
    experiment = caller.named_experiment
    version = experiment.version if request.version is None else request.version
    if experiment.layout is None or not 0 <= version <= experiment.version:
        raise UnknownModel(
            f"version: found {version}, expected 0 to {experiment.version} "
            f"(the newest of {experiment.name!r})"
            if experiment.version >= 0
            else f"version: experiment {experiment.name!r} has no model yet"
        )
    of = codec.chunk_count(experiment.parameters)
    found = services.store.model_chunk(experiment, version, request.chunk)
    if found is None:
        raise UnknownModel(f"chunk: found {request.chunk}, expected 0 to {of - 1}")
    data, checksum = found
    return ModelChunk(
        experiment=experiment.name,
        version=version,
        chunk=Chunk(
            number=request.chunk, of=of, data=codec.encode(data), hash=checksum
        ),
        layout=experiment.layout,
    )


ACTION = Action(
    name="get_model",
    request=GetModel,
    allowed=frozenset({Role.CLIENT, Role.OPERATOR, Role.OWNER}),
    handle=handle,
    reads_only=True,
)
