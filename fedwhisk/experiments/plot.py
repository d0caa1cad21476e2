"""Accuracy and loss by round, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fedcore.messages import LARGEST, Report

GREEN, BLUE, GREY = "#2a7f62", "#3a6ea5", "#8a949e"


class Undrawable(ValueError):
    """There is nothing that a picture could show."""


def draw(
    path: Path, report: Report, scored: Sequence[tuple[int, float, float]]
) -> None:
    """Draw how versions score on the central test set.

    Args:
        path: the file.
        report: whose versions they are.
        scored: version, accuracy in [0, 1] and loss of each.

    Raises:
        Undrawable: no version has a score that fits an axis.
    """
    # A score that an earlier release took may be beyond any axis.
    points = [each for each in scored if abs(each[2]) <= LARGEST]
    if not points:
        raise Undrawable(f"no version has a loss within {LARGEST:g}")
    versions = [version for version, _, _ in points]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.subplots()
    accuracy = _accuracy(left, versions, [100 * share for _, share, _ in points])
    loss = _loss(left.twinx(), versions, [loss for _, _, loss in points])
    left.legend(handles=[accuracy, loss], loc="center right", frameon=False)
    settings = report.settings
    figure.suptitle(report.experiment, fontsize=12)
    left.set_title(
        f"{settings.clients} clients, {settings.per_round} a round, "
        f"{settings.epochs} local epoch{'s' if settings.epochs > 1 else ''}",
        fontsize=9,
        color=GREY,
    )
    figure.savefig(path, dpi=140)


def _accuracy(axes: Axes, versions: list[int], percents: list[float]) -> Line2D:
    line: Line2D = axes.plot(versions, percents, "o-", color=GREEN, label="accuracy")[0]
    axes.set_xlabel("model version (rounds of training)")
    axes.set_ylabel("accuracy on the test set", color=GREEN)
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.annotate(
        f"{percents[-1]:.2f} %",
        (versions[-1], percents[-1]),
        xytext=(0, -16),
        textcoords="offset points",
        ha="right",
        color=GREEN,
    )
    return line


def _loss(axes: Axes, versions: list[int], losses: list[float]) -> Line2D:
    line: Line2D = axes.plot(versions, losses, "s--", color=BLUE, label="loss")[0]
    axes.set_ylabel("loss", color=BLUE)
    axes.set_ylim(bottom=min(0.0, *losses))
    return line
