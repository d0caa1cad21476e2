"""When clients call: pure functions, so that a quota is never overrun.

OpenWhisk allows a namespace 60 calls in a wall-clock minute unless its operator raises
that. Four kinds of calls share the budget, each kept to a part of it:

- `turn_after`: those who are likely drawn next ask whether their round has opened;
- `news_after`: everyone learns what concerns everyone (the end, a failure), and those
  without a turn to expect show that they live;
- `work_turns`: a cohort fetches and hands in, chunk by chunk;
- a round lasts at least `round_s`, in which all its calls find room, however fast its
  clients train.

Within each kind every client owns a slot of a repeating period, so that calls are
spread evenly whatever the number of clients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fedcore.messages import Turns

RESERVE = 0.2
"""Share of the call budget that is never planned for: operators, retries, repairs."""

ASKING, NEWS, HANDING_IN, CHUNKS, ROUND = 0.45, 0.3, 0.45, 0.65, 0.85
"""Shares of the rest. They need not add up to one: no two are at their most at once."""

IDLE = 0.5
"""Share of the rest while no experiment runs."""

BURST = 0.25
"""Share of a minute's budget that a cohort may use up in one instant."""

OVERHEAD = 6
"""Calls of a round besides those of its clients: advancing, scoring, a repetition."""

AT_ONCE = 30
"""Calls that a stock namespace carries at once."""

COLD_S = 1.0
"""Seconds that OpenWhisk takes to start a container, if it starts one at a time."""

SHORTEST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
FAILED_WAIT_S = 300.0
"""Wait of clients whose experiment failed, until someone resumes it."""

SHORTEST_BACK_OFF_S = 10.0
AGGREGATION_WAIT_S = 5.0
"""Longest wait for the aggregation of a round."""

LOOK_S = 0.5
LOOKING = 0.3
"""An operator's shortest pause between two looks, and its share of the reserve."""


@dataclass(frozen=True)
class Pace:
    """What the pace of a federation depends on.

    Attributes:
        calls_per_minute: the deployment's call budget.
        places: clients in the federation (`clients` of its settings).
        cohort: clients at work in a round.
        chunks: chunks of the model, each a call in either direction.
    """

    calls_per_minute: float
    places: int
    cohort: int
    chunks: int = 1

    @property
    def usable_per_s(self) -> float:
        """Calls a second that are planned for."""
        return self.calls_per_minute * (1 - RESERVE) / 60

    @property
    def round_s(self) -> float:
        """Seconds that a round lasts at least."""
        # The first chunk comes with the assignment, if it is the only one.
        fetches = 0 if self.chunks == 1 else self.chunks
        asking = min(self.places, 1.5 * self.cohort)
        work = self.cohort * (fetches + self.chunks) + fetches + OVERHEAD
        return self._seconds(asking + work, ROUND)

    def earliest_end(self, opened: float, target: int, of: int) -> float:
        """Return when a round of that target and cohort may end, by its turns alone."""
        if self.chunks == 1:
            return opened + self.round_s * target / max(1, of)
        return opened + (2 * self.chunks - 1) * self._seconds(of + 1, CHUNKS)

    @property
    def asking_s(self) -> float:
        """Seconds in which each of those who expect their turn asks once."""
        share = ASKING if self.chunks == 1 else ASKING / 2
        return max(SHORTEST_WAIT_S, self._seconds(self.cohort, share))

    @property
    def news_s(self) -> float:
        """Seconds in which every client of the federation may call once."""
        return max(SHORTEST_WAIT_S, self._seconds(self.places, NEWS))

    @property
    def longest_wait_s(self) -> float:
        """The bound of every wait while an experiment runs."""
        return max(LONGEST_WAIT_S, 3 * self.news_s)

    @property
    def look_s(self) -> float:
        """Seconds between two looks of one operator who watches."""
        return max(LOOK_S, 60 / (self.calls_per_minute * RESERVE * LOOKING))

    def turn_after(self, now: float, target: float, place: float) -> float:
        """Return the seconds until one who expects a turn should call again.

        Args:
            now: the server's time, in seconds.
            target: when that turn is expected; past times mean soon.
            place: in [0, 1), different for each who expects the same turn.

        Returns:
            Seconds between `SHORTEST_WAIT_S` and `longest_wait_s`.
        """
        if target - now > self.longest_wait_s - self.news_s:
            # Its own slot among all clients comes once in `news_s`: take the last one
            # before the turn, not the first one after it, or the round waits.
            return self.news_after(now, target - self.news_s, place)
        return self._slot_after(now, target, place, self.asking_s)

    def news_after(self, now: float, target: float, place: float) -> float:
        """Return the seconds until a client should call that waits with all others.

        The arguments and the result are those of `turn_after`; `place` is different
        for each client of the federation.
        """
        return self._slot_after(now, target, place, self.news_s)

    @property
    def idle_s(self) -> float:
        """Seconds between two looks of a client while no experiment runs, or more."""
        return max(LONGEST_WAIT_S, self._seconds(self.places, IDLE))

    @property
    def back_off_s(self) -> float:
        """Longest pause between a client's attempts while the platform is away.

        When it is back, all clients call within that time: a few soon, many slowly.
        """
        all_s = start_spread_s(self.places, self.calls_per_minute)
        return min(max(SHORTEST_BACK_OFF_S, all_s), LONGEST_WAIT_S)

    def failed_after(self, now: float, place: float) -> float:
        """Return the seconds until a client looks whether someone resumed it."""
        earliest = now + max(FAILED_WAIT_S, self.idle_s)
        return _slot(earliest, place, self.news_s) - now

    def work_turns(self, now: float, opened: float, position: int, of: int) -> Turns:
        """Return when a client of a cohort may make the calls of its work.

        Args:
            now: the server's time, in seconds.
            opened: when the round was opened.
            position: of the client in its cohort, from 0; `of` itself is the place of
                the one who scores a version meanwhile.
            of: clients in the cohort.
        """
        # However fast they train, the last hands in when the round has lasted long
        # enough. Chunks take longer than that anyway.
        hold = opened + self.round_s * (position + 1) / of if self.chunks == 1 else now
        earliest = max(now, hold)
        if self.chunks == 1 and of <= BURST * self.usable_per_s * 60:
            return _turns(earliest - now, 0.0)
        if self.chunks == 1:
            # Half a period after the slot in which it has asked, if it trains so fast.
            every = self._seconds(of, HANDING_IN)
            place = position / of + 0.5
        else:
            every = self._seconds(of + 1, CHUNKS)
            place = position / (of + 1)
        return _turns(_slot(earliest, place, every) - now, every)

    def _slot_after(
        self, now: float, target: float, place: float, period: float
    ) -> float:
        # Far targets are approached step by step, so that news travels in time.
        earliest = min(target, now + self.longest_wait_s - period)
        earliest = max(earliest, now + SHORTEST_WAIT_S)
        wait = _slot(earliest, place, period) - now
        return min(max(wait, SHORTEST_WAIT_S), self.longest_wait_s)

    def _seconds(self, calls: float, share: float) -> float:
        """Return how long so many calls take at a share of the budget."""
        return calls / (share * self.usable_per_s)


def _slot(earliest: float, place: float, period: float) -> float:
    """Return the first time from `earliest` on that is a client's own in the period."""
    return earliest + (place % 1.0 * period - earliest) % period


def _turns(first: float, every: float) -> Turns:
    return Turns(first=round(max(first, 0.0), 3), every=round(every, 3))


def start_spread_s(
    clients: int, calls_per_minute: float, *, cold_s: float = COLD_S
) -> float:
    """Return over how many seconds clients should spread their first calls.

    Args:
        clients: how many start together.
        calls_per_minute: the deployment's call budget. They take half of it, as those
            who have enrolled call already.
        cold_s: seconds that the platform takes to start a process for an action. It
            starts one for each call that finds none free, so calls that come one
            after the other share a few; 0 where that does not matter.
    """
    one_by_one_s = clients * cold_s / 2 if clients > 1 else 0.0
    if clients <= min(AT_ONCE, calls_per_minute / 2):
        return one_by_one_s
    return max(one_by_one_s, 2 * clients * 60 / calls_per_minute)


def expected_end(
    *, opened: float, now: float, done: int, target: int, usual_s: float | None
) -> float:
    """Guess when a round ends.

    Args:
        opened: when its training began.
        now: the server's time.
        done: updates in.
        target: updates that close it.
        usual_s: how long rounds have taken lately, or None for the first.

    Returns:
        A time in seconds, rather too early than too late: who comes early asks once
        more, who comes late lets the next round wait.
    """
    elapsed = now - opened
    by_progress = opened + elapsed * target / done if done else math.inf
    if usual_s is None:
        # The first updates of a round come late, and then many at once where clients
        # train side by side: go half the way, but not too far, then look again.
        step = elapsed / 3 if done else elapsed / 2
        return min(now + (by_progress - now) / 2, now + step)
    by_habit = opened + usual_s
    if by_habit > now:
        return min(by_habit, by_progress)
    # Overdue: it may end at any moment, or last twice as long.
    return min(by_progress, now + max(SHORTEST_WAIT_S, now - by_habit))
