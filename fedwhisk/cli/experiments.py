"""`fedwhisk start`, `stop` and `list`: an operator's say over experiments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options

if TYPE_CHECKING:
    from fedwhisk.experiments.model import Model

Resume = Annotated[
    bool, typer.Option("--resume", help="Take a failed or stopped one up again.")
]
Name = Annotated[str, typer.Argument(help="The experiment's name.")]


def start(
    context: typer.Context,
    *,
    experiment: options.Experiment = None,
    config: options.Config = None,
    model: options.Model = None,
    resume: Resume = False,
    on: options.On = None,
    set_: options.Set = None,
    task: options.Task = None,
    clients: options.Clients = None,
    per_round: options.PerRound = None,
    rounds: options.Rounds = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    lr: options.Lr = None,
    momentum: options.Momentum = None,
    proximal_mu: options.ProximalMu = None,
    seed: options.Seed = None,
    partition: options.Partition = None,
    strategy: options.Strategy = None,
    max_weight: options.MaxWeight = None,
    deadline_s: options.Deadline = None,
) -> None:
    """Store an experiment, so that clients can enrol; twice is once."""
    import msgspec

    from fedwhisk.experiments.federation import operating

    name, settings = options.experiment(context)
    begins_with = _read(model, settings.task) if model else None
    with operating(on, new=True) as federation:
        raw = msgspec.to_builtins(settings)
        stored = federation.start(name, raw, resume=resume, model=begins_with)
    verb = "stored" if stored.created else "there already"
    typer.echo(f"{stored.experiment}: {verb}, {stored.state}")
    if stored.created and model is None:
        typer.echo(
            "its first clients make the initial model, and three must make the same; "
            "--model brings one"
        )
    for note in stored.notes:
        typer.echo(f"note: {note}", err=True)


def _read(path: Path, task: str) -> Model:
    from fedwhisk.experiments import model_files

    layout = model_files.layout_of(task)
    if layout is None:
        typer.echo(f"task {task}: not on this machine, the model is taken as it is")
    return model_files.read(path, layout)


def stop(experiment: Name, on: options.On = None) -> None:
    """End an experiment; what is trained stays."""
    from fedwhisk.experiments.federation import operating

    with operating(on) as federation:
        stopped = federation.stop(experiment)
    typer.echo(f"{stopped.experiment}: {stopped.state}")


def show(on: options.On = None, json: options.Json = False) -> None:
    """List the experiments, newest first."""
    import msgspec
    from rich.console import Console

    from fedwhisk.experiments.federation import operating
    from fedwhisk.view.experiment import experiments_table

    with operating(on) as federation:
        listing = federation.experiments()
    if json:
        typer.echo(msgspec.json.encode(listing).decode())
        return
    if not listing.experiments:
        typer.echo("no experiment yet")
        return
    Console().print(experiments_table(listing))
    if listing.total > len(listing.experiments):
        typer.echo(f"and {listing.total - len(listing.experiments):,} older ones")
