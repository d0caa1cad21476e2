"""Requests at the server: each may stop, die, or miss its database at every call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fedclient.transport import Message, Reply
from fedcore.aggregation import strategies
from fedcore.documents import Document
from tests.simulation.damage import damaged, forged
from tests.simulation.invariants import MOST_SKEW_S
from tests.simulation.server import CRASHED, Call, Server, SharedDatabase
from tests.simulation.tape import Ask, Crashed, Fault, Paused, Tape
from tests.simulation.timeline import Timeline

Returns = Callable[[Reply], None]


@dataclass
class Request:
    """A request at the server. `returns` takes its answer to the one who asked.

    `cut` says whether it ends once it has read one chunk of every accepted update;
    `read` counts those that it has read.
    """

    number: int
    message: Message
    returns: Returns
    skew: float
    reverse: bool
    cut: bool = False
    read: int = 0
    tape: Tape = field(default_factory=Tape)


class Requests:
    """All requests at the server.

    Attributes:
        in_flight: how many there are.
        cut_off: how many aggregations have been cut off, by round.

    Args:
        timeline: when things happen.
        database: what the requests share.
        outage: when the database is away, from and to.
    """

    def __init__(
        self, timeline: Timeline, database: SharedDatabase, outage: tuple[float, float]
    ) -> None:
        self.in_flight = 0
        self.cut_off: Counter[int] = Counter()
        self._timeline = timeline
        self._database = database
        self._outage = outage
        self._server = Server()

    def send(self, message: Message, returns: Returns, late: float = 0.0) -> None:
        """Let a message travel: perhaps never, twice, or late."""
        for _ in range(2 if self._timeline.luck("double") else 1):
            if not self._timeline.luck("drop"):
                self.in_flight += 1
                seconds = late + self.travel_s()
                arrives = self._on_its_way(message)
                self._timeline.later(seconds, self._receive, arrives, returns)

    def _on_its_way(self, message: Message) -> Message:
        """Return what arrives of a message; what is forged arrives beside it."""
        if message.action != "submit_update":
            return message
        if self._timeline.luck("forge"):
            for letter in forged(message, self._database.collections):
                self._timeline.say("somebody forges an update")
                self.in_flight += 1
                late = self.travel_s()
                self._timeline.later(late, self._receive, letter, lambda reply: None)
        if self._timeline.luck("damage"):
            self._timeline.say("an update is damaged")
            return damaged(message)
        return message

    def travel_s(self) -> float:
        """How long a message or its answer is on its way."""
        if self._timeline.luck("delay"):
            return self._timeline.rng.uniform(1.0, 200.0)
        return self._timeline.rng.uniform(0.001, 0.3)

    def _receive(self, message: Message, returns: Returns) -> None:
        timeline = self._timeline
        skewed = timeline.luck("skew")
        request = Request(
            number=timeline.number(),
            message=message,
            returns=returns,
            skew=timeline.rng.uniform(-MOST_SKEW_S, MOST_SKEW_S) if skewed else 0.0,
            reverse=timeline.luck("reverse"),
            cut=message.action == "advance_round" and timeline.luck("cut"),
        )
        timeline.say(f"#{request.number} {message.action}")
        self._go_on(request)

    def _go_on(self, request: Request) -> None:
        """Run a request until it answers, dies, or lets others run."""
        perform = partial(self._perform, request)
        try:
            with _summing(reverse=request.reverse):
                reply = self._server.run(request.message, request.tape, perform)
        except Paused:
            self._timeline.later(self._pause_s(), self._go_on, request)
            return
        except Crashed:
            reply = CRASHED
        else:
            collections = self._database.collections
            checker, now = self._database.checker, self._timeline.now
            checker.answered(request.message, reply, collections, now)
        self.in_flight -= 1
        if self._timeline.is_told:
            self._timeline.say(f"   #{request.number} answers", _brief(reply))
        request.returns(reply)

    def _pause_s(self) -> float:
        """Others come first; a stall outlasts a claim."""
        seconds = self._timeline.rng.uniform(0.0, 2.0)
        if self._timeline.luck("stall"):
            seconds += self._timeline.rng.uniform(5.0, 150.0)
        return seconds

    def _perform(self, request: Request, question: Any) -> Any:
        """Answer a request's question, unless something happens to it."""
        if question is Ask.TIME:
            return self._timeline.now + request.skew
        if question is Ask.ID:
            return f"id{self._timeline.number()}"
        if self._timeline.luck("switch"):
            raise Paused(question)
        if request.cut and self._reads_on(request, question):
            self._cut_off(request)
            raise Crashed
        if self._is_away(request, question):
            return Fault.AWAY
        if self._timeline.luck("crash"):
            self._perhaps(request, question, "dies at")
            raise Crashed
        if self._timeline.luck("echo"):  # the driver repeats a call
            self._call(request, question)
        return self._call(request, question)

    def _is_away(self, request: Request, call: Call) -> bool:
        """Whether the database does not answer a call."""
        if self._outage[0] <= self._timeline.now < self._outage[1]:
            return True
        silent = self._timeline.luck("away")
        if silent:
            self._perhaps(request, call, "has no answer from")
        return silent

    def _reads_on(self, request: Request, call: Call) -> bool:
        """Whether an aggregation begins with another chunk."""
        if call.collection != "update_chunks" or call.method != "find":
            return False
        live = self._live
        updates = live["accepted_count"] if live["number"] else 1
        request.read += 1
        return request.read > updates

    def _cut_off(self, request: Request) -> None:
        number = self._live["number"]
        self.cut_off[number] += 1
        self._timeline.say(f"   #{request.number} is cut off in round {number}")

    @property
    def _live(self) -> Document:
        (experiment,) = self._database.collections["experiments"].values()
        live: Document = experiment["live"]
        return live

    def _perhaps(self, request: Request, call: Call, what_happens: str) -> None:
        """Make a call whose answer nobody will see, or do not make it."""
        made = self._timeline.rng.random() < 0.5
        if made:
            self._call(request, call)
        self._timeline.say(
            f"   #{request.number} {what_happens}",
            "the call" if made else "and before",
            f"{call.method} {call.collection}",
        )

    def _call(self, request: Request, call: Call) -> Any:
        answer = self._database.perform(call)
        if self._timeline.is_told and call.writes:
            made = "" if answer else "  (nothing)"
            self._timeline.say(f"   #{request.number} {call}{made}")
        return answer


@contextmanager
def _summing(*, reverse: bool) -> Iterator[None]:
    """Let the aggregation sum from the last client to the first."""
    if not reverse:
        yield
        return
    usual = strategies.weighted_mean

    def weighted_mean(pieces: Iterable[tuple[bytes, int]]) -> bytes:
        return usual([*pieces][::-1])

    strategies.weighted_mean = weighted_mean
    try:
        yield
    finally:
        strategies.weighted_mean = usual


def _brief(reply: Reply) -> str:
    text = reply.body.decode()
    short = text if len(text) <= 240 else f"{text[:120]} … {text[-120:]}"
    return f"{reply.status} {short}"
