"""`fedwhisk client`: clients on this machine, one as a container runs it, or many."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platforms import Where

if TYPE_CHECKING:
    from fedclient.environment import ClientConfig
    from fedwhisk.config import Settings

app = typer.Typer(help="Run clients on this machine.")

Name = Annotated[
    str | None,
    typer.Option(help="The stable name, or what names begin with; FED_CLIENT_NAME."),
]
Experiment = Annotated[
    str | None, typer.Option(help="The experiment to join; else the open one.")
]
Count = Annotated[
    int | None,
    typer.Option(min=1, help="Start this many clients, forked from one process."),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Run in the background; `client stop` ends it.")
]


@app.callback(invoke_without_command=True)
def client(
    context: typer.Context,
    name: Name = None,
    experiment: Experiment = None,
    count: Count = None,
    detach: Detach = False,
    max_training: options.MaxTraining = None,
    on: options.On = None,
) -> None:
    """Run clients on this machine until the experiment is over."""
    if context.invoked_subcommand is not None:
        return
    from fedwhisk import config
    from fedwhisk.clients import environment
    from fedwhisk.reach import chosen

    settings = config.load()
    where = chosen(settings, on)
    if detach:
        _detach(settings, where, [] if count else ["--count", "1"])
        return
    given = {"FED_CLIENT_NAME": name, "FED_EXPERIMENT": experiment}
    with environment.of_deployment(settings, where) as (variables, secret):
        wanted = environment.read(variables | {k: v for k, v in given.items() if v})
        if count is None:
            raise SystemExit(_one(environment.with_own_token(wanted, secret)))
        if not variables.get("FED_START_SPREAD_S"):
            wanted = environment.spread(wanted, settings, where, count=count)
        at_once = max_training or os.cpu_count() or 1
        raise SystemExit(
            _many(settings, wanted, count=count, at_once=at_once, secret=secret)
        )


@app.command()
def stop() -> None:
    """End the clients of this home, in the background or not."""
    from fedwhisk import config
    from fedwhisk.clients import local_clients
    from fedwhisk.local.home import Home

    pid = local_clients.stop(Home(config.load().fedwhisk_home))
    typer.echo("no clients run" if pid is None else f"ended (process {pid})")


def _one(config: ClientConfig) -> int:
    from fedclient import logs
    from fedclient.process import run_client

    logs.to_standard_error()
    return run_client(config)


def _many(
    settings: Settings,
    config: ClientConfig,
    *,
    count: int,
    at_once: int,
    secret: bytes | None,
) -> int:
    from fedwhisk.clients import local_clients
    from fedwhisk.local.home import made_home

    wanted = local_clients.LocalClients(
        config, count=count, at_once=at_once, secret=secret
    )
    return local_clients.run(wanted, made_home(settings), typer.echo)


def _detach(settings: Settings, where: Where, more: list[str]) -> None:
    """Run this very command again, without the option, in the background."""
    from fedwhisk.clients import local_clients
    from fedwhisk.local.home import existing_home, made_home

    embedded = where is Where.EMBEDDED
    home = existing_home(settings) if embedded else made_home(settings)
    command = [word for word in sys.argv[1:] if word != "--detach"]
    pid = local_clients.detach([*command, *more], home)
    typer.echo(f"process {pid}; it writes {home.logs}/clients.log")
