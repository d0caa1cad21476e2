"""An aggregation's claim on its round: renewed while it works, given up in time."""

from __future__ import annotations

from fedcore import rules
from fedcore.documents import Experiment
from fedcore.services import Services

RESERVE = 2.0
"""An activation stops where less time is left than this many of its longest steps."""


class Claim:
    """What keeps others from the same work. It saves work; nothing relies on it.

    Args:
        experiment: as it is after the claim was made.
        services: the store, the clock, and the time that this activation has left.
    """

    def __init__(self, experiment: Experiment, services: Services) -> None:
        self._experiment = experiment
        self._services = services
        self._last: float | None = None
        self._longest_s = 0.0

    def goes_on(self) -> bool:
        """Return True if there is time for a further step; ask before each of them.

        The first step is always taken, so that every activation gets further.
        """
        now = self._services.clock()
        before, self._last = self._last, now
        if before is None:
            return True
        self._longest_s = max(self._longest_s, now - before)
        if self._services.time_left() < RESERVE * self._longest_s:
            self._services.store.apply(rules.release(self._experiment, now))
            return False
        return self._is_kept(now)

    def _is_kept(self, now: float) -> bool:
        """Renew the claim once half of it is over; False if somebody else has it."""
        half = self._experiment.settings.claim_s / 2
        if now < self._experiment.live.claim_until - half:
            return True
        renewed = self._services.store.apply(rules.claim(self._experiment, now))
        if renewed is not None:
            self._experiment = renewed
        return renewed is not None
