"""`python -m bench.stock`: the default job on OpenWhisk's stock limits, really run.

60 calls a minute and 30 at once, on the embedded host. The pace must keep every call
within that: not one may be answered with 429.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.contenders import build_actions, fedwhisk_run, run_alone
from bench.job import DEFAULT, Job
from fedwhisk.platforms import BUDGETS, Where

STOCK, RAISED = BUDGETS[Where.OPENWHISK], BUDGETS[Where.EMBEDDED]
"""Calls a minute: OpenWhisk's default, and the embedded host's."""

QUICK = Job(clients=6, per_round=3, rounds=2, epochs=1)


@dataclass(frozen=True)
class Run:
    """One run of the job.

    Attributes:
        budget: calls a minute.
        wall_s: seconds from the command to its exit.
        calls: calls of the clients, by action.
        refused: answers with 429, an operator's included.
        accuracy: the final model's.
    """

    job: Job
    budget: int
    wall_s: float
    calls: dict[str, int]
    refused: int
    accuracy: float

    @property
    def calls_a_round(self) -> float:
        """All calls but those of enrolment."""
        all_calls = sum(self.calls.values()) - self.calls.get("subscribe", 0)
        return all_calls / self.job.rounds

    @property
    def calls_an_idle(self) -> float:
        """Calls of a client in a round that it is not drawn for (and for scores)."""
        drawn = self.job.rounds * self.job.per_round
        idle = self.job.rounds * self.job.clients - drawn
        return (self.calls["check_in"] - drawn) / max(1, idle)


def run(job: Job, budget: int) -> Run:
    """Run the job once with so many calls a minute.

    Raises:
        Absent: it failed; its log tells more.
    """
    wall_s, line = run_alone(
        f"stock-{budget}", fedwhisk_run(job), {"CALLS_PER_MINUTE": str(budget)}
    )
    said = json.loads(line)
    return Run(
        job=job,
        budget=budget,
        wall_s=wall_s,
        calls=said["calls_by_action"],
        refused=said["http_429"],
        accuracy=said["accuracy"],
    )


def table(runs: list[Run]) -> Table:
    """Return the runs side by side."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    heads = (
        "calls/min",
        "wall s",
        "s/round",
        "calls/round",
        "calls/idle client",
        "429",
        "accuracy",
    )
    for head in heads:
        shown.add_column(head, justify="right")
    for each in runs:
        shown.add_row(
            f"{each.budget:,}",
            f"{each.wall_s:.1f}",
            f"{each.wall_s / each.job.rounds:.1f}",
            f"{each.calls_a_round:.1f}",
            f"{each.calls_an_idle:.2f}",
            str(each.refused),
            f"{100 * each.accuracy:.2f} %",
        )
    return shown


def main() -> int:
    """Run, print, and fail if a call was refused on stock limits."""
    parser = argparse.ArgumentParser(prog="python -m bench.stock", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a much smaller job")
    parser.add_argument(
        "--both", action="store_true", help="and once more with the raised budget"
    )
    chosen = parser.parse_args()
    job = QUICK if chosen.quick else DEFAULT
    build_actions()
    budgets = [STOCK, RAISED] if chosen.both else [STOCK]
    runs = [run(job, budget) for budget in budgets]
    Console().print(table(runs))
    return 1 if runs[0].refused else 0


if __name__ == "__main__":
    sys.exit(main())
