"""`python -m bench`: run the contenders one after the other, print a table."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from bench.contenders import CONTENDERS, Absent, Contender, Measured, measure
from bench.job import DEFAULT, QUICK, Job

Rows = list[tuple[Contender, Measured | str]]


def main() -> None:
    """Measure and print; a contender that is absent gets a line that says why."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller job")
    parser.add_argument(
        "--only",
        action="append",
        choices=[each.name for each in CONTENDERS],
        help="this contender; may be given several times",
    )
    chosen = parser.parse_args()
    job = QUICK if chosen.quick else DEFAULT
    console = Console()
    console.print(
        f"MNIST, {job.clients} clients, {job.per_round} a round, {job.rounds} rounds "
        f"of {job.epochs} local epochs: {job.samples:,} training samples",
        highlight=False,
    )
    rows: Rows = []
    for contender in CONTENDERS:
        if chosen.only and contender.name not in chosen.only:
            continue
        console.print(f"{contender.title} …", highlight=False)
        rows.append((contender, _measured(contender, job)))
    console.print(table(rows, job))


def _measured(contender: Contender, job: Job) -> Measured | str:
    try:
        return measure(contender, job)
    except Absent as error:
        return str(error)


def table(rows: Rows, job: Job) -> Table:
    """Return wall times, their ratios to both floors, accuracy and training speed."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    shown.add_column("")
    for head in ("wall s", "x plain", "x our loop", "accuracy", "samples/s a thread"):
        shown.add_column(head, justify="right")
    walls = {
        contender.name: found.wall_s
        for contender, found in rows
        if isinstance(found, Measured)
    }
    for contender, found in rows:
        if isinstance(found, str):
            shown.add_row(contender.title, found)
            continue
        train_s = found.result.train_s
        shown.add_row(
            contender.title,
            f"{found.wall_s:.1f}",
            _ratio(found.wall_s, walls.get("plain")),
            _ratio(found.wall_s, walls.get("ours")),
            f"{100 * found.result.accuracy:.2f} %",
            f"{job.samples / train_s:,.0f}" if train_s else "",
        )
    return shown


def _ratio(wall_s: float, floor_s: float | None) -> str:
    return f"{wall_s / floor_s:.2f}" if floor_s else ""


if __name__ == "__main__":
    main()
