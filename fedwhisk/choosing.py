"""Which deployment a command means: the one place that decides it."""

from __future__ import annotations

from fedwhisk.config import Settings
from fedwhisk.errors import InputError
from fedwhisk.home import Home
from fedwhisk.platform import Where

URLS = {Where.OPENWHISK: "BASE_URL_OW", Where.AWS: "BASE_URL_AWS"}


def chosen(settings: Settings, on: Where | None) -> Where:
    """Return the deployment that a command means.

    It is the one that `--on` says; else the only one that is configured or running;
    else, where there is no such one, the embedded platform.

    Raises:
        InputError: several are configured or running, and `--on` does not say which.
    """
    if on is not None:
        return on
    found = {
        where: f"{name} is set"
        for where, name in URLS.items()
        if getattr(settings, name.lower())
    }
    home = Home(settings.fedwhisk_home)
    if found and home.is_held():
        found[Where.EMBEDDED] = f"a platform is up in {home.path}"
    if len(found) > 1:
        choices = " or ".join(f"--on {where}" for where in found)
        raise InputError(f"{' and '.join(found.values())}: expected {choices}")
    return next(iter(found), Where.EMBEDDED)
