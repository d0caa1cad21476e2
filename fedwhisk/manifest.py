"""A wskdeploy manifest, read: what is to be deployed, as the bodies of REST calls.

The same file that the real wskdeploy takes, with two differences: an unset variable is
refused by its name (wskdeploy deploys an empty string), and what only wskdeploy can do
(dependencies, feeds, code from the web) is refused too.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

VARIABLE = re.compile(
    r"\$\$\{(?P<escaped>\w+)\}|\$\{(?P<braced>\w+)\}|^\$(?P<whole>\w+)$"
)
TYPE_DEFAULTS: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "float": 0.0,
    "boolean": False,
    "json": {},
}
LIMIT_NAMES = {"timeout": "timeout", "memorySize": "memory", "logSize": "logs"}
WEB_MODES = {
    "true": {"web-export": True, "raw-http": False, "final": True},
    "yes": {"web-export": True, "raw-http": False, "final": True},
    "raw": {"web-export": True, "raw-http": True, "final": True},
    "false": {"web-export": False, "raw-http": False, "final": False},
    "no": {"web-export": False, "raw-http": False, "final": False},
}


class ManifestError(Exception):
    """The manifest, or the environment it is filled from, is not as it should be."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    description: str = ""
    annotations: dict[str, Any] = {}


class ManifestAction(_Strict):
    """One action: a file, or code in place."""

    function: str = ""
    code: str = ""
    runtime: str = ""
    main: str = ""
    docker: str = ""
    version: str = ""
    web: Any = None
    web_export: Any = msgspec.field(default=None, name="web-export")
    inputs: dict[str, Any] = {}
    limits: dict[str, int] = {}


class ManifestSequence(_Strict):
    """One sequence: its actions' names, separated by commas."""

    actions: str
    web: Any = None


class ManifestTrigger(_Strict):
    """One trigger."""

    inputs: dict[str, Any] = {}


class ManifestRule(_Strict):
    """One rule."""

    trigger: str
    action: str


class ManifestMethod(_Strict):
    """One operation of an API."""

    method: str
    response: str = "http"


class ManifestPackage(_Strict):
    """One package."""

    version: str | float = "0.0.1"  # YAML reads 1.0 as a number
    license: str = ""
    inputs: dict[str, Any] = {}
    actions: dict[str, ManifestAction] = {}
    sequences: dict[str, ManifestSequence] = {}
    triggers: dict[str, ManifestTrigger] = {}
    rules: dict[str, ManifestRule] = {}
    apis: dict[str, dict[str, dict[str, dict[str, ManifestMethod]]]] = {}


class ManifestProject(_Strict):
    """A project, which names its packages together."""

    name: str = ""
    packages: dict[str, ManifestPackage] = {}


class ManifestFile(_Strict):
    """The whole file: packages, inside a project or not."""

    project: ManifestProject = msgspec.field(default_factory=ManifestProject)
    packages: dict[str, ManifestPackage] = {}


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
    apis: list[ApiOperation] = field(default_factory=list)


def read_manifest(path: Path, environment: Mapping[str, str]) -> Plan:
    """Read a manifest, and fill it from the environment.

    Args:
        path: the manifest; the files it names are relative to its folder.
        environment: the values of `$NAME` and `${NAME}`.

    Raises:
        ManifestError: a file is missing or malformed, or variables are unset, which
            are then all named.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = msgspec.convert(yaml.safe_load(text), ManifestFile)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ManifestError(f"{path}: {error}") from error
    packages = content.packages or content.project.packages
    filled = Filler(environment)
    plan = Plan()
    for name, package in packages.items():
        add_package(plan, path.parent, name, package, filled)
    if filled.unset:
        raise ManifestError(
            f"{path}: not set in the environment: {', '.join(sorted(filled.unset))}"
        )
    return plan


class Filler:
    """Fills in variables, and remembers those that aren't set."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.unset: set[str] = set()

    def text(self, text: str) -> str:
        """A text with its variables filled in; `$${NAME}` stands for `${NAME}`."""

        def value(found: re.Match[str]) -> str:
            if found["escaped"]:
                return f"${{{found['escaped']}}}"
            name = found["braced"] or found["whole"]
            if name not in self._environment:
                self.unset.add(name)
            return self._environment.get(name, "")

        return VARIABLE.sub(value, text)

    def value(self, value: Any) -> Any:
        """A value with the variables in all of its texts filled in."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        return value

    def parameters(self, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """Inputs as parameters: a value, or `{type, value, default, description}`."""
        return pairs({key: self.input(value) for key, value in inputs.items()})

    def input(self, value: Any) -> Any:
        """One input's value; the name of a type stands for that type's default."""
        if isinstance(value, dict) and value.keys() & {"value", "type", "default"}:
            given = value.get("value", value.get("default"))
            if given is None:
                return TYPE_DEFAULTS.get(value.get("type", "string"), "")
            return self.value(given)
        if isinstance(value, str) and value in TYPE_DEFAULTS:
            return TYPE_DEFAULTS[value]
        return self.value(value)


def pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """OpenWhisk's form of a mapping: a list of keys and values."""
    return [{"key": key, "value": value} for key, value in values.items()]


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
    plan.apis.extend(api_operations(name, package))


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
