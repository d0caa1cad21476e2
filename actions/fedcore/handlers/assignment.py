"""What a client is told to do now: read from the experiment, in a fixed order."""

from __future__ import annotations

from fedcore import codec, rules, scoring, telling
from fedcore.documents import Experiment, ExperimentState, Scoring
from fedcore.handlers.waiting import (
    await_score,
    pace,
    rest,
    scoring_turns,
    turns,
)
from fedcore.messages import (
    Advance,
    Assignment,
    Chunk,
    Evaluate,
    Initialise,
    Stop,
    Train,
    Wait,
)
from fedcore.services import Services

ENDED = (ExperimentState.FINISHED, ExperimentState.STOPPED)


def assign(experiment: Experiment, index: int, services: Services) -> Assignment:
    """Return what client `index` is to do, as the experiment was read.

    Its own training comes first, then what keeps the federation going, then rest.
    Reserving an `advance` or an evaluation is the only thing that this writes.
    """
    if experiment.state is ExperimentState.ENROLLING:
        experiment = _begin_when_complete(experiment, services)
    if experiment.state is ExperimentState.FAILED:
        return rest(experiment, index, services)
    if experiment.state is ExperimentState.RUNNING:
        work = _work(experiment, index, services)
        if work is not None:
            return work
    evaluation = _evaluation(experiment, index, services)
    if evaluation is not None:
        return evaluation
    if experiment.state in ENDED:
        return Stop(
            reason=experiment.state,
            retry_after=pace(experiment, services).idle_s,
        )
    return rest(experiment, index, services)


def _begin_when_complete(experiment: Experiment, services: Services) -> Experiment:
    if experiment.awaits_model:
        return experiment
    # Nobody has been drawn yet: not even for round 0, if an operator brought the model.
    gathers = not experiment.live.cohort
    if gathers and not services.store.knows_client(
        experiment, rules.last_awaited(experiment)
    ):
        return experiment
    begun = services.store.apply(rules.begin(experiment, services.clock()))
    return begun or services.store.reread(experiment)


def _work(
    experiment: Experiment, index: int, services: Services
) -> Initialise | Train | Advance | None:
    live = experiment.live
    if live.awaits(index) and not _deadline_decides(experiment, services.clock()):
        return _training(experiment, index, services)
    return _advance(experiment, index, services)


def _deadline_decides(experiment: Experiment, now: float) -> bool:
    """Whether the round can close already: then no training is begun for it."""
    return rules.freezes(rules.due_event(experiment, now))


def _advance(experiment: Experiment, index: int, services: Services) -> Advance | None:
    """Tell a client to advance the round, if that is due and it is its turn."""
    now = services.clock()
    if not telling.awaits_advance(experiment, now):
        return None
    tell = _tell_first if telling.is_among_first(experiment, index) else _tell_again
    told = tell(experiment, index, now, services)
    return Advance(round=experiment.live.number) if told else None


def _tell_first(
    experiment: Experiment, index: int, now: float, services: Services
) -> bool:
    write = telling.tell_first(experiment, index, now)
    return services.store.apply(write) is not None


def _tell_again(
    experiment: Experiment, index: int, now: float, services: Services
) -> bool:
    longest = pace(experiment, services).longest_wait_s
    until = now + telling.pause_s(experiment, longest)
    standing = telling.standing(experiment)
    told = services.store.tell_again(experiment, index, standing, now, until)
    if told:
        services.store.apply(telling.count(experiment))
    return told


def _training(
    experiment: Experiment, index: int, services: Services
) -> Initialise | Train:
    number = experiment.live.number
    in_turn = turns(experiment, index, services)
    if number == 0:
        return Initialise(turns=in_turn)
    chunks = codec.chunk_count(experiment.parameters)
    return Train(
        round=number,
        version=number - 1,
        chunks=chunks,
        layout=codec.layout_hash(experiment.layout or []),
        turns=in_turn,
        model=_whole_model(experiment, number - 1, services),
    )


def _evaluation(
    experiment: Experiment, index: int, services: Services
) -> Evaluate | Wait | None:
    """Give out the oldest version that is free; None when there is none to wait for."""
    if not experiment.settings.evaluate or experiment.version < 0:
        return None
    now = services.clock()
    seen = services.store.scorings(experiment, scoring.window(experiment))
    found = [scoring.without_revoked(experiment, each) for each in seen]
    for each in found:
        # A client that has heard that it is to score does so before it asks again.
        never_heard = each.evaluation.is_with(index, now)
        if never_heard or (
            scoring.is_free(each, now) and _is_turn(experiment, each, index, services)
        ):
            chunks = codec.chunk_count(experiment.parameters)
            in_turn = scoring_turns(experiment, services)
            until = now + scoring.EVALUATION_S + in_turn.first + chunks * in_turn.every
            if never_heard or services.store.claim_evaluation(
                experiment, each, index, until
            ):
                return Evaluate(
                    version=each.number,
                    chunks=chunks,
                    layout=codec.layout_hash(experiment.layout or []),
                    turns=in_turn,
                    model=_whole_model(experiment, each.number, services),
                )
    services.store.note_scored(experiment, scoring.oldest_open(experiment, found, now))
    if experiment.state in ENDED and scoring.is_awaited(experiment, found, now):
        return await_score(experiment, index, services)
    return None


def _is_turn(
    experiment: Experiment, version: Scoring, index: int, services: Services
) -> bool:
    """Tell whether a client may take a version, or leaves it to others for a while."""
    if scoring.is_for_all(version, services.clock()):
        return True
    store = services.store
    before = store.scorings(experiment, scoring.lately(experiment, version.number))
    done = scoring.have_had_their_turn(version, before)
    if index not in done:
        return True
    # Nobody is left whom it could be left to.
    return store.enrolled(experiment) - len(experiment.revoked) <= len(done)


def _whole_model(
    experiment: Experiment, version: int, services: Services
) -> Chunk | None:
    """Return a version that is one chunk; larger ones are fetched by chunk."""
    of = codec.chunk_count(experiment.parameters)
    if of > 1:
        return None
    found = services.store.model_chunk(experiment, version, 0)
    if found is None:
        return None
    data, checksum = found
    return Chunk(number=0, of=1, data=codec.encode(data), hash=checksum)
