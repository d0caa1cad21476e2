"""What may happen in a small world, without misfortune and with it.

Time stands still unless it jumps to the next moment at which something becomes due.
A client that was told to wait asks again as soon as there is news. Calls that commute
with all that others do are made together with the call before them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from fedclient.replies import Refused
from fedclient.transport import Message, Reply
from tests.simulation.checker import Broken, Checker
from tests.simulation.client import Client, School, Sleep, Wire
from tests.simulation.hostile import act, junk
from tests.simulation.revoked import waits_for_somebody
from tests.simulation.script import Line, Scripts
from tests.simulation.server import CRASHED, Call, Server, SharedDatabase, order
from tests.simulation.state import (
    BEGINS_AT,
    Budget,
    Flight,
    Operator,
    Seat,
    SmallWorld,
    State,
)
from tests.simulation.steps import (
    commutes,
    moments,
    stored,
    who,
    with_seat,
    without,
)
from tests.simulation.tape import Ask, Paused
from tests.simulation.world import longest_s

NO_QUOTA = 1e9
"""Calls a minute. Then waits depend on the round alone, and equal states meet."""

Move = tuple[tuple[object, ...], State]
"""What happens, in words to be joined, and what comes of it."""


@dataclass
class Game:
    """The moves of a small world."""

    world: SmallWorld
    wire: Wire = field(default_factory=Wire)
    server: Server = field(default_factory=lambda: Server(NO_QUOTA))
    school: School = field(default_factory=School)

    def __post_init__(self) -> None:
        self.scripts = Scripts(self.server)
        revoked = (
            more["name"] for name, more in self.world.orders if name == "revoke_client"
        )
        self.checker = Checker(revocable=frozenset(revoked), made=self.school.trained)
        self.ends_at = math.inf
        if self.world.hostile:
            self.ends_at = BEGINS_AT + longest_s(self.world.settings, NO_QUOTA)

    # --- where it begins --------------------------------------------------------------

    def first(self) -> State:
        """Return the world in its first round, with all misfortune to come."""
        state = self._enrolled()
        while state.experiment["live"]["number"] != self.world.first_round:
            _, state = next(self.moves(state))
        seats = tuple(self._disguised(seat) for seat in state.seats)
        begun = replace(state, seats=seats, budget=self.world.budget)
        return self._seated(begun, self._operator())

    def _disguised(self, seat: Seat) -> Seat:
        assert isinstance(seat.client, Client)
        guise = self.world.hostile.get(seat.client.name)
        return replace(seat, client=seat.client.disguised(guise))

    def _enrolled(self) -> State:
        database = SharedDatabase(self.checker)
        start = order("start_experiment", settings=self.world.settings)
        self.server.obey(start, database, 0.0)
        state = stored(State({}, {}, (), Budget()), database)
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
            rest = without(state.flights, number)
            yield self._fly(replace(state, flights=rest), flight)
        if len(state.flights) < self.world.at_once:
            yield from self._take_off(state)
        yield from self._jump(state)
        yield from self._crash(state)
        yield from self._copy(state)
        yield from self._kill(state)
        yield from self._junk(state)

    def _take_off(self, state: State) -> Iterator[Move]:
        for number, seat in enumerate(state.seats):
            if seat.message is not None and not seat.flies:
                flying = with_seat(state, number, replace(seat, flies=True))
                yield self._fly(flying, self._arriving(number, seat.message, state))
        for number, letter in enumerate(state.letters):
            rest = replace(state, letters=without(state.letters, number))
            yield self._fly(rest, self._arriving(None, letter, state))

    def _arriving(self, seat: int | None, message: Message, state: State) -> Flight:
        return Flight(seat, message, state.news, self.scripts.begin(message))

    def _fly(self, state: State, flight: Flight) -> Move:
        """Let a request make its next call, and those that nobody else could notice."""
        database = SharedDatabase(self.checker, state.collections)
        words = (who(state, flight), flight.line.question or "arrives")
        line, calls = self._call(flight, database, state.now)
        after = stored(state, database)
        if line.reply is not None:
            self.checker.answered(
                flight.message, line.reply, database.collections, state.now
            )
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
        return commutes(call, message, all_enrolled=all_enrolled)

    def _answered(self, state: State, flight: Flight, reply: Reply) -> State:
        """Bring an answer home."""
        if flight.seat is not None:
            asked = state.seats[flight.seat]
            answered = replace(asked, client=asked.client.fork(reply), message=None)
            seat = self._awake(answered, state, flight.heard)
            state = with_seat(state, flight.seat, seat)
        return self._awoken(state)

    def _awoken(self, state: State) -> State:
        """Let those who wait ask again if there is news."""
        for number, seat in enumerate(state.seats):
            if seat.has_news(state):
                state = with_seat(state, number, self._awake(seat, state, state.news))
        return state

    def _awake(self, seat: Seat, state: State, heard: bytes) -> Seat:
        """Let a client do what it can without an answer from the server."""
        seat = replace(seat, flies=False, is_out=False)
        while True:
            client = seat.client
            try:
                seconds = client.step(lambda question: self._at_hand(question, state))
            except Paused as paused:
                seat = self._act(seat, paused.question)
                if seat.message is not None:
                    return seat
                continue
            except Refused as refusal:
                return self._turned_away(seat, refusal)
            if seconds > 0:
                return replace(seat, heard=heard)

    def _act(self, seat: Seat, message: Message) -> Seat:
        """Send a message, or do what a hostile client does in its place."""
        client = seat.client
        if isinstance(client, Operator):
            return replace(seat, message=message)
        deed = act(client.guise, message)
        unsent = message if deed.letters else seat.unsent
        if deed.message is None:
            client = client.fork(deed.reply)
        return replace(seat, client=client, message=deed.message, unsent=unsent)

    def _turned_away(self, seat: Seat, refusal: Refused) -> Seat:
        """Start a client anew that was revoked; it is out until it is let in again."""
        if refusal.code != "forbidden":
            raise refusal
        return replace(seat, client=self._born(seat), is_out=True)

    def _born(self, seat: Seat) -> Client:
        assert isinstance(seat.client, Client)
        born = Client(seat.client.name, self.wire, self.school)
        return born.disguised(seat.client.guise)

    def _at_hand(self, question: Any, state: State) -> Any:
        if question is Ask.TIME:
            return state.now
        if isinstance(question, Sleep):
            return None
        raise Paused(question)

    # --- time and misfortune ----------------------------------------------------------

    def _jump(self, state: State) -> Iterator[Move]:
        """Let time pass until something is due: freely if there is nothing to do."""
        ahead = sorted({moment for moment in moments(state) if moment > state.now})
        budget = state.budget
        if state.is_idle:
            ahead = ahead[:1]
            for moment in ahead:
                waits_for_somebody(state.experiment, state.now, moment)
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
            rest = replace(state, flights=without(state.flights, number), budget=budget)
            by = who(state, flight)
            if flight.wrote:  # else it is as if it had never arrived
                dead = self._answered(rest, flight, CRASHED)
                yield (by, "dies before", flight.pending), dead
            if flight.pending.writes:
                database = SharedDatabase(self.checker, state.collections)
                database.perform(flight.pending)
                dead = self._answered(stored(rest, database), flight, CRASHED)
                yield (by, "dies after", flight.pending), dead

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
            fresh = replace(state, flights=flights, budget=budget)
            born = replace(seat, client=self._born(seat), message=None)
            seat = self._awake(born, fresh, fresh.news)
            fresh = with_seat(fresh, number, seat)
            yield (seat.client.name, "is killed"), fresh

    def _junk(self, state: State) -> Iterator[Move]:
        if not state.budget.junk:
            return
        budget = replace(state.budget, junk=state.budget.junk - 1)
        for seat in state.seats:
            for letter in junk(seat.unsent) if seat.unsent else ():
                letters = (*state.letters, letter)
                words = (seat.client.name, "sends junk")
                yield words, replace(state, letters=letters, budget=budget)

    # --- the end ----------------------------------------------------------------------

    def check(self, state: State) -> None:
        """Check that a state comes in time, and that an end is a good one.

        Raises:
            Broken: says what does not hold.
        """
        if state.now > self.ends_at and state.experiment["state"] != "finished":
            raise Broken(f"not over after {self.ends_at - BEGINS_AT:.0f} s")
        if state.has_ended:
            self._check_end(state)

    def _check_end(self, state: State) -> None:
        """Check a state in which nothing moves any more.

        Raises:
            Broken: a client does not know the end, or something is left over.
        """
        for seat in state.seats:
            if not seat.is_out and seat.client.outcome != "finished":
                raise Broken(f"{seat.client.name} does not know the end")
        database = SharedDatabase(self.checker, state.collections)
        self.server.obey(order("advance_round"), database, state.now)
        self.checker.at_rest(database.collections)
