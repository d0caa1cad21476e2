"""Check an experiment's file, every byte of it, and store what it holds."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from fedcore.documents import AT_REST, Document, Experiment
from fedcore.store.database import Database
from fedwhisk.errors import InputError, OperatorError
from fedwhisk.experiments.archive.checking import Wrong, check_experiment, check_row
from fedwhisk.experiments.archive.contents import (
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

PIECE = 1 << 20

LARGEST_MANIFEST = 64 << 20
LARGEST_DOCUMENT = 16 << 20
"""Bytes; a document of MongoDB is no larger, and so neither is a line or a chunk."""

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
            document, experiment = _check(archive)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except UNREADABLE as error:
        raise InputError(
            f"{path}: not a file of `fedwhisk export --all`, or damaged ({error})"
        ) from None
    except (_Damaged, Wrong) as error:
        raise InputError(f"{path}: {error}") from None
    with zipfile.ZipFile(path) as archive:
        return _store(database, archive, document, experiment)


def _check(archive: zipfile.ZipFile) -> tuple[Document, Experiment]:
    """Check a file as a whole; return the experiment's document, and what it says."""
    _check_sizes(archive)
    manifest = _manifest(archive)
    _check_names(archive, manifest.entries)
    for name, wanted in manifest.entries.items():
        if _hash(archive, name) != wanted:
            raise _Damaged(f"damaged: {name} does not fit its hash")
    document = _parse(EXPERIMENT, archive.read(EXPERIMENT), Experiment)
    with _within(EXPERIMENT):
        experiment = check_experiment(document)
    if experiment.state not in AT_REST:
        raise _Damaged(f"{EXPERIMENT}: found state {experiment.state.value!r}")
    for collection in ROWS:
        for row in _rows(archive, collection):
            with _within(rows_name(collection)):
                check_row(collection, row, experiment)
            _check_bytes(collection, row, manifest.entries)
    return document, experiment


@contextmanager
def _within(name: str) -> Iterator[None]:
    """Say in which entry a wrong document is."""
    try:
        yield
    except Wrong as error:
        raise _Damaged(f"{name}: {error}") from None


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Refuse what could grow when it is read, before anything is."""
    for info in archive.infolist():
        name, size = info.filename, info.file_size
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != size:
            raise _Damaged(f"{name[:80]!r}: found a compressed entry, expected none")
        if name.endswith(".jsonl"):  # read line by line
            continue
        most = LARGEST_MANIFEST if name == MANIFEST else LARGEST_DOCUMENT
        if size > most:
            raise _Damaged(
                f"{name[:80]!r}: found {size:,} bytes, expected at most {most:,}"
            )


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
    found = [name for name in archive.namelist() if name != MANIFEST]
    due = {EXPERIMENT, *map(rows_name, ROWS.keys() - LATER)}
    odd = sorted((set(found) ^ set(entries)) | (due - set(entries)))
    if odd or len(found) != len(entries):
        named = ", ".join(odd[:3]) or "one is there twice"
        raise _Damaged(f"damaged: entries differ from the manifest's ({named})")


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
        while line := lines.readline(LARGEST_DOCUMENT + 1):
            if len(line) > LARGEST_DOCUMENT:
                raise _Damaged(
                    f"{name}: found a line of more than {LARGEST_DOCUMENT:,} bytes"
                )
            yield _parse(name, line, ROWS[collection])


def _parse(name: str, text: bytes, kind: type[Any]) -> Document:
    try:
        document: Document = msgspec.json.decode(text, type=dict[str, Any])
        msgspec.convert(document, kind)
    except msgspec.MsgspecError as error:
        raise _Damaged(f"{name}: {error}") from None
    return document


def _check_bytes(collection: str, row: Document, entries: Mapping[str, str]) -> None:
    """See that the bytes of a chunk are in the file, and the right ones."""
    if collection in CHUNK_FIELDS:
        key = row["_id"]
        if entries.get(chunk_name(collection, key)) != row["hash"]:
            raise _Damaged(f"{rows_name(collection)}: the bytes of {key!r} differ")


def _store(
    database: Database,
    archive: zipfile.ZipFile,
    document: Document,
    experiment: Experiment,
) -> Contents:
    taken = OperatorError(
        f"the database has an experiment named {experiment.name!r} already"
    )
    if database.find("experiments", {"name": experiment.name}):
        raise taken
    _check_unknown(database, archive, experiment)
    database.prepare()
    counts = {
        collection: _store_rows(database, archive, collection) for collection in ROWS
    }
    if not database.insert("experiments", document):
        raise taken
    return Contents(experiment, counts["clients"], counts["rounds"])


def _check_unknown(
    database: Database, archive: zipfile.ZipFile, experiment: Experiment
) -> None:
    """Refuse an id that the database knows, but for what a cut-off import has left.

    Raises:
        OperatorError: an experiment, or a document that is not the file's, has the id.
    """
    known = bool(database.find("experiments", {"_id": experiment.id}, ("name",)))
    mine = {"experiment": experiment.id}
    for collection in ROWS:
        left = database.count(collection, mine)
        same = sum(_is_there(database, archive, collection)) if left else 0
        known = known or left != same
    if known:
        raise OperatorError(
            f"the database has an experiment with the id {experiment.id} already, or "
            "documents of it that the file has not"
        )


def _is_there(
    database: Database, archive: zipfile.ZipFile, collection: str
) -> Iterator[bool]:
    """Yield for each of the file's documents whether the database has just that."""
    for row in _whole_rows(archive, collection):
        found = database.find(collection, {"_id": row["_id"]})
        yield bool(found) and _plain(found[0]) == _plain(row)


def _plain(document: Document) -> Document:
    return document | {"data": bytes(document.get("data", b""))}


def _whole_rows(archive: zipfile.ZipFile, collection: str) -> Iterator[Document]:
    for row in _rows(archive, collection):
        if collection in CHUNK_FIELDS:
            row["data"] = archive.read(chunk_name(collection, row["_id"]))
        yield row


def _store_rows(database: Database, archive: zipfile.ZipFile, collection: str) -> int:
    count = 0
    for row in _whole_rows(archive, collection):
        database.insert(collection, row)
        count += 1
    return count
