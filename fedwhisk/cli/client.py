"""`fedwhisk client`: clients on this machine, one as a container runs it, or many."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platforms import Where

if TYPE_CHECKING:
    from fedclient.environment import ClientConfig
    from fedwhisk.config import Settings

app = typer.Typer(help="Be clients on this machine.")

Name = Annotated[
    str | None,
    typer.Option(help="The stable name, or what names begin with; FED_CLIENT_NAME."),
]
Experiment = Annotated[
    str | None, typer.Option(help="The experiment to join; else the open one.")
]
Count = Annotated[
    int | None,
    typer.Option(min=1, help="So many, forked from one; else this process is one."),
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
    """Be clients on this machine until the experiment is over."""
    if context.invoked_subcommand is not None:
        return
    from fedwhisk import config as deployment
    from fedwhisk.reach import chosen

    settings = deployment.load()
    where = chosen(settings, on)
    if detach:
        _detach(settings, where, [] if count else ["--count", "1"])
        return
    given = {"FED_CLIENT_NAME": name, "FED_EXPERIMENT": experiment}
    with _deployment(settings, where) as (variables, secret):
        config = _read(variables | {k: v for k, v in given.items() if v})
        if count is None:
            raise SystemExit(_one(config, secret))
        if not variables.get("FED_START_SPREAD_S"):
            config = _spread(config, where, count)
        raise SystemExit(_many(config, count, max_training, secret))


@app.command()
def stop() -> None:
    """End the clients of this home, in the background or not."""
    from fedwhisk import config
    from fedwhisk.clients import local_clients
    from fedwhisk.local.home import Home

    pid = local_clients.stop(Home(config.load().fedwhisk_home))
    typer.echo("no clients run" if pid is None else f"ended (process {pid})")


def _one(config: ClientConfig, secret: bytes | None) -> int:
    from fedclient.process import run_client
    from fedcore import tokens

    if secret is not None:  # a token for this name is taken everywhere
        token = tokens.enrolment_token(secret, config.name)
        config = replace(config, enrolment_token=token)
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO
    )
    return run_client(config)


def _spread(config: ClientConfig, on: Where, count: int) -> ClientConfig:
    from fedwhisk import config as deployment
    from fedwhisk.platforms import first_calls_s

    seconds = first_calls_s(deployment.load(), on, count)
    return replace(config, start_spread_s=seconds)


def _many(
    config: ClientConfig, count: int, at_once: int | None, secret: bytes | None
) -> int:
    from fedwhisk import config as deployment
    from fedwhisk.clients import local_clients
    from fedwhisk.local.home import made_home

    home = made_home(deployment.load())
    wanted = local_clients.LocalClients(
        config, count, at_once or os.cpu_count() or 1, secret
    )
    return local_clients.run(wanted, home, typer.echo)


def _detach(settings: Settings, where: Where, more: list[str]) -> None:
    """Run this very command again, without the option, in the background."""
    from fedwhisk.clients import local_clients
    from fedwhisk.local.home import existing_home, made_home

    embedded = where is Where.EMBEDDED
    home = existing_home(settings) if embedded else made_home(settings)
    command = [word for word in sys.argv[1:] if word != "--detach"]
    pid = local_clients.detach([*command, *more], home)
    typer.echo(f"process {pid}; it writes {home.logs}/clients.log")


def _read(variables: Mapping[str, str]) -> ClientConfig:
    from fedclient import environment
    from fedwhisk.errors import InputError

    try:
        return environment.read(variables, stay=False)
    except environment.BadEnvironment as error:
        raise InputError(str(error)) from None


@contextmanager
def _deployment(
    settings: Settings, on: Where
) -> Iterator[tuple[dict[str, str], bytes | None]]:
    """Yield a client's environment for a deployment, and the deployment's secret.

    The secret is None where it is not at hand, or where a token has been given.
    """
    from fedwhisk import config
    from fedwhisk.platforms import base_url
    from fedwhisk.reach import reach

    variables = config.variables()
    if on is Where.EMBEDDED:
        with reach(settings, on) as platform:
            urls = {"BASE_URL_OW": platform.base_url, "BASE_URL_AWS": ""}
            # Its secret is at hand, and so are its tokens.
            yield variables | urls | _enrolment(platform.secret), platform.secret
        return
    base_url(settings, on)
    variables["BASE_URL_AWS" if on is Where.OPENWHISK else "BASE_URL_OW"] = ""
    given = ("FED_ENROLMENT_TOKEN", "FED_ENROLMENT_TOKEN_FILE")
    secret = settings.fed_secret.encode()
    if secret and not any(variables.get(name) for name in given):
        yield variables | _enrolment(secret), secret
    else:
        yield variables, None


def _enrolment(secret: bytes) -> dict[str, str]:
    from fedcore import tokens

    token = tokens.enrolment_token(secret)
    return {"FED_ENROLMENT_TOKEN": token, "FED_ENROLMENT_TOKEN_FILE": ""}
