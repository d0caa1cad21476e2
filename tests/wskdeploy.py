"""The real wskdeploy run on a host, and what it leaves there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from localwhisk import HostServer
from tests.openwhisk import OpenWhisk
from tests.tools import wskdeploy

KINDS = ("packages", "actions", "triggers", "rules")
NOTHING: dict[str, list[str]] = {**{kind: [] for kind in KINDS}, "apis": []}


def run(host: HostServer, folder: Path, *words: str, values: dict[str, str]) -> str:
    """Run wskdeploy in a folder, away from the user's own settings.

    Args:
        host: where to.
        folder: of the manifest.
        words: its arguments.
        values: the manifest's variables.
    """
    command = [str(wskdeploy()), *words, "--apihost", host.url, "--auth", host.auth]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **values}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def apis(whisk: OpenWhisk) -> list[dict[str, Any]]:
    """The gateway's APIs as it lists them."""
    url = f"{whisk.host}/api/v1/web/whisk.system/apimgmt/getApi.http"
    return [each["value"] for each in whisk.session.get(url).json()["apis"]]


def names(whisk: OpenWhisk) -> dict[str, list[str]]:
    """The names of all that is deployed, by kind."""
    found = {k: sorted(e["name"] for e in whisk.get(k).json()) for k in KINDS}
    return {**found, "apis": [api["apidoc"]["basePath"] for api in apis(whisk)]}
