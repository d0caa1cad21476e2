"""Random streams: one seed for each purpose, from the experiment's seed and a key.

A client that starts again draws the same numbers, so it sends the same update.
"""

from __future__ import annotations

import hashlib


def seed(purpose: str, *key: int) -> int:
    """Return a 63-bit seed for `purpose` and `key` (experiment seed, round, index …).

    Hashed, so that neighbouring keys share nothing.
    """
    text = "/".join([purpose, *map(str, key)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
