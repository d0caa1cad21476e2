"""When a client that has nothing to do comes back: what it waits for, and its slot.

Nobody but `select_clients` draws a cohort. But the lot is known beforehand, so who is
likely drawn next waits closely for the end of the live round, others for a later one:
rounds start soon, and calls that would learn nothing are not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fedcore import codec, tokens
from fedcore.documents import Experiment, ExperimentState, RoundState
from fedcore.messages import Turns, Wait
from fedcore.pace import AGGREGATION_WAIT_S, SHORTEST_WAIT_S, Pace, expected_end
from fedcore.selection import draw, next_turn
from fedcore.services import Services
from fedcore.store.store import RECENT_ROUNDS

SOON_S = 5.0
"""How closely those who open an experiment wait for its beginning, if calls allow."""


def pace(experiment: Experiment, services: Services) -> Pace:
    """Return the pace of an experiment on this deployment."""
    live = experiment.live
    settings = experiment.settings
    return Pace(
        calls_per_minute=services.calls_per_minute / max(1, services.store.running()),
        places=settings.clients,
        cohort=max(len(live.cohort), settings.per_round + settings.over_select),
        chunks=codec.chunk_count(experiment.parameters),
    )


def salt(experiment: Experiment, services: Services) -> str:
    """Return what the draw of round 0 depends on besides the seed.

    The seed is often guessed, and indexes are given out in order. Without the salt, a
    client that has yet to enrol would know which index makes the initial model.
    """
    return tokens.lot_salt(services.secrets[0], experiment.id)


def turns(experiment: Experiment, index: int, services: Services) -> Turns:
    """Return when a client of the live round may make the calls of its work."""
    live = experiment.live
    paced = pace(experiment, services)
    if live.number == 0:
        paced = replace(paced, chunks=2)  # or more: only who makes the model knows
    return paced.work_turns(
        services.clock(), live.opened, live.cohort.index(index), len(live.cohort)
    )


def scoring_turns(experiment: Experiment, services: Services) -> Turns:
    """Return when a client may fetch the chunks of a version that it scores."""
    if codec.chunk_count(experiment.parameters) == 1:
        return Turns()
    now = services.clock()
    of = len(experiment.live.cohort)
    return pace(experiment, services).work_turns(now, now, of, of)


def rest(experiment: Experiment, index: int, services: Services) -> Wait:
    """Tell a client to come back, and remember when it will."""
    now = services.clock()
    after = _after(experiment, index, now, services)
    services.store.promise_return(experiment, index, now + after)
    return Wait(retry_after=round(after, 3), reason=_reason(experiment))


def await_score(experiment: Experiment, index: int, services: Services) -> Wait:
    """Tell a client of an ended experiment to come back, as a score is still due."""
    now = services.clock()
    place = _place(experiment, index)
    soon = now + AGGREGATION_WAIT_S
    after = pace(experiment, services).news_after(now, soon, place)
    return Wait(retry_after=round(after, 3), reason=_reason(experiment))


def _after(experiment: Experiment, index: int, now: float, services: Services) -> float:
    paced = pace(experiment, services)
    place = _place(experiment, index)
    if experiment.state is ExperimentState.FAILED:
        return paced.failed_after(now, place)
    lately = services.store.recent_durations(experiment)
    end = _end(experiment, now, lately, paced, services)
    enrolled = _enrolled(experiment, services)
    expecting = _expecting(experiment, enrolled, services)
    if index in expecting:
        soon = _sooner(experiment, now, end, now + SOON_S)
        return paced.turn_after(now, soon, expecting.index(index) / len(expecting))
    # Rounds that turn out shorter are worse than a call too many.
    usual_s = max(min(lately, default=_first_s(experiment, end)), paced.round_s)
    number = experiment.live.number + 1
    found = next_turn(experiment.settings, number, index, enrolled)
    if found is None:
        left = max(0, experiment.settings.rounds - number + 1)
        return paced.news_after(now, end + left * usual_s, place)
    later, place = found
    soon = _sooner(experiment, now, end, now + SOON_S) if later == 1 else end
    away_s = later * usual_s
    if len(lately) < RECENT_ROUNDS:
        # The first round is often the longest: trust it halfway, then ask again.
        away_s = max(later * paced.round_s, away_s / 2)
    return paced.turn_after(now, soon + away_s, place)


def _first_s(experiment: Experiment, end: float) -> float:
    """Guess how long rounds will take from the first one, or from nothing at all.

    Half of a guess: who comes early asks once more.
    """
    live = experiment.live
    if experiment.state is ExperimentState.ENROLLING or live.number < 1:
        return SOON_S
    return (end - live.opened) / 2


def _end(
    experiment: Experiment,
    now: float,
    lately: Sequence[float],
    paced: Pace,
    services: Services,
) -> float:
    """Guess when the live round ends; or when enrolment does, before round 0."""
    if experiment.state is ExperimentState.ENROLLING:
        return _enrolment_end(experiment, now, services)
    return _round_end(experiment, now, lately, paced)


def _sooner(experiment: Experiment, now: float, end: float, soon: float) -> float:
    """Trust no guess about enrolment by more than half: the last may come at once."""
    if experiment.state is not ExperimentState.ENROLLING:
        return end
    return min(now + (end - now) / 2, soon)


def _expecting(
    experiment: Experiment, enrolled: int, services: Services
) -> Sequence[int]:
    """Return who waits for the live round's end (or, if it pauses, its beginning)."""
    live = experiment.live
    # Nobody is in round 0 where an operator brought the model: it has yet to begin.
    paused = experiment.state is ExperimentState.ENROLLING and live.cohort
    if paused or live.number >= experiment.settings.rounds:
        return live.cohort
    number = live.number + 1
    secret = salt(experiment, services) if number == 0 else ""
    lot = draw(experiment.settings, number, range(enrolled), salt=secret)
    return live.likely_next or lot


def _enrolled(experiment: Experiment, services: Services) -> int:
    """Return how many clients the next draws will be made from."""
    settings = experiment.settings
    if experiment.state is ExperimentState.ENROLLING or not settings.min_clients:
        return settings.starts_with
    return services.store.enrolled(experiment)


def _enrolment_end(experiment: Experiment, now: float, services: Services) -> float:
    first = services.store.first_enrolled(experiment)
    if first is None or experiment.live.cohort:
        return now + SHORTEST_WAIT_S
    done = services.store.enrolled(experiment)
    return first + (now - first) * experiment.settings.starts_with / max(1, done)


def _round_end(
    experiment: Experiment, now: float, lately: Sequence[float], paced: Pace
) -> float:
    """Guess when the live round ends, or when someone else should move it on."""
    live = experiment.live
    if live.state is not RoundState.TRAINING:
        return min(max(live.advance_at, now), now + AGGREGATION_WAIT_S)
    end = expected_end(
        opened=live.opened,
        now=now,
        done=live.accepted_count or len(live.votes),
        target=live.target,
        usual_s=min(lately, default=None),
    )
    end = max(end, paced.earliest_end(live.opened, live.target, len(live.cohort)))
    return min(end, max(live.deadline, now))


def _place(experiment: Experiment, index: int) -> float:
    return index / experiment.settings.clients


def _reason(experiment: Experiment) -> str:
    live = experiment.live
    if experiment.state is ExperimentState.RUNNING:
        return f"round {live.number} is {live.state.value}"
    return f"the experiment is {experiment.state.value}"
