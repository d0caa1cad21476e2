"""What a manifest deploys, as the bodies of REST calls."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedwhisk.deploy.manifest import (
    ManifestAction,
    ManifestError,
    ManifestPackage,
    ManifestSequence,
    parse_manifest,
)
from fedwhisk.deploy.variables import Filler, pairs

LIMIT_NAMES = {"timeout": "timeout", "memorySize": "memory", "logSize": "logs"}
WEB_MODES = {
    "true": {"web-export": True, "raw-http": False, "final": True},
    "yes": {"web-export": True, "raw-http": False, "final": True},
    "raw": {"web-export": True, "raw-http": True, "final": True},
    "false": {"web-export": False, "raw-http": False, "final": False},
    "no": {"web-export": False, "raw-http": False, "final": False},
}


@dataclass(frozen=True)
class ApiOperation:
    """One operation of an API, and the web action that answers it."""

    api: str
    base: str
    path: str
    method: str
    package: str
    action: str
    response: str


@dataclass(frozen=True)
class Plan:
    """What a manifest deploys: bodies of PUT calls by the entities' full names."""

    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    sequences: dict[str, dict[str, Any]] = field(default_factory=dict)
    triggers: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_manifest(path: Path, environment: Mapping[str, str]) -> Plan:
    """Read a manifest, and fill it from the environment.

    Args:
        path: the manifest; the files it names are relative to its folder.
        environment: the values of `$NAME` and `${NAME}`.

    Raises:
        ManifestError: a file is missing or malformed, or variables are unset, which
            are then all named.
    """
    filled = Filler(environment)
    plan = Plan()
    for name, package in parse_manifest(path).items():
        add_package(plan, path.parent, name, package, filled)
    if filled.unset:
        raise ManifestError(
            f"{path}: not set in the environment: {', '.join(sorted(filled.unset))}"
        )
    return plan


def add_package(
    plan: Plan, folder: Path, name: str, package: ManifestPackage, filled: Filler
) -> None:
    """Add a package, and all that is in it."""
    name = filled.text(name)
    plan.packages[name] = {
        "version": str(package.version),
        "publish": False,
        "parameters": filled.parameters(package.inputs),
        "annotations": pairs(filled.value(package.annotations)),
    }
    for own, action in package.actions.items():
        plan.actions[f"{name}/{own}"] = action_body(folder, own, action, filled)
    for own, sequence in package.sequences.items():
        plan.sequences[f"{name}/{own}"] = sequence_body(name, own, sequence, filled)
    for own, trigger in package.triggers.items():
        plan.triggers[filled.text(own)] = {
            "parameters": filled.parameters(trigger.inputs),
            "annotations": pairs(filled.value(trigger.annotations)),
        }
    for own, rule in package.rules.items():
        plan.rules[filled.text(own)] = {
            "trigger": f"/_/{filled.text(rule.trigger)}",
            "action": component_path(name, filled.text(rule.action)),
            "annotations": pairs(filled.value(rule.annotations)),
        }


def action_body(
    folder: Path, name: str, action: ManifestAction, filled: Filler
) -> dict[str, Any]:
    """The body that PUTs an action."""
    web = action.web if action.web is not None else action.web_export
    body = {
        "exec": action_exec(folder, name, action, filled),
        "parameters": filled.parameters(action.inputs),
        "annotations": written_annotations(name, action.annotations, web, filled),
        "publish": False,
    }
    limits = {LIMIT_NAMES[k]: v for k, v in action.limits.items() if k in LIMIT_NAMES}
    if unknown := action.limits.keys() - LIMIT_NAMES:
        raise ManifestError(f"action {name}: unknown limits {sorted(unknown)}")
    return {**body, "limits": limits} if limits else body


def action_exec(
    folder: Path, name: str, action: ManifestAction, filled: Filler
) -> dict[str, Any]:
    """An action's code and kind."""
    image = filled.text(action.docker)
    kind = "blackbox" if image else action.runtime
    if not kind:
        raise ManifestError(f"action {name}: it has neither a runtime nor an image")
    shown = {
        "kind": kind,
        "code": action.code or read_code(folder, name, action, filled),
    }
    if image:
        shown["image"] = image
    if action.main:
        shown["main"] = action.main
    return shown


def read_code(folder: Path, name: str, action: ManifestAction, filled: Filler) -> str:
    """The code of an action's file: source as it is, a zip in base64."""
    path = folder / filled.text(action.function)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"action {name}: {error}") from error
    if path.suffix == ".zip":
        return base64.b64encode(content).decode()
    return content.decode()


def written_annotations(
    name: str, annotations: dict[str, Any], web: Any, filled: Filler
) -> list[dict[str, Any]]:
    """Annotations, with those that `web` stands for."""
    given = filled.value(annotations)
    if web is None:
        return pairs(given)
    mode = WEB_MODES.get(str(web).lower())
    if mode is None:
        raise ManifestError(
            f"{name}: web is '{web}', not one of {', '.join(WEB_MODES)}"
        )
    return pairs({**given, **mode})


def sequence_body(
    package: str, name: str, sequence: ManifestSequence, filled: Filler
) -> dict[str, Any]:
    """The body that PUTs a sequence."""
    names = [filled.text(part.strip()) for part in sequence.actions.split(",")]
    components = [component_path(package, own) for own in names]
    return {
        "exec": {"kind": "sequence", "components": components},
        "annotations": written_annotations(
            name, sequence.annotations, sequence.web, filled
        ),
        "publish": False,
    }


def component_path(package: str, name: str) -> str:
    """The full path of an action that is named inside a package."""
    if name.startswith("/"):
        return name
    return f"/_/{name}" if "/" in name else f"/_/{package}/{name}"


def api_operations(package: str, content: ManifestPackage) -> list[ApiOperation]:
    """A package's APIs, operation by operation."""
    return [
        ApiOperation(
            api=api,
            base=slashed(base),
            path=slashed(path),
            method=method.method.lower(),
            package=package,
            action=action,
            response=method.response,
        )
        for api, bases in content.apis.items()
        for base, paths in bases.items()
        for path, actions in paths.items()
        for action, method in actions.items()
    ]


def slashed(path: str) -> str:
    """A path with the slash it begins with."""
    return path if path.startswith("/") else f"/{path}"
