"""Take a client's update, chunk by chunk; the last answer is the next assignment.

A refused, late or repeated update is no error: the answer says what is true, and
what the client is to do next.
"""

from __future__ import annotations

from fedcore import codec, initial, rules
from fedcore.documents import Experiment, ExperimentState, RoundState, Update
from fedcore.errors import InvalidRequest, UploadMismatch
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.assignment import assign
from fedcore.handlers.inspection import (
    Refusal,
    inspect_chunk,
    inspect_whole,
    square_distance,
)
from fedcore.live import REVOKED
from fedcore.messages import Advance, Submitted, SubmitUpdate
from fedcore.services import Services
from fedcore.store.store import MAX_UPLOADS, Place

NAMED_MISSING = 100
"""Missing chunks that one answer names at most."""


def handle(request: SubmitUpdate, caller: Caller, services: Services) -> Submitted:
    """Check a chunk, store it, and accept the update once it is whole.

    Raises:
        InvalidRequest: a field makes no sense by itself.
        UploadMismatch: the chunk does not match its hash, or the upload its id.
    """
    experiment = caller.named_experiment
    data = _chunk(request)
    if not _is_wanted(experiment, request):
        return _as_it_stands(experiment, request, services)
    try:
        inspect_chunk(experiment, request, data)
        _register(experiment, request, services)
        return _store(experiment, request, data, services)
    except Refusal as refusal:
        return _refused(experiment, request, str(refusal), services)


def _chunk(request: SubmitUpdate) -> bytes:
    """Return the chunk's bytes, once its own fields are found to agree."""
    if request.chunk >= request.chunks:
        raise InvalidRequest(
            f"chunk: found {request.chunk}, expected 0 to {request.chunks - 1}"
        )
    data = codec.decode(request.data)
    found = codec.sha256(data)
    if found != request.hash:
        raise UploadMismatch(
            f"hash: chunk {request.chunk} has {found}, the request says {request.hash}"
        )
    return data


def _is_wanted(experiment: Experiment, request: SubmitUpdate) -> bool:
    live = experiment.live
    return (
        experiment.state is ExperimentState.RUNNING
        and live.number == request.round
        and live.state is RoundState.TRAINING
        and request.client in live.cohort
        and str(request.client) not in live.accepted
        and str(request.client) not in live.votes
        and not experiment.shuts_out(request.client)
    )


def _register(
    experiment: Experiment, request: SubmitUpdate, services: Services
) -> None:
    if not services.store.register_upload(
        experiment, request.client, request.round, request.upload
    ):
        raise Refusal(f"upload: a client may send {MAX_UPLOADS} uploads a round")


def _store(
    experiment: Experiment, request: SubmitUpdate, data: bytes, services: Services
) -> Submitted:
    store = services.store
    place = _place(request)
    square = square_distance(experiment, request, data, services)
    stored = store.add_update_chunk(experiment, place, data, request.hash, square)
    if stored != request.hash:
        raise UploadMismatch(
            f"chunk {request.chunk} of upload {request.upload} is stored with hash "
            f"{stored}, this one has {request.hash}"
        )
    hashes = store.chunk_hashes(experiment, place)
    missing = [each for each in range(request.chunks) if each not in hashes]
    if not missing:
        return _complete(experiment, request, hashes, services)
    now_stands = store.reread(experiment)
    if not _is_wanted(now_stands, request):
        return _as_it_stands(now_stands, request, services)
    return Submitted(missing=missing[:NAMED_MISSING])


def _complete(
    experiment: Experiment,
    request: SubmitUpdate,
    hashes: dict[int, str],
    services: Services,
) -> Submitted:
    """All chunks are there: check them as a whole, then accept the update."""
    place = _place(request)
    layout = request.layout if request.round == 0 else None
    found = codec.upload_id(request.round, [hashes[n] for n in sorted(hashes)], layout)
    if found != request.upload:
        raise UploadMismatch(
            f"upload: its {request.chunks} chunks make {found}, the request says "
            f"{request.upload}"
        )
    update = Update(
        client=request.client,
        upload=request.upload,
        examples=request.examples,
        metrics=request.metrics,
        norm=inspect_whole(experiment, request, place, services),
        received=services.clock(),
        layout=layout,
    )
    services.store.add_update(experiment, request.round, update)
    accept = _vote if request.round == 0 else _accept
    return accept(experiment, request, services)


def _vote(
    experiment: Experiment, request: SubmitUpdate, services: Services
) -> Submitted:
    """Count an initial model as the client's vote, however many others do the same."""
    store = services.store
    while _is_wanted(experiment, request):
        updates, now = store.updates(experiment), services.clock()
        after = store.apply(
            initial.vote(experiment, request.client, request.upload, updates, now)
        )
        if after is not None:
            store.count_round(after, request.client, None)
            frozen = after.live.state is RoundState.FROZEN
            return _accepted(after, request, services, froze=frozen)
        experiment = store.reread(experiment)
    return _as_it_stands(experiment, request, services)


def _accept(
    experiment: Experiment, request: SubmitUpdate, services: Services
) -> Submitted:
    """Take the update into the round, by whichever of the two writes fits.

    What the round needs may change meanwhile, if a client is revoked: then look again.
    """
    while _is_wanted(experiment, request):
        for freeze in (False, True):
            after = services.store.apply(
                rules.accept(
                    experiment,
                    request.client,
                    request.upload,
                    freeze=freeze,
                    now=services.clock(),
                )
            )
            if after is not None:
                services.store.count_round(
                    after, request.client, request.metrics.get("train_s")
                )
                return _accepted(after, request, services, froze=freeze)
        experiment = services.store.reread(experiment)
    return _as_it_stands(experiment, request, services)


def _accepted(
    experiment: Experiment, request: SubmitUpdate, services: Services, *, froze: bool
) -> Submitted:
    now = services.clock()
    due = request.round > 0 and rules.freezes(rules.due_event(experiment, now))
    if due and not froze:
        # All have answered: this update closes the round although some were refused.
        # Round 0 is settled by its votes alone (`initial.settle`).
        after = services.store.apply(rules.freeze(experiment, now, [request.client]))
        froze = after is not None
    advance = Advance(round=request.round)
    return Submitted(
        accepted=True,
        upload=request.upload,
        assignment=advance if froze else assign(experiment, request.client, services),
    )


def _refused(
    experiment: Experiment, request: SubmitUpdate, reason: str, services: Services
) -> Submitted:
    after = services.store.apply(rules.refuse(experiment, request.client, reason))
    stands = after or services.store.reread(experiment)
    return Submitted(
        accepted=False,
        reason=reason,
        assignment=assign(stands, request.client, services),
    )


def _as_it_stands(
    experiment: Experiment, request: SubmitUpdate, services: Services
) -> Submitted:
    """Answer an update that changes nothing (any more) with the truth."""
    accepted = _accepted_upload(experiment, request, services)
    if rules.has_closed(experiment, request.round):
        # Only now can nobody need these chunks. A twin of this request may have had
        # them accepted in any earlier state, even in one that was read as stopped.
        services.store.drop_upload(experiment, _place(request))
    if accepted is None and _has_ended(experiment, request.round):
        services.store.note_late(experiment, request.round, request.client)
    return Submitted(
        accepted=accepted is not None,
        upload=accepted,
        reason=None if accepted else _why_not(experiment, request),
        assignment=assign(experiment, request.client, services),
    )


def _accepted_upload(
    experiment: Experiment, request: SubmitUpdate, services: Services
) -> str | None:
    key = str(request.client)
    live = experiment.live
    if request.round == live.number:
        takes_votes = live.number == 0 and live.state is RoundState.TRAINING
        return (live.votes if takes_votes else live.accepted).get(key)
    record = services.store.round(experiment, request.round)
    return record.accepted.get(key) if record else None


def _has_ended(experiment: Experiment, number: int) -> bool:
    live = experiment.live
    return number < live.number or (
        number == live.number and live.state is not RoundState.TRAINING
    )


def _why_not(experiment: Experiment, request: SubmitUpdate) -> str:
    live = experiment.live
    if experiment.state is not ExperimentState.RUNNING:
        return f"the experiment is {experiment.state.value}"
    if experiment.shuts_out(request.client):
        return REVOKED
    if request.round > live.number:
        return f"round {request.round} is not open yet, the live one is {live.number}"
    if _has_ended(experiment, request.round):
        late = f"round {request.round} takes no updates any more"
        outvoted = request.round == live.number and str(request.client) in live.votes
        return live.refused.get(str(request.client), late) if outvoted else late
    return f"client {request.client} is not in the cohort of round {live.number}"


def _place(request: SubmitUpdate) -> Place:
    return Place(
        round=request.round,
        client=request.client,
        upload=request.upload,
        chunk=request.chunk,
    )


ACTION = Action(
    name="submit_update",
    request=SubmitUpdate,
    allowed=frozenset({Role.CLIENT}),
    handle=handle,
)
