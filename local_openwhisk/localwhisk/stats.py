"""What a host has done so far, counted. Nothing here grows with the number of calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class HostStats:
    """A copy of the counters at one instant.

    Attributes:
        activations: activations by name; those of a sequence and its components, too.
        peak_rss: largest resident memory of an action's processes, in bytes, by name.
        cold_starts: processes started, by the action's name.
        gb_s: what OpenWhisk bills, by name: an activation's duration in seconds times
            its action's memory limit in GiB. A sequence's own is nothing.
    """

    activations: dict[str, int]
    peak_rss: dict[str, int]
    cold_starts: dict[str, int]
    gb_s: dict[str, float]


@dataclass
class Counters:
    """The running counters, written by the host's own thread alone."""

    activations: Counter[str] = field(default_factory=Counter)
    cold_starts: Counter[str] = field(default_factory=Counter)
    peak_rss: dict[str, int] = field(default_factory=dict)
    gb_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def saw_memory(self, action: str, peak: int) -> None:
        """Note the peak memory of one of an action's processes, in bytes."""
        self.peak_rss[action] = max(self.peak_rss.get(action, 0), peak)

    def snapshot(self) -> HostStats:
        """The counters now; safe to call from any thread."""
        return HostStats(
            activations=dict(self.activations),
            peak_rss=dict(self.peak_rss),
            cold_starts=dict(self.cold_starts),
            gb_s=dict(self.gb_s),
        )
