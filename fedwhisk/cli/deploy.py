"""`fedwhisk deploy` and `undeploy`: the real wskdeploy, once all settings are sound."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from fedwhisk.config import Settings
from fedwhisk.errors import InputError, OperatorError

NEEDED = ("apihost", "auth", "mongodb_url", "fed_secret")
OPENWHISK_CALLS_PER_MINUTE = 60
HOW_TO_GET_IT = (
    "wskdeploy is not on PATH; it comes from the Apache OpenWhisk release page, or is "
    "built with Go from github.com/apache/openwhisk-wskdeploy"
)


def deploy() -> None:
    """Build the zips and deploy the actions to APIHOST with the real wskdeploy."""
    from actions.build import BuildError, build

    settings = _checked()
    try:
        build("3.11")
    except BuildError as error:
        raise OperatorError(f"the actions cannot be built: {error}") from error
    _wskdeploy(settings)


def undeploy() -> None:
    """Remove from APIHOST what `deploy` has put there."""
    _wskdeploy(_checked(), "undeploy")


def _checked() -> Settings:
    """Return the settings; wskdeploy itself would take an unset one for an empty one.

    Raises:
        InputError: names each setting that is missing.
    """
    from fedwhisk import config

    settings = config.load()
    missing = [name.upper() for name in NEEDED if not getattr(settings, name)]
    if missing:
        raise InputError(f"{', '.join(missing)}: not set, see .env.template")
    return settings


def _wskdeploy(settings: Settings, *command: str) -> None:
    tool = shutil.which("wskdeploy")
    if tool is None:
        raise OperatorError(HOW_TO_GET_IT)
    from fedwhisk.platform import MANIFEST

    with tempfile.TemporaryDirectory() as folder:
        # A file of its own: arguments could be read by every user of this machine.
        props = Path(folder) / "wskprops"
        props.touch(mode=0o600)
        props.write_text(f"APIHOST={settings.apihost}\nAUTH={settings.auth}\n")
        done = subprocess.run(  # noqa: S603 - our own arguments
            [tool, *command, "-m", MANIFEST.name],
            cwd=MANIFEST.parent,
            env=os.environ | _variables(settings) | {"WSK_CONFIG_FILE": str(props)},
            check=False,
        )
    if done.returncode:
        raise OperatorError(f"wskdeploy ended with code {done.returncode}")


def _variables(settings: Settings) -> dict[str, str]:
    """Return what the manifest names."""
    budget = settings.calls_per_minute or OPENWHISK_CALLS_PER_MINUTE
    return {
        "ACTIONS_TARGET": "3.11",
        "MONGODB_URL": settings.mongodb_url,
        "MONGODB_DATABASE": settings.mongodb_database,
        "FED_SECRET": settings.fed_secret,
        "FED_SECRET_PREVIOUS": settings.fed_secret_previous,
        "CALLS_PER_MINUTE": str(budget),
    }
