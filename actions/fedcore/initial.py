"""The writes that settle the initial model (see `fedcore.votes`)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fedcore import rules, votes
from fedcore.documents import (
    NO_ROUND,
    Change,
    Experiment,
    ExperimentState,
    LiveRound,
    RoundState,
    Update,
    Where,
    to_document,
)
from fedcore.live import live_is
from fedcore.rules import Write
from fedcore.votes import Agreement


def vote(
    experiment: Experiment,
    index: int,
    upload: str,
    updates: Sequence[Update],
    now: float,
) -> Write:
    """Count a client's initial model; the one that settles it also closes round 0.

    If another vote has been counted since `experiment` was read, nothing changes: so
    of those that agree, the last one sees that it is the last.

    Args:
        experiment: as read.
        index: the client's.
        upload: the initial model's id.
        updates: what is stored of the initial models, this one among them.
        now: the server's time.
    """
    where = _votes_as_read(experiment) | {
        "live.cohort": index,
        f"revoked.{index}": {"$exists": False},
        f"live.votes.{index}": {"$exists": False},
    }
    change: Change = {
        "$set": {f"live.votes.{index}": upload},
        "$inc": {"live.voted": 1},
        "$unset": {f"live.refused.{index}": ""},
    }
    after = _with_vote(experiment, index, upload)
    agreed = votes.agreement(after)
    if agreed is None:
        return Write(where, change)
    settled = _settled(after, agreed, updates, now, told=[index])
    change["$set"] |= settled.change["$set"]
    return Write(where | settled.where, change)


def settle(experiment: Experiment, updates: Sequence[Update], now: float) -> Write:
    """Close round 0 on votes that agree already: since a revocation, fewer suffice."""
    agreed = votes.agreement(experiment)
    assert agreed is not None  # noqa: S101 - `rules.due_event` has seen it
    return _settled(experiment, agreed, updates, now)


def publish(experiment: Experiment, now: float) -> Write:
    """Make the operator's model version 0: its chunks are there, round 0 is over."""
    live = LiveRound(number=0, state=RoundState.CLOSED, opened=now, advance_at=now)
    return Write(
        {"_id": experiment.id, "initial": experiment.initial, "version": -1},
        {"$set": {"live": to_document(live), "version": 0}},
    )


def may_begin_again(experiment: Experiment) -> bool:
    """Return True if round 0 has failed: no model has been published or agreed on."""
    live = experiment.live
    return (
        experiment.state is ExperimentState.FAILED
        and live.number == 0
        and live.state is RoundState.TRAINING
    )


def begin_again(experiment: Experiment, wanted: Experiment) -> Write:
    """Resume an experiment whose round 0 has failed: without its votes.

    Now an operator may bring the model: it is `wanted`'s, if that has one.
    """
    where: Where = {
        "_id": experiment.id,
        "state": ExperimentState.FAILED,
        "live.number": 0,
        "live.state": RoundState.TRAINING,
    }
    change = {
        "state": ExperimentState.ENROLLING,
        "reason": None,
        "ended": None,
        "live": to_document(NO_ROUND),
        "initial": wanted.initial,
        "layout": wanted.layout,
        "parameters": wanted.parameters,
    }
    return Write(where, {"$set": change})


def _settled(
    experiment: Experiment,
    agreed: Agreement,
    updates: Sequence[Update],
    now: float,
    told: Sequence[int] = (),
) -> Write:
    trusted = {f"revoked.{index}": {"$exists": False} for index in agreed.clients}
    frozen = rules.freeze(experiment, now, told).change["$set"]
    outcome = votes.outcome(experiment, agreed, updates)
    return Write(_votes_as_read(experiment) | trusted, {"$set": frozen | dict(outcome)})


def _votes_as_read(experiment: Experiment) -> Where:
    live = experiment.live
    return live_is(experiment) | {
        "live.target": live.target,
        "live.voted": live.voted,
    }


def _with_vote(experiment: Experiment, index: int, upload: str) -> Experiment:
    ballots = experiment.live.votes | {str(index): upload}
    live = msgspec.structs.replace(experiment.live, votes=ballots)
    return msgspec.structs.replace(experiment, live=live)
