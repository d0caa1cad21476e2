"""`fedwhisk status` and `watch`: how an experiment stands."""

from __future__ import annotations

import typer

from fedwhisk.cli import options


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

    with operating(on) as federation:
        report = federation.status(experiment)
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
    from fedwhisk.view.experiment import chosen_view

    with operating(on) as federation:
        reports = federation.watch(experiment)
        report = next(reports)
        with chosen_view(report.experiment, report.settings) as view:
            view.show(report)
            for report in reports:
                view.show(report)
    typer.echo(f"{report.experiment}: {report.state}")
