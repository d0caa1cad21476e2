"""What a random schedule is made of: a federation, its people, and its misfortunes."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tests.simulation.hostile import Guise


@dataclass(frozen=True)
class Faults:
    """How likely each misfortune is, each time it might happen.

    At a call of the database: `switch` lets others run first, `stall` for longer than
    a claim lasts; `crash` ends the request, before or after the call; `away` leaves it
    without an answer, done or not; `echo` makes the driver repeat it.

    To a message or an answer: `drop`, `double`, `delay`. To an update: `damage`, and
    `forge` if others send in its client's name (see `damage`). To a client: `kill`, at
    any message, and `orphan` if it is told to advance. To a request: `skew` of its
    clock. To an aggregation: `reverse` sums the other way round; `cut` ends it once it
    has read one chunk of every update.
    """

    switch: float = 0.0
    stall: float = 0.0
    crash: float = 0.0
    away: float = 0.0
    echo: float = 0.0
    drop: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    kill: float = 0.0
    orphan: float = 0.0
    skew: float = 0.0
    reverse: float = 0.0
    cut: float = 0.0
    damage: float = 0.0
    forge: float = 0.0


WORST = Faults(
    switch=0.3,
    stall=0.03,
    crash=0.05,
    away=0.05,
    echo=0.05,
    drop=0.1,
    double=0.2,
    delay=0.15,
    kill=0.08,
    orphan=0.7,
    skew=0.5,
    reverse=0.5,
    cut=0.7,
    damage=0.3,
)


@dataclass(frozen=True)
class Plan:
    """One schedule, but for the dice.

    Attributes:
        settings: the experiment's.
        faults: until `calm_at`; none after.
        calm_at: when misfortune ends, in virtual seconds.
        sick: indexes whose updates are refused until then.
        missing: clients that are away until the experiment fails or waits too long.
        outage: when the database is away, from and to.
        stop_at: when an operator stops the experiment; None is never.
        revocations: which clients an operator revokes, by the number in their names:
            from when, and until when; infinity is for good.
        sweeps: whether a cron advances every running experiment each minute.
        values: values in the model.
        chunk_values: values in a chunk.
        hostile: what hostile clients do, by index; they reform when it is calm.
        hostile_to_the_end: whether they never do; then nothing else may go wrong, and
            there is a time in which the experiment ends.
        forgets: whether updates have the same bytes in every round (see `School`).
    """

    settings: dict[str, Any]
    faults: Faults
    calm_at: float = 0.0
    sick: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset()
    outage: tuple[float, float] = (0.0, 0.0)
    stop_at: float | None = None
    revocations: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    sweeps: bool = False
    values: int = 2
    chunk_values: int = 2
    forgets: bool = False
    hostile: Mapping[int, Guise] = field(default_factory=dict)
    hostile_to_the_end: bool = False

    @property
    def clients(self) -> int:
        return self.settings["clients"]


def draw(rng: random.Random) -> Plan:
    """Draw a plan: a small federation, and a few kinds of misfortune at a time.

    Few kinds, because all of them together hide what each alone would show.
    """
    large = rng.random() < 0.1
    clients = rng.choice((3, 4, 5, 6) if large else (1, 2, 2, 3, 3))
    per_round = rng.randint(1, clients)
    indexes = range(clients)
    calm_at = rng.choice((30.0, 100.0, 400.0))
    start = rng.uniform(0.0, calm_at)
    quorum = rng.choice((0.4, 0.6, 1.0))
    plan = Plan(
        settings={
            "clients": clients,
            "min_clients": rng.choice((0, per_round)),
            "per_round": per_round,
            "over_select": 0,
            "rounds": rng.choice((2, 3) if large else (1, 1, 1, 2)),
            "quorum": quorum,
            "deadline_s": rng.choice((130.0, 400.0)),
            "attempts": rng.choice((1, 2, 3)),
            "claim_s": rng.choice((5.0, 60.0)),
            "evaluate": rng.random() < 0.3,
            **_combining(rng, clients, per_round, math.ceil(quorum * per_round)),
        },
        faults=_some(rng),
        calm_at=calm_at,
        sick=_few(rng, indexes, 0.1),
        missing=_few(rng, indexes, 0.15),
        outage=(start, start + 20.0) if rng.random() < 0.15 else (0.0, 0.0),
        stop_at=rng.uniform(0.0, 60.0) if rng.random() < 0.15 else None,
        sweeps=rng.random() < 0.2,
        chunk_values=rng.choice((2, 2, 1)),
        forgets=rng.random() < 0.3,
        hostile={each: _guise(rng) for each in _few(rng, indexes, 0.2)},
    )
    return replace(plan, revocations=_revocations(rng, plan))


def draw_hostile(rng: random.Random) -> Plan:
    """Draw a plan in which nothing bad happens but for what hostile clients do."""
    clients = rng.choice((4, 5, 6))
    per_round = rng.randint(3, clients)
    quorum = rng.choice((0.4, 0.6))
    # Three must agree on the initial model.
    most = min(per_round - math.ceil(quorum * per_round), clients - 3)
    hostile = rng.sample(range(clients), rng.randint(1, max(1, most)))
    return Plan(
        settings={
            "clients": clients,
            "per_round": per_round,
            "over_select": 0,
            "rounds": rng.choice((1, 2)),
            "quorum": quorum,
            "deadline_s": 130.0,
            "claim_s": 5.0,
            "evaluate": rng.random() < 0.5,
        },
        faults=Faults(switch=0.1),
        hostile={each: _guise(rng) for each in hostile},
        hostile_to_the_end=True,
    )


def draw_cut_off(rng: random.Random) -> Plan:
    """Draw a plan in which every aggregation is cut off, to the end, and no more."""
    clients = rng.choice((3, 5))
    return Plan(
        settings={
            "clients": clients,
            "per_round": clients,
            "rounds": rng.choice((1, 2)),
            "quorum": 1.0,
            "evaluate": False,
            **_combining(rng, clients, clients, clients),
        },
        faults=CUT_OFF,
        calm_at=math.inf,
        values=rng.choice((3, 4)),
        chunk_values=rng.choice((1, 2)),
    )


def draw_forged(rng: random.Random) -> Plan:
    """Draw a plan in which others have a client's token, and use it all the time.

    What its round has stored of it may never become whole, so that a round has to do
    without it.
    """
    clients = rng.choice((2, 3, 4))
    return Plan(
        settings={
            "clients": clients,
            "per_round": clients,
            "rounds": 2,
            "quorum": 0.2,
            "deadline_s": 130.0,
            "claim_s": 5.0,
            "attempts": 100,
            "evaluate": False,
        },
        faults=replace(_some(rng), forge=0.3, kill=0.0),
        calm_at=rng.choice((100.0, 400.0)),
        values=2,
        chunk_values=rng.choice((1, 2)),
        forgets=rng.random() < 0.3,
    )


CUT_OFF = Faults(switch=0.1, cut=1.0)
"""No aggregation gets further than one chunk."""

FAR = 2 * 2.0**60
"""How far from a version some updates of our clients lie, and some do not."""


def _combining(
    rng: random.Random, clients: int, per_round: int, fewest: int
) -> dict[str, Any]:
    """Draw how updates become a version; a round may close with the `fewest`."""
    strategies = ["fedavg", "fedavg", "median", "trimmed_mean"]
    if fewest >= 3:
        strategies += ["krum"] * 2
    byzantine = rng.randint(0, 1) if fewest >= 5 else 0
    bounds = [(0.0, "refuse"), (0.0, "refuse"), (1.0, "clip"), (FAR, "clip")]
    # Of three clients one is refused: the others must do, and all be drawn.
    if 3 <= per_round == clients and per_round >= 2 * fewest - 1:
        bounds.append((FAR, "refuse"))
    max_norm, norm_action = rng.choice(bounds)
    return {
        "strategy": rng.choice(strategies),
        "trim": rng.choice((0.0, 0.2, 0.4)),
        "byzantine": byzantine,
        "krum_keep": rng.randint(1, fewest - byzantine),
        "max_weight": rng.choice((0.0, 1.0, 1.5, 3.0)),
        "max_norm": max_norm,
        "norm_action": norm_action,
    }


def _revocations(rng: random.Random, plan: Plan) -> dict[int, tuple[float, float]]:
    """Draw who is revoked and when, and who is let in again: one at the least.

    All are where updates are refused for their norm, as the others may be too few; and
    where a round has one attempt, as it may have nobody else.
    """
    settings = plan.settings
    refuses = settings["max_norm"] and settings["norm_action"] == "refuse"
    most = 0 if refuses or settings["attempts"] == 1 else plan.clients - 1
    found: dict[int, tuple[float, float]] = {}
    for each in sorted(_few(rng, range(plan.clients), 0.25)):
        start = rng.uniform(0.0, plan.calm_at)
        for_good = len(found) < most and rng.random() < 0.5
        until = math.inf if for_good else rng.uniform(start, plan.calm_at)
        found[each] = (start, until)
    return found


def _guise(rng: random.Random) -> Guise:
    return rng.choice(list(Guise))


def _some(rng: random.Random) -> Faults:
    # A client in whose name others send is lost for the round: see `draw_forged`.
    names = [each.name for each in fields(Faults) if each.name != "forge"]
    chosen = rng.sample(names, rng.randint(1, 5))
    rates = {name: rng.random() * getattr(WORST, name) for name in chosen}
    # Nothing shows where requests never overlap.
    return replace(Faults(switch=0.1), **rates)


def _few(rng: random.Random, indexes: range, probability: float) -> frozenset[int]:
    if rng.random() >= probability:
        return frozenset()
    return frozenset(rng.sample(indexes, rng.randint(1, len(indexes))))
