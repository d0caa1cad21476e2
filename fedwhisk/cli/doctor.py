"""`fedwhisk doctor`: is this deployment fit for an experiment?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options

if TYPE_CHECKING:
    from fedwhisk.doctor.findings import Finding

Planned = Annotated[
    int, typer.Option("--clients", min=1, help="How many clients are planned.")
]
PerRound = Annotated[int, typer.Option(min=1, help="Clients drawn a round.")]
COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(
    on: options.On = None,
    clients: Planned = 20,
    per_round: PerRound = 10,
    json: options.Json = False,
) -> None:
    """Examine a deployment from outside; what is wrong comes with what to do about it.

    It calls every action once, and so takes a dozen calls of the budget. Ends with 1
    if an experiment would not get through.
    """
    from fedwhisk import config
    from fedwhisk.doctor.deployment import check
    from fedwhisk.doctor.findings import healthy
    from fedwhisk.reach import chosen, reach

    settings = config.load()
    where = chosen(settings, on)
    findings = []
    with reach(settings, where) as platform:
        for finding in check(
            settings, where, platform, clients=clients, per_round=per_round
        ):
            findings.append(finding)
            if not json:
                show(finding)
    if json:
        import msgspec

        shown = {"healthy": healthy(findings), "findings": findings}
        typer.echo(msgspec.json.encode(shown).decode())
    if not healthy(findings):
        raise typer.Exit(1)


def show(finding: Finding) -> None:
    """Show a finding, and below it what to do."""
    grade = typer.style(f"{finding.grade:8}", fg=COLOURS[finding.grade])
    typer.echo(f"{grade} {finding.check:9} {finding.found}")
    if finding.advice:
        typer.echo(f"{'':8} {'':9} → {finding.advice}")
