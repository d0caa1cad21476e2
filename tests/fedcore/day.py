"""Clients over the clock of a `World`, the honest ones and the hostile ones."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from fedcore.documents import AT_REST
from tests.fedcore.world import Fields, Member, World

TRAIN_S = 10.0
"""How long an honest client trains."""

POLL_S = 1.0
"""How often a hostile one asks."""

Step = Callable[[], float]
"""Does one thing; returns the seconds until the next."""


class Day:
    """What happens in a world, one step after the other, in virtual time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._order = itertools.count()
        self._steps: list[tuple[float, int, Step]] = []

    def add(self, step: Step) -> None:
        """Let somebody begin now."""
        heapq.heappush(self._steps, (self.world.now, next(self._order), step))

    def run(self, limit_s: float = 86_400.0) -> float:
        """Return after how many seconds the experiment has ended; fail at the limit."""
        world = self.world
        began = world.now
        while self._state() not in AT_REST:
            world.now, _, step = heapq.heappop(self._steps)
            assert world.now < began + limit_s, f"not over: {world.report()['live']}"
            seconds = step()
            heapq.heappush(self._steps, (world.now + seconds, next(self._order), step))
        return world.now - began

    def _state(self) -> str:
        experiment = self.world.services.store.experiment("exp")
        assert experiment is not None
        return experiment.state


class Honest:
    """Enrols at its first step, then follows its assignments."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self._member: Member | None = None
        self._todo: Fields | None = None

    def __call__(self) -> float:
        if self._member is None:
            self._member = self._world.enrol(self._name)
            return self._pause(self._member, self._member.assignment)
        if self._todo is not None:
            number = self._todo.get("round", 0)
            answer = self._member.submit(number, 1.0, float(number))
            return self._pause(self._member, answer["assignment"])
        return self._pause(self._member, self._member.check_in())

    def _pause(self, member: Member, todo: Fields) -> float:
        """Take an assignment up; return when to go on with it."""
        self._todo = None
        match todo["kind"]:
            case "wait":
                return float(todo["retry_after"])
            case "train" | "initialise":
                self._todo = todo
                return max(TRAIN_S, todo["turns"]["first"])
            case "advance":
                self._world.advance()
        return 0.0


class Hog:
    """Asks at every moment, takes each `advance`, and never does it.

    Args:
        world: where it is.
        name: under which it enrols.
        waits_for: clients (the first so many) whose updates of a round it awaits
            before it sends its own; None sends none.
    """

    def __init__(self, world: World, name: str, waits_for: int | None) -> None:
        self._world = world
        self._name = name
        self._waits_for = waits_for
        self._member: Member | None = None

    def __call__(self) -> float:
        if self._member is None:
            self._member = self._world.enrol(self._name)
            todo = self._member.assignment
        else:
            todo = self._member.check_in()
        if todo["kind"] in ("train", "initialise") and self._is_last():
            number = todo["round"]
            self._member.submit(number, 1.0, float(number))
        return POLL_S

    def _is_last(self) -> bool:
        if self._waits_for is None:
            return False
        live = self._world.live
        missing = set(live["cohort"]) - set(live["accepted"])
        return all(index >= self._waits_for for index in missing)
