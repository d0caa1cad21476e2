"""The command line: one module a command, registered here.

Modules import what a command needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fedwhisk.cli import (
    clean,
    client,
    clients,
    deploy,
    doctor,
    experiments,
    export,
    predict,
    run,
    status,
    token,
    up,
)
from fedwhisk.errors import OperatorError

app = typer.Typer(
    name="fedwhisk",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"fedwhisk {version('fedwhisk')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_say_version,
        is_eager=True,
        help="Show the version and exit.",
    ),
]


@app.callback()
def fedwhisk(version: Version = False) -> None:
    """Federated learning with no server to keep alive."""


app.command("run")(run.run)
app.command("up")(up.up)
app.command("start")(experiments.start)
app.command("stop")(experiments.stop)
app.command("list")(experiments.show)
app.command("status")(status.status)
app.command("watch")(status.watch)
app.add_typer(client.app, name="client")
app.add_typer(clients.app, name="clients")
app.add_typer(token.app, name="token")
app.command("deploy")(deploy.deploy)
app.command("undeploy")(deploy.undeploy)
app.command("doctor")(doctor.doctor)
app.command("export")(export.export)
app.command("import")(export.import_all)
app.command("predict")(predict.predict)
app.command("clean")(clean.clean)


def main() -> None:
    """Run a command; an error is one sentence and an exit code."""
    try:
        app()
    except OperatorError as error:
        from fedclient.printable import printable

        typer.echo(f"error: {printable(str(error))}", err=True)
        sys.exit(error.exit_code)
