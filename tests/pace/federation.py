"""A federation in virtual time: real handlers, the real client loop, a throttled host.

Replaced are the transport (in process), the clock, the sleep and the learner. What is
measured is what a platform's operator would count.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fedclient.api import Actions
from fedclient.environment import ClientConfig
from fedclient.loop import Loop, start_delay
from fedclient.tasks import ClientContext, Score, Update, Work
from fedclient.transport import Message, NoAnswer, Reply
from fedcore.adapters.deployment import OPENWHISK_CALLS_PER_MINUTE
from fedcore.codec import Layout
from fedcore.documents import AT_REST
from fedcore.handlers.waiting import pace
from fedcore.pace import AT_ONCE
from fedwhisk.local.platform import calls_at_once
from fedwhisk.platforms import CALLS_A_CORE
from tests.direct import DirectTransport
from tests.fedcore.world import ENROLMENT, World, vector
from tests.pace.namespace import Containers, Namespace, OneMachine
from tests.pace.virtual import Slots, VirtualTime

STOCK = OPENWHISK_CALLS_PER_MINUTE
RAISED = {"budget": 2 * CALLS_A_CORE, "at_once": calls_at_once(2 * CALLS_A_CORE)}
"""The embedded host's limits on two cores."""

ROUND_TRIP_S = 0.004
EXAMPLES = 10


@dataclass(frozen=True)
class Training:
    """One client's work in a round, about to begin at `now`."""

    client: int
    round: int
    now: float
    rng: random.Random


TrainS = Callable[[Training], float]
"""How many seconds a training takes; infinite where the client dies of it."""


def steady(training: Training) -> float:
    """Clients that differ by a fifth."""
    return training.rng.uniform(2.7, 3.3)


class Died(Exception):
    """A client's process is gone."""


@dataclass(frozen=True)
class Scenario:
    """What is simulated.

    Attributes:
        clients, per_round, rounds: the experiment's settings.
        more: its other settings.
        budget, at_once: the namespace's limits; the budget is also the deployment's.
        spread_s: over how long the first calls are spread.
        train_s: how long a client trains.
        cores: how many clients train at once; None is all.
        begins: when, within a wall-clock minute, the first client starts.
        values: values of the model (see `codec.CHUNK_VALUES`).
        patient: whether to wait until every client has learned of the end, too.
        opens_s: when the experiment is started, after the first client.
        call_s: how long the machine is busy with a call; 0 where calls share none.
        away_s: from when until when no call is answered, after the first client.
        seed: of all that is left to chance.
    """

    clients: int
    per_round: int
    rounds: int = 3
    more: dict[str, Any] = field(default_factory=dict)
    budget: int = STOCK
    at_once: int = AT_ONCE
    spread_s: float = 0.0
    train_s: TrainS = steady
    cores: int | None = None
    begins: float = 0.0
    values: int = 2
    patient: bool = True
    opens_s: float = 0.0
    call_s: float = 0.0
    away_s: tuple[float, float] = (0.0, 0.0)
    seed: int = 0


@dataclass
class Outcome:
    """What came of it. Times are seconds of virtual time."""

    state: str
    refused: int
    busiest_minute: int
    calls: Counter[str]
    trained: int
    accepted: int
    round_s: list[float]
    gaps_s: list[float]
    selected: int
    idle: int
    report: dict[str, Any]

    @property
    def gap_s(self) -> float:
        """Median from a round's last update to the next round's first training."""
        return statistics.median(self.gaps_s)

    @property
    def calls_a_selected(self) -> float:
        """Calls of a client in a round that it works in: an assignment, an update."""
        return (self.trained + self.calls["submit_update"]) / self.selected

    @property
    def calls_an_idle(self) -> float:
        """The other calls, but for enrolment, shared out to who is not drawn."""
        asked = self.calls["check_in"] - self.trained
        return asked / self.idle if self.idle else float(asked)

    @property
    def update_ratio(self) -> float:
        """Accepted updates to those that were trained for, or died of it."""
        return self.accepted / self.trained


class SleepingTask:
    """Trains by sleeping; its update is its index."""

    def __init__(self, federation: Federation, index: int) -> None:
        self._federation = federation
        self._index = index
        self._values = federation.scenario.values
        self.layout: Layout = [("w", [self._values])]

    def initial_model(self, seed: int) -> bytes:
        return bytes(4 * self._values)

    def load(self, context: ClientContext) -> None:
        pass

    def train(self, model: bytes, data: None, work: Work) -> Update:
        self._federation.train(self._index, work.round)
        model = vector(self._index) * self._values
        return Update(model, EXAMPLES, {"train_s": 1.0})

    def evaluate(self, model: bytes, *more: object) -> Score:
        self._federation.time.sleep(1.0)
        return Score(0.5, 1.0, EXAMPLES)


class Throttled:
    """A client's way to the actions: a round trip, the throttles, a container."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation
        self._direct = DirectTransport(federation.world.services)

    def send(self, message: Message) -> Reply:
        here, action = self._federation, message.action
        here.time.sleep(ROUND_TRIP_S)
        if here.is_away():
            raise NoAnswer("away")
        here.back.append(here.time.now)
        if not here.namespace.enter(action, here.time.now):
            return Reply(429, b'{"error":"Too many requests"}')
        here.time.sleep(here.containers.take(action, here.time.now))
        here.world.now = here.time.now
        reply = self._direct.send(message)
        here.namespace.leave()
        here.containers.give_back(action, here.time.now)
        here.saw(action, reply)
        return reply


class Federation:
    """One run of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.time = VirtualTime(now=1_700_000_040.0 + scenario.begins)
        self.world = World(calls_per_minute=scenario.budget)
        self.namespace = Namespace(scenario.budget, scenario.at_once)
        self.began = self.time.now
        self.back: list[float] = []
        self.rng = random.Random(scenario.seed)
        self.containers: Containers | OneMachine = (
            OneMachine(scenario.call_s) if scenario.call_s else Containers(self.rng)
        )
        self.frozen: dict[int, float] = {}
        self.begun: dict[int, float] = {}
        self.trained = 0
        self._left = scenario.clients
        self._slots = Slots(self.time, scenario.cores) if scenario.cores else None

    def run(self, limit_s: float = 400_000.0) -> Outcome:
        """Start the experiment and its clients; return what came of it."""
        scenario = self.scenario
        if scenario.opens_s:
            self.time.start(self._open, after=scenario.opens_s)
        else:
            self._open()
        for number in range(scenario.clients):
            name = f"fl/fl-clients-{number}"
            delay = start_delay(name, scenario.spread_s)
            self.time.start(lambda name=name: self._live(name), after=delay)
        self.time.run(self._is_over, limit_s)
        return self._outcome()

    def _is_over(self) -> bool:
        if self.scenario.patient:
            return self._left == 0
        experiment = self.world.services.store.experiment("exp")
        return experiment is not None and experiment.state in AT_REST

    def _open(self) -> None:
        scenario = self.scenario
        self.world.now = self.time.now
        self.world.start(
            clients=scenario.clients,
            per_round=scenario.per_round,
            rounds=scenario.rounds,
            **({"evaluate": True} | scenario.more),
        )
        self.time.start(self._watch)

    def train(self, index: int, number: int) -> None:
        """Be busy for as long as the scenario says."""
        training = Training(index, number, self.time.now, self.rng)
        seconds = self.scenario.train_s(training)
        if seconds == float("inf"):
            raise Died
        self.time.sleep(seconds)

    def is_away(self) -> bool:
        """Whether the platform answers no calls now."""
        first, last = self.scenario.away_s
        return first <= self.time.now - self.began < last

    def calls_within(self, seconds: float) -> int:
        """Calls that came in so many seconds after the platform was back."""
        back = self.began + self.scenario.away_s[1]
        return sum(back <= at < back + seconds for at in self.back)

    def saw(self, action: str, reply: Reply) -> None:
        """Note when rounds end and begin."""
        if b'"advance"' not in reply.body and b'"train"' not in reply.body:
            return
        assignment = msgspec.json.decode(reply.body)["assignment"]
        if assignment["kind"] == "train":
            self.trained += 1
            self.begun.setdefault(assignment["round"], self.time.now)
        elif assignment["kind"] == "advance" and action == "submit_update":
            self.frozen.setdefault(assignment["round"], self.time.now)

    def _live(self, name: str) -> None:
        sleep, clock = self.time.sleep, self.time.time
        config = ClientConfig(
            "",
            name,
            ENROLMENT.token,
            stay=self.scenario.opens_s > 0,
            start_spread_s=self.scenario.spread_s,
        )
        loop = Loop(
            Actions(
                Throttled(self),
                clock=clock,
                sleep=sleep,
                rng=random.Random(name),
            ),
            config,
            make_task=lambda context: SleepingTask(self, context.index),
            sleep=sleep,
            clock=clock,
            train_slot=self._slot,
        )
        with suppress(Died):
            while not loop.outcome:
                sleep(loop.step() or 0.0)
        self._left -= 1

    def _slot(self) -> AbstractContextManager[None]:
        return self._slots.slot() if self._slots else nullcontext()

    def _watch(self) -> None:
        """Look as often as the deployment says that an operator may."""
        while self._left:
            if self.namespace.enter("status", self.time.now):
                self.namespace.leave()
            experiment = self.world.services.store.experiment("exp")
            assert experiment is not None
            self.time.sleep(pace(experiment, self.world.services).look_s)

    def _outcome(self) -> Outcome:
        report = self.world.report()
        rounds = [each for each in report["rounds"] if each["round"] > 0]
        selected = sum(each["counts"]["cohort"] for each in rounds)
        return Outcome(
            state=report["state"],
            refused=self.namespace.refused,
            busiest_minute=self.namespace.busiest_minute,
            calls=self.namespace.calls,
            trained=self.trained,
            accepted=sum(each["updates"] for each in rounds),
            round_s=[each["seconds"] for each in rounds],
            gaps_s=list(self._gaps()),
            selected=selected,
            idle=len(rounds) * self.scenario.clients - selected,
            report=report,
        )

    def _gaps(self) -> Iterator[float]:
        for number, ended in self.frozen.items():
            if number + 1 in self.begun:
                yield self.begun[number + 1] - ended


def simulate(scenario: Scenario) -> Outcome:
    """Run a scenario to its end."""
    return Federation(scenario).run()
