"""The actions on an OpenWhisk, by the real wskdeploy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from fedcore.adapters.routes import KIND
from fedwhisk.config import Settings
from fedwhisk.deploy import gateway as api_gateway
from fedwhisk.deploy import tools
from fedwhisk.deploy.building import bound, build_actions, require
from fedwhisk.deploy.rest import DeployError, Host
from fedwhisk.errors import OperatorError
from fedwhisk.platforms import Where, budget
from fedwhisk.project import MANIFESTS

TARGET = KIND.removeprefix("python:")
"""The zips for OpenWhisk's runtime (see `actions/build.py`)."""

NEEDED = ("apihost", "auth", "mongodb_url", "fed_secret")


def build(settings: Settings) -> None:
    """Bring the zips up to date; an image makes them unnecessary.

    Raises:
        OperatorError: they cannot be built.
    """
    if not settings.actions_image:
        build_actions(TARGET)


def deploy(settings: Settings, say: Callable[[str], None], *, gateway: bool) -> None:
    """Build and deploy the actions; say where clients find them.

    Args:
        settings: the deployment's.
        say: gets the line for `.env`.
        gateway: True makes paths of the API gateway in addition.

    Raises:
        InputError: names each setting that is missing; nothing has been done then.
        OperatorError: the tool is missing or failed; the host cannot be reached; or it
            has no gateway, after `say` has got the actions' own URL.
    """
    _check(settings)
    build(settings)
    _wskdeploy(settings, "image.yaml" if settings.actions_image else "manifest.yaml")
    try:
        with _host(settings) as host:
            url = host.base_url()
            if gateway:
                url = _gateway_url(host, url, say)
    except DeployError as error:
        raise OperatorError(str(error)) from error
    say(f"BASE_URL_OW={url}")


def undeploy(settings: Settings) -> None:
    """Remove all that `deploy` has created, and the sweep. Raises as `deploy`."""
    _check(settings)
    try:
        with _host(settings) as host:
            api_gateway.delete_paths(host)
    except DeployError as error:
        raise OperatorError(str(error)) from error
    # wskdeploy looks at names only, and passes over what is not there. The manifest for
    # an image has the same names as the other, and needs no zips.
    for manifest in ("alarms.yaml", "image.yaml"):
        _wskdeploy(settings, manifest, "undeploy")


def _host(settings: Settings) -> Host:
    return Host(apihost=settings.apihost, auth=settings.auth)


def _check(settings: Settings) -> None:
    """Refuse unset settings: wskdeploy itself would deploy empty ones."""
    require(settings, *NEEDED)
    tools.require_tools("wskdeploy")


def _gateway_url(host: Host, url: str, say: Callable[[str], None]) -> str:
    """Create the gateway's paths, and return their URL.

    wskdeploy cannot: it writes `https://` before every APIHOST, even if that has a
    scheme, so that the gateway would call a malformed URL.
    """
    try:
        return api_gateway.create_paths(host)
    except DeployError as error:
        say(f"BASE_URL_OW={url}")
        raise OperatorError(
            f"--gateway: {host.url} makes no gateway paths, as a host without an API "
            f"gateway ({error}). The actions are deployed, and the URL above leads to "
            "them"
        ) from error


def _wskdeploy(settings: Settings, manifest: str, *command: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # In a file, because every user of this machine can read arguments.
        props = Path(folder) / "wskprops"
        props.touch(mode=0o600)
        props.write_text(f"APIHOST={settings.apihost}\nAUTH={settings.auth}\n")
        environment = _variables(settings) | {"WSK_CONFIG_FILE": str(props)}
        words = ("wskdeploy", *command, "-m", manifest)
        tools.call(*words, folder=MANIFESTS, environment=environment)


def _variables(settings: Settings) -> dict[str, str]:
    """Return the variables of the manifests."""
    named = {"ACTIONS_TARGET": TARGET, "ACTIONS_IMAGE": settings.actions_image}
    return named | bound(settings, budget(settings, Where.OPENWHISK))
