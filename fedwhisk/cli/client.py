"""`fedwhisk client`: clients on this machine, one as a container runs it, or many."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platform import Where

if TYPE_CHECKING:
    from fedclient.environment import ClientConfig
    from fedwhisk.config import Settings

app = typer.Typer(help="Be clients on this machine.")

Name = Annotated[
    str | None,
    typer.Option(help="The stable name, or what names begin with; FED_CLIENT_NAME."),
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
    experiment: options.Experiment = None,
    count: Count = None,
    detach: Detach = False,
    max_training: options.MaxTraining = None,
    on: options.On = Where.EMBEDDED,
) -> None:
    """Be clients on this machine until the experiment is over."""
    if context.invoked_subcommand is not None:
        return
    if detach:
        _detach([] if count else ["--count", "1"])
        return
    given = {"FED_CLIENT_NAME": name, "FED_EXPERIMENT": experiment}
    with _deployment(on) as variables:
        config = _read(variables | {k: v for k, v in given.items() if v})
        if count is None:
            raise SystemExit(_one(config))
        raise SystemExit(_many(config, count, max_training or os.cpu_count() or 1))


@app.command()
def stop() -> None:
    """End the clients of this home, in the background or not."""
    from fedwhisk import config, crew
    from fedwhisk.home import Home

    pid = crew.stop(Home(config.load().fedwhisk_home))
    typer.echo("no clients run" if pid is None else f"ended (process {pid})")


def _one(config: ClientConfig) -> int:
    from fedclient.process import run_client

    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO
    )
    return run_client(config)


def _many(config: ClientConfig, count: int, at_once: int) -> int:
    from fedwhisk import config as deployment
    from fedwhisk import crew
    from fedwhisk.home import Home

    home = Home(deployment.load().fedwhisk_home)
    wanted = crew.Crew(config, count, at_once)
    return crew.run(wanted, home, lambda line: typer.echo(line))


def _detach(more: list[str]) -> None:
    """Run this very command again, without the option, in the background."""
    from fedwhisk import config, crew
    from fedwhisk.home import Home

    home = Home(config.load().fedwhisk_home)
    command = [word for word in sys.argv[1:] if word != "--detach"]
    pid = crew.detach([*command, *more], home)
    typer.echo(f"process {pid}; it writes {home.logs}/clients.log")


def _read(variables: Mapping[str, str]) -> ClientConfig:
    from fedclient import environment
    from fedwhisk.errors import InputError

    try:
        return environment.read(variables, stay=False)
    except environment.BadEnvironment as error:
        raise InputError(str(error)) from None


@contextmanager
def _deployment(on: Where) -> Iterator[dict[str, str]]:
    """Yield a client's environment for the deployment that was said."""
    from fedwhisk import config
    from fedwhisk.platform import reach

    settings = config.load()
    variables = config.variables()
    if on is not Where.EMBEDDED:
        other = "BASE_URL_AWS" if on is Where.OPENWHISK else "BASE_URL_OW"
        yield variables | {other: ""} | _own_token(settings, variables)
        return
    with reach(settings, on) as platform:
        urls = {"BASE_URL_OW": platform.base_url, "BASE_URL_AWS": ""}
        # The embedded platform's secret is at hand, and so are its tokens.
        yield variables | urls | _enrolment(platform.secret)


def _own_token(settings: Settings, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the token that the secret gives, where no other one has been given."""
    given = ("FED_ENROLMENT_TOKEN", "FED_ENROLMENT_TOKEN_FILE")
    if settings.fed_secret and not any(variables.get(name) for name in given):
        return _enrolment(settings.fed_secret.encode())
    return {}


def _enrolment(secret: bytes) -> dict[str, str]:
    from fedcore import tokens

    token = tokens.enrolment_token(secret)
    return {"FED_ENROLMENT_TOKEN": token, "FED_ENROLMENT_TOKEN_FILE": ""}
