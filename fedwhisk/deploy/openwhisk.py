"""The actions on an OpenWhisk: wskdeploy, the real one, once all settings are sound."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from fedwhisk.config import Settings
from fedwhisk.deploy import rest
from fedwhisk.deploy.building import bound, build_actions, require
from fedwhisk.deploy.manifest import (
    ALARM_MANIFEST,
    API_MANIFEST,
    IMAGE_MANIFEST,
    MANIFEST,
    PACKAGE,
)
from fedwhisk.errors import OperatorError
from fedwhisk.platforms import Where, budget

NEEDED = ("apihost", "auth", "mongodb_url", "fed_secret")
HOW_TO_GET_IT = (
    "wskdeploy is not on PATH; it comes from the Apache OpenWhisk release page, or is "
    "built with Go from github.com/apache/openwhisk-wskdeploy"
)


def deploy(settings: Settings, say: Callable[[str], None], *, gateway: bool) -> None:
    """Build and deploy the actions; say where clients find them.

    Raises:
        InputError: names each setting that is missing; nothing has been done then.
        OperatorError: the tool is missing, or failed; or as `_tell_url`.
    """
    _check(settings)
    if settings.actions_image:
        _wskdeploy(settings, IMAGE_MANIFEST)
    else:
        build_actions("3.11")
        _wskdeploy(settings, MANIFEST)
    _tell_url(settings, say, gateway=gateway)


def undeploy(settings: Settings) -> None:
    """Remove what `deploy` has put there. Raises as `deploy`."""
    _check(settings)
    try:
        with rest.Host(settings.apihost, settings.auth) as host:
            rest.delete_apis(host, API_MANIFEST)
    except rest.DeployError as error:
        raise OperatorError(str(error)) from error
    # What is not there is passed over, and names are all that is looked at: the
    # manifest for an image has the same ones, and needs no zips to be there.
    for manifest in (ALARM_MANIFEST, IMAGE_MANIFEST):
        _wskdeploy(settings, manifest, "undeploy")


def _check(settings: Settings) -> None:
    """Refuse unset settings; wskdeploy itself would take them for empty ones.

    Raises:
        InputError: names each setting that is missing.
        OperatorError: the tool is missing.
    """
    require(settings, *NEEDED)
    if shutil.which("wskdeploy") is None:
        raise OperatorError(HOW_TO_GET_IT)


def _tell_url(settings: Settings, say: Callable[[str], None], *, gateway: bool) -> None:
    """Say where clients find the actions; make the gateway's paths if wanted.

    Not by wskdeploy: it writes `https://` before any APIHOST that it is told, also one
    that has a scheme, so that the gateway would call a URL that is none.

    Raises:
        OperatorError: the host is away; or it makes no paths, and the actions' own URL
            has been said.
    """
    try:
        with rest.Host(settings.apihost, settings.auth) as host:
            url = f"{host.url}/api/v1/web/{host.namespace()}/{PACKAGE}"
            if gateway:
                url = _gateway_url(host, url, say)
    except rest.DeployError as error:
        raise OperatorError(str(error)) from error
    say(f"BASE_URL_OW={url}")


def _gateway_url(host: rest.Host, url: str, say: Callable[[str], None]) -> str:
    try:
        return dict(rest.create_apis(host, API_MANIFEST)).popitem()[1]
    except rest.DeployError as error:
        say(f"BASE_URL_OW={url}")
        raise OperatorError(
            f"--gateway: {host.url} makes no gateway paths, as a host without an API "
            f"gateway ({error}). The actions are deployed, and the URL above leads to "
            "them"
        ) from error


def _wskdeploy(settings: Settings, manifest: Path, *command: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # A file of its own: arguments could be read by every user of this machine.
        props = Path(folder) / "wskprops"
        props.touch(mode=0o600)
        props.write_text(f"APIHOST={settings.apihost}\nAUTH={settings.auth}\n")
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["wskdeploy", *command, "-m", manifest.name],  # noqa: S607 - found on PATH
            cwd=manifest.parent,
            env=os.environ | _variables(settings) | {"WSK_CONFIG_FILE": str(props)},
            check=False,
        )
    if done.returncode:
        raise OperatorError(f"wskdeploy ended with code {done.returncode}")


def _variables(settings: Settings) -> dict[str, str]:
    """Return what the manifests name."""
    named = {"ACTIONS_TARGET": "3.11", "ACTIONS_IMAGE": settings.actions_image}
    return named | bound(settings, budget(settings, Where.OPENWHISK))
