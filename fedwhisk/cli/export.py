"""`fedwhisk export` and `import`: a model as safetensors, an experiment as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.errors import InputError
from fedwhisk.platforms import Where

if TYPE_CHECKING:
    from fedwhisk.config import Settings
    from fedwhisk.experiments.archive.contents import Contents

Version = Annotated[
    int | None, typer.Option(min=0, help="Which version; else the newest.")
]
Out = Annotated[
    Path | None, typer.Option(help="The file; else EXPERIMENT-VERSION.safetensors.")
]
All = Annotated[
    Path | None,
    typer.Option(
        "--all",
        metavar="FILE",
        help="Instead, all of an ended experiment, for `fedwhisk import` elsewhere.",
    ),
]
File = Annotated[Path, typer.Argument(help="A file of `fedwhisk export --all`.")]


def export(
    experiment: options.Named = None,
    version: Version = None,
    out: Out = None,
    everything: All = None,
    on: options.On = None,
) -> None:
    """Write a version of an experiment's model, or all of it, to a file."""
    if everything is not None:
        if experiment is None or version is not None or out is not None:
            raise InputError("--all: takes the experiment's name, and no other option")
        _export_all(experiment, everything, on)
        return
    from fedwhisk.experiments.federation import operating

    with operating(on) as federation:
        written = federation.export(experiment, version, out)
    typer.echo(f"version {written.version} of {written.experiment}: {written.path}")


def _export_all(name: str, path: Path, on: Where | None) -> None:
    from fedwhisk.experiments.archive import writing
    from fedwhisk.local.state_database import database

    with database(_settings(on), new=False) as opened:
        written = writing.write(opened, name, path)
    typer.echo(f"{_words(written)}: {path}")


def import_all(file: File, on: options.On = None) -> None:
    """Store an experiment that `export --all` wrote, to go on with it here."""
    from fedwhisk.experiments.archive import reading
    from fedwhisk.local.state_database import database

    with database(_settings(on), new=True) as opened:
        stored = reading.load(opened, file)
    typer.echo(_words(stored))
    if stored.experiment.state != "finished":
        typer.echo("the command that started it, run here, goes on with it")


def _settings(on: Where | None) -> Settings:
    """Return the settings; a real deployment's database must be set."""
    from fedwhisk import config
    from fedwhisk.reach import chosen

    settings = config.load()
    if chosen(settings, on) is not Where.EMBEDDED and not settings.mongodb_url:
        raise InputError("MONGODB_URL: not set, expected the deployment's database")
    return settings


def _words(contents: Contents) -> str:
    experiment = contents.experiment
    return (
        f"{experiment.name}: {experiment.state.value}, version {experiment.version}, "
        f"{contents.clients} clients, {contents.rounds} closed rounds"
    )
