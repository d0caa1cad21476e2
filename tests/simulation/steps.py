"""What the moves of a small world have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fedclient.transport import Message
from tests.simulation.script import encode
from tests.simulation.server import Call, SharedDatabase
from tests.simulation.state import Flight, Seat, State, digest


def commutes(call: Call, message: Message, *, all_enrolled: bool) -> bool:
    """Whether a call commutes with whatever others may do in a small world.

    Clients race for their places until all are enrolled; from then on nobody promises
    another return than a twin would. What says how an update was made lies there before
    it is accepted. Reading a published chunk, one's own chunk, or how long rounds took
    hurts nobody.
    """
    method, collection, arguments = call
    if collection == "clients" and not all_enrolled:
        return False
    if method == "count":  # what else runs, for the pace
        return True
    match collection:
        case "clients" | "updates" | "uploads":
            return method != "delete"
        case "rounds":
            return method == "find" and "evaluation" not in arguments[1]
        case "model_chunks":
            return method == "find" and "data" in arguments[1]
        case "update_chunks":
            mine = message.action == "submit_update"
            return mine and method == "find" and "data" in arguments[1]
    return False


def moments(state: State) -> Iterator[float]:
    """When something becomes due."""
    experiment = state.experiment
    live = experiment["live"]
    if experiment["state"] == "running":
        yield live["advance_at"]
        if live["state"] == "training":
            yield live["deadline"]
        if live["state"] == "frozen":
            yield live["claim_until"]
        for client in state.collections["clients"].values():
            yield client["told_until"]
    if experiment["settings"]["evaluate"]:
        for record in state.collections.get("rounds", {}).values():
            if record["evaluation"]["result"] is None:
                yield record["evaluation"]["until"]


def stored(state: State, database: SharedDatabase) -> State:
    """Return the state with what the database holds now."""
    marks = dict(state.marks)
    for name, documents in database.collections.items():
        if documents is not state.collections.get(name):
            marks[name] = digest(encode(documents))
    return replace(state, collections=database.collections, marks=marks)


def with_seat(state: State, number: int, seat: Seat) -> State:
    seats = state.seats
    return replace(state, seats=(*seats[:number], seat, *seats[number + 1 :]))


def without(items: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    return items[:number] + items[number + 1 :]


def who(state: State, flight: Flight) -> str:
    seat = "a copy" if flight.seat is None else state.seats[flight.seat].client.name
    return f"{seat}'s {flight.message.action}:"
