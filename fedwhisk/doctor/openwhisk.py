"""Check an OpenWhisk deployment by the REST API, as the owner of its namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fedcore.adapters.routes import ACTIONS, KIND, PACKAGE, SEQUENCES, ActionSpec
from fedwhisk.deploy.rest import DeployError, Host, entity_path, limits
from fedwhisk.doctor.findings import Finding, check_budget, ok, problem, warning
from fedwhisk.platforms import BUDGETS, Where

FEW_AT_ONCE = 10
"""With fewer calls at once, clients get in each other's way."""

CALL_S = 1.0
"""The duration of a call that finds no warm container, in seconds."""


def check_host(
    *, apihost: str, auth: str, clients: int, per_round: int
) -> Iterator[Finding]:
    """Yield what the host says about the deployment and about its limits.

    Args:
        apihost: the host's URL, `https://` where it has no scheme.
        auth: credentials, `uuid:key`.
        clients: the number of clients that are planned.
        per_round: the number of them that are drawn each round.
    """
    with Host(apihost=apihost, auth=auth) as host:
        try:
            namespace = host.namespace()
            yield ok("apihost", f"{host.url} knows us as {namespace}")
            package = host.call(
                "GET", entity_path("packages", PACKAGE), missing_is_fine=True
            )
            if package is None:
                found = f"namespace {namespace} has no package {PACKAGE}"
                yield problem("package", found, "`make deploy`")
                yield check_kind(host)
                return
            yield check_package(host, package)
            most, at_once = allowances(host)
            yield check_limits(package, most, at_once)
            calls_per_minute = min(budget_told(package), most)
            yield check_budget(calls_per_minute, clients=clients, per_round=per_round)
        except DeployError as error:
            yield problem("apihost", str(error), "check APIHOST and AUTH in .env")


def check_kind(host: Host) -> Finding:
    """Check that the host could run the zips."""
    offered = [each["kind"] for each in host.call("GET", "/")["runtimes"]["python"]]
    found = f"the host offers {', '.join(sorted(offered))}"
    if KIND in offered:
        return ok("kind", found)
    return problem(
        "kind",
        f"{found}; the actions need {KIND}",
        "change KIND in actions/fedcore/adapters/routes.py, run `make manifests` and "
        "build for that Python, or set ACTIONS_IMAGE",
    )


def allowances(host: Host) -> tuple[int, int]:
    """Return the calls a minute and the calls at once that the namespace may make."""
    stock = host.call("GET", "/")["limits"]
    own = host.call("GET", "/api/v1/namespaces/_/limits")  # older hosts leave it out
    return (
        own.get("invocationsPerMinute", stock["actions_per_minute"]),
        own.get("concurrentInvocations", stock["concurrent_actions"]),
    )


def check_package(host: Host, package: dict[str, Any]) -> Finding:
    """Check that the package holds every action, with its limits."""
    there = {action["name"]: action for action in package["actions"]}
    missing = sorted({*ACTIONS, *SEQUENCES} - there.keys())
    if missing:
        return problem(
            "package", f"{PACKAGE} lacks {', '.join(missing)}", "`make deploy`"
        )
    odd = [text for each in ACTIONS.values() for text in low_limits(host, each)]
    if odd:
        advice = "`make deploy`; the host may allow less than the actions need"
        return warning("package", "; ".join(odd), advice)
    return ok("package", f"{PACKAGE} holds its {len(there)} actions and sequences")


def low_limits(host: Host, action: ActionSpec) -> Iterator[str]:
    """Describe each limit of a deployed action that is lower than it needs."""
    path = entity_path("actions", f"{PACKAGE}/{action.name}")
    found = host.call("GET", path, params={"code": "false"})["limits"]
    for limit, expected in limits(action).items():
        if found[limit] < expected:
            yield f"{action.name}: {limit} is {found[limit]}, expected {expected}"


def check_limits(package: dict[str, Any], most: int, at_once: int) -> Finding:
    """Check that the platform allows the budget by which clients pace themselves."""
    told = budget_told(package)
    if told > most:
        return problem(
            "limits",
            f"clients are told of {told} calls a minute, the platform allows {most}",
            f"set CALLS_PER_MINUTE={most} and deploy again, or raise the platform's",
        )
    wanted = max(FEW_AT_ONCE, round(told / 60 * CALL_S))
    if at_once < wanted:
        return warning(
            "limits",
            f"the platform allows {at_once} calls at once; {told} a minute may be "
            f"{wanted} at once while containers start",
            "raise it, or lower CALLS_PER_MINUTE: calls beyond it are refused and "
            "come again later",
        )
    return ok("limits", f"{most} calls a minute and {at_once} at once are allowed")


def budget_told(package: dict[str, Any]) -> int:
    """Return the calls a minute that are bound to the package, or OpenWhisk's default.

    A value that is no number counts as unset here; the actions refuse it with an error.
    """
    bound = {each["key"]: str(each["value"]) for each in package["parameters"]}
    told = bound.get("CALLS_PER_MINUTE", "")
    return (int(told) if told.isdecimal() else 0) or BUDGETS[Where.OPENWHISK]
