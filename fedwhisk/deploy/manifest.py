"""A wskdeploy manifest as it is written: packages, and what is in them.

The same file that the real wskdeploy takes, save that what only wskdeploy can do
(dependencies, feeds, code from the web) is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from fedwhisk.project import MANIFESTS

MANIFEST = MANIFESTS / "manifest.yaml"
API_MANIFEST = MANIFESTS / "apis.yaml"
IMAGE_MANIFEST = MANIFESTS / "image.yaml"
ALARM_MANIFEST = MANIFESTS / "alarms.yaml"
PACKAGE = "fedwhisk"


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


def parse_manifest(path: Path) -> dict[str, ManifestPackage]:
    """Read a manifest's packages; nothing is filled in, and no other file is read.

    Raises:
        ManifestError: the file is missing or malformed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = msgspec.convert(yaml.safe_load(text), ManifestFile)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ManifestError(f"{path}: {error}") from error
    return content.packages or content.project.packages
