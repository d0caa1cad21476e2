"""An experiment watched from afar: each look fetches only what is new."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Protocol

import msgspec

from fedcore.messages import Report, RoundReport

REMEMBERED = 20
"""Rounds that are remembered: those that a view shows, and whose scores may come."""

NO_COUNTS: Mapping[str, int] = {}


class View(Protocol):
    """Where a command shows what happens."""

    def say(self, line: str) -> None:
        """Show a line for good."""

    def show(self, report: Report, faults: Mapping[str, int] = NO_COUNTS) -> None:
        """Show how the experiment stands, and which faults were put in so far."""


class Reporting(Protocol):
    """What can be followed: a federation."""

    def status(self, name: str | None = None, *, since: int | None = None) -> Report:
        """Return how an experiment stands (see `Federation.status`)."""


class Follower:
    """Looks at one experiment again and again."""

    def __init__(self, federation: Reporting, name: str | None) -> None:
        self._federation = federation
        self._name = name
        self._recent: dict[int, RoundReport] = {}

    def look(self) -> Report:
        """Return how it stands now.

        Its rounds are the last few, after any others that have closed since the last
        look, so that none is missed.
        """
        report = self._federation.status(self._name, since=self._since())
        self._name = report.experiment
        news = {each.round: each for each in report.rounds}
        while report.next_round is not None:
            report = self._federation.status(self._name, since=report.next_round)
            news |= {each.round: each for each in report.rounds}
        known = self._recent | news
        rounds = [known[number] for number in sorted(known)]
        self._recent = {each.round: each for each in rounds[-REMEMBERED:]}
        return msgspec.structs.replace(report, rounds=rounds)

    def _since(self) -> int | None:
        """Return the first round of which there may be news; None if all are."""
        if not self._recent:
            return None
        open_ones = (
            number for number, each in self._recent.items() if each.evaluation is None
        )
        return next(islice(open_ones, 1), max(self._recent) + 1)
