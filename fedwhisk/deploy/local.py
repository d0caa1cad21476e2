"""The actions on the OpenWhisk of this machine, by the calls that wskdeploy makes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fedcore.adapters.routes import ACTIONS, KIND, PACKAGE, SEQUENCES, ActionSpec
from fedwhisk.deploy.building import build_actions
from fedwhisk.deploy.rest import Host, limits

TARGET = "local"
"""The zips for this machine's Python (see `actions/build.py`)."""

ON_THE_WEB = {"web-export": True, "raw-http": False, "final": True}


def build() -> Path:
    """Bring the zips up to date, and return their folder.

    Raises:
        OperatorError: they cannot be built.
    """
    return build_actions(TARGET)


def deploy(
    zips: Path, parameters: Mapping[str, str], *, apihost: str, auth: str
) -> str:
    """Create or replace the package with all actions, and return their base URL.

    Args:
        zips: the folder of the actions' zips.
        parameters: what is bound to the package.
        apihost: the host's URL.
        auth: credentials, `uuid:key`.

    Raises:
        DeployError: the host refused a call; what earlier calls made stays.
    """
    with Host(apihost=apihost, auth=auth) as host:
        host.put("packages", PACKAGE, _package(parameters))
        for action in ACTIONS.values():
            content = (zips / f"{action.name}.zip").read_bytes()
            host.put("actions", f"{PACKAGE}/{action.name}", _action(action, content))
        for sequence in SEQUENCES.values():
            host.put("actions", f"{PACKAGE}/{sequence.name}", _sequence(sequence))
        return host.base_url()


def _package(parameters: Mapping[str, str]) -> dict[str, Any]:
    return {
        "version": version("fedwhisk"),
        "publish": False,
        "parameters": _pairs(parameters),
        "annotations": [],
    }


def _action(action: ActionSpec, zipped: bytes) -> dict[str, Any]:
    return {
        "exec": {"kind": KIND, "code": base64.b64encode(zipped).decode()},
        "parameters": [],
        "annotations": _pairs(ON_THE_WEB if action.method else {}),
        "publish": False,
        "limits": limits(action),
    }


def _sequence(sequence: ActionSpec) -> dict[str, Any]:
    components = [f"/_/{PACKAGE}/{name}" for name in sequence.sequence]
    return {
        "exec": {"kind": "sequence", "components": components},
        "annotations": _pairs(ON_THE_WEB),
        "publish": False,
    }


def _pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return OpenWhisk's form of a mapping: a list of keys and values."""
    return [{"key": key, "value": value} for key, value in values.items()]
