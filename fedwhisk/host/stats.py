"""What a host has done so far, counted."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class HostStats:
    """A copy of the counters at one instant.

    Attributes:
        calls: HTTP calls of actions (web, API, gateway) by the action's name, refused
            ones included.
        answers: HTTP answers by status, whatever was asked.
        bytes_in: bytes of request bodies.
        bytes_out: bytes of answers' bodies.
        activations: activations by name; those of a sequence and its components, too.
        peak_rss: largest resident memory of an action's processes, in bytes, by name.
        p50_ms: median duration of the activations, in milliseconds, by name.
        cold_starts: processes started, by the action's name.
        gb_s: what OpenWhisk bills, by name: an activation's duration in seconds times
            its action's memory limit in GiB. A sequence's own is nothing.
    """

    calls: dict[str, int]
    answers: dict[int, int]
    bytes_in: int
    bytes_out: int
    activations: dict[str, int]
    peak_rss: dict[str, int]
    p50_ms: dict[str, float]
    cold_starts: dict[str, int]
    gb_s: dict[str, float]

    @property
    def throttled(self) -> int:
        """Answers with status 429."""
        return self.answers.get(429, 0)


@dataclass
class Counters:
    """The running counters, written by the host's own thread alone."""

    calls: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    cold_starts: Counter[str] = field(default_factory=Counter)
    peak_rss: dict[str, int] = field(default_factory=dict)
    gb_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    durations_ms: defaultdict[str, list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def saw_memory(self, action: str, peak: int) -> None:
        """Note the peak memory of one of an action's processes, in bytes."""
        self.peak_rss[action] = max(self.peak_rss.get(action, 0), peak)

    def snapshot(self) -> HostStats:
        """The counters now; safe to call from any thread."""
        durations = {name: list(ms) for name, ms in list(self.durations_ms.items())}
        return HostStats(
            calls=dict(self.calls),
            answers=dict(self.answers),
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            activations={name: len(ms) for name, ms in durations.items()},
            peak_rss=dict(self.peak_rss),
            p50_ms={name: statistics.median(ms) for name, ms in durations.items()},
            cold_starts=dict(self.cold_starts),
            gb_s=dict(self.gb_s),
        )
