"""What a written action must be: its name, kind, code, limits and components."""

from __future__ import annotations

import re

import msgspec

from localwhisk.entities import Entities
from localwhisk.errors import Refused, malformed
from localwhisk.models import EntityBody, Limits, LimitsBody
from localwhisk.settings import (
    CODE_BYTES,
    CONCURRENCY,
    DEFAULT_KIND,
    KINDS,
    LOGS_MB,
    MEMORY_MB,
    PARAMETER_BYTES,
    SEQUENCE_LENGTH,
    TIMEOUT_MS,
    Range,
)

NAME = re.compile(r"\w(?:[\w@ .-]{0,254}[\w@.-])?")
BLACKBOX = "blackbox"
ILLEGAL_NAME = "The name of the entity contains illegal characters."


def check_name(name: str) -> None:
    """Refuse names that OpenWhisk refuses; a slash parts package and name.

    Raises:
        Refused: 400.
    """
    parts = name.split("/")
    if len(parts) > 2 or not all(NAME.fullmatch(part) for part in parts):
        raise malformed(ILLEGAL_NAME)


def check_kind(kind: str) -> str:
    """The kind that is meant: one of the host's.

    Raises:
        Refused: 400, this host runs no such kind.
    """
    if kind == "python:default":
        return DEFAULT_KIND
    if kind not in KINDS and kind != BLACKBOX:
        valid = ", ".join(f"'{known}'" for known in KINDS)
        raise malformed(
            f"The specified runtime '{kind}' is not supported by this platform. "
            f"Valid values are: {valid}."
        )
    return kind


def check_code_size(code: str) -> None:
    """Refuse too much code.

    Raises:
        Refused: 413.
    """
    if len(code) > CODE_BYTES:
        raise Refused(
            413, f"exec larger than allowed: {len(code)} > {CODE_BYTES} bytes."
        )


def check_parameter_size(body: EntityBody) -> None:
    """Refuse too large parameters or annotations.

    Raises:
        Refused: 413.
    """
    for field in ("parameters", "annotations"):
        size = len(msgspec.json.encode(getattr(body, field)))
        if size > PARAMETER_BYTES:
            raise Refused(
                413, f"{field} larger than allowed: {size} > {PARAMETER_BYTES} bytes."
            )


def check_components(
    entities: Entities, namespace: str, name: str, components: list[str] | None
) -> list[str]:
    """A sequence's actions as `/namespace/package/name`.

    Raises:
        Refused: 400, there are none or too many, one doesn't exist, or the sequence
            would run itself.
    """
    if not components:
        raise malformed("No component specified for the sequence.")
    if len(components) > SEQUENCE_LENGTH:
        raise Refused(400, "Too many actions in the sequence.")
    paths = [full_path(namespace, component) for component in components]
    for path in paths:
        check_component(entities, f"/{namespace}/{name}", path)
    return paths


def check_component(entities: Entities, sequence: str, path: str) -> None:
    """Refuse a component that isn't there, or that leads back to its sequence."""
    if path == sequence:
        raise Refused(400, "Sequence may not refer to itself.")
    _, namespace, name = path.split("/", 2)
    try:
        action, _ = entities.resolve_action(namespace, name)
    except Refused as error:
        raise Refused(400, "Sequence component does not exist.") from error
    for inner in action.exec.components or []:
        check_component(entities, sequence, inner)


def full_path(namespace: str, component: str) -> str:
    """`/namespace/name` of a path whose namespace may be `_`, or missing."""
    parts = component.strip("/").split("/")
    if not component.startswith("/"):
        parts = [namespace, *parts]
    owner = namespace if parts[0] == "_" else parts[0]
    return "/".join(["", owner, *parts[1:]])


def checked_limits(old: Limits | None, body: LimitsBody | None) -> Limits:
    """The limits that a PUT leaves: each one given replaces the old one.

    Raises:
        Refused: 400, one is outside of its range.
    """
    wanted = msgspec.structs.asdict(body or LimitsBody())
    given = {key: value for key, value in wanted.items() if value is not None}
    limits = msgspec.structs.replace(old or Limits(), **given)
    check_range(
        TIMEOUT_MS, limits.timeout, "duration {} milliseconds", "{} milliseconds"
    )
    check_range(MEMORY_MB, limits.memory, "memory size {} MB", "{} MB")
    check_range(LOGS_MB, limits.logs, "log size {} MB", "{} MB")
    check_range(CONCURRENCY, limits.concurrency, "concurrency {}", "{}")
    return limits


def check_range(allowed: Range, value: int, found: str, expected: str) -> None:
    """Refuse a limit that is too low or too high, in OpenWhisk's words."""
    if value > allowed.most:
        problem, bound = "exceeds allowed threshold of", allowed.most
    elif value < allowed.least:
        problem, bound = "below allowed threshold of", allowed.least
    else:
        return
    raise malformed(
        f"requirement failed: {found.format(value)} {problem} {expected.format(bound)}"
    )
