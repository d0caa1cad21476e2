"""Who is in an experiment: enrolment and revocation, as conditional writes.

Like all races, these are decided on the experiment's document (see `fedcore.rules`).
"""

from __future__ import annotations

from msgspec.structs import replace

from fedcore import rules
from fedcore.documents import Change, Experiment, RoundState, Where
from fedcore.live import REVOKED, frozen, live_as_read, needs, nobody_told
from fedcore.rules import Write


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

    That round needs fewer updates from then on, and freezes if it has them. A frozen
    set never changes: what was accepted there counts.
    """
    key = str(index)
    change: Change = {"$set": {f"revoked.{key}": now}}
    if _is_trained_by(experiment, index):
        change["$set"][f"live.refused.{key}"] = REVOKED
        # Round 0 draws others at once, so that no fewer have to agree on the model.
        if experiment.live.number > 0:
            _free(experiment, key, now, change)
    return Write(_as_read(experiment, key), change)


def _free(experiment: Experiment, key: str, now: float, change: Change) -> None:
    """Let the live round need no update of a client, and have none."""
    after = _without(experiment, key, now)
    change["$set"] |= needs(after, after.live.cohort)
    if key in experiment.live.accepted:
        change["$unset"] = {f"live.accepted.{key}": ""}
        change["$inc"] = {"live.accepted_count": -1}
    if rules.is_complete(after, now):
        change["$set"] |= frozen(now) | nobody_told(now)


def reinstate(experiment: Experiment, index: int) -> Write:
    """Let a client in again; a round that is still training asks it once more."""
    key = str(index)
    change: Change = {"$unset": {f"revoked.{key}": ""}}
    if _is_trained_by(experiment, index):
        others = {each: at for each, at in experiment.revoked.items() if each != key}
        after = replace(experiment, revoked=others)
        change["$unset"][f"live.refused.{key}"] = ""
        change["$set"] = needs(after, after.live.cohort)
    return Write(_as_read(experiment, key), change)


def _is_trained_by(experiment: Experiment, index: int) -> bool:
    live = experiment.live
    return live.state is RoundState.TRAINING and index in live.cohort


def _without(experiment: Experiment, key: str, now: float) -> Experiment:
    """Return an experiment whose live round trains, as it is without a client."""
    live = experiment.live
    accepted = {each: upload for each, upload in live.accepted.items() if each != key}
    after = replace(experiment, revoked=experiment.revoked | {key: now})
    needed = needs(after, live.cohort)
    return replace(
        after,
        live=replace(
            live,
            accepted=accepted,
            accepted_count=len(accepted),
            refused=live.refused | {key: REVOKED},
            target=needed["live.target"],
            quorum=needed["live.quorum"],
        ),
    )


def _as_read(experiment: Experiment, key: str) -> Where:
    """The live round stands, for this client, as it was read."""
    return live_as_read(experiment) | {
        "state": experiment.state,
        f"live.accepted.{key}": {"$exists": key in experiment.live.accepted},
    }
