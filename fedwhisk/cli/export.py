"""`fedwhisk export`: any version of a model as a safetensors file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platform import Where

Version = Annotated[
    int | None, typer.Option(min=0, help="Which version; else the newest.")
]
Out = Annotated[
    Path | None, typer.Option(help="The file; else EXPERIMENT-VERSION.safetensors.")
]


def export(
    experiment: options.Named = None,
    version: Version = None,
    out: Out = None,
    on: options.On = Where.EMBEDDED,
) -> None:
    """Write a version of an experiment's model to a safetensors file."""
    from fedwhisk.operator import operating
    from fedwhisk.results import save_model

    with operating(on) as operator:
        report = operator.report(experiment)
        model = operator.model(report.experiment, version)
    path = out or Path(f"{report.experiment}-{model.version}.safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(path, model, report)
    typer.echo(f"version {model.version} of {report.experiment}: {path}")
