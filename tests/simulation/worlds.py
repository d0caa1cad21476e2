"""The small worlds that are explored, by what happens in them."""

from __future__ import annotations

from typing import Any

from tests.simulation.reports import Size
from tests.simulation.search import Found, Search
from tests.simulation.state import Budget, SmallWorld

TWO = {"clients": 2, "per_round": 2, "rounds": 2, "evaluate": False}
TWO_ONCE = TWO | {"rounds": 1}
THREE = TWO | {"clients": 3, "per_round": 3}
THREE_ONCE = THREE | {"rounds": 1}


def stopped(settings: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """An operator who stops an experiment and resumes it, at any two moments."""
    again = {"settings": settings, "resume": True}
    return (("stop_experiment", {}), ("start_experiment", again))


CRASH = Budget(crashes=1)
COPY = Budget(copies=1)

WORLDS = {
    "two clients, two rounds, a crash": SmallWorld(TWO, CRASH),
    "three clients, three requests at once, a crash": SmallWorld(
        THREE_ONCE, CRASH, at_once=3
    ),
    "two clients from the beginning": SmallWorld(TWO_ONCE, first_round=-1),
    "two clients from the beginning, a crash": SmallWorld(
        TWO_ONCE, CRASH, first_round=-1, size=Size.CI
    ),
    "a client is killed": SmallWorld(TWO_ONCE, Budget(kills=1), at_once=3),
    "an update comes twice": SmallWorld(
        TWO_ONCE, COPY, at_once=3, copied=("submit_update",)
    ),
    "an advance comes twice": SmallWorld(
        TWO_ONCE, COPY, at_once=3, copied=("advance_round",)
    ),
    "time runs on": SmallWorld(TWO_ONCE, Budget(jumps=1), size=Size.CI),
    "stop and resume": SmallWorld(TWO_ONCE, orders=stopped(TWO_ONCE)),
    "two chunks, a crash": SmallWorld(TWO_ONCE, CRASH, chunk_values=1),
    "every version is scored": SmallWorld(TWO_ONCE | {"evaluate": True}),
    "two clients, three at once, a crash, a doubled message": SmallWorld(
        TWO_ONCE, Budget(crashes=1, copies=1), at_once=3, size=Size.SOAK
    ),
    "three clients, two rounds, three at once, a crash": SmallWorld(
        THREE, CRASH, at_once=3, size=Size.SOAK
    ),
    "time runs on, and a crash": SmallWorld(
        TWO_ONCE, Budget(crashes=1, jumps=1), at_once=3, size=Size.SOAK
    ),
    "stop and resume, three at once, a crash": SmallWorld(
        TWO_ONCE, CRASH, at_once=3, orders=stopped(TWO_ONCE), size=Size.SOAK
    ),
    "two chunks, a doubled message, a crash": SmallWorld(
        TWO_ONCE, Budget(crashes=1, copies=1), at_once=3, chunk_values=1, size=Size.SOAK
    ),
    "a client is killed, and a crash": SmallWorld(
        TWO_ONCE, Budget(crashes=1, kills=1), at_once=3, size=Size.CI
    ),
}

MOST_STATES = 10_000_000


def explore(name: str) -> Found:
    """Visit every state of a small world."""
    return Search(WORLDS[name], MOST_STATES).run()
