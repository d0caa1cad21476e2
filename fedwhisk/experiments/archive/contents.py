"""What a file of an experiment holds: its entries, and the manifest that names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from fedcore.documents import (
    Client,
    Experiment,
    RoundRecord,
    Update,
)

FORMAT = "fedwhisk experiment"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
EXPERIMENT = "experiment.json"

ROWS: dict[str, type[Any]] = {
    "clients": Client,
    "rounds": RoundRecord,
    "updates": Update,
    "uploads": dict,
    "update_chunks": dict,
    "measures": dict,
    "model_chunks": dict,
}
"""The collections that belong to an experiment, and what their documents are."""

LATER = frozenset({"measures"})
"""Collections that files of earlier releases do not have."""

CHUNK_FIELDS: dict[str, tuple[str, ...]] = {
    "update_chunks": (
        "experiment",
        "round",
        "client",
        "upload",
        "chunk",
        "hash",
        "square",
    ),
    "measures": ("experiment", "round", "chunk", "hash"),
    "model_chunks": ("experiment", "version", "chunk", "hash", "squares"),
}
"""The collections whose documents carry bytes (`data`), and their other fields."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The last entry of a file: what it is, and the SHA-256 of every other entry."""

    format: str
    format_version: int
    experiment: str
    entries: dict[str, str]


@dataclass(frozen=True)
class Contents:
    """What a file holds, for people's eyes."""

    experiment: Experiment
    clients: int
    rounds: int


def rows_name(collection: str) -> str:
    """Return the entry of a collection's documents."""
    return f"{collection}.jsonl"


def chunk_name(collection: str, key: str) -> str:
    """Return the entry of one chunk's bytes."""
    return f"{collection}/{key}"
