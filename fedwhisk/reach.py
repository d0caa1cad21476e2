"""Which deployment a command means, and the way to it.

with reach(settings, Where.OPENWHISK) as platform: …  # whatever is there
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fedwhisk.config import Settings
from fedwhisk.errors import InputError
from fedwhisk.local.home import Home, existing_home, made_home
from fedwhisk.local.platform import attached, embedded
from fedwhisk.local.sharing import joined_or_started, say_aside
from fedwhisk.platforms import Platform, Where, remote

URLS = {Where.OPENWHISK: "BASE_URL_OW", Where.AWS: "BASE_URL_AWS"}


def chosen(settings: Settings, on: Where | None) -> Where:
    """Return the deployment that a command means.

    It is the one that `--on` says; else the only one that is configured or running;
    else the embedded platform.

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


@contextmanager
def reach(settings: Settings, where: Where, *, new: bool = False) -> Iterator[Platform]:
    """Yield a deployment; the embedded one is started for this block if it is not up.

    Args:
        settings: the deployment's.
        where: which it is.
        new: whether the embedded one may be made where it has never been up.

    Raises:
        InputError: its URL or its secret is not set, or nothing is there.
        OperatorError: as `embedded`.
    """
    if where is not Where.EMBEDDED:
        yield remote(settings, where)
        return
    home = made_home(settings) if new else existing_home(settings)
    with ExitStack() as until_the_end:
        yield joined_or_started(
            until_the_end,
            home,
            join=lambda _: attached(settings),
            start=lambda: embedded(settings, port=0),
            say=say_aside,
        )


def running(settings: Settings, where: Where) -> Platform | None:
    """Return a deployment as it is; None where the embedded one is not up.

    Raises:
        InputError: its URL or its secret is not set.
    """
    if where is Where.EMBEDDED:
        return attached(settings)
    return remote(settings, where)


def secret(settings: Settings, where: Where) -> bytes:
    """Return a deployment's secret, which the embedded one need not be up for.

    Raises:
        InputError: it is not set, or the embedded platform has never been up.
    """
    if where is Where.EMBEDDED:
        return existing_home(settings).secret(settings)
    return remote(settings, where).secret
