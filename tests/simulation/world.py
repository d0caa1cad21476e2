"""A federation in virtual time: real handlers, real clients, every misfortune."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fedclient.transport import Reply
from fedcore import codec
from fedcore.adapters.deployment import OPENWHISK_CALLS_PER_MINUTE
from fedcore.documents import Document
from fedcore.live import ADVANCE_BACKOFF_S
from fedcore.pace import Pace
from fedcore.settings import parse
from fedcore.telling import FIRST
from tests.simulation.checker import Broken, Checker, backwards
from tests.simulation.client import School, Wire
from tests.simulation.people import Person
from tests.simulation.plan import (
    CUT_OFF,
    Plan,
    draw,
    draw_cut_off,
    draw_forged,
    draw_hostile,
)
from tests.simulation.requests import Requests
from tests.simulation.server import Server, SharedDatabase, order
from tests.simulation.timeline import Tell, Timeline

LOOK_S = 100.0
"""How often the operator looks after the experiment."""

GIVE_UP_S = 1000.0
"""When the operator brings back those who are missing, if nothing has begun."""

MOST_RESUMED = 3
"""A misfortune may spend a round's attempts, and an operator may have stopped it."""

MOST_EVENTS = 20_000


class World:
    """One run.

    Args:
        plan: what happens, but for the dice.
        seed: the dice: equal seeds give equal runs.
        tell: is told each event as a line.
    """

    def __init__(self, plan: Plan, seed: int, tell: Tell | None = None) -> None:
        orders = (sorted, backwards) if plan.faults.reverse else (sorted,)
        self.timeline = Timeline(seed, plan.faults, tell)
        self._plan = plan
        self._school = School(plan.values, forgets=plan.forgets, sick=set(plan.sick))
        revocable = frozenset(f"c{each}" for each in plan.revocations)
        self._database = SharedDatabase(
            Checker(orders, revocable, self._school.trained)
        )
        self._requests = Requests(self.timeline, self._database, plan.outage)
        self._resumed = 0
        wire = Wire()
        self._people = [
            Person(
                f"c{index}",
                self.timeline,
                self._requests,
                wire,
                self._school,
                plan.hostile.get(index),
                self._advance_at,
            )
            for index in range(plan.clients)
        ]
        self.bound_s = longest_s(plan.settings) if plan.hostile_to_the_end else math.inf

    def run(self) -> None:
        """Play to the end.

        Raises:
            Broken: an invariant does not hold, or the end never comes.
        """
        self._begin()
        with chunks_of(self._plan.chunk_values):
            while not self._is_over():
                if self.timeline.events >= MOST_EVENTS:
                    raise Broken(f"no end in sight: {self._standing}")
                self.timeline.go_on()
                self._check_bound()
                self._check_progress()
            Server().obey(order("advance_round"), self._database, self.timeline.now)
        self._database.checker.at_rest(self._database.collections)

    def _begin(self) -> None:
        plan, timeline = self._plan, self.timeline
        self._order("start_experiment", settings=plan.settings)
        for index, person in enumerate(self._people):
            person.is_there = index not in plan.missing
            person.start(timeline.rng.uniform(0.5, 3.0))
        if not plan.hostile_to_the_end:
            timeline.later(plan.calm_at, self._calm_down)
        timeline.later(LOOK_S, self._look_after)
        if plan.stop_at is not None:
            timeline.later(plan.stop_at, self._order, "stop_experiment")
        for number, (start, _) in plan.revocations.items():
            timeline.later(start, self._revoke, number)
        if plan.sweeps:
            timeline.later(60.0, self._sweep)

    def _advance_at(self) -> float:
        live = self._experiment.get("live")
        return math.inf if live is None else float(live["advance_at"])

    def _check_bound(self) -> None:
        """Hold hostile clients to what they can do: they cost time, and not too much.

        A round's cohort with more of them than its quorum can spare has no bound.
        """
        if self.bound_s == math.inf:
            return
        live = self._experiment.get("live") or {"cohort": ()}
        mean = sum(index in self._liars() for index in live["cohort"])
        if mean > live.get("target", 0) - live.get("quorum", 0):
            self.bound_s = math.inf
        elif self.timeline.now > self.bound_s and not self._has_finished:
            raise Broken(f"not over after {self.bound_s:.0f} s: {self._standing}")

    def _check_progress(self) -> None:
        """Hold each aggregation to one chunk's work, where nothing else goes wrong.

        So a round's version takes as many as it has chunks, and twice as many if all
        have to be measured before.
        """
        if self._plan.faults != CUT_OFF:
            return
        chunks = -(-self._plan.values // self._plan.chunk_values)
        measures = self._plan.settings.get("strategy") == "krum"
        for number, times in self._requests.cut_off.items():
            most = chunks * (2 if measures and number else 1) - 1
            if times > most:
                raise Broken(f"round {number}: cut off {times} times, at most {most}")

    def _liars(self) -> set[int]:
        """The indexes under which hostile clients have enrolled."""
        names = {f"c{each}" for each in self._plan.hostile}
        enrolled = self._database.collections.get("clients", {}).values()
        return {each["index"] for each in enrolled if each["name"] in names}

    @property
    def _has_finished(self) -> bool:
        return self._experiment.get("state") == "finished"

    def _is_over(self) -> bool:
        """Finished, nothing on its way, and every client that is there knows it."""
        return (
            not self._requests.in_flight
            and self._has_finished
            and all(
                each.knows_the_end or each.name in self._shut_out
                for each in self._people
                if each.is_there
            )
        )

    @property
    def _shut_out(self) -> set[str]:
        """The names of the clients that are revoked."""
        revoked = self._experiment.get("revoked", {})
        enrolled = self._database.collections.get("clients", {}).values()
        return {each["name"] for each in enrolled if str(each["index"]) in revoked}

    @property
    def _experiment(self) -> Document:
        found = self._database.collections.get("experiments", {})
        return next(iter(found.values()), {})

    @property
    def _standing(self) -> str:
        shown = ("state", "reason", "version", "live")
        return str({name: self._experiment.get(name) for name in shown})

    # --- the operator -----------------------------------------------------------------

    def _order(
        self, action: str, then: Callable[[], None] | None = None, **fields: Any
    ) -> None:
        """Call an action for this experiment until it answers, then go on."""
        self.timeline.say("operator:", action)
        answers: list[Reply] = []
        self._requests.send(order(action, **fields), answers.append)

        def repeat() -> None:
            if not any(reply.status == 200 for reply in answers):
                self._order(action, then, **fields)
            elif then is not None:
                then()

        self.timeline.later(5.0, repeat)

    def _calm_down(self) -> None:
        self.timeline.calm()
        self._school.sick.clear()
        for person in self._people:
            person.reform()

    def _revoke(self, number: int) -> None:
        _, until = self._plan.revocations[number]

        def let_in_again() -> None:
            if until < math.inf:
                wait = max(0.0, until - self.timeline.now)
                self.timeline.later(wait, self._let_in_again, number)

        self._order("revoke_client", let_in_again, name=f"c{number}")

    def _let_in_again(self, number: int) -> None:
        self._order("revoke_client", name=f"c{number}", undo=True)

    def _sweep(self) -> None:
        self._order("advance_round")
        self.timeline.later(60.0, self._sweep)

    def _look_after(self) -> None:
        """Resume what has ended too early, once all is calm; bring clients back."""
        self.timeline.later(LOOK_S, self._look_after)
        if self.timeline.now < self._plan.calm_at:
            return
        for number, (_, until) in self._plan.revocations.items():
            # An order that was late may have revoked it once more.
            if until < math.inf and f"c{number}" in self._shut_out:
                self._let_in_again(number)
        if self._experiment.get("state") in ("failed", "stopped"):
            self._resumed += 1
            if self._resumed > MOST_RESUMED:
                raise Broken(f"it ends too early again and again: {self._standing}")
            self._bring_back()
            self._order("start_experiment", settings=self._plan.settings, resume=True)
        elif self.timeline.now > GIVE_UP_S:
            self._bring_back()

    def _bring_back(self) -> None:
        for person in self._people:
            person.come_back()


def longest_s(
    settings: Mapping[str, Any], calls_per_minute: float = OPENWHISK_CALLS_PER_MINUTE
) -> float:
    """Return in how many seconds an experiment ends whose honest clients are there.

    Each attempt of a round takes its deadline, which counts from when its cohort is
    back and has had its turns. Then somebody must come to be told to advance: three
    clients one after the other, each after a pause, and then everyone. Each comes
    within the longest wait; the next to come may be hostile until all are told.
    """
    checked = parse({**settings})
    clients = checked.clients
    of = Pace(calls_per_minute, clients, clients)
    wait = of.longest_wait_s
    told = sum(ADVANCE_BACKOFF_S[: FIRST + 1]) + (FIRST + 1) * wait + checked.claim_s
    attempt = wait + of.round_s + checked.deadline_s + told
    enrolled = 2 * wait
    return enrolled + (checked.rounds + 1) * (checked.attempts * attempt + told)


def play(plan: Plan, seed: int, tell: Tell | None = None) -> World:
    """Play a plan to its end.

    Raises:
        Broken: an invariant does not hold.
    """
    world = World(plan, seed, tell)
    world.run()
    return world


def run(seed: int, tell: Tell | None = None) -> World:
    """Draw a plan by its seed and play it.

    Raises:
        Broken: an invariant does not hold.
    """
    rng = random.Random(seed)
    return play(draw(rng), rng.getrandbits(32), tell)


def run_hostile(seed: int, tell: Tell | None = None) -> World:
    """Draw a plan with hostile clients by its seed and play it.

    Raises:
        Broken: an invariant does not hold, or the experiment takes too long.
    """
    rng = random.Random(seed)
    return play(draw_hostile(rng), rng.getrandbits(32), tell)


def run_cut_off(seed: int, tell: Tell | None = None) -> World:
    """Draw a plan in which every aggregation is cut off, and play it.

    Raises:
        Broken: an invariant does not hold, or an aggregation starts over.
    """
    rng = random.Random(seed)
    return play(draw_cut_off(rng), rng.getrandbits(32), tell)


def run_forged(seed: int, tell: Tell | None = None) -> World:
    """Draw a plan in which others send in a client's name, and play it.

    Raises:
        Broken: an invariant does not hold.
    """
    rng = random.Random(seed)
    return play(draw_forged(rng), rng.getrandbits(32), tell)


@contextmanager
def chunks_of(values: int) -> Iterator[None]:
    """Let a chunk hold so many values."""
    usual, codec.CHUNK_VALUES = codec.CHUNK_VALUES, values
    try:
        yield
    finally:
        codec.CHUNK_VALUES = usual
