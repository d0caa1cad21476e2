"""Accuracy and loss by round, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
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
    points = [
        (number, 100 * accuracy, loss)
        for number, accuracy, loss in scored
        # A score that an earlier release took may be beyond any axis.
        if abs(loss) <= LARGEST
    ]
    if not points:
        raise Undrawable(f"no version has a loss within {LARGEST:g}")
    versions = [point[0] for point in points]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.subplots()
    right = left.twinx()
    (accuracy,) = left.plot(
        versions,
        [point[1] for point in points],
        "o-",
        color=GREEN,
        label="accuracy",
    )
    (loss,) = right.plot(
        versions, [point[2] for point in points], "s--", color=BLUE, label="loss"
    )
    left.set_xlabel("model version (rounds of training)")
    left.set_ylabel("accuracy on the test set", color=GREEN)
    left.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    left.set_ylim(0, 100)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.grid(alpha=0.25)
    right.set_ylabel("loss", color=BLUE)
    right.set_ylim(bottom=min(0.0, *(point[2] for point in points)))
    number, last, _ = points[-1]
    left.annotate(
        f"{last:.2f} %",
        (number, last),
        xytext=(0, -16),
        textcoords="offset points",
        ha="right",
        color=GREEN,
    )
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
