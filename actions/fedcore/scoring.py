"""Who scores a version, and when no score is to come any more: pure functions.

Each version is scored once, by a client that has nothing else to do. Scores are looked
for from `Experiment.unscored_from` on, so that no look is longer than `WINDOW`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from fedcore.documents import AT_REST, Experiment, ExperimentState, Scoring

TRIES = 3
"""Clients that a version is given to, one after the other, until one scores it."""

EVALUATION_S = 120.0
"""Seconds that a client may take to score a version, once it has its chunks."""

TURN_S = 60.0
"""Seconds in which others may take a version before a client that scored lately."""

LATELY = 20
"""Versions before, at most, whose scorers leave the next one to others."""

WINDOW = 100
"""Versions that are looked at together, the oldest ones without a score."""


def window(experiment: Experiment) -> range:
    """Return the versions that may be given out now."""
    first = experiment.unscored_from
    return range(first, min(experiment.version + 1, first + WINDOW))


def without_revoked(experiment: Experiment, scoring: Scoring) -> Scoring:
    """Return how a scoring stands if nobody waits for a client that is shut out."""
    seen = scoring.evaluation
    if seen.client is None or not experiment.shuts_out(seen.client):
        return scoring
    return replace(scoring, evaluation=replace(seen, client=None, until=0.0))


def is_settled(scoring: Scoring, now: float) -> bool:
    """Tell whether no score of the version is to come any more: it has one, or none."""
    seen = scoring.evaluation
    return seen.result is not None or (seen.attempts >= TRIES and seen.until <= now)


def is_free(scoring: Scoring, now: float) -> bool:
    """Tell whether the version may be given to a client."""
    return scoring.evaluation.until <= now and not is_settled(scoring, now)


def is_awaited(experiment: Experiment, scorings: Iterable[Scoring], now: float) -> bool:
    """Tell whether a score is still to come.

    Args:
        experiment: whose versions they are.
        scorings: those of its `window` that are in its history.
        now: the server's time.
    """
    if not experiment.settings.evaluate or experiment.state is ExperimentState.FAILED:
        return False
    beyond = window(experiment).stop <= experiment.version
    return beyond or any(not is_settled(each, now) for each in scorings)


def is_over(experiment: Experiment, scorings: Iterable[Scoring], now: float) -> bool:
    """Tell whether nothing more will happen: it has ended, and no score is to come."""
    return experiment.state in AT_REST and not is_awaited(experiment, scorings, now)


def oldest_open(experiment: Experiment, scorings: Sequence[Scoring], now: float) -> int:
    """Return the oldest version, from `unscored_from` on, that is not settled."""
    number = experiment.unscored_from
    for each in scorings:
        if each.number != number or not is_settled(each, now):
            break
        number += 1
    return number


def lately(experiment: Experiment, version: int) -> range:
    """Return the versions before this one whose scorers leave it to others."""
    count = min(experiment.settings.starts_with // 2, LATELY)
    return range(max(0, version - count), version)


def have_had_their_turn(scoring: Scoring, before: Iterable[Scoring]) -> set[int]:
    """Return who was asked for the version already, or for one of those before it."""
    return {index for each in (scoring, *before) for index in each.evaluation.asked}


def is_for_all(scoring: Scoring, now: float) -> bool:
    """Tell whether the others have had their time to take a version that is free."""
    return now >= max(scoring.closed, scoring.evaluation.until) + TURN_S
