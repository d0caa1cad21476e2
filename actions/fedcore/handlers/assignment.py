"""What a client is told to do now: read from the experiment, in a fixed order."""

from __future__ import annotations

from fedcore import codec, rules
from fedcore.documents import (
    Experiment,
    ExperimentState,
    RoundRecord,
    RoundState,
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
from fedcore.pace import (
    AGGREGATION_WAIT_S,
    ENDED_WAIT_S,
    SHORTEST_WAIT_S,
    Pace,
    expected_end,
)
from fedcore.services import Services
from fedcore.store.store import EVALUATION_TRIES

ENDED = (ExperimentState.FINISHED, ExperimentState.STOPPED)


def assign(experiment: Experiment, index: int, services: Services) -> Assignment:
    """Return what client `index` is to do, as the experiment was read.

    Its own training comes first, then what keeps the federation going, then rest.
    Reserving an `advance` or an evaluation is the only thing that this writes.
    """
    if experiment.state is ExperimentState.ENROLLING:
        experiment = _begin_when_complete(experiment, services)
    if experiment.state is ExperimentState.FAILED:
        return _wait(experiment, index, ENDED_WAIT_S, services)
    if experiment.state is ExperimentState.RUNNING:
        work = _work(experiment, index, services)
        if work is not None:
            return work
    return _evaluation(experiment, index, services) or _rest(
        experiment, index, services
    )


def pace(experiment: Experiment, services: Services) -> Pace:
    """Return the pace of an experiment on this deployment."""
    live = experiment.live
    settings = experiment.settings
    return Pace(
        calls_per_minute=services.calls_per_minute,
        places=settings.clients,
        cohort=max(len(live.cohort), settings.per_round + settings.over_select),
        chunks=codec.chunk_count(experiment.parameters),
    )


def _begin_when_complete(experiment: Experiment, services: Services) -> Experiment:
    enrolled = len(services.store.taken_indexes(experiment))
    if enrolled < experiment.settings.starts_with:
        return experiment
    begun = services.store.apply(rules.begin(experiment, services.clock()))
    return begun or services.store.reread(experiment)


def _work(
    experiment: Experiment, index: int, services: Services
) -> Initialise | Train | Advance | None:
    live = experiment.live
    if live.awaits(index) and not _deadline_decides(experiment, services.clock()):
        return _training(experiment, services)
    now = services.clock()
    if rules.awaits_advance(experiment, now) and services.store.apply(
        rules.tell_to_advance(experiment, now)
    ):
        return Advance(round=live.number)
    return None


def _deadline_decides(experiment: Experiment, now: float) -> bool:
    """Whether the round can close already: then no training is begun for it."""
    return rules.freezes(rules.due_event(experiment, now))


def _training(experiment: Experiment, services: Services) -> Initialise | Train:
    number = experiment.live.number
    if number == 0:
        return Initialise()
    chunks = codec.chunk_count(experiment.parameters)
    return Train(
        round=number,
        version=number - 1,
        chunks=chunks,
        chunk_pause=pace(experiment, services).chunk_pause_s,
        model=_whole_model(experiment, number - 1, services),
    )


def _evaluation(
    experiment: Experiment, index: int, services: Services
) -> Evaluate | Wait | None:
    """Give out the oldest version without a score; None when there is none."""
    if not experiment.settings.evaluate or experiment.version < 0:
        return None
    now = services.clock()
    waiting = services.store.unscored(experiment)
    for record in waiting:
        seen = record.evaluation
        if seen.attempts >= EVALUATION_TRIES or seen.until > now:
            continue
        if services.store.claim_evaluation(experiment, record, index, now):
            return Evaluate(
                version=record.number,
                chunks=codec.chunk_count(experiment.parameters),
                chunk_pause=pace(experiment, services).chunk_pause_s,
                model=_whole_model(experiment, record.number, services),
            )
    if experiment.state in ENDED and any(_may_be_scored(each, now) for each in waiting):
        return _wait(experiment, index, AGGREGATION_WAIT_S, services)
    return None


def _may_be_scored(record: RoundRecord, now: float) -> bool:
    """Tell whether a score is still to come: a client is at it, or may yet try."""
    seen = record.evaluation
    return seen.attempts < EVALUATION_TRIES or seen.until > now


def _rest(experiment: Experiment, index: int, services: Services) -> Wait | Stop:
    if experiment.state in ENDED:
        return Stop(reason=experiment.state)
    now = services.clock()
    return _wait(experiment, index, _next_news(experiment, now, services), services)


def _next_news(experiment: Experiment, now: float, services: Services) -> float:
    """Return in how many seconds something to do is expected."""
    live = experiment.live
    if experiment.state is ExperimentState.ENROLLING:
        return SHORTEST_WAIT_S
    if live.state is not RoundState.TRAINING:
        return min(max(live.advance_at - now, 0.0), AGGREGATION_WAIT_S)
    lately = services.store.recent_durations(experiment)
    end = expected_end(
        opened=live.opened,
        now=now,
        done=live.accepted_count,
        target=live.target,
        usual_s=min(lately, default=None),
    )
    return min(end, max(live.deadline, now)) - now


def _wait(
    experiment: Experiment, index: int, seconds: float, services: Services
) -> Wait:
    """Tell a client to come back, and remember when it will."""
    now = services.clock()
    if experiment.state is ExperimentState.FAILED:
        after = seconds
    else:
        after = pace(experiment, services).retry_after(now, now + seconds, index)
    services.store.promise_return(experiment, index, now + after)
    return Wait(retry_after=round(after, 3), reason=_reason(experiment))


def _reason(experiment: Experiment) -> str:
    live = experiment.live
    if experiment.state is ExperimentState.RUNNING:
        return f"round {live.number} is {live.state.value}"
    return f"the experiment is {experiment.state.value}"


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
