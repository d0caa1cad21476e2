"""The state machine of rounds and experiments: pure, and the only place that decides.

`NEXT` says what may follow what. `due_event` says what has become due by the clock.
Each function below the table returns the one conditional write that takes an arrow;
its filter holds everything that justified the arrow, so a write that comes too late
finds nothing to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fedcore import votes
from fedcore.documents import (
    Change,
    Experiment,
    ExperimentState,
    LiveRound,
    RoundState,
    Where,
    to_document,
)
from fedcore.live import (
    ADVANCE_BACKOFF_S,
    asks_again,
    frozen,
    live_as_read,
    live_is,
    nobody_told,
    resumed,
)

LONGEST_REASON = 200
"""Characters of a refusal that are kept: some quote what a client has sent."""


class Event(StrEnum):
    """What may happen to an experiment or its live round."""

    ENOUGH_ENROLLED = "enough clients enrolled"
    TARGET_REACHED = "target reached"
    DEADLINE_WITH_QUORUM = "deadline passed with quorum"
    ALL_ANSWERED_WITH_QUORUM = "whole cohort answered, with quorum"
    DEADLINE_BELOW_QUORUM = "deadline passed below quorum, attempts left"
    ALL_ANSWERED_AT_ODDS = "whole cohort answered without agreement, attempts left"
    ATTEMPTS_SPENT = "below quorum, or without agreement, no attempt left"
    VERSION_COMPLETE = "all chunks of the version present"
    NEXT_DRAWN = "next cohort drawn"
    LAST_CLOSED = "last round closed"
    STOP = "stop"
    RESUME = "resume"


State = ExperimentState | RoundState

NEXT: dict[tuple[State, Event], State] = {
    (ExperimentState.ENROLLING, Event.ENOUGH_ENROLLED): ExperimentState.RUNNING,
    (ExperimentState.RUNNING, Event.ATTEMPTS_SPENT): ExperimentState.FAILED,
    (ExperimentState.RUNNING, Event.LAST_CLOSED): ExperimentState.FINISHED,
    (ExperimentState.ENROLLING, Event.STOP): ExperimentState.STOPPED,
    (ExperimentState.RUNNING, Event.STOP): ExperimentState.STOPPED,
    (ExperimentState.FAILED, Event.STOP): ExperimentState.STOPPED,
    # Those who were enrolled still are, so a resumed experiment runs at once.
    (ExperimentState.FAILED, Event.RESUME): ExperimentState.ENROLLING,
    (ExperimentState.STOPPED, Event.RESUME): ExperimentState.ENROLLING,
    (RoundState.TRAINING, Event.TARGET_REACHED): RoundState.FROZEN,
    (RoundState.TRAINING, Event.DEADLINE_WITH_QUORUM): RoundState.FROZEN,
    (RoundState.TRAINING, Event.ALL_ANSWERED_WITH_QUORUM): RoundState.FROZEN,
    (RoundState.TRAINING, Event.DEADLINE_BELOW_QUORUM): RoundState.TRAINING,
    (RoundState.TRAINING, Event.ALL_ANSWERED_AT_ODDS): RoundState.TRAINING,
    (RoundState.FROZEN, Event.VERSION_COMPLETE): RoundState.CLOSED,
    (RoundState.CLOSED, Event.NEXT_DRAWN): RoundState.TRAINING,
}


def allows(experiment: Experiment, event: Event) -> bool:
    """Tell whether the table has an arrow for `event` from the experiment's state."""
    return (experiment.state, event) in NEXT


def freezes(event: Event | None) -> bool:
    """Tell whether `event` closes a round that is training for updates."""
    return event is not None and (
        NEXT.get((RoundState.TRAINING, event)) is RoundState.FROZEN
    )


def due_event(experiment: Experiment, now: float) -> Event | None:
    """Return what the clock, or a complete cohort, makes due in the live round."""
    live = experiment.live
    if (experiment.state, live.state) != (ExperimentState.RUNNING, RoundState.TRAINING):
        return None
    if live.number == 0:
        return _initial_event(experiment, now)
    quorate = live.accepted_count >= live.quorum
    if quorate and live.accepted_count + len(live.refused) >= len(live.cohort):
        return Event.ALL_ANSWERED_WITH_QUORUM
    if now < live.deadline:
        return None
    if quorate:
        return Event.DEADLINE_WITH_QUORUM
    if live.attempt < experiment.settings.attempts:
        return Event.DEADLINE_BELOW_QUORUM
    return Event.ATTEMPTS_SPENT


def _initial_event(experiment: Experiment, now: float) -> Event | None:
    """Return what is due in round 0: a revocation may have settled it, too."""
    live = experiment.live
    if votes.agreement(experiment):
        return Event.TARGET_REACHED
    answered = votes.all_answered(experiment)
    if now < live.deadline and not answered:
        return None
    if live.attempt >= experiment.settings.attempts:
        return Event.ATTEMPTS_SPENT
    return Event.ALL_ANSWERED_AT_ODDS if answered else Event.DEADLINE_BELOW_QUORUM


def is_complete(experiment: Experiment, now: float) -> bool:
    """Tell whether a round that is training has all that it waits for."""
    live = experiment.live
    return live.accepted_count >= live.target or freezes(due_event(experiment, now))


def has_closed(experiment: Experiment, number: int) -> bool:
    """Tell whether round `number` is over: nobody needs its uploads any more."""
    live = experiment.live
    return number < live.number or (
        number == live.number and live.state is RoundState.CLOSED
    )


@dataclass(frozen=True)
class Write:
    """One conditional write on an experiment's document."""

    where: Where
    change: Change


def last_awaited(experiment: Experiment) -> int:
    """Return the index whose enrolment lets the training begin; they come in order.

    Before its first round an experiment waits for `starts_with` clients that may take
    part, or for as many as can still come: revoked ones keep their places.
    """
    settings = experiment.settings
    wanted = settings.starts_with + len(experiment.revoked)
    return min(wanted, settings.clients) - 1


def begin(experiment: Experiment, now: float) -> Write:
    """Enough clients are enrolled: the experiment runs, and a round may be drawn."""
    return Write(
        {
            "_id": experiment.id,
            "state": ExperimentState.ENROLLING,
            "version": experiment.version,
        },
        {"$set": {"state": ExperimentState.RUNNING} | nobody_told(now)},
    )


def accept(
    experiment: Experiment,
    index: int,
    upload: str,
    *,
    freeze: bool,
    now: float,
) -> Write:
    """Take a client's update into the round; with `freeze`, as the one that closes it.

    The two forms exclude each other by the count, so a round never takes more than
    its target, and the update that reaches it freezes the round in the same write.
    """
    live = experiment.live
    before = live.target - 1
    where = live_is(experiment) | {
        "live.cohort": index,
        f"live.accepted.{index}": {"$exists": False},
        f"revoked.{index}": {"$exists": False},
        "live.target": live.target,
        "live.accepted_count": before if freeze else {"$lt": before},
    }
    changes: Change = {
        "$set": {f"live.accepted.{index}": upload},
        "$inc": {"live.accepted_count": 1},
        "$unset": {f"live.refused.{index}": ""},
    }
    if freeze:
        changes["$set"] |= frozen(now, told=[index])
    return Write(where, changes)


def refuse(experiment: Experiment, index: int, reason: str) -> Write:
    """Record why a client's update does not count."""
    where = live_is(experiment) | {
        "live.cohort": index,
        f"live.accepted.{index}": {"$exists": False},
        f"live.votes.{index}": {"$exists": False},
        f"revoked.{index}": {"$exists": False},
    }
    return Write(where, {"$set": {f"live.refused.{index}": reason[:LONGEST_REASON]}})


def freeze(experiment: Experiment, now: float, told: Sequence[int] = ()) -> Write:
    """Close the round for updates, by its deadline or because all have answered.

    `told` holds the client that is told to advance it in the same answer, if any.
    """
    return Write(live_as_read(experiment), {"$set": frozen(now, told)})


def grow(experiment: Experiment, cohort: Sequence[int], deadline: float) -> Write:
    """Start another attempt of the round with a cohort that holds the present one."""
    return Write(
        live_as_read(experiment),
        {
            "$set": {
                "live.cohort": list(cohort),
                "live.attempt": experiment.live.attempt + 1,
                "live.deadline": deadline,
            }
            | asks_again(experiment, cohort, drawn=True)
            | nobody_told(0.0)
        },
    )


def fail(experiment: Experiment, now: float) -> Write:
    """Give a round up that missed its last deadline."""
    live = experiment.live
    reason = (
        f"round {live.number}: {live.accepted_count} of {live.target} updates after "
        f"{live.attempt} attempts, need {live.quorum}"
        if live.number
        else votes.disagreement(experiment)
    )
    state = {"state": ExperimentState.FAILED, "reason": reason, "ended": now}
    return Write(live_as_read(experiment), {"$set": state})


def claim(experiment: Experiment, now: float) -> Write:
    """Take up the aggregation of a frozen round that nobody is at work on.

    Or renew a claim: the filter holds the one that is there.
    """
    where = live_is(experiment) | {"live.claim_until": experiment.live.claim_until}
    until = now + experiment.settings.claim_s
    return Write(where, {"$set": {"live.claim_until": until}})


def release(experiment: Experiment, now: float) -> Write:
    """Give up a claim on an aggregation that has got further: others go on at once."""
    where = live_is(experiment) | {"live.claim_until": experiment.live.claim_until}
    return Write(where, {"$set": {"live.claim_until": 0.0} | nobody_told(now)})


def close(experiment: Experiment, now: float, distances: Mapping[str, float]) -> Write:
    """Publish the version of a frozen round: all its chunks are present.

    `distances` are the round's, for its record (see `LiveRound`).
    """
    return Write(
        live_is(experiment),
        {
            "$set": {
                "live.state": RoundState.CLOSED,
                "live.distances": dict(distances),
                "version": experiment.live.number,
            }
            # The request that closes the round draws the next cohort, too.
            | nobody_told(now + ADVANCE_BACKOFF_S[0])
        },
    )


def open_next(
    experiment: Experiment,
    cohort: Sequence[int],
    now: float,
    deadline: float,
    likely_next: Sequence[int] = (),
) -> Write:
    """Open the round after the closed one (`likely_next` as in `LiveRound`).

    Nobody in `cohort` has been revoked.
    """
    settings = experiment.settings
    number = experiment.live.number + 1
    target = settings.target_of(number, len(cohort))
    live = LiveRound(
        number=number,
        state=RoundState.TRAINING,
        cohort=list(cohort),
        target=target,
        quorum=settings.quorum_of(target) if number else target,
        opened=now,
        deadline=deadline,
        likely_next=list(likely_next),
    )
    where = live_is(experiment) | {"revoked": experiment.revoked}
    return Write(where, {"$set": {"live": to_document(live)}})


def learn_metrics(experiment: Experiment, names: Sequence[str]) -> Write:
    """Keep the means of these metrics, once the closed round has reported them."""
    return Write(live_is(experiment), {"$set": {"metric_names": list(names)}})


def finish(experiment: Experiment, now: float) -> Write:
    """End an experiment whose last round is closed."""
    state = {"state": ExperimentState.FINISHED, "ended": now}
    return Write(live_is(experiment), {"$set": state})


def stop(experiment: Experiment, now: float) -> Write:
    """End an experiment that has not finished, where it stands."""
    where = {"_id": experiment.id, "state": experiment.state}
    state = {"state": ExperimentState.STOPPED, "ended": now}
    return Write(where, {"$set": state})


def resume(experiment: Experiment, now: float, deadline: float) -> Write:
    """Take a failed or stopped experiment up where it stood, with fresh attempts."""
    as_read = {
        "state": experiment.state,
        "live.attempt": experiment.live.attempt,
        "revoked": experiment.revoked,
    }
    state = {"state": ExperimentState.ENROLLING, "reason": None, "ended": None}
    return Write(
        live_is(experiment) | as_read,
        {"$set": state | resumed(experiment, now, deadline)},
    )
