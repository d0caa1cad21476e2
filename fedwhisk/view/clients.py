"""What an experiment knows of its clients, in a person's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from fedcore.messages import ClientReport, Part, Report
from fedwhisk.durations import in_words
from fedwhisk.view.tables import table

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
    return f"{in_words(report.now - known.last_seen)} ago"


def clients_table(report: Report, most: int | None = None) -> Group:
    """Return the clients by index: the first `most`, and how many more there are."""
    heads = ("index", "client", "assignment", "updates", "seen")
    made = table(heads, words=("client", "assignment"))
    shown = report.clients[:most]
    for each in shown:
        made.add_row(
            str(each.index),
            Text(each.name),
            assignment(report, each),
            str(each.rounds),
            seen(report, each),
        )
    left_out = report.enrolled - len(shown)
    if not left_out:
        return Group(made)
    return Group(made, Text(f"and {left_out:,} more: `fedwhisk clients list`"))


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
    heads = ("pod", "state", "restarts", "client", "assignment", "seen", "s")
    made = table(heads, words=heads)
    made.title = title
    for row in join(pods, report):
        pod, known = row.pod, row.known
        called = seen(report, known) if report and known else ""
        speed = f"{known.train_s:.1f}" if known and known.train_s is not None else ""
        client = f"{known.index} ({known.rounds} rounds)" if known else ""
        restarts = str(pod.restarts)
        made.add_row(
            pod.name, pod.state, restarts, client, row.assignment, called, speed
        )
    return made
