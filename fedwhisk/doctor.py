"""What a doctor finds, and how the call budget stands to a number of clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

BUDGET_IN_USE = 0.8
"""Clients are told to leave a fifth of the budget free."""

QUICK_S, SLOW_S = 60.0, 600.0
"""Least seconds of a round at which calls begin to matter, and to pass a deadline."""


class Grade(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """How one thing stands.

    Attributes:
        check: what was looked at, one word.
        grade: how it stands.
        found: what was found, a sentence without its full stop.
        advice: what to do about it; empty where nothing is to be done.
    """

    check: str
    grade: Grade
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """Nothing to be done."""
    return Finding(check, Grade.OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """It works, but not as well as it could, or not for ever."""
    return Finding(check, Grade.WARNING, found, advice)


def problem(check: str, found: str, advice: str) -> Finding:
    """No experiment will get through like this."""
    return Finding(check, Grade.PROBLEM, found, advice)


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether an experiment will get through."""
    return all(finding.grade is not Grade.PROBLEM for finding in findings)


def judge_budget(calls_per_minute: int, clients: int) -> Finding:
    """Say how long rounds must last for a budget to carry so many clients.

    A round takes two calls of each client that trains and one of any other, so two of
    each at most; a model of several chunks takes more.
    """
    calls = 2 * clients + 2
    least_s = 60 * calls / (BUDGET_IN_USE * calls_per_minute)
    found = (
        f"{clients} clients make up to {calls} calls a round; at {calls_per_minute} a "
        f"minute they take {least_s:.0f} s"
    )
    advice = (
        "raise the platform's calls a minute and CALLS_PER_MINUTE with it, draw fewer "
        "clients a round, or give rounds a longer deadline"
    )
    if least_s <= QUICK_S:
        return ok("budget", found)
    if least_s <= SLOW_S:
        return warning("budget", found, advice)
    return problem(
        "budget", f"{found}, more than a round's {SLOW_S:.0f} s by default", advice
    )
