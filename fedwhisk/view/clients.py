"""What an experiment knows of its clients, in a person's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from fedcore.messages import ClientReport, Part, Report

if TYPE_CHECKING:
    from fedwhisk.clients.kubernetes import Pod

MOST = 20
"""Clients that a glance shows."""


PARTS: dict[Part, str] = {
    "": "wait",
    "drawn": "at round {}",
    "accepted": "done with round {}",
    "refused": "refused in round {}",
}


def assignment(report: Report, known: ClientReport | None) -> str:
    """Say what a client is at; None is one that the experiment does not know."""
    if known is None or known.revoked:
        return "revoked" if known else "not enrolled"
    live = report.live
    if report.state != "running" or live is None:
        return report.state
    return PARTS[known.part].format(live.round)


def seen(report: Report, known: ClientReport) -> str:
    """Say how long ago a client has called."""
    return f"{age(report.now - known.last_seen)} ago"


def age(seconds: float) -> str:
    """Return a time as its largest unit, of which there are two at least."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def clients_table(report: Report, most: int | None = None) -> Group:
    """Return the clients by index: the first `most`, and how many more there are."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("index", "client", "assignment", "updates", "seen"):
        words = head in ("client", "assignment")
        table.add_column(head, justify="left" if words else "right", overflow="fold")
    shown = report.clients[:most]
    for each in shown:
        table.add_row(
            str(each.index),
            Text(each.name),
            assignment(report, each),
            str(each.rounds),
            seen(report, each),
        )
    left_out = report.enrolled - len(shown)
    if not left_out:
        return Group(table)
    return Group(table, Text(f"and {left_out:,} more: `fedwhisk clients list`"))


@dataclass(frozen=True)
class Row:
    """A pod, and what the experiment knows of its client, if it knows it."""

    pod: Pod
    known: ClientReport | None
    assignment: str


def join(pods: Sequence[Pod], report: Report | None) -> list[Row]:
    """Put each pod beside what the experiment knows of its client."""
    if report is None:
        return [Row(pod, None, "") for pod in pods]
    known = {each.name: each for each in report.clients}
    return [
        Row(pod, known.get(pod.client), assignment(report, known.get(pod.client)))
        for pod in pods
    ]


def pods_table(pods: Sequence[Pod], report: Report | None) -> Table:
    """Return the pods with what the experiment knows of their clients."""
    title = f"experiment {report.experiment}: {report.state}" if report else None
    table = Table(title=title, box=None, pad_edge=False)
    for heading in ("pod", "state", "restarts", "client", "assignment", "seen", "s"):
        table.add_column(heading, overflow="fold")
    for row in join(pods, report):
        pod, known = row.pod, row.known
        called = seen(report, known) if report and known else ""
        speed = f"{known.train_s:.1f}" if known and known.train_s is not None else ""
        client = f"{known.index} ({known.rounds} rounds)" if known else ""
        restarts = str(pod.restarts)
        table.add_row(
            pod.name, pod.state, restarts, client, row.assignment, called, speed
        )
    return table
