"""What a person sees of an experiment: a live view on a terminal, else plain lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fedcore import weights
from fedcore.messages import Listing, LiveReport, Report, RoundReport
from fedcore.settings import ExperimentSettings
from fedwhisk.durations import in_words
from fedwhisk.experiments.following import NO_COUNTS
from fedwhisk.view.tables import table

if TYPE_CHECKING:
    from fedwhisk.experiments.results import RunResult

RECENT = 8
"""Rounds that the live view lists."""


class PlainView:
    """One line an event, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: set[str] = set()

    def say(self, line: str) -> None:
        """See `View`."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, report: Report, faults: Mapping[str, int] = NO_COUNTS) -> None:
        """Say what is new since the last report."""
        lines = list(_events(report))
        for line in lines:
            if line not in self._seen:
                self.say(line)
        # What is not in one report is not in later ones: no need to remember it.
        self._seen = set(lines)

    def summary(self, outcome: RunResult) -> None:
        """Show the end of a run."""
        show_summary(self._console, outcome)


class LiveView:
    """A view that is redrawn in place."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live

    def say(self, line: str) -> None:
        """See `View`."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, report: Report, faults: Mapping[str, int] = NO_COUNTS) -> None:
        """See `View`."""
        self._live.update(picture(report, faults))

    def summary(self, outcome: RunResult) -> None:
        """Show the end of a run."""
        show_summary(self._console, outcome)


@contextmanager
def chosen_view(
    name: str, settings: ExperimentSettings, *, quiet: bool = False
) -> Iterator[PlainView | LiveView]:
    """Yield the view that fits: live on a terminal; on standard error if `quiet`."""
    console = Console(stderr=quiet)
    head = (
        f"{name}: {settings.task}, {settings.clients} clients, {settings.rounds} rounds"
    )
    console.print(head, markup=False, highlight=False, soft_wrap=True)
    if not console.is_terminal or (quiet and not sys.stderr.isatty()):
        yield PlainView(console)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield LiveView(console, live)


def _events(report: Report) -> Iterator[str]:
    if report.state == "enrolling":
        yield f"{report.enrolled} of {report.settings.clients} clients enrolled"
    for each in report.rounds:
        yield from _refusals(report, each)
        yield from _caps(report, each)
        yield (
            f"round {each.round} closed: {each.updates} updates, "
            f"{each.examples} examples, {each.seconds:.1f} s"
        )
        if each.metrics_left_out:
            yield (
                f"round {each.round}: {each.metrics_left_out} metrics left out, the "
                f"experiment keeps {len(report.metric_names)}"
            )
        if each.evaluation:
            accuracy, loss = each.evaluation["accuracy"], each.evaluation["loss"]
            yield f"version {each.round}: accuracy {accuracy:.4f}, loss {loss:.4f}"
    if report.live is not None:
        yield from _refusals(report, report.live)
    if report.state in ("finished", "failed", "stopped"):
        reason = f": {report.reason}" if report.reason else ""
        yield f"{report.experiment} {report.state}{reason}"


def _refusals(report: Report, of: RoundReport | LiveReport) -> Iterator[str]:
    """Say whose update a round does not take, and why: the same while it is open."""
    names = {str(each.index): each.name for each in report.clients}
    for index, reason in of.refused.items():
        name = f" ({names[index]})" if index in names else ""
        yield f"round {of.round}: the update of client {index}{name} refused: {reason}"


def _caps(report: Report, of: RoundReport) -> Iterator[str]:
    """Say in a line whose updates count less in a round than they claim."""
    if of.capped:
        names = {str(each.index): each.name for each in report.clients}
        yield f"round {of.round}: {weights.in_words(of.capped, names)}"


def picture(report: Report, faults: Mapping[str, int] = NO_COUNTS) -> Group:
    """Return the live view of an experiment."""
    line = Text(f"{report.state}   ", style="bold")
    line.append(_headline(report), style="default")
    bar = Table.grid(padding=(0, 1))
    total, done = report.settings.rounds, max(report.version, 0)
    bar.add_row(ProgressBar(total=total, completed=done, width=40), _progress(report))
    happened = [Text(f"chaos: {counted(faults)}")] if faults else []
    return Group(line, bar, *happened, *_recent(report))


def still(report: Report) -> Group:
    """Return the same for where nothing is drawn: a pipe, a file, a log."""
    line = Text(f"{report.state}   {_headline(report)}".rstrip())
    return Group(line, Text(_progress(report)), *_recent(report))


def _recent(report: Report) -> list[Table | Text]:
    if not report.rounds:
        return []
    lines = [Text(line) for line in _caps(report, report.rounds[-1])]
    return [rounds_table(report.rounds[-RECENT:]), *lines]


def _headline(report: Report) -> str:
    enrolled = f"{report.enrolled} of {report.settings.clients} clients"
    return f"{enrolled}   {_live_words(report)}"


def _progress(report: Report) -> str:
    left = time_left(report)
    words = f"{max(report.version, 0)} of {report.settings.rounds} rounds"
    return f"{words}, about {in_words(left)} left" if left is not None else words


def _live_words(report: Report) -> str:
    live = report.live
    if live is None or report.state != "running":
        return report.reason or ""
    refused = f", {live.counts.refused} refused" if live.refused else ""
    attempt = f", attempt {live.attempt}" if live.attempt > 1 else ""
    stuck = f", {live.advancing()}" if live.advancing() else ""
    return (
        f"round {live.round} {live.state}: {live.counts.accepted} of {live.target} "
        f"updates{refused}{attempt}, {in_words(report.now - live.opened)}{stuck}"
    )


def time_left(report: Report) -> float | None:
    """Guess the seconds until the end from the last rounds; None before the first."""
    trained = [each.seconds for each in report.rounds if each.round > 0]
    if not trained or report.live is None or report.state != "running":
        return None
    usual = sum(trained) / len(trained)
    elapsed = min(report.now - report.live.opened, usual)
    rounds = report.settings.rounds - report.live.round + 1
    return max(0.0, rounds * usual - elapsed)


def rounds_table(rounds: list[RoundReport]) -> Table:
    """Return the rounds as a table."""
    heads = ["round", "updates", "examples", "seconds", "accuracy", "loss", "late"]
    any_refused = any(each.refused for each in rounds)
    made = table([*heads, "refused"] if any_refused else heads)
    for each in rounds:
        score = each.evaluation or {}
        made.add_row(
            str(each.round),
            str(each.updates),
            f"{each.examples:,}",
            f"{each.seconds:.1f}",
            f"{100 * score['accuracy']:.2f} %" if score else "",
            f"{score['loss']:.4f}" if score else "",
            str(each.counts.late or ""),
            *([str(each.counts.refused or "")] if any_refused else []),
        )
    return made


def experiments_table(listing: Listing) -> Table:
    """Return the experiments as a table."""
    heads = ("experiment", "state", "round", "accuracy", "age")
    made = table(heads, words=("experiment", "state"))
    for each in listing.experiments:
        accuracy = (each.evaluation or {}).get("accuracy")
        made.add_row(
            each.experiment,
            each.state,
            f"{max(each.round, 0)} of {each.rounds}",
            "" if accuracy is None else f"{100 * accuracy:.2f} %",
            in_words(listing.now - each.created),
        )
    return made


def show_summary(console: Console, outcome: RunResult) -> None:
    """Print the last rounds, the totals and where the results are."""
    _show_rounds(console, outcome.report.rounds)
    totals = outcome.totals
    score = outcome.score
    lines = []
    if score:
        accuracy, loss = 100 * score["accuracy"], score["loss"]
        lines.append(("accuracy", f"{accuracy:.2f} % (loss {loss:.4f})"))
    killed = f", without {totals.unknown} killed before" if totals.unknown else ""
    lines.append(("wall time", f"{totals.wall_s:.1f} s{killed}"))
    if totals.calls:
        by_action = sorted(totals.calls_by_action.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{name} {count}" for name, count in by_action)
        lines.append(("calls", f"{totals.calls} ({listed}; 429: {totals.http_429})"))
        sent, got = totals.bytes_out / 1e6, totals.bytes_in / 1e6
        lines.append(("traffic", f"{sent:.1f} MB sent, {got:.1f} MB received"))
    if totals.peak_rss:
        largest = max(totals.peak_rss, key=lambda name: totals.peak_rss[name])
        size = totals.peak_rss[largest] / 1e6
        lines.append(("memory", f"{size:.0f} MB at most, in {largest}"))
    if totals.activations:
        runs = sum(totals.activations.values())
        cold, cost = sum(totals.cold_starts.values()), sum(totals.gb_s.values())
        words = f"{runs} activations, {cold} of them cold, {cost:.2f} GB-s"
        lines.append(("compute", words))
    if outcome.course.capped:
        rounds = outcome.course.capped
        words = f"updates counted less than they claimed in {rounds} of the rounds"
        lines.append(("weights", f"{words} (max_weight)"))
    if totals.chaos:
        lines.append(("chaos", counted(totals.chaos)))
    without = f" ({outcome.no_picture})" if outcome.no_picture else ""
    lines.append(("results", f"{outcome.folder}/{without}"))
    for word, text in lines:
        line = f"{word:>9}  {text}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _show_rounds(console: Console, rounds: list[RoundReport]) -> None:
    console.print(rounds_table(rounds))
    if rounds and rounds[0].round > 0:
        console.print(f"rounds 0 to {rounds[0].round - 1}: see metrics.csv")


def counted(faults: Mapping[str, int]) -> str:
    """Return how often each fault was put in, in words."""
    return ", ".join(f"{fault} {count}" for fault, count in sorted(faults.items()))
