"""Where the actions run: the embedded platform of this machine, or a real one.

with embedded(settings, port=3233) as platform: …   # started, deployed, torn down
with reach(settings, Where.OPENWHISK) as platform: …  # whatever is there
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from fedcore.pace import COLD_S, start_spread_s
from fedwhisk.config import Settings
from fedwhisk.deployment import bound, build_actions
from fedwhisk.errors import InputError, OperatorError
from fedwhisk.home import Home, Running, existing_home, made_home
from fedwhisk.project import MANIFESTS
from fedwhisk.sharing import joined_or_started, say_aside
from fedwhisk.storing import served_database

if TYPE_CHECKING:
    from localwhisk import HostServer, HostStats

MANIFEST = MANIFESTS / "manifest.yaml"
PACKAGE = "fedwhisk"
PORT = 3233
TARGET = "local"
"""The zips for this machine's Python (see `actions/build.py`)."""

CALLS_A_CORE = 1500
"""Calls a minute for each core of this machine: what the embedded platform carries
while the same cores run the clients. More would only wait for each other."""

FEWEST_AT_ONCE, MOST_AT_ONCE = 30, 1000
PROCESSES_PER_ACTION = 2
"""A call takes 10 ms once a process is warm: more of them only start more slowly."""


class Where(StrEnum):
    """Which deployment is meant (see `choosing`)."""

    EMBEDDED = "embedded"
    OPENWHISK = "openwhisk"
    AWS = "aws"


BUDGETS = {
    Where.EMBEDDED: CALLS_A_CORE * (os.cpu_count() or 1),
    Where.OPENWHISK: 60,
    Where.AWS: 6000,
}
"""Calls a minute where the settings do not say otherwise."""


@dataclass(frozen=True)
class Platform:
    """A deployment that can be reached.

    Attributes:
        base_url: where the actions are.
        secret: what its tokens are derived from.
        words: what keeps its state, in words.
        apihost: its REST API, if it is ours, as this machine reaches it.
        outside: the same as other machines reach it, if this process runs it.
        auth: the key of its namespace there, if it is ours.
        database_url: where other machines reach its embedded database, if they may.
        stats: what its host has done, if it runs in this process.
    """

    base_url: str
    secret: bytes = field(repr=False)
    words: str = ""
    apihost: str = ""
    outside: str = ""
    auth: str = field(default="", repr=False)
    database_url: str = ""
    stats: Callable[[], HostStats] | None = None


@contextmanager
def embedded(
    settings: Settings,
    *,
    port: int = PORT,
    or_any: bool = False,
    address: str = "127.0.0.1",
    database_at: tuple[str, int] | None = None,
    hazard: Callable[[], float | None] = lambda: None,
) -> Iterator[Platform]:
    """Start database and host, deploy the actions; stop all of it at the end.

    Args:
        settings: the deployment's.
        port: where the host shall listen; 0 takes a free one.
        or_any: take a free port if that one is busy.
        address: where it listens; `0.0.0.0` lets clients elsewhere in.
        database_at: address and port of the embedded database, for actions elsewhere;
            None keeps it to this machine.
        hazard: what kills its action processes (see `chaos`).

    Raises:
        OperatorError: the home is in use, the port or address cannot be had, the
            database cannot be reached, the actions cannot be built.
    """
    home = made_home(settings)
    with home.held(), served_database(settings, home, database_at) as database:
        secret = home.secret(settings)
        build_actions(TARGET)
        limits = HostLimits(home.host, home.key(), budget(settings), address, hazard)
        with _host(limits, port, or_any=or_any) as host:
            database.ready()
            _deploy(settings, host, database.url, secret)
            base_url = f"{host.web_url}/{PACKAGE}"
            # Another's URL may hold a password.
            own = "" if settings.mongodb_url else database.url
            running = Running(os.getpid(), base_url, host.url, own)
            with home.announced(running):
                yield Platform(
                    base_url,
                    secret,
                    database.words,
                    apihost=host.url,
                    outside=host.outside_url,
                    auth=host.auth,
                    database_url=database.outside if database_at else "",
                    stats=host.stats,
                )


@contextmanager
def reach(settings: Settings, where: Where, *, new: bool = False) -> Iterator[Platform]:
    """Yield a deployment; the embedded one is started for so long if it is not up.

    Args:
        settings: the deployment's.
        where: which it is.
        new: whether the embedded one may be made where it has never been up.

    Raises:
        InputError: where it is, or its secret, is not set; or nothing is there.
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


def attached(settings: Settings) -> Platform | None:
    """Return the embedded platform that another process runs, if it is up."""
    home = Home(settings.fedwhisk_home)
    running = home.running()
    if running is None:
        return None
    return Platform(
        running.base_url,
        home.secret(settings),
        f"process {running.pid}'s",
        apihost=running.apihost,
        auth=home.key(),
    )


def remote(settings: Settings, where: Where) -> Platform:
    """Return a real deployment.

    Raises:
        InputError: its URL or its secret is not set.
    """
    url = base_url(settings, where)
    if not settings.fed_secret:
        raise InputError("FED_SECRET: not set, expected the deployment's secret")
    return Platform(url, settings.fed_secret.encode())


def base_url(settings: Settings, where: Where) -> str:
    """Return where a real deployment's actions are.

    Raises:
        InputError: it is not set.
    """
    name = "BASE_URL_OW" if where is Where.OPENWHISK else "BASE_URL_AWS"
    found: str = getattr(settings, name.lower())
    if not found:
        raise InputError(f"{name}: not set, expected the URL of the actions")
    return found.rstrip("/")


@dataclass(frozen=True)
class HostLimits:
    """Where the host keeps its state, whom it lets in, how often, where it listens.

    And what kills its action processes, which on a calm day is nothing.
    """

    home: Path
    auth: str = field(repr=False)
    calls_per_minute: int
    address: str
    hazard: Callable[[], float | None]


@contextmanager
def _host(limits: HostLimits, port: int, *, or_any: bool) -> Iterator[HostServer]:
    from localwhisk.server import CannotListen, HostServer, PortBusy
    from localwhisk.settings import HostSettings

    def start(wanted: int) -> HostServer:
        settings = HostSettings(
            host=limits.address,
            port=wanted,
            auth=limits.auth,
            home=limits.home,
            invocations_per_minute=limits.calls_per_minute,
            concurrent_invocations=calls_at_once(limits.calls_per_minute),
            max_processes_per_action=PROCESSES_PER_ACTION,
        )
        return HostServer(settings, limits.hazard).start()

    try:
        host = start(port)
    except CannotListen as error:
        if not or_any or not isinstance(error, PortBusy):
            raise OperatorError(str(error)) from error
        host = start(0)
    try:
        yield host
    finally:
        host.close()


def calls_at_once(calls_per_minute: int) -> int:
    """Return half of a minute's calls, as OpenWhisk's 30 are of its 60, in bounds."""
    return min(max(calls_per_minute // 2, FEWEST_AT_ONCE), MOST_AT_ONCE)


def budget(settings: Settings, where: Where = Where.EMBEDDED) -> int:
    """Return the calls a minute that a deployment allows, as the settings say."""
    return settings.calls_per_minute or BUDGETS[where]


def first_calls_s(settings: Settings, where: Where, clients: int) -> float:
    """Return over how many seconds clients of one machine spread their first calls."""
    cold_s = 0.0 if where is Where.EMBEDDED else COLD_S
    return start_spread_s(clients, budget(settings, where), cold_s=cold_s)


def _deploy(settings: Settings, host: HostServer, url: str, secret: bytes) -> None:
    from fedwhisk.deploy import deploy_manifest

    own = {"ACTIONS_TARGET": TARGET, "MONGODB_URL": url, "FED_SECRET": secret.decode()}
    environment = bound(settings, budget(settings)) | own
    deploy_manifest(MANIFEST, apihost=host.url, auth=host.auth, environment=environment)
