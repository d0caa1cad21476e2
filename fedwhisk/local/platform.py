"""The platform of this machine: database, OpenWhisk host and the actions on it.

with embedded(settings, port=3233) as platform: …   # started, deployed, torn down
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from fedwhisk.config import Settings
from fedwhisk.deploy.building import bound
from fedwhisk.errors import OperatorError
from fedwhisk.local.home import Home, Running, made_home
from fedwhisk.local.state_database import served_database
from fedwhisk.platforms import PORT, Platform, budget

if TYPE_CHECKING:
    from localwhisk import HostServer, HostSettings

FEWEST_AT_ONCE, MOST_AT_ONCE = 30, 1000
PROCESSES_PER_ACTION = 2
"""A call takes 10 ms once a process is warm: more of them only start more slowly."""


CrashAfter = Callable[[], float | None]
"""Returns in how many seconds an activation's process is to be killed, if ever."""


def never() -> None:
    """Kill no process."""


@contextmanager
def embedded(
    settings: Settings,
    *,
    port: int = PORT,
    or_any: bool = False,
    address: str = "127.0.0.1",
    database_at: tuple[str, int] | None = None,
    crash_after: CrashAfter = never,
) -> Iterator[Platform]:
    """Start database and host, deploy the actions; stop all of it at the end.

    Args:
        settings: the deployment's.
        port: where the host listens; 0 takes a free one.
        or_any: take a free port if that one is busy.
        address: where it listens; `0.0.0.0` lets clients elsewhere in.
        database_at: address and port of the embedded database, for actions elsewhere;
            None keeps it to this machine.
        crash_after: when to kill an action's process (see `faults.HostFaults`).

    Raises:
        OperatorError: the home is in use, the port or address cannot be had, the
            database cannot be reached, the actions cannot be built.
    """
    from fedwhisk.deploy import local

    home = made_home(settings)
    with home.held(), served_database(settings, home, database_at) as database:
        secret = home.secret(settings)
        zips = local.build()
        calls = budget(settings)
        wanted = _host_settings(home, calls, port=port, address=address)
        with _host(wanted, crash_after, or_any=or_any) as host:
            database.ready()
            own = {"MONGODB_URL": database.url, "FED_SECRET": secret.decode()}
            parameters = bound(settings, calls) | own
            base_url = local.deploy(zips, parameters, apihost=host.url, auth=host.auth)
            # A URL from the settings may hold a password.
            own_url = "" if settings.mongodb_url else database.url
            with home.announced(Running(os.getpid(), base_url, host.url, own_url)):
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


def _host_settings(
    home: Home, calls_per_minute: int, *, port: int, address: str
) -> HostSettings:
    from localwhisk.settings import HostSettings

    return HostSettings(
        host=address,
        port=port,
        auth=home.key(),
        home=home.host,
        invocations_per_minute=calls_per_minute,
        concurrent_invocations=calls_at_once(calls_per_minute),
        max_processes_per_action=PROCESSES_PER_ACTION,
    )


@contextmanager
def _host(
    settings: HostSettings, crash_after: CrashAfter = never, *, or_any: bool = False
) -> Iterator[HostServer]:
    from localwhisk.server import CannotListen, HostServer, PortBusy

    try:
        host = HostServer(settings, crash_after).start()
    except CannotListen as error:
        if not or_any or not isinstance(error, PortBusy):
            raise OperatorError(str(error)) from error
        host = HostServer(replace(settings, port=0), crash_after).start()
    try:
        yield host
    finally:
        host.close()


def calls_at_once(calls_per_minute: int) -> int:
    """Return half of a minute's calls, as OpenWhisk's 30 are of its 60, in bounds."""
    return min(max(calls_per_minute // 2, FEWEST_AT_ONCE), MOST_AT_ONCE)
