"""What must hold of a round while an operator revokes its clients and undoes it.

An update of a revoked client goes from a round that trains, in the write that revokes.
Nothing else goes, nobody waits for a revoked client, and a frozen set never changes.
"""

from __future__ import annotations

import math

from fedcore.documents import Document
from fedcore.live import REVOKED
from tests.simulation.invariants import require

VOTES = 3
"""Equal initial models that settle round 0, where it has as many clients."""


def living(experiment: Document) -> set[int]:
    """Return the members of the live cohort that are not revoked."""
    return {
        index
        for index in experiment["live"]["cohort"]
        if str(index) not in experiment["revoked"]
    }


def needed(experiment: Document) -> tuple[int, int]:
    """Return the target and the quorum that follow from the living members."""
    settings, number = experiment["settings"], experiment["live"]["number"]
    wanted = settings["per_round"] if number else VOTES
    target = max(1, min(wanted, len(living(experiment))))
    share = settings["quorum"] if number else 1.0
    return target, max(1, math.ceil(round(share * target, 9)))


def revoked_are_out(experiment: Document) -> None:
    """A round that trains has no update of a revoked client, and expects none."""
    live = experiment["live"]
    if live["state"] != "training":
        return
    out = {*live["cohort"]} - living(experiment)
    counted = out & {int(index) for index in live["accepted"]}
    require(not counted, f"round {live['number']} counts revoked clients: {counted}")
    marked = {int(key) for key, why in live["refused"].items() if why == REVOKED}
    require(
        marked == out,
        f"round {live['number']} takes {marked} for revoked, but {out} are",
    )


def cohort_is_drawn(new: Document, before: int = 0) -> None:
    """No fresh member of the cohort, after the first `before`, is revoked."""
    cohort = new["live"]["cohort"]
    drawn = {*cohort[before:]} - living(new)
    require(not drawn, f"round {new['live']['number']}: drawn though revoked: {drawn}")


def opens_for_the_living(new: Document) -> None:
    """A round that opens has nobody who is revoked, and needs the others."""
    cohort_is_drawn(new)
    _needs(new, needed(new))


def updates_stay(old: Document, new: Document) -> None:
    """One round, a write later: nothing goes and nothing comes but what may."""
    was, live = old["live"], new["live"]
    number, trained = live["number"], was["state"] == "training"
    fresh = new["revoked"].keys() - old["revoked"].keys()
    gone = dict(was["accepted"].items() - live["accepted"].items()).keys()
    require(
        gone <= (fresh if trained else set()),
        f"round {number}: accepted updates are gone: {gone}, revoked: {fresh}",
    )
    stays = fresh & live["accepted"].keys() if trained else set()
    require(not stays, f"round {number} keeps updates of {stays}, who are revoked")
    for kind in ("accepted", "votes"):
        come = live[kind].keys() - was[kind].keys()
        late = come & new["revoked"].keys()
        require(not late, f"round {number}: {kind} after their revocation: {late}")
    cohort_is_drawn(new, len(was["cohort"]))
    _needs_follow(old, new)


def _needs_follow(old: Document, new: Document) -> None:
    was, live = old["live"], new["live"]
    before = (was["target"], was["quorum"])
    if was["state"] != "training":
        _needs(new, before)
    elif live["number"] > 0 or live["attempt"] > was["attempt"]:
        _needs(new, needed(new))
    elif _asks_again(old, new):
        _needs(new, before, needed(new))
    else:
        _needs(new, before)


def _asks_again(old: Document, new: Document) -> bool:
    resumed = (old["state"], new["state"]) != ("running", "running")
    return resumed or bool(old["revoked"].keys() - new["revoked"].keys())


def _needs(new: Document, *expected: tuple[int, int]) -> None:
    live = new["live"]
    found = (live["target"], live["quorum"])
    require(
        found in expected,
        f"round {live['number']} of {live['cohort']} without {[*new['revoked']]} has "
        f"the target and quorum {found}, expected {' or '.join(map(str, expected))}",
    )


def waits_for_somebody(experiment: Document, now: float, moment: float) -> None:
    """Nobody is at anything: then a round may last to its deadline for two reasons.

    Either a member that is not revoked has not answered, or all have and fewer updates
    count than the quorum.
    """
    live = experiment["live"]
    trains = (experiment["state"], live["state"]) == ("running", "training")
    if not trains or not now < live["deadline"] <= moment:
        return
    answered = {*live["accepted"], *live["votes"], *live["refused"]}
    awaited = {str(index) for index in living(experiment)} - answered
    lacks = live["number"] > 0 and live["accepted_count"] < live["quorum"]
    require(
        bool(awaited) or lacks,
        f"round {live['number']} lasts to its deadline and waits for nobody: {live}",
    )
