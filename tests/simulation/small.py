"""Small worlds as values: every state can be kept, compared, and left in every way.

Time stands still unless it jumps to the next moment at which something becomes due.
A client that was told to wait asks again as soon as there is news. Calls that commute
with all that others do are made together with the call before them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from fedclient.transport import Message, Reply
from fedcore.documents import Document
from tests.simulation.checker import Broken, Checker
from tests.simulation.client import Client, School, Sleep, Wire
from tests.simulation.server import CRASHED, Call, Server, SharedDatabase, order
from tests.simulation.tape import Ask, Paused, Tape

FOREVER_S = 1e9

NO_QUOTA = 1e9
"""Calls a minute. Then waits depend on the round alone, and equal states meet."""


@dataclass(frozen=True)
class Budget:
    """How many misfortunes are still to come.

    Attributes:
        crashes: requests that die, before or after a call.
        copies: messages that arrive a second time, at any later moment.
        kills: clients that are killed and started again.
        jumps: times that the clock runs on while there is something to do.
    """

    crashes: int = 0
    copies: int = 0
    kills: int = 0
    jumps: int = 0


@dataclass(frozen=True)
class SmallWorld:
    """What is explored.

    Attributes:
        settings: the experiment's.
        budget: the misfortunes.
        at_once: requests that may be under way together.
        first_round: everything before this round happens without misfortune.
        orders: what an operator does meanwhile: actions and their fields.
        chunk_values: values in a chunk, of the model's two.
        soak: whether only `make soak` explores it.
    """

    settings: dict[str, Any]
    budget: Budget = Budget()
    at_once: int = 2
    first_round: int = 1
    orders: tuple[tuple[str, dict[str, Any]], ...] = ()
    chunk_values: int = 2
    soak: bool = False


class Operator:
    """Sends orders one after the other, each until it is answered."""

    name = "operator"
    outcome = "finished"

    def __init__(self, wire: Wire, orders: tuple[Message, ...]) -> None:
        self._wire = wire
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
        twin = Operator(self._wire, self._orders)
        twin.answers = (*self.answers, answer)
        return twin

    @property
    def memory(self) -> Any:
        return self.answers


@dataclass(frozen=True)
class Seat:
    """A client, or the operator, between two of its messages.

    `message` is on its way or under way (`flies`); None while it waits for news
    other than `heard`.
    """

    client: Client | Operator
    message: Message | None = None
    flies: bool = False
    heard: bytes = b""

    def print(self, news: bytes) -> Any:
        waits = self.message is None and self.heard == news
        return (self.client.memory, self.flies, waits)


@dataclass(frozen=True)
class Flight:
    """A request at the server that is about to make a call; `seat` awaits it.

    `heard` is the news at its arrival: what happens later its answer may not know.
    """

    seat: int | None
    message: Message
    heard: bytes
    answers: tuple[Any, ...] = ()
    pending: Call | None = None
    wrote: bool = False

    def print(self) -> bytes:
        message = self.message
        told = (self.seat, message.action, message.body, self.answers, self.heard)
        return _encode(told)


@dataclass(frozen=True)
class State:
    """All there is."""

    collections: Mapping[str, dict[str, Document]]
    prints: Mapping[str, bytes]
    seats: tuple[Seat, ...]
    budget: Budget
    now: float = 1000.0
    flights: tuple[Flight, ...] = ()
    letters: tuple[Message, ...] = ()

    @property
    def experiment(self) -> Document:
        (found,) = self.collections["experiments"].values()
        return found

    @property
    def news(self) -> bytes:
        """What a client that waits would like to know."""
        known = (self.prints["experiments"], self.prints.get("rounds"))
        return _encode((*known, self.now))

    @property
    def is_idle(self) -> bool:
        """Nobody is at anything."""
        asking = any(seat.message is not None for seat in self.seats)
        return not (self.flights or self.letters or asking)

    @property
    def has_ended(self) -> bool:
        """And nobody will ever be."""
        return self.is_idle and self.experiment["state"] == "finished"

    def print(self) -> bytes:
        """Return the same for equal states, and for equal states alone."""
        news = self.news
        flights = sorted(each.print() for each in self.flights)
        letters = sorted((each.action, each.body) for each in self.letters)
        seats = [each.print(news) for each in self.seats]
        rest = (self.now, self.budget, self.prints, seats, flights, letters)
        return _digest(_encode(rest))


Move = tuple[tuple[object, ...], State]
"""What happens, in words to be joined, and what comes of it."""


@dataclass
class Game:
    """The moves of a small world."""

    world: SmallWorld
    checker: Checker = field(default_factory=Checker)
    wire: Wire = field(default_factory=Wire)
    server: Server = field(default_factory=lambda: Server(NO_QUOTA))
    school: School = field(default_factory=School)

    # --- where it begins --------------------------------------------------------------

    def first(self) -> State:
        """Return the world in its first round, with all misfortune to come."""
        state = self._enrolled()
        while state.experiment["live"]["number"] != self.world.first_round:
            _, state = next(self.moves(state))
        return self._seated(replace(state, budget=self.world.budget), self._operator())

    def _enrolled(self) -> State:
        database = SharedDatabase(self.checker)
        start = order("start_experiment", settings=self.world.settings)
        self.server.obey(start, database, 0.0)
        state = _stored(State({}, {}, (), Budget()), database)
        for index in range(self.world.settings["clients"]):
            client = Client(f"c{index}", self.wire, self.school)
            state = self._seated(state, client)
        return state

    def _operator(self) -> Operator:
        orders = (order(action, **more) for action, more in self.world.orders)
        return Operator(self.wire, tuple(orders))

    def _seated(self, state: State, client: Client | Operator) -> State:
        seat = self._awake(Seat(client), state, state.news)
        return replace(state, seats=(*state.seats, seat))

    # --- the moves --------------------------------------------------------------------

    def moves(self, state: State) -> Iterator[Move]:
        """Yield every state that may come next; without misfortune first."""
        for number, flight in enumerate(state.flights):
            rest = _without(state.flights, number)
            yield self._fly(replace(state, flights=rest), flight)
        if len(state.flights) < self.world.at_once:
            yield from self._take_off(state)
        yield from self._jump(state)
        yield from self._crash(state)
        yield from self._copy(state)
        yield from self._kill(state)

    def _take_off(self, state: State) -> Iterator[Move]:
        for number, seat in enumerate(state.seats):
            if seat.message is not None and not seat.flies:
                flying = _with(state, number, replace(seat, flies=True))
                yield self._fly(flying, Flight(number, seat.message, state.news))
        for number, letter in enumerate(state.letters):
            rest = replace(state, letters=_without(state.letters, number))
            yield self._fly(rest, Flight(None, letter, state.news))

    def _fly(self, state: State, flight: Flight) -> Move:
        """Let a request make its next call, and those that nobody else could notice."""
        database = SharedDatabase(self.checker, state.collections)
        tape = Tape(flight.answers)
        perform = self._performing(database, flight.message, state.now, 1)
        pending = flight.pending
        words = (_who(state, flight), pending or "arrives")
        try:
            reply = self.server.run(flight.message, tape, perform)
        except Paused as paused:
            further = replace(
                flight,
                answers=tuple(tape.answers),
                pending=paused.question,
                wrote=flight.wrote or (pending is not None and pending.writes),
            )
            after = _stored(state, database)
            after = replace(after, flights=(*after.flights, further))
            return words, self._awoken(after)
        self.checker.answered(flight.message, reply, database.collections)
        return words, self._answered(_stored(state, database), flight, reply)

    def _performing(
        self, database: SharedDatabase, message: Message, now: float, calls: int
    ) -> Any:
        left = calls

        def perform(question: Any) -> Any:
            nonlocal left
            if question is Ask.TIME:
                return now
            if question is Ask.ID:
                return "id"
            if not _goes_unnoticed(question, message):
                if not left:
                    raise Paused(question)
                left -= 1
            return database.perform(question)

        return perform

    def _answered(self, state: State, flight: Flight, reply: Reply) -> State:
        """Bring an answer home."""
        if flight.seat is not None:
            client = state.seats[flight.seat].client.fork(reply)
            seat = self._awake(Seat(client), state, flight.heard)
            state = _with(state, flight.seat, seat)
        return self._awoken(state)

    def _awoken(self, state: State) -> State:
        """Let those who wait ask again if there is news."""
        news = state.news
        for number, seat in enumerate(state.seats):
            if seat.message is None and seat.heard != news:
                state = _with(state, number, self._awake(seat, state, news))
        return state

    def _awake(self, seat: Seat, state: State, heard: bytes) -> Seat:
        """Let a client do what it can without an answer from the server."""
        client = seat.client
        while True:
            try:
                seconds = client.step(lambda question: self._at_hand(question, state))
            except Paused as paused:
                return Seat(client, message=paused.question)
            if seconds > 0:
                return Seat(client, heard=heard)

    def _at_hand(self, question: Any, state: State) -> Any:
        if question is Ask.TIME:
            return state.now
        if isinstance(question, Sleep):
            return None
        raise Paused(question)

    # --- time and misfortune ----------------------------------------------------------

    def _jump(self, state: State) -> Iterator[Move]:
        """Let time pass until something is due: freely if there is nothing to do."""
        ahead = sorted({moment for moment in _moments(state) if moment > state.now})
        budget = state.budget
        if state.is_idle:
            ahead = ahead[:1]
        elif budget.jumps:
            budget = replace(budget, jumps=budget.jumps - 1)
        else:
            return
        for moment in ahead:
            later = replace(state, now=moment, budget=budget)
            yield ("time passes to", moment), self._awoken(later)

    def _crash(self, state: State) -> Iterator[Move]:
        if not state.budget.crashes:
            return
        budget = replace(state.budget, crashes=state.budget.crashes - 1)
        for number, flight in enumerate(state.flights):
            assert flight.pending is not None
            rest = replace(
                state, flights=_without(state.flights, number), budget=budget
            )
            who = _who(state, flight)
            if flight.wrote:  # else it is as if it had never arrived
                dead = self._answered(rest, flight, CRASHED)
                yield (who, "dies before", flight.pending), dead
            if flight.pending.writes:
                database = SharedDatabase(self.checker, state.collections)
                database.perform(flight.pending)
                dead = self._answered(_stored(rest, database), flight, CRASHED)
                yield (who, "dies after", flight.pending), dead

    def _copy(self, state: State) -> Iterator[Move]:
        if not state.budget.copies:
            return
        budget = replace(state.budget, copies=state.budget.copies - 1)
        for seat in state.seats:
            message = seat.message
            if message is not None and message.action != "subscribe":
                letters = (*state.letters, message)
                words = (seat.client.name, message.action, "is doubled")
                yield words, replace(state, letters=letters, budget=budget)

    def _kill(self, state: State) -> Iterator[Move]:
        if not state.budget.kills:
            return
        budget = replace(state.budget, kills=state.budget.kills - 1)
        for number, seat in enumerate(state.seats):
            if isinstance(seat.client, Operator):
                continue
            flights = tuple(
                replace(each, seat=None) if each.seat == number else each
                for each in state.flights
            )
            born = Client(seat.client.name, self.wire, self.school)
            fresh = replace(state, flights=flights, budget=budget)
            seat = self._awake(Seat(born), fresh, fresh.news)
            fresh = _with(fresh, number, seat)
            yield (seat.client.name, "is killed"), fresh

    # --- the end ----------------------------------------------------------------------

    def check_end(self, state: State) -> None:
        """Check a state in which nothing moves any more.

        Raises:
            Broken: a client does not know the end, or something is left over.
        """
        for seat in state.seats:
            if seat.client.outcome != "finished":
                raise Broken(f"{seat.client.name} does not know the end")
        database = SharedDatabase(self.checker, state.collections)
        self.server.obey(order("advance_round"), database, state.now)
        self.checker.at_rest(database.collections)


def _goes_unnoticed(call: Call, message: Message) -> bool:
    """Whether a call commutes with whatever others may do in a small world.

    All clients are enrolled before it begins, and nobody promises another return than
    a twin would. What says how an update was made lies there before it is accepted.
    Reading a published chunk, one's own chunk, or how long rounds took hurts nobody.
    """
    method, collection, arguments = call
    if method == "count":  # what else runs, for the pace
        return True
    match collection:
        case "clients" | "updates" | "uploads":
            return method != "delete"
        case "rounds":
            return method == "find" and "evaluation.attempts" not in arguments[0]
        case "model_chunks":
            return method == "find" and "data" in arguments[1]
        case "update_chunks":
            mine = message.action == "submit_update"
            return mine and method == "find" and "data" in arguments[1]
    return False


def _moments(state: State) -> Iterator[float]:
    """When something becomes due."""
    experiment = state.experiment
    live = experiment["live"]
    if experiment["state"] == "running":
        yield live["advance_at"]
        if live["state"] == "training":
            yield live["deadline"]
        if live["state"] == "frozen":
            yield live["claim_until"]
    if experiment["settings"]["evaluate"]:
        for record in state.collections.get("rounds", {}).values():
            if record["evaluation"]["result"] is None:
                yield record["evaluation"]["until"]


def _stored(state: State, database: SharedDatabase) -> State:
    """Return the state with what the database holds now."""
    prints = dict(state.prints)
    for name, documents in database.collections.items():
        if documents is not state.collections.get(name):
            prints[name] = _digest(_encode(documents))
    return replace(state, collections=database.collections, prints=prints)


def _with(state: State, number: int, seat: Seat) -> State:
    seats = state.seats
    return replace(state, seats=(*seats[:number], seat, *seats[number + 1 :]))


def _without(items: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    return items[:number] + items[number + 1 :]


def _who(state: State, flight: Flight) -> str:
    seat = "a copy" if flight.seat is None else state.seats[flight.seat].client.name
    return f"{seat}'s {flight.message.action}:"


def _encode(value: Any) -> bytes:
    return msgspec.msgpack.encode(value, order="deterministic")


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
