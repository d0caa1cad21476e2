"""`fedwhisk run`: a whole experiment, with clients on this machine."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.errors import INTERRUPTED
from fedwhisk.platform import PORT, Where

STARTED = time.monotonic()
Out = Annotated[Path, typer.Option(help="The folder that gets a folder of results.")]
MaxTraining = Annotated[
    int | None,
    typer.Option(min=1, help="Clients that train at once; else the number of cores."),
]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Where the host listens, if it is free.")
]


def run(
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
    out: Out = Path("runs"),
    max_training: MaxTraining = None,
    port: Port = PORT,
    on: options.On = Where.EMBEDDED,
    json: options.Json = False,
) -> None:
    """Train an experiment to its end; run again, it goes on where it was."""
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
    from fedwhisk import config as deployment
    from fedwhisk.runner import Job, Runner
    from fedwhisk.view import chosen_view

    at_once = max_training or os.cpu_count() or 1
    job = Job(name, settings, out / name, at_once, port, on)
    with chosen_view(name, settings, quiet=json) as view:
        try:
            outcome = Runner(job, deployment.load(), view, STARTED).run()
        except KeyboardInterrupt:
            view.say(f"interrupted: the same command goes on with {name}")
            raise SystemExit(INTERRUPTED) from None
    view.summary(outcome)
    if json:
        sys.stdout.write(outcome.to_json() + "\n")
    if outcome.state != "finished":
        raise SystemExit(1)
