"""Write an experiment's file."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from fedcore.documents import AT_REST, Document, Experiment
from fedcore.store.database import Database
from fedwhisk.errors import OperatorError
from fedwhisk.experiments.archive.contents import (
    CHUNK_FIELDS,
    EXPERIMENT,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    ROWS,
    Contents,
    Manifest,
    chunk_name,
    rows_name,
)


def write(database: Database, name: str, path: Path) -> Contents:
    """Write an experiment to a file, whole or not at all.

    Raises:
        OperatorError: there is no such experiment, it has not ended (what still moves
            would be torn apart), or the file cannot be written.
    """
    found = database.find("experiments", {"name": name})
    if not found:
        raise OperatorError(f"no experiment is named {name!r}")
    experiment = msgspec.convert(found[0], Experiment)
    if experiment.state not in AT_REST:
        raise OperatorError(
            f"{name} is {experiment.state.value}: stop it first (fedwhisk stop {name})"
        )
    part = path.with_name(f"{path.name}.part")
    try:
        _write_zip(part, name, _entries(database, found[0]))
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OperatorError(f"{path}: cannot be written ({error})") from None
    mine = {"experiment": experiment.id}
    return Contents(
        experiment, database.count("clients", mine), database.count("rounds", mine)
    )


def _write_zip(
    path: Path, experiment: str, entries: Iterable[tuple[str, Iterable[bytes]]]
) -> None:
    # For this user alone: updates that nobody has averaged yet may be among it.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            hashes = {name: _add(archive, name, pieces) for name, pieces in entries}
            manifest = Manifest(
                format=FORMAT,
                format_version=FORMAT_VERSION,
                experiment=experiment,
                entries=hashes,
            )
            archive.writestr(MANIFEST, msgspec.json.encode(manifest))
        file.flush()
        os.fsync(file.fileno())


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    with archive.open(name, "w") as entry:
        for piece in pieces:
            digest.update(piece)
            entry.write(piece)
    return digest.hexdigest()


def _entries(
    database: Database, experiment: Document
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield each entry's name and its bytes; chunks are read when they are due."""
    yield EXPERIMENT, [_line(experiment)]
    mine = {"experiment": experiment["_id"]}
    for collection in ROWS:
        fields = CHUNK_FIELDS.get(collection, ())
        documents = database.find(collection, mine, fields)
        yield rows_name(collection), map(_line, documents)
        for document in documents if fields else ():
            key = document["_id"]
            (whole,) = database.find(collection, {"_id": key}, ("data",))
            yield chunk_name(collection, key), [bytes(whole["data"])]


def _line(document: Document) -> bytes:
    return json.dumps(document, allow_nan=False).encode() + b"\n"
