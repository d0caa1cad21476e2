"""A small world as a value: each state can be kept, compared, and left in every way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fedclient.transport import Message
from fedcore.documents import Document
from tests.simulation.client import Client
from tests.simulation.hostile import Guise
from tests.simulation.reports import Size
from tests.simulation.script import Line, encode
from tests.simulation.server import Call
from tests.simulation.tape import Tape

FOREVER_S = 1e9

BEGINS_AT = 1000.0
"""When clients begin, in seconds."""


@dataclass(frozen=True)
class Budget:
    """How many misfortunes are still to come.

    Attributes:
        crashes: requests that die, before or after a call.
        copies: messages that arrive a second time, at any later moment.
        kills: clients that are killed and started again.
        jumps: times that the clock runs on while there is something to do.
        junk: messages that hostile clients send in the place of an update.
    """

    crashes: int = 0
    copies: int = 0
    kills: int = 0
    jumps: int = 0
    junk: int = 0


@dataclass(frozen=True)
class SmallWorld:
    """What is explored.

    Attributes:
        settings: the experiment's.
        budget: the misfortunes.
        at_once: requests that may be under way together.
        first_round: everything before this round happens without misfortune.
        copied: the actions whose messages may arrive twice.
        orders: what an operator does meanwhile: actions and their fields.
        hostile: what hostile clients do from the first round on, by name. No cohort
            has more of them than its quorum can spare, so that there is a time in
            which the experiment ends.
        chunk_values: values in a chunk, of the model's two.
        size: the least time in which it is explored.
    """

    settings: dict[str, Any]
    budget: Budget = Budget()
    at_once: int = 2
    first_round: int = 1
    copied: tuple[str, ...] = ("check_in", "submit_update", "advance_round")
    orders: tuple[tuple[str, dict[str, Any]], ...] = ()
    hostile: Mapping[str, Guise] = field(default_factory=dict)
    chunk_values: int = 2
    size: Size = Size.TEST


class Operator:
    """Sends orders one after the other, each until it is answered."""

    name = "operator"
    outcome = "finished"

    def __init__(self, orders: tuple[Message, ...]) -> None:
        self._orders = orders
        self.answers: tuple[Any, ...] = ()

    def step(self, perform: Any) -> float:
        tape = Tape(self.answers)
        tape.rewind(perform)
        for message in self._orders:
            while tape.ask(message).status != 200:
                pass
        return FOREVER_S

    def fork(self, answer: Any) -> Operator:
        twin = Operator(self._orders)
        twin.answers = (*self.answers, answer)
        return twin

    @property
    def memory(self) -> Any:
        return self.answers


@dataclass(frozen=True)
class Seat:
    """A client, or the operator, between two of its messages.

    `message` is on its way or under way (`flies`); None while it waits for news
    other than `heard`, or until it is let in again (`is_out`). `unsent` is an update
    in whose place it may send junk.
    """

    client: Client | Operator
    message: Message | None = None
    flies: bool = False
    heard: bytes = b""
    is_out: bool = False
    unsent: Message | None = None

    def mark(self, news: bytes) -> Any:
        waits = self.message is None and self.heard == news
        unsent = self.unsent and self.unsent.body
        return (self.client.memory, self.flies, waits, self.is_out, unsent)

    def has_news(self, state: State) -> bool:
        """Return True if it waits, and need not wait any longer."""
        if self.is_out:
            return not state.shuts_out(self.client.name)
        return self.message is None and self.heard != state.news


@dataclass(frozen=True)
class Flight:
    """A request at the server that is about to make a call; `seat` awaits it.

    `heard` is the news at its arrival: what happens later its answer may not know.
    """

    seat: int | None
    message: Message
    heard: bytes
    line: Line
    wrote: bool = False

    @property
    def pending(self) -> Call:
        call: Call = self.line.question
        return call

    def mark(self) -> tuple[int, int, bytes]:
        seat = -1 if self.seat is None else self.seat
        return (seat, self.line.number, self.heard)


@dataclass(frozen=True)
class State:
    """All there is."""

    collections: Mapping[str, dict[str, Document]]
    marks: Mapping[str, bytes]
    seats: tuple[Seat, ...]
    budget: Budget
    now: float = BEGINS_AT
    flights: tuple[Flight, ...] = ()
    letters: tuple[Message, ...] = ()

    @property
    def experiment(self) -> Document:
        (found,) = self.collections["experiments"].values()
        return found

    @property
    def news(self) -> bytes:
        """What a client that waits would like to know."""
        known = (self.marks["experiments"], self.marks.get("rounds"))
        return encode((*known, self.now))

    def shuts_out(self, name: str) -> bool:
        """Return True if the client of that name is revoked."""
        return any(
            client["name"] == name
            and str(client["index"]) in self.experiment["revoked"]
            for client in self.collections["clients"].values()
        )

    @property
    def is_idle(self) -> bool:
        """Nobody is at anything."""
        asking = any(seat.message is not None for seat in self.seats)
        return not (self.flights or self.letters or asking)

    @property
    def has_ended(self) -> bool:
        """And nobody will ever be."""
        return self.is_idle and self.experiment["state"] == "finished"

    def mark(self) -> bytes:
        """Return the same for equal states, and for equal states alone."""
        news = self.news
        flights = sorted(each.mark() for each in self.flights)
        letters = sorted((each.action, each.body) for each in self.letters)
        seats = [each.mark(news) for each in self.seats]
        rest = (self.now, self.budget, self.marks, seats, flights, letters)
        return digest(encode(rest))


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
