"""A namespace as OpenWhisk throttles it, and how long its actions take."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

WARM_S = (0.02, 0.08)
COLD_S = (0.5, 1.4)
KEPT_WARM_S = 600.0
"""How long OpenWhisk keeps an idle container."""


class Namespace:
    """Counts calls by the wall-clock minute and at once; refused ones count as well.

    A sequence called over the web is one call: its components are not counted again.
    """

    def __init__(self, per_minute: int, at_once: int) -> None:
        self.refused = 0
        self.minutes: Counter[int] = Counter()
        self.calls: Counter[str] = Counter()
        self._per_minute = per_minute
        self._at_once = at_once
        self._in_flight = 0

    @property
    def busiest_minute(self) -> int:
        return max(self.minutes.values(), default=0)

    def enter(self, action: str, now: float) -> bool:
        """Admit a call, or refuse it (429)."""
        minute = int(now // 60)
        self.minutes[minute] += 1
        self.calls[action] += 1
        if self.minutes[minute] > self._per_minute or self._in_flight >= self._at_once:
            self.refused += 1
            return False
        self._in_flight += 1
        return True

    def leave(self) -> None:
        self._in_flight -= 1


class OneMachine:
    """A host whose calls are done one after the other, however many are in flight."""

    def __init__(self, call_s: float) -> None:
        self._call_s = call_s
        self._free_at = 0.0

    def take(self, action: str, now: float) -> float:
        """Return how many seconds a call takes, its wait included."""
        self._free_at = max(self._free_at, now) + self._call_s
        return self._free_at - now

    def give_back(self, action: str, now: float) -> None:
        """Nothing is kept warm."""


class Containers:
    """An action waits for a container that is warm and free, or for a cold one."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._free: defaultdict[str, list[float]] = defaultdict(list)

    def take(self, action: str, now: float) -> float:
        """Return how many seconds a call of the action takes."""
        free = [since for since in self._free[action] if now - since < KEPT_WARM_S]
        span = WARM_S if free else COLD_S
        self._free[action] = free[:-1]
        steps = 2 if action == "advance_round" else 1
        return steps * self._rng.uniform(*span)

    def give_back(self, action: str, now: float) -> None:
        self._free[action].append(now)
