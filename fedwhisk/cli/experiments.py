"""`fedwhisk start`, `stop` and `list`: an operator's say over experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from fedwhisk.cli import options

Resume = Annotated[
    bool, typer.Option("--resume", help="Take a failed or stopped one up again.")
]
Name = Annotated[str, typer.Argument(help="The experiment's name.")]


@options.takes_settings
def start(
    *,
    flags: Mapping[str, object],
    experiment: options.Experiment = None,
    config: options.Config = None,
    resume: Resume = False,
    on: options.On = None,
) -> None:
    """Store an experiment, so that clients can enrol; twice is once."""
    import msgspec

    name, settings = options.experiment(config, experiment, flags)
    from fedwhisk.operator import operating

    with operating(on, new=True) as operator:
        stored = operator.start(name, msgspec.to_builtins(settings), resume=resume)
    verb = "stored" if stored.created else "there already"
    typer.echo(f"{stored.experiment}: {verb}, {stored.state}")


def stop(experiment: Name, on: options.On = None) -> None:
    """End an experiment; what is trained stays."""
    from fedwhisk.operator import operating

    with operating(on) as operator:
        stopped = operator.stop(experiment)
    typer.echo(f"{stopped.experiment}: {stopped.state}")


def show(on: options.On = None, json: options.Json = False) -> None:
    """List the experiments, newest first."""
    import msgspec
    from rich.console import Console

    from fedwhisk.operator import operating
    from fedwhisk.view import experiments_table

    with operating(on) as operator:
        listing = operator.experiments()
    if json:
        typer.echo(msgspec.json.encode(listing).decode())
        return
    if not listing.experiments:
        typer.echo("no experiment yet")
        return
    Console().print(experiments_table(listing))
    if listing.total > len(listing.experiments):
        typer.echo(f"and {listing.total - len(listing.experiments):,} older ones")
