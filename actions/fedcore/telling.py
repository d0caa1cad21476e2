"""Who is told to advance a round that does not move by itself.

A client that is told may die, or be hostile and never do it. So each of the first
three tellings goes to another client, after a growing pause; from then on every client
that asks is told, each after a pause of its own. No client can use up another's turn,
and advancing twice, or at once, does no harm.
"""

from __future__ import annotations

from fedcore.documents import Experiment, ExperimentState, RoundState
from fedcore.live import ADVANCE_BACKOFF_S, live_is
from fedcore.rules import Write, due_event

FIRST = 3
"""Clients that are told one after the other, before every one that asks is."""


def awaits_advance(experiment: Experiment, now: float) -> bool:
    """Tell whether a client should be told to advance the round now."""
    live = experiment.live
    if experiment.state is not ExperimentState.RUNNING or now < live.advance_at:
        return False
    if live.state is RoundState.FROZEN:
        return live.claim_until <= now
    return live.state is RoundState.CLOSED or due_event(experiment, now) is not None


def is_among_first(experiment: Experiment, index: int) -> bool:
    """Tell whether a client would be one of the first that are told."""
    told = [each for each in experiment.live.told if not experiment.shuts_out(each)]
    return len(told) < FIRST and index not in told


def tell_first(experiment: Experiment, index: int, now: float) -> Write:
    """Reserve the telling of a client; the next one is told after a longer pause."""
    live = experiment.live
    where = _stands_so(experiment) | {
        "live.advance_at": live.advance_at,
        "live.told": {"$ne": index},
    }
    pause = _backoff_s(len(live.told))
    return Write(
        where,
        {
            "$set": {"live.advance_at": now + pause},
            "$addToSet": {"live.told": index},
            "$inc": {"live.advance_tries": 1},
        },
    )


def pause_s(experiment: Experiment, longest: float) -> float:
    """Return the seconds until a client that is told now may be told the same again.

    They grow with all that were told to `longest`, so that the calls of a large
    federation stay within the budget, and the only client of a small one need not
    wait for long if its call is lost.
    """
    tries = experiment.live.advance_tries
    return _backoff_s(tries) if tries < len(ADVANCE_BACKOFF_S) else longest


def standing(experiment: Experiment) -> str:
    """Return the state of the live round, which a telling belongs to, as a text."""
    live = experiment.live
    return f"{live.number} {live.attempt} {live.state.value}"


def count(experiment: Experiment) -> Write:
    """Count a telling after the first ones."""
    return Write(_stands_so(experiment), {"$inc": {"live.advance_tries": 1}})


def _stands_so(experiment: Experiment) -> dict[str, object]:
    return live_is(experiment) | {"live.attempt": experiment.live.attempt}


def _backoff_s(tries: int) -> float:
    return ADVANCE_BACKOFF_S[min(tries, len(ADVANCE_BACKOFF_S) - 1)]
