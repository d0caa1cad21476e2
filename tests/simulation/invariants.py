"""What must hold of the documents, one promise a function.

Written against documents alone: it shares no arithmetic and no rule with the code
that it checks, but for the table of states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TypeVar

from fedcore import codec
from fedcore.documents import Document, ExperimentState
from fedcore.rules import NEXT
from tests.fedcore.world import numbers, vector
from tests.simulation.oracle import Chunks, Order, Sent, distance, next_version

Collection = Mapping[str, Document]
Collections = Mapping[str, Collection]
T = TypeVar("T")

Made = tuple[int, int, bytes]
"""What a client has trained in a round: the round, its index, the model."""

LONGEST_WAIT_S = 600.0
EVALUATION_TRIES = 3
MOST_SKEW_S = 5.0
"""How far a server's clock may be ahead or behind."""

STATES = [state.value for state in ExperimentState]
MOVES = {(state, to) for (state, _), to in NEXT.items() if state in STATES}
ROUND_STATES = ["training", "frozen", "closed"]


class Broken(AssertionError):
    """An invariant does not hold."""


def backwards(indexes: Iterable[int]) -> list[int]:
    """The order in which another implementation might sum."""
    return sorted(indexes, reverse=True)


def require(holds: bool, complaint: str) -> None:
    if not holds:
        raise Broken(complaint)


def only(what: str, found: Iterable[T]) -> T:
    """The one that there must be."""
    several = list(found)
    require(len(several) == 1, f"found {len(several)} of {what}, expected one")
    return several[0]


def nothing_gone(what: str, before: Collection, after: Collection) -> None:
    gone = before.keys() - after.keys()
    require(not gone, f"{what} gone: {gone}")


def state_moves(old: Document, new: Document) -> None:
    move = (old["state"], new["state"])
    live = old["live"]
    if move[0] == move[1]:
        return
    require(move in MOVES, f"the experiment goes from {move[0]} to {move[1]}")
    if move[1] == "finished":
        last = old["settings"]["rounds"]
        require(
            (live["number"], live["state"]) == (last, "closed"),
            f"finished in round {live['number']} of {last}, which is {live['state']}",
        )
    if move[1] == "failed":
        require(
            live["accepted_count"] < live["quorum"]
            and live["attempt"] >= old["settings"]["attempts"]
            and (live["number"] == 0 or f"need {live['quorum']}" in new["reason"]),
            f"failed for {new['reason']!r} in {live}",
        )


def round_holds(live: Document) -> None:
    accepted, cohort = live["accepted"], live["cohort"]
    require(
        live["accepted_count"] == len(accepted),
        f"{live['accepted_count']} counted of {accepted}",
    )
    require(len(set(cohort)) == len(cohort), f"cohort {cohort} holds someone twice")
    outside = {int(index) for index in accepted} - set(cohort)
    require(not outside, f"accepted from outside the cohort {cohort}: {outside}")
    models = {*accepted.values()}
    require(
        live["number"] != 0 or not accepted or len(models) == 1,
        f"round 0 has accepted different models: {models}",
    )
    full = live["number"] >= 0 and len(accepted) >= live["target"]
    require(
        not (full and live["state"] == "training"),
        f"round {live['number']} has its {live['target']} updates and goes on training",
    )
    require(len(accepted) <= live["target"], f"{accepted} is beyond the target")


def round_moves(old: Document, new: Document, now: Collections) -> None:
    """One round, a write later."""
    was, live = old["live"], new["live"]
    number = live["number"]
    frozen = (was["state"], live["state"]) == ("training", "frozen")
    require(
        ROUND_STATES.index(was["state"]) <= ROUND_STATES.index(live["state"]),
        f"round {number} goes from {was['state']} to {live['state']}",
    )
    require(
        live["cohort"][: len(was["cohort"])] == was["cohort"],
        f"round {number}: cohort {was['cohort']} became {live['cohort']}",
    )
    fresh = live["accepted"].items() - was["accepted"].items()
    require(
        not fresh or was["state"] == "training",
        f"round {number}: {fresh} accepted while {was['state']}",
    )
    for index, upload in fresh:
        is_whole(new, int(index), upload, now)
        is_within_norm(new, int(index), now)
    require(
        not frozen or live["accepted_count"] >= live["quorum"],
        f"round {number} is frozen with {live['accepted']}, need {live['quorum']}",
    )
    require(
        live["attempt"] <= was["attempt"] or was["accepted_count"] < was["quorum"],
        f"round {number} has its quorum and makes another attempt",
    )


def round_begins_again(old: Document, now: Collections) -> None:
    """Only a round 0 that has failed does: nobody has seen a model of it."""
    live = old["live"]
    require(
        (old["state"], live["number"], live["state"]) == ("failed", 0, "training")
        and not live["accepted"]
        and not now.get("model_chunks"),
        f"round 0 begins again after {live}, when it was {old['state']}",
    )


def round_follows(old: Document, new: Document, now: Collections) -> None:
    was, live = old["live"], new["live"]
    require(
        live["number"] == was["number"] + 1
        and was["state"] == "closed"
        and live["state"] == "training"
        and not live["accepted"]
        and new["version"] == was["number"],
        f"round {live} follows {was}",
    )
    written = [each["number"] for each in now.get("rounds", {}).values()]
    require(
        sorted(written) == list(range(live["number"])),
        f"round {live['number']} opens, the history holds {written}",
    )


def history_stands(old: Document, new: Document) -> None:
    for field in ("number", "cohort", "accepted", "opened", "closed", "examples"):
        require(
            old[field] == new[field], f"round {old['number']}: {field} is rewritten"
        )
    score = old["evaluation"]["result"]
    require(
        score in (None, new["evaluation"]["result"]),
        f"round {old['number']}: its score is rewritten",
    )


def is_whole(experiment: Document, index: int, upload: str, now: Collections) -> None:
    place = (experiment["live"]["number"], index, upload)
    chunks = [
        each["chunk"]
        for each in now["update_chunks"].values()
        if place_of(each) == place
    ]
    expected = list(range(codec.chunk_count(experiment["parameters"])))
    require(sorted(chunks) == expected, f"accepted {place} with the chunks {chunks}")


def is_as_made(
    experiment: Document, index: int, now: Collections, made: Set[Made]
) -> None:
    """What is accepted of a client is what it has trained, bit by bit."""
    number = experiment["live"]["number"]
    model = b"".join(vector(*piece) for piece in _sent(experiment, index, now).chunks)
    require(
        (number, index, model) in made,
        f"round {number} accepts {numbers(model)} of client {index}, which has not "
        "trained it",
    )


def place_of(part: Document) -> tuple[int, int, str]:
    """Where an update, or a chunk of it, belongs."""
    return (part["round"], part["client"], part["upload"])


def is_counted(request: Document, upload: str, now: Collections) -> None:
    (experiment,) = now["experiments"].values()
    live, number = experiment["live"], request["round"]
    records = [live, *now.get("rounds", {}).values()]
    counted = [
        (each["accepted"] or each.get("votes", {})).get(str(request["client"]))
        for each in records
        if each["number"] == number
    ]
    require(
        upload is not None and upload in counted,
        f"client {request['client']} is told that {upload} counts in round {number}, "
        f"which has {counted}",
    )


def waits(told: Document) -> None:
    """A time to come back, where there is one, is positive and bounded."""
    seconds = told.get("retry_after", 1.0)
    require(0 < seconds <= LONGEST_WAIT_S, f"told to come back in {seconds} s")


def all_scored(now: Collections, at: float) -> None:
    """No score is to come at that time: not even from a third try under way."""
    (experiment,) = now["experiments"].values()
    if not experiment["settings"]["evaluate"]:
        return
    open_ones = [
        each["number"]
        for each in now["rounds"].values()
        if each["evaluation"]["result"] is None
        and (
            each["evaluation"]["attempts"] < EVALUATION_TRIES
            or _is_being_scored(each["evaluation"], experiment["revoked"], at)
        )
    ]
    require(not open_ones, f"told to stop before {open_ones} were scored")


def _is_being_scored(evaluation: Document, revoked: Document, at: float) -> bool:
    waits = str(evaluation["client"]) not in revoked
    return waits and evaluation["until"] > at + MOST_SKEW_S


def model_chunk(version: int, number: int, now: Collections) -> bytes:
    data: bytes = only(
        f"chunk {number} of version {version}",
        (
            each["data"]
            for each in now.get("model_chunks", {}).values()
            if (each["version"], each["chunk"]) == (version, number)
        ),
    )
    return data


def version_chunks(experiment: Document, order: Order, now: Collections) -> list[bytes]:
    """Return what the live round's accepted updates make, as `oracle` has it."""
    live = experiment["live"]
    updates = [
        _sent(experiment, int(index), now)
        for index in sorted(live["accepted"], key=int)
    ]
    if live["number"] == 0:  # all have sent the same initial model
        return [vector(*piece) for piece in updates[0].chunks]
    base = _version(experiment, live["number"] - 1, now)
    return next_version(experiment["settings"], updates, base, order)


def is_within_norm(experiment: Document, index: int, now: Collections) -> None:
    """An update that lies too far away is refused, where it is not clipped."""
    settings, number = experiment["settings"], experiment["live"]["number"]
    bound = settings["max_norm"]
    if not bound or settings["norm_action"] == "clip" or number == 0:
        return
    base = _version(experiment, number - 1, now)
    found = distance(_sent(experiment, index, now).chunks, base)
    require(found <= bound, f"accepted at a distance of {found}, at most {bound}")


def _sent(experiment: Document, index: int, now: Collections) -> Sent:
    """What the live round has accepted of a client."""
    live = experiment["live"]
    place = (live["number"], index, live["accepted"][str(index)])
    said = (
        each["examples"] for each in now["updates"].values() if place_of(each) == place
    )
    chunks = {
        each["chunk"]: numbers(each["data"])
        for each in now["update_chunks"].values()
        if place_of(each) == place
    }
    examples = only(f"what is said of {place}", said)
    return Sent([chunks[number] for number in sorted(chunks)], examples)


def _version(experiment: Document, version: int, now: Collections) -> Chunks:
    count = codec.chunk_count(experiment["parameters"])
    return [numbers(model_chunk(version, number, now)) for number in range(count)]
