"""How a client writes its log."""

from __future__ import annotations

import logging


def to_standard_error() -> None:
    """Write the log's lines to standard error, each with its time and level."""
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO
    )
