"""Options that several commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fedcore import settings as experiment_settings
from fedcore.errors import InvalidSettings
from fedcore.settings import ExperimentSettings
from fedwhisk.errors import InputError
from fedwhisk.platform import Where

On = Annotated[
    Where, typer.Option("--on", help="Which deployment: said, never guessed.")
]
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
Task = Annotated[
    str | None, typer.Option(help="What is learned: mnist, cifar10 or module:name.")
]
Clients = Annotated[int | None, typer.Option(help="Clients in the federation.")]
PerRound = Annotated[int | None, typer.Option(help="Clients drawn a round.")]
Rounds = Annotated[int | None, typer.Option(help="Rounds of training.")]
Epochs = Annotated[int | None, typer.Option(help="Local epochs in a round.")]
BatchSize = Annotated[int | None, typer.Option(help="Examples in a step of SGD.")]
Rate = Annotated[float | None, typer.Option("--lr", help="Learning rate of SGD.")]
Momentum = Annotated[float | None, typer.Option(help="Momentum of SGD, below 1.")]
Seed = Annotated[int | None, typer.Option(help="Fixes all that is random.")]
Partition = Annotated[str | None, typer.Option(help="How data is split (equal).")]
Deadline = Annotated[
    float | None,
    typer.Option("--deadline", help="Seconds a round may last before quorum suffices."),
]


def read_config(path: Path | None) -> dict[str, Any]:
    """Return the settings of a YAML file; an experiment's name may stand there too.

    Raises:
        InputError: the file is missing, or no YAML mapping.
    """
    if path is None:
        return {}
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML ({error})") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(
            f"{path}: found a {type(found).__name__}, expected `setting: value` lines"
        )
    return found


def experiment(
    config: Path | None, name: str | None, **flags: object
) -> tuple[str, ExperimentSettings]:
    """Return an experiment's name and settings: the file's, overridden by options.

    Raises:
        InputError: names the setting, what was found and what was expected.
    """
    raw = read_config(config)
    raw |= {key: value for key, value in flags.items() if value is not None}
    chosen = name or raw.pop("experiment", None)
    raw.pop("experiment", None)
    try:
        settings = experiment_settings.parse(raw)
        if chosen is None:
            return experiment_settings.default_name(settings), settings
        return experiment_settings.check_name(str(chosen)), settings
    except InvalidSettings as error:
        where = f"{config}: " if config else ""
        raise InputError(f"{where}{error.message}") from None
