"""What may happen in a small world, without misfortune and with it.

Time stands still unless it jumps to the next moment at which something becomes due.
A client that was told to wait asks again as soon as there is news. Calls that commute
with all that others do are made together with the call before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from fedclient.transport import Message, Reply
from tests.simulation.checker import Broken, Checker
from tests.simulation.client import Client, School, Sleep, Wire
from tests.simulation.script import Line, Scripts, encode
from tests.simulation.server import CRASHED, Call, Server, SharedDatabase, order
from tests.simulation.state import (
    Budget,
    Flight,
    Operator,
    Seat,
    SmallWorld,
    State,
    digest,
)
from tests.simulation.tape import Ask, Paused

NO_QUOTA = 1e9
"""Calls a minute. Then waits depend on the round alone, and equal states meet."""

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

    def __post_init__(self) -> None:
        self.scripts = Scripts(self.server)

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
        return Operator(tuple(orders))

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
                yield self._fly(flying, self._arriving(number, seat.message, state))
        for number, letter in enumerate(state.letters):
            rest = replace(state, letters=_without(state.letters, number))
            yield self._fly(rest, self._arriving(None, letter, state))

    def _arriving(self, seat: int | None, message: Message, state: State) -> Flight:
        return Flight(seat, message, state.news, self.scripts.begin(message))

    def _fly(self, state: State, flight: Flight) -> Move:
        """Let a request make its next call, and those that nobody else could notice."""
        database = SharedDatabase(self.checker, state.collections)
        words = (_who(state, flight), flight.line.question or "arrives")
        line, calls = self._call(flight, database, state.now)
        after = _stored(state, database)
        if line.reply is not None:
            self.checker.answered(flight.message, line.reply, database.collections)
            return words, self._answered(after, flight, line.reply)
        further = replace(flight, line=line, wrote=flight.wrote or calls)
        after = replace(after, flights=(*after.flights, further))
        return words, self._awoken(after)

    def _call(
        self, flight: Flight, database: SharedDatabase, now: float
    ) -> tuple[Line, bool]:
        """Return where a request stands after a call, and whether that was a write."""
        line, wrote, has_called = flight.line, False, False
        while line.reply is None:
            question = line.question
            if isinstance(question, Ask):
                answer: Any = now if question is Ask.TIME else "id"
            else:
                if not self._goes_unnoticed(question, flight.message, database):
                    if has_called:
                        break
                    has_called, wrote = True, question.writes
                answer = database.perform(question)
            line = self.scripts.go_on(flight.message, line, answer)
        return line, wrote

    def _goes_unnoticed(
        self, call: Call, message: Message, database: SharedDatabase
    ) -> bool:
        enrolled = database.collections.get("clients", {})
        all_enrolled = len(enrolled) == self.world.settings["clients"]
        return _commutes(call, message, all_enrolled=all_enrolled)

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
            if message is not None and message.action in self.world.copied:
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


def _commutes(call: Call, message: Message, *, all_enrolled: bool) -> bool:
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
        for client in state.collections["clients"].values():
            yield client["told_until"]
    if experiment["settings"]["evaluate"]:
        for record in state.collections.get("rounds", {}).values():
            if record["evaluation"]["result"] is None:
                yield record["evaluation"]["until"]


def _stored(state: State, database: SharedDatabase) -> State:
    """Return the state with what the database holds now."""
    marks = dict(state.marks)
    for name, documents in database.collections.items():
        if documents is not state.collections.get(name):
            marks[name] = digest(encode(documents))
    return replace(state, collections=database.collections, marks=marks)


def _with(state: State, number: int, seat: Seat) -> State:
    seats = state.seats
    return replace(state, seats=(*seats[:number], seat, *seats[number + 1 :]))


def _without(items: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    return items[:number] + items[number + 1 :]


def _who(state: State, flight: Flight) -> str:
    seat = "a copy" if flight.seat is None else state.seats[flight.seat].client.name
    return f"{seat}'s {flight.message.action}:"
