"""`fedwhisk run`: a whole experiment, with clients on this machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.errors import INTERRUPTED
from fedwhisk.platforms import PORT

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
        help="Faults on purpose, such as drop=0.05,delay=0.1,double=0.05,crash=0.02,"
        "slow=0.1,seed=1.",
    ),
]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh",
        help="Train one that has finished anew, as NAME-2, NAME-3 …",
    ),
]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Where the host listens, if it is free.")
]


@options.takes_settings
def run(
    *,
    flags: Mapping[str, object],
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
) -> None:
    """Train an experiment to its end; run again, it goes on where it was."""
    name, settings = options.experiment(config, experiment, flags)
    disturbed = options.chaos(config, chaos)
    from fedwhisk import config as deployment
    from fedwhisk.experiments.runner import Runner, RunOptions
    from fedwhisk.reach import chosen
    from fedwhisk.view.experiment import chosen_view

    at_once = max_training or os.cpu_count() or 1
    deployed = deployment.load()
    folder, where = out or deployment.results_folder(deployed), chosen(deployed, on)
    wanted = RunOptions(
        name, settings, folder, at_once, port, where, disturbed, fresh, model
    )
    with chosen_view(name, settings, quiet=json) as view:
        runner = Runner(wanted, deployed, view, STARTED)
        try:
            outcome = runner.run()
        except KeyboardInterrupt:
            view.say(f"interrupted: the same command goes on with {runner.name}")
            raise SystemExit(INTERRUPTED) from None
    view.summary(outcome)
    if json:
        sys.stdout.write(outcome.to_json() + "\n")
    if outcome.state != "finished":
        raise SystemExit(1)
