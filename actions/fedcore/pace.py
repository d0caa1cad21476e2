"""When clients come back: a pure function, so that a quota is never overrun.

OpenWhisk allows a namespace 60 calls a minute unless its operator raises that. Every
client owns the slots `(index + 1/2) / places` of a repeating period that is long
enough for the whole federation; told to wait, it comes back in the first of its slots
after the time when something is expected to happen. So calls that poll are spread
evenly whatever their number, and calls that work causes fit into what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

RESERVE = 0.2
"""Share of the call budget that is never planned for."""

SHORTEST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
ENDED_WAIT_S = 300.0
"""Wait of clients whose experiment failed, until someone resumes it."""

AGGREGATION_WAIT_S = 5.0
"""Longest wait of the last submitter while its round is aggregated."""


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
    def period_s(self) -> float:
        """Seconds in which every client may call once while a cohort works."""
        # A cohort's own calls: fetching (beyond the first chunk, which comes with
        # the assignment only if it is alone) and submitting, and a few to advance.
        fetches = 0 if self.chunks == 1 else self.chunks
        work = self.cohort * (fetches + self.chunks) + 4
        return (self.places + work) / self.usable_per_s

    @property
    def longest_wait_s(self) -> float:
        """The bound of every wait while an experiment runs."""
        return max(LONGEST_WAIT_S, 2 * self.period_s)

    @property
    def chunk_pause_s(self) -> float:
        """Seconds between two chunk calls of one client while a cohort works."""
        if self.chunks == 1:
            return 0.0
        return self.cohort / self.usable_per_s

    def retry_after(self, now: float, target: float, index: int) -> float:
        """Return the seconds until client `index` should call again.

        Args:
            now: the server's time, in seconds.
            target: when something to do is expected; past times mean soon.
            index: the client's index, which owns a slot of the period.

        Returns:
            Seconds between `SHORTEST_WAIT_S` and `longest_wait_s`.
        """
        earliest = max(target, now + SHORTEST_WAIT_S)
        # Far targets are approached step by step, so that news travels in time.
        earliest = min(earliest, now + self.longest_wait_s - self.period_s)
        earliest = max(earliest, now + SHORTEST_WAIT_S)
        phase = (index % self.places + 0.5) / self.places * self.period_s
        slot = earliest + (phase - earliest) % self.period_s
        return min(max(slot - now, SHORTEST_WAIT_S), self.longest_wait_s)


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
    by_habit = opened + usual_s if usual_s is not None else now + elapsed / 2
    if not done:
        return by_habit
    by_progress = opened + elapsed * target / done
    if usual_s is None:
        # The first updates of a round come late: half the way, then look again.
        return now + (by_progress - now) / 2
    return min(by_habit, by_progress) if by_habit > now else by_progress
