"""What an operator had better know of an experiment's settings, in sentences."""

from __future__ import annotations

import math

from fedcore.settings import ExperimentSettings


def notes(settings: ExperimentSettings) -> list[str]:
    """Return what is allowed, and may be more than the operator had in mind."""
    return [_no_client_may_miss(settings)] if _needs_all(settings) else []


def _needs_all(settings: ExperimentSettings) -> bool:
    """Tell whether a round needs the update of every client that it draws."""
    target = settings.per_round
    return (
        settings.clients > 1
        and settings.over_select == 0
        and settings.quorum_of(target) == target
    )


def _no_client_may_miss(settings: ExperimentSettings) -> str:
    target = settings.per_round
    # In hundredths, rounded down: then one update less is a quorum.
    share = math.floor(100 * (target - 1) / target) / 100
    remedy = f"quorum: {share:g}" if share > 0 else "over_select: 1"
    every = f"the updates of all {target} clients"
    needed = every if target > 1 else "the update of the one client"
    return (
        f"a round needs {needed} that it draws, so it tolerates no missing client; "
        f"the setting {remedy} tolerates one"
    )
