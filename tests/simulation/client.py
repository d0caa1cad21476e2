"""The real client loop, stopped at each message, sleep and look at the clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fedclient.api import Actions
from fedclient.environment import ClientConfig
from fedclient.loop import Loop
from fedclient.tasks import ClientContext, Score, Update, Work
from fedclient.transport import Message, NoAnswer, Reply
from fedcore.codec import Layout
from tests.fedcore.world import ENROLMENT, numbers, vector
from tests.simulation.hostile import Guise
from tests.simulation.invariants import Made
from tests.simulation.server import EXPERIMENT
from tests.simulation.tape import Ask, Fault, Perform, Tape

T = TypeVar("T")

PULLS = (3 * 2.0**60, -3 * 2.0**60, 6.0)
"""What clients add to a sum, in turn. The sum of three depends on their order."""


@dataclass(frozen=True)
class School:
    """How clients train: a toy that shows in the model who took part.

    Attributes:
        values: values in the model.
        forgets: whether the update does not depend on the version it is trained from,
            so that it has the same bytes in every round.
        sick: indexes whose updates hold NaN.
        trained: what clients have made, as (round, index, model).
    """

    values: int = 2
    forgets: bool = False
    sick: set[int] = field(default_factory=set)
    trained: set[Made] = field(default_factory=set)

    def task(self, context: ClientContext) -> Pupil:
        return Pupil(self, context.index)


@dataclass(frozen=True)
class Pupil:
    """A client's task, without data."""

    school: School
    index: int

    @property
    def layout(self) -> Layout:
        return [("w", [self.school.values])]

    def initial_model(self, seed: int) -> bytes:
        model = bytes(4 * self.school.values)
        self.school.trained.add((0, self.index, model))
        return model

    def load(self, context: ClientContext) -> None:
        pass

    def train(self, model: bytes, data: None, work: Work) -> Update:
        keep = 0.0 if self.school.forgets else 0.5
        examples = 1 + self.index % 3
        new = [
            value * keep + PULLS[(self.index + place) % len(PULLS)] / examples
            for place, value in enumerate(numbers(model))
        ]
        if self.index in self.school.sick:
            new[0] = float("nan")
        made = vector(*new)
        self.school.trained.add((work.round, self.index, made))
        return Update(made, examples, {"loss": 0.5})

    def evaluate(self, model: bytes, *more: object) -> Score:
        return Score(accuracy=0.5, loss=1.0 + self.index, examples=10)


@dataclass(frozen=True)
class Sleep:
    """A question: let so many seconds pass."""

    seconds: float


class Steady(random.Random):
    """No jitter: delays are the backoff itself."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Wire:
    """Transport, clock and sleep of whichever client is at its step."""

    def __init__(self) -> None:
        self.tape = Tape()

    def send(self, message: Message) -> Reply:
        answer = self.tape.ask(message)
        if answer is Fault.LOST:
            raise NoAnswer("lost")
        return answer

    def clock(self) -> float:
        return self.tape.ask(Ask.TIME)

    def sleep(self, seconds: float) -> None:
        self.tape.ask(Sleep(seconds))


def _copy(thing: T) -> T:
    """Do what `copy.copy` does for a plain object, faster."""
    twin = object.__new__(type(thing))
    vars(twin).update(vars(thing))
    return twin


class Client:
    """One client. A step that waits for an answer has changed nothing yet."""

    def __init__(self, name: str, wire: Wire, school: School) -> None:
        self.name = name
        self.guise: Guise | None = None
        self.tape = Tape()
        self._wire = wire
        actions = Actions(wire, clock=wire.clock, sleep=wire.sleep, rng=Steady())
        self.loop = Loop(
            actions,
            ClientConfig("", name, ENROLMENT.token, EXPERIMENT, stay=True),
            make_task=school.task,
            sleep=wire.sleep,
            clock=wire.clock,
        )

    def step(self, perform: Perform) -> float:
        """Finish the step at hand; return the seconds until the next.

        Paused passes through: append the answer to the tape and step again.
        """
        loop = _copy(self.loop)
        loop._actions = _copy(loop._actions)
        self._wire.tape = self.tape
        self.tape.rewind(perform)
        seconds = loop.step()
        assert seconds is not None  # it stays
        self.loop, self.tape = loop, Tape()
        return seconds

    def fork(self, answer: Any) -> Client:
        """Return a copy with a further answer; the two go their own ways."""
        twin = _copy(self)
        twin.tape = Tape((*self.tape.answers, answer))
        return twin

    def disguised(self, guise: Guise | None) -> Client:
        """Return a copy that does with its messages what that guise does."""
        twin = _copy(self)
        twin.guise = guise
        return twin

    @property
    def outcome(self) -> str:
        """How the last experiment ended for this client; empty until it did."""
        return self.loop.outcome

    @property
    def memory(self) -> Any:
        """What tells this client from one of another past."""
        loop = self.loop
        return (
            loop._mine is not None and loop._actions.token_accepted,
            self.loop._assignment,
            self.loop._evaluation,
            self.loop.outcome,
            self.tape.answers,
        )
