"""The public actions, once: every platform's own list is checked against this one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """How a public action is reached, and what runs then.

    Attributes:
        action: its name, the last part of its URL.
        method: the HTTP method; GET takes its request from the query string.
        steps: the handlers' modules, run one after the other; each is an action's
            folder, too. The answer of one is the request of the next.
    """

    action: str
    method: str
    steps: tuple[str, ...]


def _plain(action: str, method: str = "POST") -> Route:
    return Route(action, method, (action,))


ROUTES = {
    route.action: route
    for route in (
        _plain("start_experiment"),
        _plain("put_model"),
        _plain("stop_experiment"),
        _plain("revoke_client"),
        _plain("subscribe"),
        _plain("check_in"),
        _plain("submit_update"),
        _plain("get_model", "GET"),
        _plain("status", "GET"),
        Route("advance_round", "POST", ("fedavg", "select_clients")),
    )
}
"""The routes by the action's name."""


def find(method: str, path: str) -> Route | None:
    """Return the route of a request; whatever stands before the name is a prefix.

    Args:
        method: in any case.
        path: the URL's, perhaps with a gateway's stage or base path in front.
    """
    route = ROUTES.get(path.rstrip("/").rpartition("/")[2])
    return route if route and route.method == method.upper() else None
