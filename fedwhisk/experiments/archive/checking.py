"""What a file's documents must be, since anybody may have written the file.

An experiment's keys, names and settings are checked as they are where they come in over
the wire: a file brings nothing that a client or an operator could not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import msgspec

from fedcore import codec, settings
from fedcore.documents import Document, Experiment
from fedcore.errors import InvalidSettings
from fedcore.messages import (
    PRINTABLE,
    Index,
    LayoutField,
    MetricName,
    Name,
    Number,
    Sha256,
)
from fedcore.store.store import (
    Place,
    client_key,
    model_key,
    round_key,
    slot_keys,
)

ID = re.compile(r"[0-9a-f]{16}")
"""What the actions make: 8 random bytes. It holds no `/`, which parts keys."""

SHOWN = re.compile(PRINTABLE)
LONGEST_TEXT = 1_000
"""Characters; the actions store no longer text outside of the settings."""

BY_CLIENT = frozenset(
    {"accepted", "refused", "votes", "revoked", "distances", "capped"}
)
"""What is kept by clients' indexes."""

INDEX = re.compile(r"\d{1,7}", re.ASCII)
MOST_SCORED = 32
"""Figures of a score: it goes into lists of experiments."""

Metrics = dict[MetricName, float]


class Wrong(Exception):
    """A document is not as the actions write it; the text says what was found."""


class ClientKey(msgspec.Struct, frozen=True):
    """What makes a client's key, and its name."""

    index: Index
    name: Name

    def keys(self, experiment: Experiment) -> list[str]:
        """Return the keys that such a document may have."""
        return [client_key(experiment, self.index)]


class Scored(msgspec.Struct, frozen=True):
    """What a score may hold."""

    result: Annotated[dict[str, float], msgspec.Meta(max_length=MOST_SCORED)] | None = (
        None
    )


class RoundKey(msgspec.Struct, frozen=True):
    """What makes the key of a round's history, its metrics and its score."""

    number: Number
    metrics: Metrics = {}
    evaluation: Scored = Scored()

    def keys(self, experiment: Experiment) -> list[str]:
        """Return the keys that such a document may have."""
        return [round_key(experiment, self.number)]


class UpdateKey(msgspec.Struct, frozen=True):
    """What makes an update's key, and its metrics."""

    round: Number
    client: Index
    upload: Sha256
    metrics: Metrics

    def keys(self, experiment: Experiment) -> list[str]:
        """Return the keys that such a document may have."""
        place = Place(round=self.round, client=self.client, upload=self.upload)
        return [place.upload_key(experiment)]


class SlotKey(msgspec.Struct, frozen=True):
    """What makes the key of an upload's slot, beside the client, which it alone names.

    The documents of this collection name no client.
    """

    key: Annotated[str, msgspec.Meta(pattern=r"/\d{7}/\d\Z")] = msgspec.field(
        name="_id"
    )
    round: Number
    upload: Sha256

    def keys(self, experiment: Experiment) -> list[str]:
        """Return the keys that such a document may have."""
        client = int(self.key.split("/")[-2])
        return slot_keys(experiment, client, self.round)


class UpdateChunkKey(msgspec.Struct, frozen=True):
    """What makes the key of an update's chunk, and its square."""

    round: Number
    client: Index
    upload: Sha256
    chunk: Number
    hash: Sha256
    square: float | None = None

    def keys(self, experiment: Experiment) -> list[str]:
        """Return the keys that such a document may have."""
        place = Place(self.round, self.client, self.upload, self.chunk)
        return [place.key(experiment)]


class MeasureKey(msgspec.Struct, frozen=True):
    """What makes the key of a chunk's measures."""

    round: Number
    chunk: Number
    hash: Sha256

    def keys(self, experiment: Experiment) -> list[str]:
        """Return the keys that such a document may have."""
        return [model_key(experiment, self.round, self.chunk)]


class ModelChunkKey(msgspec.Struct, frozen=True):
    """What makes the key of a version's chunk, and its squares."""

    version: Number
    chunk: Number
    hash: Sha256
    squares: list[float] = []

    def keys(self, experiment: Experiment) -> list[str]:
        """Return the keys that such a document may have."""
        return [model_key(experiment, self.version, self.chunk)]


Key = (
    ClientKey
    | RoundKey
    | UpdateKey
    | SlotKey
    | UpdateChunkKey
    | MeasureKey
    | ModelChunkKey
)

KEYS: Mapping[str, Callable[..., Key]] = {
    "clients": ClientKey,
    "rounds": RoundKey,
    "updates": UpdateKey,
    "uploads": SlotKey,
    "update_chunks": UpdateChunkKey,
    "measures": MeasureKey,
    "model_chunks": ModelChunkKey,
}
"""The collections that belong to an experiment, and what makes their keys."""


def check_experiment(document: Document) -> Experiment:
    """Return an experiment's document as a value.

    Raises:
        Wrong: its id, name, settings, layout or a text is none that the actions store.
    """
    experiment = msgspec.convert(document, Experiment)
    if not ID.fullmatch(experiment.id):
        raise Wrong(f"found id {experiment.id[:40]!r}, expected 16 digits of 0-9, a-f")
    try:
        settings.check_name(experiment.name)
        settings.check(experiment.settings)
        layout = experiment.layout
        fault = _layout_fault(layout, experiment) if layout is not None else None
    except (InvalidSettings, msgspec.ValidationError) as error:
        raise Wrong(str(error)) from None
    if fault is not None:
        raise Wrong(f"layout: {fault}")
    _check_texts({k: v for k, v in document.items() if k not in ("settings", "layout")})
    _check_indexes(document)
    _check_indexes(document.get("live", {}))
    return experiment


def check_row(collection: str, row: Document, experiment: Experiment) -> None:
    """See that a document of a collection is the experiment's own.

    Raises:
        Wrong: its key is not what its fields make, or a text holds what no line may.
    """
    if row.get("experiment") != experiment.id:
        raise Wrong(f"{row.get('_id')!r:.80} is of another experiment")
    kind: Any = KEYS[collection]
    try:
        expected = msgspec.convert(row, kind).keys(experiment)
    except msgspec.ValidationError as error:
        raise Wrong(str(error)) from None
    if row.get("_id") not in expected:
        raise Wrong(f"found key {row.get('_id')!r:.80}, expected {expected[0]!r}")
    _check_texts(row)
    if collection == "rounds":
        _check_indexes(row)


def _layout_fault(layout: Any, experiment: Experiment) -> str | None:
    msgspec.convert(msgspec.to_builtins(layout), LayoutField)
    return codec.layout_fault(layout, experiment.settings.max_parameters)


def _check_texts(value: Any) -> None:
    for text in _texts(value):
        if not SHOWN.fullmatch(text):
            raise Wrong(f"found {text!r:.80}, expected one line without controls")
        if len(text) > LONGEST_TEXT:
            raise Wrong(
                f"found {len(text):,} characters in a text, expected at most "
                f"{LONGEST_TEXT:,}"
            )


def _check_indexes(document: Document) -> None:
    """See that what is kept by client is kept by numbers: others read them as such."""
    for name in BY_CLIENT & document.keys():
        for key in document[name]:
            if not INDEX.fullmatch(key):
                raise Wrong(f"{name}: found {key!r:.80}, expected a client's index")


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, each in value.items():
                yield key
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
