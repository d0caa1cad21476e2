"""Faults planted in the real code that small worlds find, whatever the dice say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from fedcore import live, roster, rules, telling
from fedcore.documents import Experiment
from fedcore.handlers import select_clients
from fedcore.live import needs
from fedcore.rules import Write
from tests.simulation.mutants import Patch, without_conditions


@dataclass(frozen=True)
class SmallMutant:
    """A planted fault, and the small world in which it shows."""

    plant: Callable[[Patch], None]
    world: str


SMALL_MUTANTS: dict[str, SmallMutant] = {}


def shows_where(world: str) -> Callable[[Callable[[Patch], None]], None]:
    """Register a mutant with its world."""

    def register(plant: Callable[[Patch], None]) -> None:
        SMALL_MUTANTS[plant.__name__] = SmallMutant(plant, world)

    return register


@shows_where("a client is revoked, the other suffices")
def accept_a_client_that_is_revoked(patch: Patch) -> None:
    patch(rules, "accept", without_conditions("accept", "revoked."))


@shows_where("a client is revoked")
def target_not_recomputed(patch: Patch) -> None:
    def as_before(experiment: Experiment, cohort: object) -> dict[str, object]:
        stands = experiment.live
        return {"live.target": stands.target, "live.quorum": stands.quorum}

    patch(roster, "needs", as_before)


@shows_where("a client is revoked, a stop and a resumption, one request at a time")
def marks_forgotten_by_a_resumption(patch: Patch) -> None:
    patch(live, "asks_again", _asks_all_again)


@shows_where("the only client of a cohort is revoked")
def marks_forgotten_by_a_further_attempt(patch: Patch) -> None:
    patch(rules, "asks_again", _asks_all_again)


def _asks_all_again(
    experiment: Experiment, cohort: list[int], *, drawn: bool
) -> dict[str, object]:
    return {"live.refused": {}} | needs(experiment, cohort, drawn=drawn)


@shows_where("the client of the next round is revoked")
def revoked_clients_drawn(patch: Patch) -> None:
    usual = select_clients._candidates

    def candidates(experiment: Experiment, *more: Any) -> Any:
        return usual(replace(experiment, revoked={}), *more)

    patch(select_clients, "_candidates", candidates)


@shows_where("a client never advances")
def advance_told_to_the_first_that_asks(patch: Patch) -> None:
    def tell_first(experiment: Experiment, index: int, now: float) -> Write:
        usual = {"live.advance_at": experiment.live.advance_at}
        at = {"$set": {"live.advance_at": now + 60.0}}
        return Write(telling._stands_so(experiment) | usual, at)

    patch(telling, "tell_first", tell_first)
    patch(telling, "is_among_first", lambda experiment, index: True)
