"""Who takes part in a round: drawn by lot, fixed by what the documents say.

While every client delivers and keeps its word, the lot alone decides, so that a seed
gives the same cohorts whatever the clients' speed. Who does not is drawn last: absent
is who has not come back long after the promised time, resting who was in a cohort and
did not deliver. Such a client rests until it is seen again, and for one round; after a
second miss in a row for two, then four, eight …: who has died costs one deadline, who
is slow costs few, who is back is found again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fedcore.documents import Client, RoundRecord
from fedcore.settings import INITIAL_VOTES, ExperimentSettings

ABSENT_S = 120.0
"""Seconds after the promised return from which a client counts as absent."""

LONGEST_REST = 64
HISTORY = 2 * LONGEST_REST
"""Rounds that a client rests at most, and rounds that are looked back on."""

LOOKAHEAD = 50
"""Rounds that are looked ahead for a client's next turn."""

SHORTEST_DEADLINE_S = 10.0
"""The least that a deadline adapts to; a shorter `deadline_s` stays as it is."""

UNFIT = 1e12
"""The reluctance to draw who is absent or rests; no waiting time is as large."""


def draw(
    settings: ExperimentSettings,
    number: int,
    enrolled: Iterable[int],
    *,
    attempt: int = 1,
    present: Sequence[int] = (),
    reluctance: Mapping[int, float] | None = None,
    salt: str = "",
) -> list[int]:
    """Draw the cohort of a round: at random, fixed by seed, round and attempt.

    Args:
        settings: the experiment's.
        number: the round's number; round 0 takes three clients.
        enrolled: indexes that may be drawn.
        attempt: a later attempt adds clients to `present`.
        present: the cohort so far; it stays.
        reluctance: by index; who has more of it is drawn later. Absence means none.
        salt: decides besides the seed, where nobody may know a cohort beforehand.

    Returns:
        The cohort in the order drawn. `present` alone where nobody fresh is left.
    """
    drawn = settings.per_round + settings.over_select
    size = INITIAL_VOTES if number == 0 else drawn
    fresh = _fresh(enrolled, present)
    seed = f"{salt}{settings.seed}/{number}/{attempt}"
    lot = random.Random(seed)  # noqa: S311 - repeatable
    picked = lot.sample(fresh, min(size, len(fresh)))
    reluctance = reluctance or {}
    if any(reluctance.get(index) for index in picked):
        others = sorted(set(fresh) - set(picked))
        lot.shuffle(others)
        order = [*picked, *others]
        order.sort(key=lambda index: reluctance.get(index, 0.0))
        picked = order[:size]
    return [*present, *picked]


def _fresh(enrolled: Iterable[int], present: Sequence[int]) -> Sequence[int]:
    """Return who is enrolled and not present, in order.

    A range stays one: a lot drawn from it is the same as from its list, and takes no
    longer however many are enrolled.
    """
    if isinstance(enrolled, range) and not present:
        return enrolled
    return sorted(set(enrolled) - set(present))


def next_turn(
    settings: ExperimentSettings, number: int, index: int, enrolled: int
) -> tuple[int, float] | None:
    """Foresee when the lot falls on a client, if all others are well.

    Args:
        settings: the experiment's.
        number: the live round; turns after it are looked for.
        index: the client's.
        enrolled: how many clients are enrolled; their indexes are 0 to one less.

    Returns:
        After how many rounds, from 1, and the client's place in that cohort, in
        [0, 1); None when no turn is in sight.
    """
    last = min(settings.rounds, number + LOOKAHEAD)
    for later in range(number + 1, last + 1):
        cohort = draw(settings, later, range(enrolled))
        if index in cohort:
            return later - number, cohort.index(index) / len(cohort)
    return None


def reluctances(
    clients: Iterable[Client],
    records: Iterable[RoundRecord],
    settings: ExperimentSettings,
    number: int,
    now: float,
    *,
    urgent: bool = False,
) -> dict[int, float]:
    """Return how little each client is wanted in round `number`; none is left out.

    Args:
        clients: who may be drawn.
        records: the last rounds, in order.
        settings: the experiment's.
        number: the round to draw for.
        now: the server's time.
        urgent: whether the round waits already: then who comes back first is drawn
            first.
    """
    missed = misses(records, settings)
    found = {}
    for client in clients:
        sleep_s = max(0.0, client.due - now) if urgent else 0.0
        unfit = 0
        miss = missed.get(client.index)
        if miss is not None and (miss.rests(number) or client.last_seen <= miss.closed):
            unfit = miss.count
        elif is_absent(client, now):
            unfit = 1
        if unfit or sleep_s:
            found[client.index] = UNFIT * unfit + sleep_s
    return found


def is_absent(client: Client, now: float) -> bool:
    """Tell whether a client has broken its promise to come back, long ago."""
    return client.last_seen < client.due and now > client.due + ABSENT_S


@dataclass(frozen=True)
class Miss:
    """What a client owes: rounds missed in a row, the last one and when it closed."""

    count: int
    round: int
    closed: float

    def rests(self, number: int) -> bool:
        """Tell whether the client rests in a round."""
        return number <= self.round + min(1 << (self.count - 1), LONGEST_REST)


def misses(
    records: Iterable[RoundRecord], settings: ExperimentSettings
) -> dict[int, Miss]:
    """Return who has not delivered when last in a cohort, by index.

    Args:
        records: the last rounds, in order.
        settings: the experiment's.
    """
    missed: dict[int, Miss] = {}
    for record in records:
        for index in record.cohort:
            if _delivered(record, index, settings):
                missed.pop(index, None)
            else:
                before = missed[index].count if index in missed else 0
                missed[index] = Miss(before + 1, record.number, record.closed)
    return missed


def _delivered(record: RoundRecord, index: int, settings: ExperimentSettings) -> bool:
    if str(index) in record.accepted:
        return True
    # Where more were drawn than needed, it is no fault to be late; where the round had
    # to close without its target, it is.
    target = settings.target_of(record.number, len(record.cohort))
    was_late = index in record.late and str(index) not in record.refused
    return was_late and len(record.accepted) >= target


def all_back(clients: Iterable[Client], cohort: Sequence[int], now: float) -> float:
    """Return when the whole cohort is awake, as it has promised; `now` at the least.

    A deadline counts from then, so that sleepers burn no attempt.
    """
    return max([now, *(client.due for client in clients if client.index in cohort)])


def deadline_s(settings: ExperimentSettings, lately: Sequence[float]) -> float:
    """Return how many seconds a round may last.

    Args:
        settings: the experiment's; without a `deadline_factor` it is `deadline_s`.
        lately: how long the last rounds took until their quorum was in.
    """
    if not settings.deadline_factor or not lately:
        return settings.deadline_s
    adapted = max(SHORTEST_DEADLINE_S, settings.deadline_factor * max(lately))
    return min(settings.deadline_s, adapted)
