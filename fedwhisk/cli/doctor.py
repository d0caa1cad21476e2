"""`fedwhisk doctor`: is this deployment fit for an experiment?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platforms import Where, budget

if TYPE_CHECKING:
    from fedwhisk.config import Settings
    from fedwhisk.doctor.findings import Finding
    from fedwhisk.platforms import Platform

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
    from fedwhisk.doctor.findings import healthy
    from fedwhisk.reach import chosen, reach

    settings = config.load()
    where = chosen(settings, on)
    findings = []
    with reach(settings, where) as platform:
        for finding in check(settings, where, platform, clients, per_round):
            findings.append(finding)
            if not json:
                show(finding)
    if json:
        import msgspec

        shown = {"healthy": healthy(findings), "findings": findings}
        typer.echo(msgspec.json.encode(shown).decode())
    if not healthy(findings):
        raise typer.Exit(1)


def check(
    settings: Settings, on: Where, platform: Platform, clients: int, per_round: int
) -> Iterator[Finding]:
    """Examine all that can be seen of a deployment from here."""
    from fedwhisk.doctor import actions, openwhisk
    from fedwhisk.doctor.findings import check_budget, warning
    from fedwhisk.project import builder

    yield from actions.check_deployment(
        platform.base_url, platform.secret, builder().build_id()
    )
    if on is Where.AWS:
        yield check_budget(budget(settings, on), clients, per_round)
        return
    apihost, auth = credentials(settings, on, platform)
    if apihost and auth:
        yield from openwhisk.check_host(apihost, auth, clients, per_round)
    else:
        found = "the platform's cannot be told without APIHOST and AUTH"
        yield warning("limits", found, "set them in .env")


def credentials(settings: Settings, on: Where, platform: Platform) -> tuple[str, str]:
    """Return the REST API's address and key: ours on this machine, else those set."""
    if on is Where.EMBEDDED:
        return platform.apihost, platform.auth
    return settings.apihost, settings.auth


def show(finding: Finding) -> None:
    """Show a finding, and below it what to do."""
    grade = typer.style(f"{finding.grade:8}", fg=COLOURS[finding.grade])
    typer.echo(f"{grade} {finding.check:9} {finding.found}")
    if finding.advice:
        typer.echo(f"{'':8} {'':9} → {finding.advice}")
