"""`fedwhisk deploy` and `undeploy`: the real tools, once all settings are sound."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.config import Settings
from fedwhisk.deployment import bound, build_actions, require
from fedwhisk.errors import InputError, OperatorError
from fedwhisk.platform import Where, budget

if TYPE_CHECKING:
    from fedwhisk import deploy as deploying

NEEDED = ("apihost", "auth", "mongodb_url", "fed_secret")
HOW_TO_GET_IT = (
    "wskdeploy is not on PATH; it comes from the Apache OpenWhisk release page, or is "
    "built with Go from github.com/apache/openwhisk-wskdeploy"
)

Gateway = Annotated[
    bool, typer.Option("--gateway", help="Make paths of the API gateway, too.")
]


def deploy(gateway: Gateway = False, on: options.Target = Where.OPENWHISK) -> None:
    """Build and deploy the actions: wskdeploy to APIHOST, or docker and osls to AWS."""
    if _is_aws(on):
        from fedwhisk import aws, config

        aws.deploy(config.load())
        return
    from fedwhisk.manifest import IMAGE_MANIFEST
    from fedwhisk.platform import MANIFEST

    settings = _checked()
    if settings.actions_image:
        _wskdeploy(settings, IMAGE_MANIFEST)
    else:
        build_actions("3.11")
        _wskdeploy(settings, MANIFEST)
    _tell_url(settings, gateway=gateway)


def undeploy(on: options.Target = Where.OPENWHISK) -> None:
    """Remove from APIHOST, or from AWS, what `deploy` has put there."""
    if _is_aws(on):
        from fedwhisk import aws, config

        aws.undeploy(config.load())
        return
    from fedwhisk import deploy
    from fedwhisk.manifest import ALARM_MANIFEST, API_MANIFEST, IMAGE_MANIFEST

    settings = _checked()
    try:
        with deploy.Host(settings.apihost, settings.auth) as host:
            deploy.delete_apis(host, API_MANIFEST)
    except deploy.DeployError as error:
        raise OperatorError(str(error)) from error
    # What is not there is passed over, and names are all that is looked at: the
    # manifest for an image has the same ones, and needs no zips to be there.
    for manifest in (ALARM_MANIFEST, IMAGE_MANIFEST):
        _wskdeploy(settings, manifest, "undeploy")


def _is_aws(on: Where) -> bool:
    if on is Where.EMBEDDED:
        raise InputError("--on embedded: `fedwhisk up` and `run` deploy it themselves")
    return on is Where.AWS


def _checked() -> Settings:
    """Return the settings; wskdeploy itself would take an unset one for an empty one.

    Raises:
        InputError: names each setting that is missing.
        OperatorError: the tool is missing.
    """
    from fedwhisk import config

    settings = config.load()
    require(settings, *NEEDED)
    if shutil.which("wskdeploy") is None:
        raise OperatorError(HOW_TO_GET_IT)
    return settings


def _tell_url(settings: Settings, *, gateway: bool) -> None:
    """Print where clients find the actions; make the gateway's paths if wanted.

    Not by wskdeploy: it writes `https://` before any APIHOST that it is told, also one
    that has a scheme, so that the gateway would call a URL that is none.

    Raises:
        OperatorError: the host is away; or it makes no paths, and the actions' own URL
            has been printed.
    """
    from fedwhisk import deploy
    from fedwhisk.platform import PACKAGE

    try:
        with deploy.Host(settings.apihost, settings.auth) as host:
            url = f"{host.url}/api/v1/web/{host.namespace()}/{PACKAGE}"
            if gateway:
                url = _gateway_url(host, url)
    except deploy.DeployError as error:
        raise OperatorError(str(error)) from error
    typer.echo(f"BASE_URL_OW={url}")


def _gateway_url(host: deploying.Host, url: str) -> str:
    from fedwhisk import deploy
    from fedwhisk.manifest import API_MANIFEST

    try:
        return dict(deploy.create_apis(host, API_MANIFEST)).popitem()[1]
    except deploy.DeployError as error:
        typer.echo(f"BASE_URL_OW={url}")
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
