"""The actions: the one list of them, from which every platform's own list is made.

`make manifests` writes the manifests of OpenWhisk and the routes of AWS from it, the
local platform is deployed from it, and Lambda's one function finds its actions in it.
"""

from __future__ import annotations

from dataclasses import dataclass

PACKAGE = "fedwhisk"
"""The OpenWhisk package that holds the actions."""

KIND = "python:3.11"
"""The OpenWhisk runtime of the actions; `actions/build.py` builds for it."""

GATEWAY_BASE = "/fed"
"""What stands before an action's name in its path behind an API gateway."""


@dataclass(frozen=True)
class ActionSpec:
    """An action, or a sequence of actions: how it is reached, and what it needs.

    Attributes:
        name: the last part of its URL; a plain action's folder has the same name.
        method: the HTTP method; GET takes the request from the query string. Empty
            keeps the action off the web.
        sequence: the actions that a sequence runs one after the other. The answer of
            one is the request of the next. Empty for a plain action.
        timeout_ms: how long one activation may take.
        memory_mb: how much memory it gets.
        needs_numpy: True if its zip holds numpy.
    """

    name: str
    method: str = "POST"
    sequence: tuple[str, ...] = ()
    timeout_ms: int = 60_000
    memory_mb: int = 128
    needs_numpy: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the modules of the handlers, in the order in which they run."""
        return self.sequence or (self.name,)


DECLARED = (
    ActionSpec("start_experiment"),
    ActionSpec("put_model"),
    ActionSpec("stop_experiment"),
    ActionSpec("revoke_client"),
    ActionSpec("subscribe"),
    ActionSpec("check_in"),
    ActionSpec("submit_update"),
    ActionSpec("get_model", "GET"),
    ActionSpec("status", "GET"),
    # Only the sequence calls these two, so they are not on the web.
    ActionSpec(
        "fedavg", method="", timeout_ms=300_000, memory_mb=256, needs_numpy=True
    ),
    ActionSpec("select_clients", method=""),
    ActionSpec("advance_round", sequence=("fedavg", "select_clients")),
)

ACTIONS = {each.name: each for each in DECLARED if not each.sequence}
"""The plain actions by name; each has a folder and a zip."""

SEQUENCES = {each.name: each for each in DECLARED if each.sequence}
"""The sequences by name."""

ROUTES = {each.name: each for each in DECLARED if each.method}
"""What is on the web, by name."""


def find(method: str, path: str) -> ActionSpec | None:
    """Return what answers a request; only the last part of the path matters.

    Args:
        method: in any case.
        path: the URL's path, which may begin with a gateway's stage or base path.
    """
    route = ROUTES.get(path.rstrip("/").rpartition("/")[2])
    return route if route and route.method == method.upper() else None
