"""A database in memory: the twin of MongoDB for tests and simulations."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from fedcore.documents import Change, Document, Where
from fedcore.store.database import UNIQUE

T = TypeVar("T")

_MISSING = object()
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$lt": operator.lt,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$gte": operator.ge,
}


class MemoryDatabase:
    """Documents in dictionaries, each call under one lock (see `Database`).

    A stored document is never changed, only replaced: who keeps a collection's
    dictionary by a shallow copy keeps its state.
    """

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Document]] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Nothing to make: keys are checked at every insert."""

    def insert(self, collection: str, document: Document) -> bool:
        """See `Database.insert`."""
        with self._lock:
            documents = self.collections.setdefault(collection, {})
            if document["_id"] in documents or self._taken(collection, document):
                return False
            documents[document["_id"]] = _copy(document)
            return True

    def find(
        self,
        collection: str,
        where: Where,
        fields: tuple[str, ...] = (),
        newest: int = 0,
    ) -> list[Document]:
        """See `Database.find`."""
        with self._lock:
            found = sorted(
                self._matching(collection, where), key=operator.itemgetter("_id")
            )
        if newest:
            found.sort(key=operator.itemgetter("created"))
            found = found[::-1][:newest]
        if not fields:
            return [_copy(each) for each in found]
        return [_copy(_picked(each, ("_id", *fields))) for each in found]

    def update(self, collection: str, where: Where, change: Change) -> Document | None:
        """See `Database.update`."""
        with self._lock:
            for document in self._matching(collection, where):
                changed = _copy(document)
                _apply(changed, change)
                self.collections[collection][changed["_id"]] = changed
                return _copy(changed)
        return None

    def change(self, collection: str, where: Where, change: Change) -> bool:
        """See `Database.change`."""
        return self.update(collection, where, change) is not None

    def delete(self, collection: str, where: Where) -> int:
        """See `Database.delete`."""
        with self._lock:
            doomed = [doc["_id"] for doc in self._matching(collection, where)]
            for key in doomed:
                del self.collections[collection][key]
        return len(doomed)

    def count(self, collection: str, where: Where) -> int:
        """See `Database.count`."""
        with self._lock:
            return sum(1 for _ in self._matching(collection, where))

    def _matching(self, collection: str, where: Where) -> Iterator[Document]:
        documents = self.collections.get(collection, {})
        key = where.get("_id")
        keys = [key] if isinstance(key, str) else (key or {}).get("$in")
        if keys is not None:  # the common cases need no walk
            candidates = [documents[each] for each in keys if each in documents]
        else:
            candidates = list(documents.values())
        return (doc for doc in candidates if _matches(doc, where))

    def _taken(self, collection: str, document: Document) -> bool:
        others = self.collections.get(collection, {}).values()
        return any(
            all(other.get(field) == document.get(field) for field in key)
            for key in UNIQUE.get(collection, [])
            for other in others
        )


def _copy(value: T) -> T:
    """Return a deep copy of what databases store: plain values and bytes."""
    copied: T = msgspec.to_builtins(value, builtin_types=(bytes,))
    return copied


def _picked(document: Document, paths: tuple[str, ...]) -> Document:
    """Return what lies at these paths, where there is something."""
    picked: Document = {}
    for path in paths:
        value = _at(document, path)
        if value is _MISSING:
            continue
        *steps, last = path.split(".")
        target = picked
        for step in steps:
            target = target.setdefault(step, {})
        target[last] = value
    return picked


def _matches(document: Document, where: Where) -> bool:
    for path, wanted in where.items():
        value = _at(document, path) if "." in path else document.get(path, _MISSING)
        if type(value) is type(wanted) is str:  # most filters, without detours
            if value != wanted:
                return False
        elif not _holds(value, wanted):
            return False
    return True


def _at(document: Document, path: str) -> Any:
    value: Any = document
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return _MISSING
        value = value[step]
    return value


def _holds(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and wanted and all(key[:1] == "$" for key in wanted):
        return all(_test(value, name, operand) for name, operand in wanted.items())
    return _equals(value, wanted)


def _test(value: Any, name: str, operand: Any) -> bool:
    if name == "$exists":
        return (value is not _MISSING) is operand
    if name == "$ne":
        return not _equals(value, operand)
    if name == "$in":
        return any(_equals(value, each) for each in operand)
    if value is _MISSING or value is None:
        return False
    return _COMPARE[name](value, operand)


def _equals(value: Any, wanted: Any) -> bool:
    if wanted is None:
        return value is _MISSING or value is None
    if isinstance(value, list) and not isinstance(wanted, list):
        return wanted in value
    return bool(value == wanted)


def _apply(document: Document, change: Change) -> None:
    for name, operands in change.items():
        for path, operand in operands.items():
            *steps, last = path.split(".")
            target = document
            for step in steps:
                target = target.setdefault(step, {})
            _CHANGES[name](target, last, _copy(operand))


def _add_to_set(target: Document, key: str, operand: Any) -> None:
    values = target.setdefault(key, [])
    if operand not in values:
        values.append(operand)


def _increase(target: Document, key: str, operand: Any) -> None:
    target[key] = target.get(key, 0) + operand


_CHANGES: dict[str, Callable[[Document, str, Any], object]] = {
    "$set": lambda target, key, operand: target.__setitem__(key, operand),
    "$unset": lambda target, key, _: target.pop(key, None),
    "$inc": _increase,
    "$addToSet": _add_to_set,
}
