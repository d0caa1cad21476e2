"""`fedwhisk token`: the tokens of a deployment, made from its secret."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platforms import Where

app = typer.Typer(
    help="Print a token: its holder has the rights that it names.", no_args_is_help=True
)

Name = Annotated[
    str | None, typer.Option(help="The only name that it enrols; else any name.")
]
Hours = Annotated[
    float | None, typer.Option(min=0, help="When it ends, in hours; else never.")
]
Experiment = Annotated[
    str | None,
    typer.Option(
        help="The only experiment that it enrols in; else every one of the deployment, "
        "also later ones. Its clients must name it (FED_EXPERIMENT)."
    ),
]
HOUR_S = 3600


@app.command()
def enrol(
    name: Name = None,
    experiment: Experiment = None,
    hours: Hours = None,
    on: options.On = None,
) -> None:
    """Print a token that enrols clients: one name or any, in one experiment or all."""
    from fedcore import tokens
    from fedcore.errors import InvalidSettings
    from fedcore.settings import check_name
    from fedwhisk.errors import InputError

    try:
        where = None if experiment is None else check_name(experiment)
    except InvalidSettings as error:
        raise InputError(f"--experiment: {error}") from None
    now = time.time()
    expires = None if hours is None else int(now + hours * HOUR_S)
    if expires is not None and expires <= now:
        raise InputError(f"--hours: found {hours:g}, expected a second or more")
    secret = _secret(on)
    typer.echo(tokens.enrolment_token(secret, name, experiment=where, expires=expires))


@app.command()
def operator(on: options.On = None) -> None:
    """Print the token that starts, stops and reads experiments, and revokes clients."""
    from fedcore import tokens

    typer.echo(tokens.operator_token(_secret(on)))


def _secret(on: Where | None) -> bytes:
    from fedwhisk import config
    from fedwhisk.reach import chosen, secret

    settings = config.load()
    return secret(settings, chosen(settings, on))
