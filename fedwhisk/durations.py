"""Durations as a person reads them."""

from __future__ import annotations

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def in_words(seconds: float, *, digits: int = 0) -> str:
    """Return a duration in its largest unit that fits twice.

    Args:
        seconds: how long; what is below 0 counts as 0.
        digits: after the point, where it is below 10 s.

    >>> [in_words(seconds, digits=1) for seconds in (1.25, 90, 120, 9000)]
    ['1.2 s', '90 s', '2 min', '2 h']
    """
    for size, unit in UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.{digits if seconds < 10 else 0}f} s"
