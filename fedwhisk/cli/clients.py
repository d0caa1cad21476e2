"""`fedwhisk clients`: a fleet on Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platforms import Where

if TYPE_CHECKING:
    from fedcore.messages import Report
    from fedwhisk.clients.kubernetes import Fleet, Pod

app = typer.Typer(
    help="Look after the clients: on Kubernetes, or shut one out.",
    no_args_is_help=True,
)

Release = Annotated[str, typer.Option(help="The helm release.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Its namespace; else yours.")
]
Context = Annotated[str | None, typer.Option(help="The kubeconfig's context.")]
Lines = Annotated[int, typer.Option(min=1, help="How many lines from the end.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")]
RELEASE = "fl-clients"


@app.command("list")
def show(
    experiment: options.Named = None,
    release: Release = RELEASE,
    namespace: Namespace = None,
    context: Context = None,
    on: options.On = None,
) -> None:
    """Show the pods with what the experiment knows of them; without a cluster, that."""
    from fedwhisk.errors import OperatorError

    report = _report(on, experiment)
    try:
        pods = _fleet(release, namespace, context).pods()
    except OperatorError as error:
        if release != RELEASE or namespace or context:  # a cluster was meant
            raise
        if report is None:
            raise OperatorError(
                f"{str(error).rstrip('.')}, and no platform is up here that would know "
                "of clients"
            ) from error
        _print_alone(report, str(error))
    else:
        _print(pods, report)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="The pod, or its number.")],
    lines: Lines = 50,
    follow: Follow = False,
    release: Release = RELEASE,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Show what a client has written."""
    fleet = _fleet(release, namespace, context)
    if name.isdecimal():
        known = {pod.name.rpartition("-")[2]: pod.name for pod in fleet.pods()}
        name = known.get(name, name)
    for line in fleet.logs(name, lines=lines, follow=follow):
        typer.echo(line)


@app.command()
def scale(
    count: Annotated[int, typer.Argument(min=0, help="How many clients.")],
    release: Release = RELEASE,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Set the number of clients; each keeps its name, index and data."""
    _fleet(release, namespace, context).scale(count)
    typer.echo(f"{release}: {count} clients wanted")


@app.command()
def restart(
    release: Release = RELEASE, namespace: Namespace = None, context: Context = None
) -> None:
    """Restart all clients, one after the other."""
    _fleet(release, namespace, context).restart()
    typer.echo(f"{release}: restarting, one by one")


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The client's name (`status` tells it).")],
    experiment: Annotated[
        str | None, typer.Option(help="Which experiment; else the newest.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let it in again.")] = False,
    on: options.On = None,
) -> None:
    """Shut one client out of an experiment: its calls are refused from now on."""
    from fedwhisk.experiments.federation import operating

    with operating(on) as federation:
        chosen = experiment
        if chosen is None:
            chosen = federation.outline().experiment
            typer.echo(f"experiment {chosen}, the newest", err=True)
        found = federation.revoke(chosen, name, undo=undo)
    verb = "revoked" if found.revoked else "welcome again"
    typer.echo(f"{found.experiment}: client {found.client} ({found.name}) is {verb}")


def _fleet(release: str, namespace: str | None, context: str | None) -> Fleet:
    from fedwhisk.clients.kubernetes import connect

    return connect(release, namespace, context)


def _report(on: Where | None, experiment: str | None) -> Report | None:
    """Return how the experiment stands; None if no platform of ours is up here."""
    from fedwhisk import config
    from fedwhisk.experiments.federation import Federation
    from fedwhisk.reach import chosen, running

    settings = config.load()
    platform = running(settings, chosen(settings, on))
    if platform is None:
        return None
    with Federation(platform.base_url, platform.secret) as federation:
        return federation.status(experiment, all_clients=True)


def _print(pods: list[Pod], report: Report | None) -> None:
    from rich.console import Console

    from fedwhisk.view.clients import pods_table

    console = Console()
    console.print(pods_table(pods, report))
    if report is None:
        console.print("the experiment is not known here: --on says where it is")


def _print_alone(report: Report, why: str) -> None:
    """Show the clients of an experiment whose pods, if any, are out of sight."""
    from rich.console import Console

    from fedwhisk.view.clients import clients_table

    console = Console()
    title = f"experiment {report.experiment}: {report.state}"
    console.print(title, markup=False, highlight=False)
    console.print(clients_table(report))
    typer.echo(f"without pods ({why.rstrip('.')})")
