"""What a handler may use of the world; everything else it is given in its request."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from fedcore.store.store import Store


def endless() -> float:
    """Return the seconds that an activation has left where nobody limits it."""
    return math.inf


@dataclass(frozen=True)
class Services:
    """The world of the handlers.

    Attributes:
        store: the shared state.
        clock: the server's time, in seconds since the epoch. Client clocks are
            never used.
        new_id: makes the random id of an experiment.
        secrets: the deployment's secret and, while rotating, the previous one.
        calls_per_minute: the deployment's call budget, which sets the clients' pace.
        time_left: seconds until the platform ends this activation.
    """

    store: Store
    clock: Callable[[], float]
    new_id: Callable[[], str]
    secrets: tuple[bytes, ...]
    calls_per_minute: float = 60.0
    time_left: Callable[[], float] = endless
