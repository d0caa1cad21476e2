"""Faults planted where an update is held to its hashes, its attempt, and its score."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fedcore import codec, live, rules, scoring
from fedcore.documents import Experiment, Scoring
from fedcore.handlers import submit_update
from tests.simulation.mutants_aggregation import MUTANTS, Patch, shows_in
from tests.simulation.plan import Faults

__all__ = ["MUTANTS"]


class Anything(str):
    """A hash that is equal to every other."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


def _believing(name: str) -> SimpleNamespace:
    usual = getattr(codec, name)
    blind = {name: lambda *content: Anything(usual(*content))}
    return SimpleNamespace(**{**vars(codec), **blind})


@shows_in(Faults(switch=0.1, damage=0.5))
def hash_of_a_chunk_ignored(patch: Patch) -> None:
    patch(submit_update, "codec", _believing("sha256"))


@shows_in(Faults(switch=0.1, forge=0.5), plan={"chunk_values": 1}, quorum=0.2)
def id_of_an_upload_ignored(patch: Patch) -> None:
    patch(submit_update, "codec", _believing("upload_id"))


@shows_in(
    Faults(switch=0.3, stall=0.3, delay=0.2, drop=0.3),
    calm_at=900.0,
    plan={"sweeps": True},
    clients=5,
    per_round=1,
    deadline_s=10.0,
    attempts=10,
)
def as_read_without_attempt_and_deadline(patch: Patch) -> None:
    usual = live.live_as_read

    def live_as_read(experiment: Experiment) -> dict[str, Any]:
        left_out = ("live.attempt", "live.deadline")
        where = usual(experiment)
        return {key: value for key, value in where.items() if key not in left_out}

    patch(rules, "live_as_read", live_as_read)


@shows_in(
    Faults(switch=0.2, kill=0.5, drop=0.3), calm_at=2000.0, evaluate=True, rounds=1
)
def stop_during_the_third_try_to_score(patch: Patch) -> None:
    def is_settled(each: Scoring, now: float) -> bool:
        seen = each.evaluation
        return seen.result is not None or seen.attempts >= scoring.TRIES

    patch(scoring, "is_settled", is_settled)
