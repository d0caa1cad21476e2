"""Options that several commands share, each with its help."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedcore import settings as experiment_settings
from fedcore.errors import InvalidSettings
from fedcore.settings import ExperimentSettings
from fedwhisk.errors import InputError
from fedwhisk.platforms import Where

if TYPE_CHECKING:
    from fedwhisk.faults import FaultRates

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


def _option(name: str, words: str, *flags: str) -> Any:
    """Return a setting as an option that says its default and may be left out."""
    usual = getattr(ExperimentSettings(), name)
    # Not by `show_default`: it is for defaults that the option has itself.
    option = typer.Option(*flags, help=f"{words}  [default: {usual}]")
    return Annotated[type(usual) | None, option]


SETTINGS: dict[str, Any] = {
    name: _option(name, *words)
    for name, *words in (
        ("task", "What is learned: mnist, cifar10 or module:attribute."),
        ("clients", "Clients in the federation."),
        ("per_round", "Clients drawn a round."),
        ("rounds", "Rounds of training."),
        ("epochs", "Local epochs in a round."),
        ("batch_size", "Examples in a step of SGD."),
        ("lr", "Learning rate of SGD."),
        ("momentum", "Momentum of SGD, below 1."),
        ("proximal_mu", "Weight of FedProx's pull towards the received model."),
        ("seed", "Fixes all that is random."),
        (
            "partition",
            "How data is split: equal, dirichlet:ALPHA, shards:N or module:function; "
            "own where each client has its own data and takes all of it.",
        ),
        (
            "strategy",
            "How updates become a model: fedavg, median, trimmed_mean or krum.",
        ),
        (
            "max_weight",
            "An update's examples count at most this many times the median claim; 0: "
            "no bound.",
        ),
        (
            "deadline_s",
            "Seconds a round may last before quorum suffices.",
            "--deadline",
        ),
    )
}
"""An experiment's settings that are options too; a YAML file may hold all of them."""


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each of `SETTINGS`; it gets them as `flags`."""
    own = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        flags = {name: given.pop(name) for name in SETTINGS}
        command(flags=flags, **given)

    parameters = [each for each in own.parameters.values() if each.name != "flags"]
    parameters += [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind
        )
        for name, kind in SETTINGS.items()
    ]
    # typer reads a command's options from these two.
    vars(wrapped)["__signature__"] = own.replace(parameters=parameters)
    wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
    return wrapped


def read_config(path: Path | None) -> dict[str, Any]:
    """Return the settings of a YAML file; an experiment's name may stand there too.

    Raises:
        InputError: the file is missing, or no YAML mapping.
    """
    if path is None:
        return {}
    import yaml

    from fedwhisk.cli import yaml_file

    try:
        found = yaml_file.read(path.read_text(encoding="utf-8"))
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


def chaos(config: Path | None, option: str | None) -> FaultRates:
    """Return the faults that a run shall have: the option's, else the file's.

    Raises:
        InputError: names the rate, what was found and what was expected.
    """
    from fedwhisk.faults import parse

    raw = read_config(config).get("chaos") if option is None else option
    if not isinstance(raw, str | dict | None):
        raise InputError(f"chaos: found {raw!r}, expected NAME=RATE,… or a mapping")
    return parse(raw or {})


def experiment(
    config: Path | None, name: str | None, flags: Mapping[str, object]
) -> tuple[str, ExperimentSettings]:
    """Return an experiment's name and settings: the file's, overridden by options.

    Raises:
        InputError: names the setting, what was found and what was expected.
    """
    raw = read_config(config)
    raw |= {key: value for key, value in flags.items() if value is not None}
    chosen = name or raw.pop("experiment", None)
    raw.pop("experiment", None)
    raw.pop("chaos", None)  # a run's own
    try:
        settings = experiment_settings.parse(raw)
        if chosen is None:
            return experiment_settings.default_name(settings), settings
        return experiment_settings.check_name(str(chosen)), settings
    except InvalidSettings as error:
        where = f"{config}: " if config else ""
        raise InputError(f"{where}{error.message}") from None
