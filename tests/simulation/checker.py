"""What must hold after every write, in every answer, and when all is at rest.

Written against the documents and the wire alone: it shares no arithmetic and no
rule with the code that it checks, but for the table of states.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from fedclient.transport import Message, Reply
from fedcore import codec
from fedcore.documents import Document, ExperimentState
from fedcore.rules import NEXT

Collection = Mapping[str, Document]
Collections = Mapping[str, Collection]
Order = Callable[[Iterable[int]], list[int]]

LONGEST_WAIT_S = 600.0
EVALUATION_TRIES = 3
STATES = [state.value for state in ExperimentState]
MOVES = {(state, to) for (state, _), to in NEXT.items() if state in STATES}
ROUND_STATES = ["training", "frozen", "closed"]


class Broken(AssertionError):
    """An invariant does not hold."""


def backwards(indexes: Iterable[int]) -> list[int]:
    """The order in which another implementation might sum."""
    return sorted(indexes, reverse=True)


class Checker:
    """Checks writes and answers.

    Args:
        orders: the orders of summing that an aggregator in this world may use.
    """

    def __init__(self, orders: tuple[Order, ...] = (sorted,)) -> None:
        self.orders = orders

    def written(self, collection: str, before: Collection, now: Collections) -> None:
        """Check the write that turned `before` into what the collection is now.

        Raises:
            Broken: says what does not hold.
        """
        check = getattr(self, f"_{collection}", None)
        if check is not None:
            check(before, now[collection], now)

    # --- the experiment and its live round ------------------------------------------

    def _experiments(
        self, before: Collection, after: Collection, now: Collections
    ) -> None:
        _nothing_gone("experiment", before, after)
        for key, new in after.items():
            old = before.get(key)
            if old is None or old is new:
                continue
            _state_moves(old, new)
            _round_holds(new["live"])
            if old["live"]["number"] == new["live"]["number"]:
                _round_moves(old, new, now)
            else:
                _round_follows(old, new, now)
            if old["version"] != new["version"]:
                self._published(old, new, now)
            _require(
                old["layout"] in (None, new["layout"]), "a layout has been changed"
            )

    def _published(self, old: Document, new: Document, now: Collections) -> None:
        version = new["version"]
        live = new["live"]
        _require(
            version == old["version"] + 1 == live["number"]
            and live["state"] == "closed",
            f"version {version} follows {old['version']} in round {live['number']}, "
            f"which is {live['state']}",
        )
        for number in range(codec.chunk_count(new["parameters"])):
            found = _model_chunk(new, version, number, now)
            expected = {
                _average(new, number, order, now["update_chunks"], now["updates"])
                for order in self.orders
            }
            _require(
                found in expected,
                f"version {version}, chunk {number}: {_floats(found)} is not the "
                f"average {[_floats(each) for each in expected]} of {live['accepted']}",
            )

    # --- everything else --------------------------------------------------------------

    def _model_chunks(
        self, before: Collection, after: Collection, now: Collections
    ) -> None:
        for key, old in before.items():
            _require(key in after, f"model chunk {key} is gone")
            _require(
                after[key] is old or after[key]["data"] == old["data"],
                f"model chunk {key} has been changed",
            )

    def _update_chunks(
        self, before: Collection, after: Collection, now: Collections
    ) -> None:
        for key in before.keys() - after.keys():
            lost = before[key]
            live = now["experiments"][lost["experiment"]]["live"]
            wanted = (
                lost["round"] == live["number"]
                and live["state"] != "closed"
                and live["accepted"].get(str(lost["client"])) == lost["upload"]
            )
            _require(not wanted, f"chunk {key} of an accepted update is gone")

    def _clients(self, before: Collection, after: Collection, now: Collections) -> None:
        _nothing_gone("client", before, after)
        if len(before) == len(after):
            return
        places = [(each["experiment"], each["index"]) for each in after.values()]
        names = [(each["experiment"], each["name"]) for each in after.values()]
        _require(len(set(places)) == len(places), f"an index is taken twice: {places}")
        _require(len(set(names)) == len(names), f"a name is enrolled twice: {names}")
        for client in after.values():
            room = now["experiments"][client["experiment"]]["settings"]["clients"]
            _require(client["index"] < room, f"index {client['index']} of {room}")

    def _rounds(self, before: Collection, after: Collection, now: Collections) -> None:
        _nothing_gone("round", before, after)
        for key, new in after.items():
            old = before.get(key)
            if old is None:
                live = now["experiments"][new["experiment"]]["live"]
                _require(
                    new["number"] == live["number"] == len(before)
                    and new["accepted"] == live["accepted"]
                    and live["state"] == "closed",
                    f"round {new['number']} is written down in round {live}",
                )
            elif old is not new:
                _history_stands(old, new)

    # --- answers ----------------------------------------------------------------------

    def answered(self, message: Message, reply: Reply, now: Collections) -> None:
        """Check an answer against the state at that moment.

        Raises:
            Broken: says what does not hold.
        """
        content = msgspec.json.decode(reply.body)
        if reply.status != 200:
            _waits(content["error"])
            return
        if message.action == "submit_update" and content["accepted"]:
            _is_counted(msgspec.json.decode(message.body), content["upload"], now)
        assignment = content.get("assignment") or {}
        _waits(assignment)
        if assignment.get("kind") == "stop" and assignment["reason"] == "finished":
            _all_scored(now)

    def stands(self, before: Collections, now: Collections) -> None:
        """Check a state, and that it may follow on another some writes ago.

        Raises:
            Broken: says what does not hold.
        """
        for experiment in now["experiments"].values():
            live, version = experiment["live"], experiment["version"]
            _round_holds(live)
            closed = live["number"] - (live["state"] != "closed")
            _require(version == closed, f"version {version} in round {live}")
            written = sorted(each["number"] for each in now["rounds"].values())
            _require(
                written == list(range(len(written))) and version <= len(written),
                f"version {version}, the history holds {written}",
            )
            if live["state"] != "closed":
                for index, upload in live["accepted"].items():
                    _is_whole(experiment, int(index), upload, now)
        self._model_chunks(before.get("model_chunks", {}), now["model_chunks"], now)
        self._clients({}, now["clients"], now)
        for key, old in before.get("rounds", {}).items():
            _history_stands(old, now["rounds"][key])

    def at_rest(self, now: Collections) -> None:
        """Check a world whose experiment has finished and in which nothing moves.

        Raises:
            Broken: says what does not hold.
        """
        (experiment,) = now["experiments"].values()
        _require(experiment["state"] == "finished", f"it is {experiment['state']}")
        for name in ("update_chunks", "uploads"):
            left = list(now.get(name, {}))
            _require(not left, f"left over in {name}: {left}")
        rounds = [each["number"] for each in now["rounds"].values()]
        _require(
            sorted(rounds) == list(range(experiment["settings"]["rounds"] + 1)),
            f"the history holds the rounds {rounds}",
        )


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise Broken(complaint)


def _nothing_gone(what: str, before: Collection, after: Collection) -> None:
    gone = before.keys() - after.keys()
    _require(not gone, f"{what} gone: {gone}")


def _state_moves(old: Document, new: Document) -> None:
    move = (old["state"], new["state"])
    live = old["live"]
    if move[0] == move[1]:
        return
    _require(move in MOVES, f"the experiment goes from {move[0]} to {move[1]}")
    if move[1] == "finished":
        last = old["settings"]["rounds"]
        _require(
            (live["number"], live["state"]) == (last, "closed"),
            f"finished in round {live['number']} of {last}, which is {live['state']}",
        )
    if move[1] == "failed":
        _require(
            live["accepted_count"] < live["quorum"]
            and live["attempt"] >= old["settings"]["attempts"]
            and f"need {live['quorum']}" in new["reason"],
            f"failed for {new['reason']!r} in {live}",
        )


def _round_holds(live: Document) -> None:
    accepted, cohort = live["accepted"], live["cohort"]
    _require(
        live["accepted_count"] == len(accepted),
        f"{live['accepted_count']} counted of {accepted}",
    )
    _require(len(set(cohort)) == len(cohort), f"cohort {cohort} holds someone twice")
    outside = {int(index) for index in accepted} - set(cohort)
    _require(not outside, f"accepted from outside the cohort {cohort}: {outside}")
    full = live["number"] >= 0 and len(accepted) >= live["target"]
    _require(
        not (full and live["state"] == "training"),
        f"round {live['number']} has its {live['target']} updates and goes on training",
    )
    _require(len(accepted) <= live["target"], f"{accepted} is beyond the target")


def _round_moves(old: Document, new: Document, now: Collections) -> None:
    """One round, a write later."""
    was, live = old["live"], new["live"]
    number = live["number"]
    frozen = (was["state"], live["state"]) == ("training", "frozen")
    _require(
        ROUND_STATES.index(was["state"]) <= ROUND_STATES.index(live["state"]),
        f"round {number} goes from {was['state']} to {live['state']}",
    )
    _require(
        (was["target"], was["quorum"]) == (live["target"], live["quorum"]),
        f"round {number} changes its target or quorum",
    )
    _require(
        live["cohort"][: len(was["cohort"])] == was["cohort"],
        f"round {number}: cohort {was['cohort']} became {live['cohort']}",
    )
    gone = was["accepted"].items() - live["accepted"].items()
    _require(not gone, f"round {number}: accepted updates are gone: {gone}")
    fresh = live["accepted"].items() - was["accepted"].items()
    _require(
        not fresh or was["state"] == "training",
        f"round {number}: {fresh} accepted while {was['state']}",
    )
    for index, upload in fresh:
        _is_whole(new, int(index), upload, now)
    _require(
        not frozen or live["accepted_count"] >= live["quorum"],
        f"round {number} is frozen with {live['accepted']}, need {live['quorum']}",
    )
    _require(
        live["attempt"] <= was["attempt"] or was["accepted_count"] < was["quorum"],
        f"round {number} has its quorum and makes another attempt",
    )


def _round_follows(old: Document, new: Document, now: Collections) -> None:
    was, live = old["live"], new["live"]
    _require(
        live["number"] == was["number"] + 1
        and was["state"] == "closed"
        and live["state"] == "training"
        and not live["accepted"]
        and new["version"] == was["number"],
        f"round {live} follows {was}",
    )
    written = [each["number"] for each in now.get("rounds", {}).values()]
    _require(
        sorted(written) == list(range(live["number"])),
        f"round {live['number']} opens, the history holds {written}",
    )


def _history_stands(old: Document, new: Document) -> None:
    for field in ("number", "cohort", "accepted", "opened", "closed", "examples"):
        _require(
            old[field] == new[field], f"round {old['number']}: {field} is rewritten"
        )
    score = old["evaluation"]["result"]
    _require(
        score in (None, new["evaluation"]["result"]),
        f"round {old['number']}: its score is rewritten",
    )


def _is_whole(experiment: Document, index: int, upload: str, now: Collections) -> None:
    place = (experiment["live"]["number"], index, upload)
    chunks = [
        each["chunk"] for each in now["update_chunks"].values() if _place(each) == place
    ]
    expected = list(range(codec.chunk_count(experiment["parameters"])))
    _require(sorted(chunks) == expected, f"accepted {place} with the chunks {chunks}")


def _place(chunk: Document) -> tuple[int, int, str]:
    return (chunk["round"], chunk["client"], chunk["upload"])


def _is_counted(request: Document, upload: str, now: Collections) -> None:
    (experiment,) = now["experiments"].values()
    live, number = experiment["live"], request["round"]
    records = [live, *now.get("rounds", {}).values()]
    counted = [
        each["accepted"].get(str(request["client"]))
        for each in records
        if each["number"] == number
    ]
    _require(
        upload is not None and upload in counted,
        f"client {request['client']} is told that {upload} counts in round {number}, "
        f"which has {counted}",
    )


def _waits(told: Document) -> None:
    """A time to come back, where there is one, is positive and bounded."""
    seconds = told.get("retry_after", 1.0)
    _require(0 < seconds <= LONGEST_WAIT_S, f"told to come back in {seconds} s")


def _all_scored(now: Collections) -> None:
    (experiment,) = now["experiments"].values()
    if not experiment["settings"]["evaluate"]:
        return
    open_ones = [
        each["number"]
        for each in now["rounds"].values()
        if each["evaluation"]["result"] is None
        and each["evaluation"]["attempts"] < EVALUATION_TRIES
    ]
    _require(not open_ones, f"told to stop before {open_ones} were scored")


def _model_chunk(
    experiment: Document, version: int, number: int, now: Collections
) -> bytes:
    found = [
        each["data"]
        for each in now.get("model_chunks", {}).values()
        if (each["version"], each["chunk"]) == (version, number)
    ]
    _require(len(found) == 1, f"version {version} has {len(found)} chunks {number}")
    return found[0]


def _average(
    experiment: Document,
    number: int,
    order: Order,
    chunks: Collection,
    updates: Collection,
) -> bytes:
    """The average of the accepted updates, from the textbook, one value at a time."""
    live = experiment["live"]
    total: list[float] = []
    examples = 0
    for index in order(int(each) for each in live["accepted"]):
        place = (live["number"], index, live["accepted"][str(index)])
        (data,) = (
            _floats(each["data"])
            for each in chunks.values()
            if _place(each) == place and each["chunk"] == number
        )
        (weight,) = (
            each["examples"]
            for each in updates.values()
            if (each["round"], each["client"], each["upload"]) == place
        )
        weighted = [value * weight for value in data]
        total = (
            [a + b for a, b in zip(total, weighted, strict=True)] if total else weighted
        )
        examples += weight
    return struct.pack(f"<{len(total)}f", *(value / examples for value in total))


def _floats(data: bytes) -> Any:
    return struct.unpack(f"<{len(data) // 4}f", data)
