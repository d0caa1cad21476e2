"""`fedwhisk status` and `watch`: how an experiment stands."""

from __future__ import annotations

import time

import typer

from fedwhisk.cli import options

LOOK_S = 1.0


def status(
    experiment: options.Named = None,
    on: options.On = None,
    json: options.Json = False,
) -> None:
    """Show how an experiment stands, once."""
    import msgspec
    from rich.console import Console

    from fedwhisk.experiments.federation import operating
    from fedwhisk.view.clients import MOST, clients_table
    from fedwhisk.view.experiment import picture, still

    with operating(on) as operator:
        report = operator.report(experiment)
    if json:
        typer.echo(msgspec.json.encode(report).decode())
        return
    console = Console()
    console.print(report.experiment, markup=False, highlight=False)
    console.print(picture(report) if console.is_terminal else still(report))
    if report.clients:
        console.print()
        console.print(clients_table(report, MOST))


def watch(experiment: options.Named = None, on: options.On = None) -> None:
    """Show how an experiment goes on, until it has ended."""
    from fedwhisk.experiments.federation import operating
    from fedwhisk.experiments.following import Follower
    from fedwhisk.view.experiment import chosen_view

    with operating(on) as operator:
        following = Follower(operator, experiment)
        report = following.look()
        with chosen_view(report.experiment, report.settings) as view:
            view.show(report)
            while not report.over:
                time.sleep(max(LOOK_S, report.look_again_s))
                report = following.look()
                view.show(report)
    typer.echo(f"{report.experiment}: {report.state}")
