"""`fedwhisk run`: a whole experiment, with clients on this machine."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.errors import INTERRUPTED
from fedwhisk.platforms import PORT

if TYPE_CHECKING:
    from fedwhisk.config import Settings
    from fedwhisk.experiments.run_options import RunOptions

STARTED = time.monotonic()
Out = Annotated[
    Path | None,
    typer.Option(
        help="The folder that gets a folder of results; else `runs` beside `.fedwhisk`."
    ),
]
Chaos = Annotated[
    str | None,
    typer.Option(
        "--chaos",
        metavar="RATES",
        help="Faults to inject, such as drop=0.05,delay=0.1,double=0.05,crash=0.02,"
        "slow=0.1,seed=1.",
    ),
]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh",
        help="Train a finished one again, as NAME-2, NAME-3 …",
    ),
]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Where the host listens, if it is free.")
]


def run(
    context: typer.Context,
    *,
    experiment: options.Experiment = None,
    config: options.Config = None,
    model: options.Model = None,
    out: Out = None,
    max_training: options.MaxTraining = None,
    port: Port = PORT,
    chaos: Chaos = None,
    fresh: Fresh = False,
    on: options.On = None,
    json: options.Json = False,
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
    """Train an experiment to its end; run again, it goes on where it was."""
    from fedwhisk import config as deployment
    from fedwhisk.experiments import chosen_settings
    from fedwhisk.experiments.run_options import RunOptions
    from fedwhisk.reach import chosen

    name, settings = options.experiment(context)
    deployed = deployment.load()
    wanted = RunOptions(
        name=name,
        settings=settings,
        out=out or deployment.results_folder(deployed),
        at_once=max_training or os.cpu_count() or 1,
        port=port,
        on=chosen(deployed, on),
        faults=chosen_settings.faults(config, chaos),
        fresh=fresh,
        model=model,
    )
    _train(wanted, deployed, quiet=json)


def _train(wanted: RunOptions, deployed: Settings, *, quiet: bool) -> None:
    """Train and show how it goes; if quiet, end with one JSON object."""
    from fedwhisk.experiments.runner import Runner
    from fedwhisk.view.experiment import chosen_view

    with chosen_view(wanted.name, wanted.settings, quiet=quiet) as view:
        runner = Runner(wanted, deployed, view, STARTED)
        try:
            result = runner.run()
        except KeyboardInterrupt:
            view.say(f"interrupted: the same command goes on with {runner.name}")
            raise SystemExit(INTERRUPTED) from None
    view.summary(result)
    if quiet:
        sys.stdout.write(result.to_json() + "\n")
    if result.state != "finished":
        raise SystemExit(1)
