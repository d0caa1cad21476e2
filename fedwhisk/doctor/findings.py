"""Findings of the doctor, and whether the call budget suffices for the clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fedcore.pace import Pace, start_spread_s
from fedwhisk.durations import in_words

QUICK_S, SLOW_S = 60.0, 600.0
"""Least seconds of a round at which calls begin to matter, and to pass a deadline."""


class Grade(StrEnum):
    """Grades of a finding."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What was found about one thing.

    Attributes:
        check: what was checked, in one word.
        grade: how good or bad it is.
        found: what was found, a sentence without its full stop.
        advice: what to do about it; empty if nothing.
    """

    check: str
    grade: Grade
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(check, Grade.OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """Return a finding about what works, but could be better, or will end."""
    return Finding(check, Grade.WARNING, found, advice)


def problem(check: str, found: str, advice: str) -> Finding:
    """Return a finding that keeps every experiment from finishing."""
    return Finding(check, Grade.PROBLEM, found, advice)


def healthy(findings: Iterable[Finding]) -> bool:
    """Return True if an experiment can finish."""
    return all(finding.grade is not Grade.PROBLEM for finding in findings)


def check_budget(calls_per_minute: int, *, clients: int, per_round: int) -> Finding:
    """Return what a budget means for a number of clients, paced by it.

    A model of one chunk is assumed; a larger one takes more calls.
    """
    pace = Pace(calls_per_minute, clients, min(per_round, clients))
    enrolling_s = start_spread_s(clients, calls_per_minute)
    found = (
        f"{clients} clients with {pace.cohort} a round, at {calls_per_minute} calls a "
        f"minute: rounds take {in_words(pace.round_s, digits=1)} or more, enrolling "
        f"{in_words(enrolling_s, digits=1)}, and all have heard of the end "
        f"{in_words(pace.news_s, digits=1)} after it"
    )
    more = "raise the platform's calls a minute and CALLS_PER_MINUTE with it"
    if pace.round_s > SLOW_S:
        found += f"; a round's deadline is {SLOW_S:.0f} s by default"
        advice = f"{more}, draw fewer clients a round, or give rounds a later deadline"
        return problem("budget", found, advice)
    if pace.round_s > QUICK_S:
        return warning("budget", found, f"{more}, or draw fewer clients a round")
    if max(enrolling_s, pace.news_s) > SLOW_S:
        return warning("budget", found, f"slow, not broken: have time, or {more}")
    return ok("budget", found)
