"""Virtual time, the dice, and the telling of what happens."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tests.simulation.plan import Faults

Tell = Callable[[str], None]


class Timeline:
    """What happens next, and when. One seed gives one order of events.

    Args:
        seed: the dice.
        faults: how likely each misfortune is, until `calm`.
        tell: is told each event as a line; None saves the telling.
    """

    def __init__(self, seed: int, faults: Faults, tell: Tell | None = None) -> None:
        self.now = 0.0
        self.events = 0
        self.rng = random.Random(seed)
        self._rates = {name: rate for name, rate in asdict(faults).items() if rate}
        self._tell = tell
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = itertools.count(1)

    def later(self, seconds: float, happen: Callable[..., None], *args: Any) -> None:
        """Let something happen in so many seconds."""
        entry = (self.now + seconds, self.number(), happen, args)
        heapq.heappush(self._queue, entry)

    def go_on(self) -> None:
        """Let the next thing happen."""
        self.events += 1
        self.now, _, happen, args = heapq.heappop(self._queue)
        happen(*args)

    def number(self) -> int:
        """A number that was not given before."""
        return next(self._numbers)

    def luck(self, misfortune: str) -> bool:
        """Whether a misfortune strikes now."""
        rate = self._rates.get(misfortune)
        return rate is not None and self.rng.random() < rate

    def calm(self) -> None:
        """From now on nothing bad happens."""
        self.say("--- nothing bad happens from here")
        self._rates = {}

    @property
    def is_told(self) -> bool:
        """Whether anybody listens: long words need not be made for nobody."""
        return self._tell is not None

    def say(self, *words: object) -> None:
        """Tell what happens."""
        if self._tell is not None:
            line = " ".join(str(word) for word in words)
            self._tell(f"{self.now:9.3f}  {line}")
