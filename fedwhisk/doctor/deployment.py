"""All that can be seen of a deployment from here, checked on any platform."""

from __future__ import annotations

from collections.abc import Iterator

from fedwhisk.config import Settings
from fedwhisk.doctor import actions, openwhisk
from fedwhisk.doctor.findings import Finding, check_budget, warning
from fedwhisk.platforms import Platform, Where, budget
from fedwhisk.project import builder


def check(
    settings: Settings, on: Where, platform: Platform, *, clients: int, per_round: int
) -> Iterator[Finding]:
    """Examine all that can be seen of a deployment from here."""
    yield from actions.check_deployment(
        platform.base_url, platform.secret, builder().build_id()
    )
    if on is Where.AWS:
        yield check_budget(budget(settings, on), clients=clients, per_round=per_round)
        return
    apihost, auth = credentials(settings, on, platform)
    if apihost and auth:
        yield from openwhisk.check_host(
            apihost=apihost, auth=auth, clients=clients, per_round=per_round
        )
    else:
        found = "the platform's cannot be told without APIHOST and AUTH"
        yield warning("limits", found, "set them in .env")


def credentials(settings: Settings, on: Where, platform: Platform) -> tuple[str, str]:
    """Return the REST API's address and key: ours on this machine, else those set."""
    if on is Where.EMBEDDED:
        return platform.apihost, platform.auth
    return settings.apihost, settings.auth
