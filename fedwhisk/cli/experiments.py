"""`fedwhisk start` and `stop`: an operator's say over experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platform import Where

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
    on: options.On = Where.EMBEDDED,
) -> None:
    """Store an experiment, so that clients can enrol; twice is once."""
    import msgspec

    name, settings = options.experiment(config, experiment, flags)
    from fedwhisk.operator import operating

    with operating(on) as operator:
        stored = operator.start(name, msgspec.to_builtins(settings), resume=resume)
    verb = "stored" if stored.created else "there already"
    typer.echo(f"{stored.experiment}: {verb}, {stored.state}")


def stop(experiment: Name, on: options.On = Where.EMBEDDED) -> None:
    """End an experiment; what is trained stays."""
    from fedwhisk.operator import operating

    with operating(on) as operator:
        stopped = operator.stop(experiment)
    typer.echo(f"{stopped.experiment}: {stopped.state}")
