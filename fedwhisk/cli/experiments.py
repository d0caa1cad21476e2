"""`fedwhisk start` and `stop`: an operator's say over experiments."""

from __future__ import annotations

from typing import Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platform import Where

Resume = Annotated[
    bool, typer.Option("--resume", help="Take a failed or stopped one up again.")
]
Name = Annotated[str, typer.Argument(help="The experiment's name.")]


def start(
    experiment: options.Experiment = None,
    task: options.Task = None,
    clients: options.Clients = None,
    per_round: options.PerRound = None,
    rounds: options.Rounds = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    lr: options.Rate = None,
    momentum: options.Momentum = None,
    seed: options.Seed = None,
    partition: options.Partition = None,
    deadline: options.Deadline = None,
    config: options.Config = None,
    resume: Resume = False,
    on: options.On = Where.EMBEDDED,
) -> None:
    """Store an experiment, so that clients can enrol; twice is once."""
    import msgspec

    name, settings = options.experiment(
        config,
        experiment,
        task=task,
        clients=clients,
        per_round=per_round,
        rounds=rounds,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        momentum=momentum,
        seed=seed,
        partition=partition,
        deadline_s=deadline,
    )
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
