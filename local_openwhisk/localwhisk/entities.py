"""The entities of a host: in memory for every request, on disk at every change."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypedDict, TypeVar

import msgspec

from localwhisk.errors import Refused, not_found
from localwhisk.models import (
    Action,
    Api,
    Entity,
    EntityBody,
    Package,
    Parameter,
    Rule,
    Trigger,
)
from localwhisk.storage import Storage

Kept = TypeVar("Kept", bound=Entity)


def now_ms() -> int:
    """Epoch milliseconds, OpenWhisk's unit of time."""
    return time.time_ns() // 1_000_000


class Collection(Generic[Kept]):
    """All entities of one type, by namespace and full name."""

    def __init__(self, storage: Storage, kind: type[Kept]) -> None:
        self._storage = storage
        self._kind = kind
        self._label = kind.__name__.lower()
        self._kept: dict[tuple[str, str], Kept] = {}

    def load(self) -> None:
        """Read what an earlier host has kept."""
        for body in self._storage.entities(self._label):
            entity = msgspec.json.decode(body, type=self._kind)
            self._kept[entity.namespace, entity.name] = entity

    def find(self, namespace: str, name: str) -> Kept | None:
        """The entity of this name, None where there is none."""
        return self._kept.get((namespace, name))

    def get(self, namespace: str, name: str) -> Kept:
        """The entity of this name.

        Raises:
            Refused: 404, there is none.
        """
        found = self.find(namespace, name)
        if found is None:
            raise not_found()
        return found

    def put(self, entity: Kept) -> None:
        """Insert or replace an entity."""
        entity.updated = now_ms()
        self._storage.put_entity(
            self._label, entity.namespace, entity.name, msgspec.json.encode(entity)
        )
        self._kept[entity.namespace, entity.name] = entity

    def delete(self, entity: Kept) -> None:
        """Remove an entity."""
        self._storage.delete_entity(self._label, entity.namespace, entity.name)
        self._kept.pop((entity.namespace, entity.name), None)

    def list(
        self, namespace: str, wanted: Callable[[Kept], bool] = lambda _: True
    ) -> list[Kept]:
        """The namespace's entities, newest first."""
        found = [
            e for e in self._kept.values() if e.namespace == namespace and wanted(e)
        ]
        return sorted(found, key=lambda e: e.updated, reverse=True)


class Entities:
    """Every collection of one host, and what concerns more than one of them."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.actions = Collection(storage, Action)
        self.packages = Collection(storage, Package)
        self.triggers = Collection(storage, Trigger)
        self.rules = Collection(storage, Rule)
        self.apis = Collection(storage, Api)

    def load(self) -> None:
        """Read what an earlier host has kept."""
        for kept in (self.actions, self.packages, self.triggers, self.rules, self.apis):
            kept.load()
        self.forget_unused_code()

    def forget_unused_code(self) -> set[str]:
        """Drop code that no action names any more; returns the digests in use."""
        used = {a.exec.digest for a in self.actions._kept.values() if a.exec.digest}
        self.storage.keep_code(used)
        return used

    def package_actions(self, package: Package) -> list[Action]:
        """The actions in a package, newest first."""
        return self.actions.list(
            package.namespace, lambda action: action.package == package.name
        )

    def resolve_action(
        self, namespace: str, name: str
    ) -> tuple[Action, list[Parameter]]:
        """An action by its name, through a package's binding where it has one.

        Returns:
            The action, and the parameters its packages lend it, outermost last.

        Raises:
            Refused: 404, there is no such action.
        """
        package_name, _, own_name = name.rpartition("/")
        if not package_name:
            return self.actions.get(namespace, name), []
        package = self.packages.get(namespace, package_name)
        lent = package.parameters
        if package.binding.name:
            bound = package.binding
            package = self.packages.get(bound.namespace, bound.name)
            lent = merged(package.parameters, lent)
        return self.actions.get(package.namespace, f"{package.name}/{own_name}"), lent


def merged(under: list[Parameter], over: list[Parameter]) -> list[Parameter]:
    """Parameters of both, those of `over` winning."""
    return list({p.key: p for p in [*under, *over]}.values())


def next_version(current: str | None, wanted: str | None) -> str:
    """The version of a written entity: the wanted one, or the current one's successor.

    Raises:
        Refused: 400, the wanted one is not one to three numbers.
    """
    if wanted is not None:
        parts = wanted.split(".")
        if len(parts) > 3 or not all(part.isdecimal() for part in parts):
            raise Refused(400, f"The version '{wanted}' is not of the form 1.2.3.")
        return ".".join([*(str(int(part)) for part in parts), "0", "0"][:3])
    if current is None:
        return "0.0.1"
    major, minor, patch = current.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


class CommonFields(TypedDict):
    """The fields that every kind of entity has."""

    version: str
    publish: bool
    parameters: list[Parameter]
    annotations: list[Parameter]


def common_fields(old: Entity | None, body: EntityBody) -> CommonFields:
    """The fields that every kind of entity takes from its body in the same way."""
    keep = old.parameters if old else []
    noted = old.annotations if old else []
    return {
        "version": next_version(old.version if old else None, body.version),
        "publish": body.publish
        if body.publish is not None
        else bool(old and old.publish),
        "parameters": body.parameters if body.parameters is not None else keep,
        "annotations": body.annotations if body.annotations is not None else noted,
    }


def check_new(old: Entity | None, overwrite: bool) -> None:
    """Refuse to replace an entity unasked.

    Raises:
        Refused: 409, it exists and `overwrite` wasn't said.
    """
    if old is not None and not overwrite:
        raise Refused(409, "resource already exists")
