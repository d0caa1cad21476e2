"""Random streams: one seed for each purpose, from the experiment's seed and a place.

A client that starts again draws the same numbers, so it sends the same update.
"""

from __future__ import annotations

import hashlib


def seed(purpose: str, *place: int) -> int:
    """Return a 63-bit seed for `purpose` at `place` (experiment seed, round, index …).

    Hashed, so that neighbouring places share nothing.
    """
    text = "/".join([purpose, *map(str, place)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
