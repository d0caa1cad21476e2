"""The platform of this machine: database, OpenWhisk host and the actions on it.

with embedded(settings, port=3233) as platform: …   # started, deployed, torn down
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fedwhisk.config import Settings
from fedwhisk.deploy.building import bound
from fedwhisk.errors import OperatorError
from fedwhisk.local.home import Home, Running, made_home
from fedwhisk.local.state_database import served_database
from fedwhisk.platforms import PORT, Platform, budget

if TYPE_CHECKING:
    from localwhisk import HostServer

FEWEST_AT_ONCE, MOST_AT_ONCE = 30, 1000
PROCESSES_PER_ACTION = 2
"""A call takes 10 ms once a process is warm: more of them only start more slowly."""


@contextmanager
def embedded(
    settings: Settings,
    *,
    port: int = PORT,
    or_any: bool = False,
    address: str = "127.0.0.1",
    database_at: tuple[str, int] | None = None,
    crash_after: Callable[[], float | None] = lambda: None,
) -> Iterator[Platform]:
    """Start database and host, deploy the actions; stop all of it at the end.

    Args:
        settings: the deployment's.
        port: where the host listens; 0 takes a free one.
        or_any: take a free port if that one is busy.
        address: where it listens; `0.0.0.0` lets clients elsewhere in.
        database_at: address and port of the embedded database, for actions elsewhere;
            None keeps it to this machine.
        crash_after: what kills its action processes (see `chaos`).

    Raises:
        OperatorError: the home is in use, the port or address cannot be had, the
            database cannot be reached, the actions cannot be built.
    """
    from fedwhisk.deploy import local

    home = made_home(settings)
    with home.held(), served_database(settings, home, database_at) as database:
        secret = home.secret(settings)
        zips = local.build()
        limits = HostLimits(
            home.host, home.key(), budget(settings), address, crash_after
        )
        with _host(limits, port, or_any=or_any) as host:
            database.ready()
            own = {"MONGODB_URL": database.url, "FED_SECRET": secret.decode()}
            parameters = bound(settings, budget(settings)) | own
            base_url = local.deploy(zips, parameters, apihost=host.url, auth=host.auth)
            # A URL from the settings may hold a password.
            shown = "" if settings.mongodb_url else database.url
            running = Running(os.getpid(), base_url, host.url, shown)
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


@dataclass(frozen=True)
class HostLimits:
    """Where the host keeps its state, whom it lets in, how often, where it listens.

    And what kills its action processes, which on a calm day is nothing.
    """

    home: Path
    auth: str = field(repr=False)
    calls_per_minute: int
    address: str
    crash_after: Callable[[], float | None]


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
        return HostServer(settings, limits.crash_after).start()

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
