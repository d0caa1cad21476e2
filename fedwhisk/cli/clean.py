"""`fedwhisk clean`: remove the embedded platform's state."""

from __future__ import annotations

from typing import Annotated

import typer

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def clean(yes: Yes = False) -> None:
    """Remove the embedded platform's state: experiments, models, its secret."""
    from fedwhisk import config
    from fedwhisk.local.home import Home

    home = Home(config.load().fedwhisk_home)
    if home.path.exists() and not yes:
        typer.confirm(f"Remove {home.path} with all experiments in it?", abort=True)
    typer.echo(f"{home.path}: {'removed' if home.remove() else 'was not there'}")
