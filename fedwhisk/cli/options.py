"""Options that several commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fedcore.settings import ExperimentSettings
from fedwhisk.platforms import Where

On = Annotated[
    Where | None,
    typer.Option(
        "--on",
        help="Which deployment; else the only one that is configured (BASE_URL_OW, "
        "BASE_URL_AWS) or running, else the embedded platform.",
        show_default=False,
    ),
]
Target = Annotated[Where, typer.Option("--on", help="Which platform to deploy to.")]
Json = Annotated[
    bool, typer.Option("--json", help="End with one JSON object on standard output.")
]
Named = Annotated[
    str | None, typer.Argument(help="The experiment's name; the newest if left out.")
]
Experiment = Annotated[
    str | None,
    typer.Option(help="The experiment's name; else the task and a hash of settings."),
]
Config = Annotated[
    Path | None,
    typer.Option(help="A YAML file of settings; options override it."),
]
Model = Annotated[
    Path | None,
    typer.Option(
        help="A safetensors file that training starts from: an exported version, or a "
        "pretrained model."
    ),
]
MaxTraining = Annotated[
    int | None,
    typer.Option(min=1, help="Clients that train at once; else the number of cores."),
]


def _setting(name: str, words: str, *flags: str) -> Any:
    """Return the option of a setting, which says the default and may be left out."""
    usual = getattr(ExperimentSettings(), name)
    # Not by `show_default`: it is for defaults that the option has itself.
    return typer.Option(*flags, help=f"{words}  [default: {usual}]")


Task = Annotated[
    str | None, _setting("task", "What is learned: mnist, cifar10 or module:attribute.")
]
Clients = Annotated[int | None, _setting("clients", "Clients in the federation.")]
PerRound = Annotated[int | None, _setting("per_round", "Clients drawn a round.")]
Rounds = Annotated[int | None, _setting("rounds", "Rounds of training.")]
Epochs = Annotated[int | None, _setting("epochs", "Local epochs in a round.")]
BatchSize = Annotated[int | None, _setting("batch_size", "Examples in a step of SGD.")]
Lr = Annotated[float | None, _setting("lr", "Learning rate of SGD.")]
Momentum = Annotated[float | None, _setting("momentum", "Momentum of SGD, below 1.")]
ProximalMu = Annotated[
    float | None,
    _setting("proximal_mu", "Weight of FedProx's pull towards the received model."),
]
Seed = Annotated[int | None, _setting("seed", "Fixes all that is random.")]
Partition = Annotated[
    str | None,
    _setting(
        "partition",
        "How data is split: equal, dirichlet:ALPHA, shards:N or module:function; own "
        "where each client has its own data and takes all of it.",
    ),
]
Strategy = Annotated[
    str | None,
    _setting(
        "strategy", "How updates become a model: fedavg, median, trimmed_mean or krum."
    ),
]
MaxWeight = Annotated[
    float | None,
    _setting(
        "max_weight",
        "An update's examples count at most this many times the median claim; 0: no "
        "bound.",
    ),
]
Deadline = Annotated[
    float | None,
    _setting(
        "deadline_s", "Seconds a round may last before quorum suffices.", "--deadline"
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting of an experiment, also one without an option here; the value "
        "is YAML. May be repeated.",
    ),
]
EVERYDAY = (
    "task",
    "clients",
    "per_round",
    "rounds",
    "epochs",
    "batch_size",
    "lr",
    "momentum",
    "proximal_mu",
    "seed",
    "partition",
    "strategy",
    "max_weight",
    "deadline_s",
)
"""The settings that are options too."""


def experiment(context: typer.Context) -> tuple[str, ExperimentSettings]:
    """Return the name and the settings that `run` or `start` was given.

    Raises:
        InputError: names the setting, what was found and what was expected.
    """
    from fedwhisk.experiments import chosen_settings

    given = context.params
    return chosen_settings.experiment(
        given["config"],
        given["experiment"],
        {name: given[name] for name in EVERYDAY},
        given["set_"] or (),
    )
