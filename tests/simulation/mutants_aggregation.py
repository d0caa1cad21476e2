"""Faults planted in the real aggregation: strategies, bounds, and where it goes on."""

from __future__ import annotations

from typing import Any

from fedcore.aggregation import krum, robust, strategies
from fedcore.handlers import fedavg, parts
from fedcore.store.store import Store
from tests.simulation.mutants import MUTANTS, Patch, shows_in
from tests.simulation.plan import CUT_OFF, FAR, Faults

__all__ = ["MUTANTS"]

BUSY = Faults(switch=0.1)

IN_PARTS = {"values": 4, "chunk_values": 1}
"""A model of four chunks."""

ENDLESS = float("inf")


# --- strategies and bounds ------------------------------------------------------------


@shows_in(BUSY, strategy="median")
def median_without_the_last_update(patch: Patch) -> None:
    usual = robust._median
    patch(robust, "_median", lambda matrix: usual(matrix[:-1]))


@shows_in(BUSY, strategy="trimmed_mean", trim=0.2)
def trimmed_at_neither_end(patch: Patch) -> None:
    patch(robust, "trimmed", lambda updates, share: 0)


@shows_in(BUSY, strategy="krum", byzantine=0, quorum=1.0, clients=5, per_round=5)
def krum_keeps_the_farthest(patch: Patch) -> None:
    usual = krum.choose
    patch(
        krum,
        "choose",
        lambda distances, *args, **more: usual(-distances, *args, **more),
    )


@shows_in(
    BUSY,
    plan=IN_PARTS,
    strategy="krum",
    byzantine=0,
    quorum=1.0,
    clients=5,
    per_round=5,
)
def krum_by_one_chunk(patch: Patch) -> None:
    usual = strategies.plan
    patch(
        fedavg,
        "plan",
        lambda settings, weights, all_: usual(settings, weights, all_[1:2]),
    )


@shows_in(BUSY, plan={"chunk_values": 1}, max_norm=FAR, norm_action="clip")
def first_chunk_not_clipped(patch: Patch) -> None:
    usual = parts.Parts.bounded

    def bounded(self: parts.Parts, number: int, sent: Any) -> Any:
        return usual(self, number, sent) if number else sent

    patch(parts.Parts, "bounded", bounded)


@shows_in(BUSY, max_norm=FAR, norm_action="refuse", quorum=0.4)
def norm_of_no_update_measured(patch: Patch) -> None:
    patch(Store, "chunk_squares", lambda store, experiment, place: [0.0])


@shows_in(BUSY, max_weight=1.0)
def weights_as_claimed(patch: Patch) -> None:
    patch(
        fedavg, "counted", lambda settings, updates: [each.examples for each in updates]
    )


@shows_in(BUSY)
def fewer_updates_than_were_accepted(patch: Patch) -> None:
    usual = fedavg._Work.__init__

    def begin(work: Any, experiment: Any, updates: Any, store: Any) -> None:
        usual(work, experiment, updates[:2], store)

    patch(fedavg._Work, "__init__", begin)


# That `_publish` counts the updates before it goes on changes nothing here: what an
# update says of itself is stored before it is accepted, by the same request, and never
# removed; so all that are accepted are found. The count guards against a database that
# forgets, which no schedule plays.


# --- cut off again and again ----------------------------------------------------------


@shows_in(
    CUT_OFF, calm_at=ENDLESS, plan=IN_PARTS, strategy="krum", byzantine=0, quorum=1.0
)
def measures_kept_in_memory(patch: Patch) -> None:
    def keep(work: Any, number: int) -> None:
        bounded = work._parts.bounded(number, work._parts.sent(number))
        found = fedavg.measure(work._settings, bounded)
        work.kept = [*getattr(work, "kept", ()), found]

    patch(fedavg._Work, "_measure", keep)
    patch(fedavg._Work, "_measures", lambda work: work.kept)


@shows_in(
    CUT_OFF, calm_at=ENDLESS, plan=IN_PARTS, strategy="krum", byzantine=0, quorum=1.0
)
def measured_chunks_measured_again(patch: Patch) -> None:
    patch(Store, "measured_chunks", lambda store, experiment: set())


@shows_in(CUT_OFF, calm_at=ENDLESS, plan=IN_PARTS, quorum=1.0)
def published_chunks_combined_again(patch: Patch) -> None:
    patch(Store, "published_chunks", lambda store, experiment, version: set())


@shows_in(CUT_OFF, calm_at=ENDLESS, plan=IN_PARTS, quorum=1.0)
def distances_read_from_published_chunks(patch: Patch) -> None:
    usual = fedavg._Work.steps

    def steps(work: Any) -> Any:
        for number in work._parts.numbers:
            if number in work._store.published_chunks(work._experiment, work._number):
                list(work._parts.sent(number))
        yield from usual(work)

    patch(fedavg._Work, "steps", steps)
