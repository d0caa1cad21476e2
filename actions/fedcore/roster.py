"""Who is in an experiment: enrolment and revocation, as conditional writes.

Like all races, these are decided on the experiment's document (see `fedcore.rules`).
"""

from __future__ import annotations

from fedcore.documents import Change, Experiment, RoundState, Where
from fedcore.rules import Write

REVOKED = "the client has been revoked"
"""Why a round does not wait for a revoked client's update."""


def admit(experiment: Experiment, minute: int) -> Write:
    """Count one more enrolment in the present minute, unless it has seen its share.

    A host whose clock is behind counts in the latest minute that any host has begun.
    """
    return Write(
        {
            "_id": experiment.id,
            "enrolments.minute": {"$gte": minute},
            "enrolments.count": {"$lt": experiment.settings.enrolments_per_minute},
        },
        {"$inc": {"enrolments.count": 1, "enrolments.total": 1}},
    )


def begin_minute(experiment: Experiment, minute: int) -> Write:
    """Count the first enrolment of a new minute."""
    return Write(
        {"_id": experiment.id, "enrolments.minute": {"$lt": minute}},
        {
            "$set": {"enrolments.minute": minute, "enrolments.count": 1},
            "$inc": {"enrolments.total": 1},
        },
    )


def revoke(experiment: Experiment, index: int, now: float) -> Write:
    """Shut a client out, and take its update out of a round that is still training.

    A frozen set never changes: what was accepted there counts.
    """
    key = str(index)
    live = experiment.live
    where = _round_as_read(experiment, key)
    change: Change = {"$set": {f"revoked.{key}": now}}
    if live.state is RoundState.TRAINING and index in live.cohort:
        change["$set"][f"live.refused.{key}"] = REVOKED
        if key in live.accepted:
            change["$unset"] = {f"live.accepted.{key}": ""}
            change["$inc"] = {"live.accepted_count": -1}
    return Write(where, change)


def reinstate(experiment: Experiment, index: int) -> Write:
    """Let a client in again; a round that is still training asks it once more."""
    key = str(index)
    forgotten = {f"revoked.{key}": ""}
    if experiment.live.refused.get(key) == REVOKED:
        forgotten[f"live.refused.{key}"] = ""
    return Write(_round_as_read(experiment, key), {"$unset": forgotten})


def _round_as_read(experiment: Experiment, key: str) -> Where:
    """The live round stands, for this client, as it was read."""
    live = experiment.live
    return {
        "_id": experiment.id,
        "live.number": live.number,
        "live.state": live.state,
        "live.attempt": live.attempt,
        f"live.accepted.{key}": {"$exists": key in live.accepted},
    }
