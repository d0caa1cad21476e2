"""Parts of the writes on a live round, which rules and others have in common."""

from __future__ import annotations

from collections.abc import Sequence

from fedcore.documents import Experiment, ExperimentState, RoundState, Where

ADVANCE_BACKOFF_S = (2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Pauses before another telling to advance a round that does not move."""

REVOKED = "the client has been revoked"
"""Why a round does not wait for a revoked client's update."""


def nobody_told(advance_at: float) -> dict[str, object]:
    """A new state of the live round: from then on a client is told to advance it."""
    return {
        "live.told": [],
        "live.advance_at": advance_at,
        "live.advance_tries": 0,
    }


def asks_again(
    experiment: Experiment, cohort: Sequence[int], *, drawn: bool
) -> dict[str, object]:
    """A further attempt: whom it waits for, and how many updates it needs.

    Those whose update was refused are asked again, as nobody else may be left; those
    that have been revoked are not. `drawn` as in `needs`.
    """
    revoked = set(cohort) - set(experiment.living(cohort))
    refused = {"live.refused": {str(index): REVOKED for index in sorted(revoked)}}
    return refused | needs(experiment, cohort, drawn=drawn)


def needs(
    experiment: Experiment, cohort: Sequence[int], *, drawn: bool = False
) -> dict[str, object]:
    """The live round's target and quorum: of its cohort without the revoked.

    In round 0 all votes must be the same, and as many as before must agree, unless
    others have just been `drawn`: then the cohort is as large as it can be.
    """
    settings, live = experiment.settings, experiment.live
    target = settings.target_of(live.number, len(experiment.living(cohort)))
    if live.number > 0:
        return {"live.target": target, "live.quorum": settings.quorum_of(target)}
    target = target if drawn else max(target, live.target)
    return {"live.target": target, "live.quorum": target}


def resumed(experiment: Experiment, now: float, deadline: float) -> dict[str, object]:
    """The live round of an experiment that is taken up again, with fresh attempts.

    Where all of its cohort have been revoked, others are drawn at once: the round
    stands as after a deadline, before the first of these attempts.
    """
    live = experiment.live
    trains = live.state is RoundState.TRAINING
    deserted = trains and not experiment.living(live.cohort)
    return {
        "live.attempt": 0 if deserted else 1,
        # The pace follows a round's age, and nobody trained in the meantime.
        "live.opened": now,
        "live.deadline": now if deserted else deadline,
        "live.claim_until": 0.0,
        **(asks_again(experiment, live.cohort, drawn=False) if trains else {}),
        **nobody_told(now),
    }


def live_is(experiment: Experiment) -> Where:
    """The experiment runs, and its live round is this one in this state."""
    return {
        "_id": experiment.id,
        "state": ExperimentState.RUNNING,
        "live.number": experiment.live.number,
        "live.state": experiment.live.state,
    }


def live_as_read(experiment: Experiment) -> Where:
    """And no update, deadline or revocation has come since it was read."""
    live = experiment.live
    return live_is(experiment) | {
        "live.attempt": live.attempt,
        "live.deadline": live.deadline,
        "live.accepted_count": live.accepted_count,
        "revoked": experiment.revoked,
    }


def frozen(now: float, told: Sequence[int] = ()) -> dict[str, object]:
    """A frozen round: the client that froze it is told to advance, others later."""
    return {
        "live.state": RoundState.FROZEN,
        "live.claim_until": 0.0,
        "live.told": list(told),
        "live.advance_at": now + ADVANCE_BACKOFF_S[0],
        "live.advance_tries": len(told),
    }
