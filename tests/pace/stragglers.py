"""What slow and dead clients cost: the figures of the README, printed.

`python -m tests.pace.stragglers` simulates the default job (20 clients, 10 a round, 10
rounds, training of half a minute) with 10, 20 and 30 % of the clients slow or dead.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from tests.pace.federation import RAISED, Outcome, Scenario, Training, simulate

SHARES = (0.0, 0.1, 0.2, 0.3)
CLIENTS, PER_ROUND, ROUNDS = 20, 10, 10
TRAIN_S = 30.0
SLOWER = 10
DEADLINE_S = 120


@dataclass(frozen=True)
class Trouble:
    """A share of the clients is slow, or dies when it first trains."""

    kind: str
    share: float

    def train_s(self, training: Training) -> float:
        usual = training.rng.uniform(0.9, 1.1) * TRAIN_S
        if training.client >= round(self.share * CLIENTS):
            return usual
        return float("inf") if self.kind == "dead" else SLOWER * usual


def run(trouble: Trouble, *, over_select: int = 0, factor: float = 0.0) -> Outcome:
    """Simulate the job in trouble."""
    more = {
        "over_select": over_select,
        "deadline_s": DEADLINE_S,
        "deadline_factor": factor,
        "evaluate": False,
    }
    return simulate(
        Scenario(
            CLIENTS,
            PER_ROUND,
            ROUNDS,
            more=more,
            train_s=trouble.train_s,
            seed=1,
            patient=False,
            **RAISED,
        )
    )


def rows() -> Iterator[str]:
    """One line a case: the share of useful trainings, the length of rounds."""
    yield "kind  share  over_select  factor | ratio  s/round (median, longest)  updates"
    for kind in ("slow", "dead"):
        for share in SHARES:
            for over_select, factor in ((0, 0.0), (3, 0.0), (0, 2.0)):
                found = run(
                    Trouble(kind, share), over_select=over_select, factor=factor
                )
                yield (
                    f"{kind:5} {share:5.0%} {over_select:8} {factor:11g}  | "
                    f"{found.update_ratio:5.2f} {statistics.fmean(found.round_s):8.1f} "
                    f"({statistics.median(found.round_s):.1f}, "
                    f"{max(found.round_s):.1f}) {found.accepted:10} {found.state}"
                )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    for row in rows():
        print(row)  # noqa: T201
