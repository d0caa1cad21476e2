"""The small worlds that are explored, by what happens in them."""

from __future__ import annotations

from typing import Any

from tests.simulation.hostile import Guise
from tests.simulation.reports import Size
from tests.simulation.search import Found, Search
from tests.simulation.state import Budget, SmallWorld

TWO = {"clients": 2, "per_round": 2, "rounds": 2, "evaluate": False}
TWO_ONCE = TWO | {"rounds": 1}
THREE = TWO | {"clients": 3, "per_round": 3}
THREE_ONCE = THREE | {"rounds": 1}
ONE_OF_TWO = TWO_ONCE | {"per_round": 1}
SPARE = ONE_OF_TWO | {"over_select": 1}
OUTSIDE = THREE_ONCE | {"per_round": 1, "deadline_s": 130.0, "claim_s": 5.0}
LENIENT = TWO_ONCE | {"quorum": 0.5, "deadline_s": 130.0, "claim_s": 5.0}


def stopped(settings: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """An operator who stops an experiment and resumes it, at any two moments."""
    again = {"settings": settings, "resume": True}
    return (("stop_experiment", {}), ("start_experiment", again))


def revoked(
    name: str = "c0", *, undone: bool = True
) -> tuple[tuple[str, dict[str, Any]], ...]:
    """An operator who revokes a client and undoes it, at any two moments."""
    orders = (("revoke_client", {"name": name, "undo": undo}) for undo in (False, True))
    return tuple(orders)[: 1 + undone]


CRASH = Budget(crashes=1)
COPY = Budget(copies=1)

WORLDS = {
    "two clients, two rounds, a crash": SmallWorld(TWO, CRASH),
    "three clients, three requests at once, a crash": SmallWorld(
        THREE_ONCE, CRASH, at_once=3, size=Size.SOAK
    ),
    "two clients from the beginning": SmallWorld(TWO_ONCE, first_round=-1),
    "two clients from the beginning, a crash": SmallWorld(
        TWO_ONCE, CRASH, first_round=-1, size=Size.CI
    ),
    "a client is killed": SmallWorld(TWO_ONCE, Budget(kills=1), at_once=3),
    "an update comes twice": SmallWorld(
        TWO_ONCE, COPY, at_once=3, copied=("submit_update",), size=Size.CI
    ),
    "an advance comes twice": SmallWorld(
        TWO_ONCE, COPY, at_once=3, copied=("advance_round",)
    ),
    "time runs on": SmallWorld(TWO_ONCE, Budget(jumps=1), size=Size.CI),
    "stop and resume": SmallWorld(TWO_ONCE, orders=stopped(TWO_ONCE), size=Size.CI),
    "two chunks, a crash": SmallWorld(TWO_ONCE, CRASH, chunk_values=1, size=Size.CI),
    "every version is scored": SmallWorld(TWO_ONCE | {"evaluate": True}),
    "a client is revoked": SmallWorld(TWO_ONCE, orders=revoked(undone=False)),
    "a client is revoked and let in again": SmallWorld(
        TWO_ONCE, orders=revoked(), size=Size.CI
    ),
    "a client is revoked and let in again, a crash": SmallWorld(
        TWO_ONCE, CRASH, orders=revoked(), size=Size.SOAK
    ),
    "a client is revoked from the beginning on": SmallWorld(
        TWO_ONCE, orders=revoked(), first_round=-1, size=Size.SOAK
    ),
    "one of three clients is revoked and let in again": SmallWorld(
        THREE_ONCE, orders=revoked(), size=Size.SOAK
    ),
    "a client is revoked, the other suffices": SmallWorld(
        SPARE, orders=revoked(undone=False)
    ),
    "a client is revoked, then a stop and a resumption": SmallWorld(
        TWO_ONCE,
        orders=(*revoked(undone=False), *stopped(TWO_ONCE)),
        size=Size.CI,
    ),
    "the only client of a cohort is revoked": SmallWorld(
        ONE_OF_TWO, orders=revoked(undone=False)
    ),
    "the only client of a cohort is revoked and let in again": SmallWorld(
        ONE_OF_TWO, orders=revoked()
    ),
    "a client is revoked, a stop and a resumption, one request at a time": SmallWorld(
        TWO_ONCE,
        at_once=1,
        orders=(*revoked(undone=False), *stopped(TWO_ONCE)),
    ),
    "the client of the next round is revoked": SmallWorld(
        ONE_OF_TWO | {"rounds": 2},
        orders=revoked("c1", undone=False),
        size=Size.CI,
    ),
    "a client never advances": SmallWorld(LENIENT, hostile={"c0": Guise.IDLE}),
    "a client never trains": SmallWorld(LENIENT, hostile={"c0": Guise.FAILING}),
    "a client never scores": SmallWorld(
        LENIENT | {"evaluate": True}, hostile={"c0": Guise.SILENT}
    ),
    "a client sends junk": SmallWorld(
        LENIENT, Budget(junk=1), hostile={"c0": Guise.JUNK}, size=Size.CI
    ),
    "those outside never advance": SmallWorld(
        OUTSIDE, hostile={"c0": Guise.IDLE, "c1": Guise.IDLE}
    ),
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
