"""Check an experiment's file, every byte of it, and store what it holds."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fedcore.documents import AT_REST, Document, Experiment
from fedcore.store.database import Database
from fedwhisk.archive.contents import (
    CHUNK_FIELDS,
    EXPERIMENT,
    FORMAT,
    FORMAT_VERSION,
    LATER,
    MANIFEST,
    ROWS,
    Contents,
    Manifest,
    chunk_name,
    rows_name,
)
from fedwhisk.errors import InputError, OperatorError

PIECE = 1 << 20

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""What zipfile raises for a file that is no zip, or is damaged somewhere."""


class _Damaged(Exception):
    """The file is not as it was written; the text says what was found."""


def load(database: Database, path: Path) -> Contents:
    """Store the experiment of a file; an import that was cut off may be repeated.

    All of the file is checked before anything is stored. The experiment's own document
    comes last: until then nobody sees it.

    Raises:
        InputError: the file is not one of ours, or damaged; nothing is stored.
        OperatorError: the database has an experiment of that name.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            experiment = _check(archive)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except UNREADABLE as error:
        raise InputError(
            f"{path}: not a file of `fedwhisk export --all`, or damaged ({error})"
        ) from None
    except _Damaged as error:
        raise InputError(f"{path}: {error}") from None
    with zipfile.ZipFile(path) as archive:
        return _store(database, archive, experiment)


def _check(archive: zipfile.ZipFile) -> Document:
    """Check a file as a whole; return the experiment's document."""
    manifest = _manifest(archive)
    _check_names(archive, manifest.entries)
    for name, wanted in manifest.entries.items():
        if _hash(archive, name) != wanted:
            raise _Damaged(f"damaged: {name} does not fit its hash")
    experiment = _parse(EXPERIMENT, archive.read(EXPERIMENT), Experiment)
    if experiment["state"] not in AT_REST:
        raise _Damaged(f"{EXPERIMENT}: found state {experiment['state']!r}")
    for collection in ROWS:
        for row in _rows(archive, collection):
            _check_row(collection, row, experiment["_id"], manifest.entries)
    return experiment


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    if MANIFEST not in archive.namelist():
        raise _Damaged("not a file of `fedwhisk export --all`: it has no manifest")
    try:
        manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    except msgspec.MsgspecError as error:
        raise _Damaged(f"{MANIFEST}: {error}") from None
    if (manifest.format, manifest.format_version) != (FORMAT, FORMAT_VERSION):
        raise _Damaged(
            f"found format {manifest.format[:40]!r} {manifest.format_version}, "
            f"expected {FORMAT!r} {FORMAT_VERSION}"
        )
    return manifest


def _check_names(archive: zipfile.ZipFile, entries: Mapping[str, str]) -> None:
    infos = [info for info in archive.infolist() if info.filename != MANIFEST]
    found = [info.filename for info in infos]
    due = {EXPERIMENT, *map(rows_name, ROWS.keys() - LATER)}
    odd = sorted((set(found) ^ set(entries)) | (due - set(entries)))
    if odd or len(found) != len(entries):
        named = ", ".join(odd[:3]) or "one is there twice"
        raise _Damaged(f"damaged: entries differ from the manifest's ({named})")
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise _Damaged("found a compressed entry, expected none")


def _hash(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as entry:
        while piece := entry.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _rows(archive: zipfile.ZipFile, collection: str) -> Iterator[Document]:
    name = rows_name(collection)
    if collection in LATER and name not in archive.namelist():
        return
    with archive.open(name) as lines:
        for line in lines:
            yield _parse(name, line, ROWS[collection])


def _parse(name: str, text: bytes, kind: type[Any]) -> Document:
    try:
        document: Document = msgspec.json.decode(text, type=dict[str, Any])
        msgspec.convert(document, kind)
    except msgspec.MsgspecError as error:
        raise _Damaged(f"{name}: {error}") from None
    return document


def _check_row(
    collection: str, row: Document, experiment: str, entries: Mapping[str, str]
) -> None:
    """See that a document is the experiment's own, and its bytes are the right ones."""
    key = row.get("_id")
    mine = isinstance(key, str) and key.startswith(f"{experiment}/")
    if not mine or row.get("experiment") != experiment:
        raise _Damaged(f"{rows_name(collection)}: {key!r} is of another experiment")
    if collection in CHUNK_FIELDS:
        found = entries.get(chunk_name(collection, str(key)))
        if found is None or found != row.get("hash"):
            raise _Damaged(f"{rows_name(collection)}: the bytes of {key!r} differ")


def _store(
    database: Database, archive: zipfile.ZipFile, experiment: Document
) -> Contents:
    name = experiment["name"]
    taken = OperatorError(f"the database has an experiment named {name!r} already")
    if database.find("experiments", {"name": name}):
        raise taken
    database.prepare()
    counts = {
        collection: _store_rows(database, archive, collection) for collection in ROWS
    }
    if not database.insert("experiments", experiment):
        raise taken
    return Contents(
        msgspec.convert(experiment, Experiment), counts["clients"], counts["rounds"]
    )


def _store_rows(database: Database, archive: zipfile.ZipFile, collection: str) -> int:
    count = 0
    for row in _rows(archive, collection):
        if collection in CHUNK_FIELDS:
            row["data"] = archive.read(chunk_name(collection, row["_id"]))
        database.insert(collection, row)
        count += 1
    return count
