"""OpenWhisk's entities, as they are kept and as they are sent.

Bodies are what a caller PUTs (unknown fields are ignored, as OpenWhisk does);
entities are what the host keeps. An entity's full name is `package/name`, or the name
alone in the default package.
"""

from __future__ import annotations

from typing import Any

import msgspec

from localwhisk.settings import CONCURRENCY, LOGS_MB, MEMORY_MB, TIMEOUT_MS


class Parameter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A bound parameter, or an annotation; `init` ones become environment variables."""

    key: str
    value: Any = None
    init: bool = False


class Exec(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an action runs: code, or the actions of a sequence.

    Kept entities name their code by `digest`; `code` is filled in for callers only.
    """

    kind: str
    code: str | None = None
    binary: bool | None = None
    main: str | None = None
    image: str | None = None
    components: list[str] | None = None
    digest: str | None = None


class Limits(msgspec.Struct, kw_only=True):
    """An action's limits: milliseconds, megabytes, megabytes, activations at once."""

    timeout: int = TIMEOUT_MS.default
    memory: int = MEMORY_MB.default
    logs: int = LOGS_MB.default
    concurrency: int = CONCURRENCY.default


class LimitsBody(msgspec.Struct, kw_only=True):
    """The limits a caller wants to change."""

    timeout: int | None = None
    memory: int | None = None
    logs: int | None = None
    concurrency: int | None = None


class EntityBody(msgspec.Struct, kw_only=True):
    """What the bodies of all entities have in common."""

    version: str | None = None
    publish: bool | None = None
    parameters: list[Parameter] | None = None
    annotations: list[Parameter] | None = None


class ActionBody(EntityBody, kw_only=True):
    """PUT actions/{name}."""

    exec: Exec | None = None
    limits: LimitsBody | None = None
    del_annotations: list[str] = msgspec.field(
        default_factory=list, name="delAnnotations"
    )


class Binding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The package that a bound package stands for; empty for an ordinary one."""

    namespace: str = ""
    name: str = ""


class PackageBody(EntityBody, kw_only=True):
    """PUT packages/{name}."""

    binding: Binding | None = None


class RuleBody(EntityBody, kw_only=True):
    """PUT rules/{name}: paths such as `/guest/trigger` and `/_/package/action`."""

    trigger: str | None = None
    action: str | None = None
    status: str | None = None


class Entity(msgspec.Struct, kw_only=True):
    """What all kept entities have in common; `updated` is in epoch milliseconds."""

    namespace: str
    name: str
    version: str = "0.0.1"
    publish: bool = False
    parameters: list[Parameter] = []
    annotations: list[Parameter] = []
    updated: int = 0

    def annotation(self, key: str) -> Any:
        """The value of an annotation, None where it isn't set."""
        return next((a.value for a in self.annotations if a.key == key), None)


class Action(Entity, kw_only=True):
    """An action or a sequence.

    `revision` changes with every write: a warm process belongs to one revision.
    """

    exec: Exec
    limits: Limits
    revision: str

    @property
    def package(self) -> str:
        """The name of the action's package, empty for the default one."""
        return self.name.rpartition("/")[0]

    @property
    def own_name(self) -> str:
        """The action's name without its package."""
        return self.name.rpartition("/")[2]

    @property
    def path(self) -> str:
        """`namespace/package/name`, OpenWhisk's name for an action."""
        return f"{self.namespace}/{self.name}"


class Package(Entity, kw_only=True):
    """A package; its parameters reach every action in it."""

    binding: Binding = msgspec.field(default_factory=Binding)


class Trigger(Entity, kw_only=True):
    """A named event."""


class Rule(Entity, kw_only=True):
    """Runs an action whenever a trigger fires, while it is active.

    `trigger` and `action` are full names inside the rule's namespace.
    """

    trigger: str
    action: str
    active: bool = True


class Api(Entity, kw_only=True):
    """One API of the gateway; its name is the base path, `document` its Swagger."""

    document: dict[str, Any]
