"""The platforms that serve the actions: which there are, where each is, its budget."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from fedcore.pace import COLD_S, start_spread_s
from fedwhisk.config import Settings
from fedwhisk.errors import InputError

if TYPE_CHECKING:
    from localwhisk import HostStats

PORT = 3233
"""Where the embedded platform listens, if nothing else is said."""

CALLS_A_CORE = 1500
"""Calls a minute for each core of this machine: what the embedded platform carries
while the same cores run the clients. More would only wait for each other."""


class Where(StrEnum):
    """Which deployment is meant (see `choosing`)."""

    EMBEDDED = "embedded"
    OPENWHISK = "openwhisk"
    AWS = "aws"


BUDGETS = {
    Where.EMBEDDED: CALLS_A_CORE * (os.cpu_count() or 1),
    Where.OPENWHISK: 60,
    Where.AWS: 6000,
}
"""Calls a minute where the settings do not say otherwise."""


@dataclass(frozen=True)
class Platform:
    """A deployment that can be reached.

    Attributes:
        base_url: where the actions are.
        secret: what its tokens are derived from.
        words: what keeps its state, in words.
        apihost: its REST API, if it is ours, as this machine reaches it.
        outside: the same as other machines reach it, if this process runs it.
        auth: the key of its namespace there, if it is ours.
        database_url: where other machines reach its embedded database, if they may.
        stats: what its host has done, if it runs in this process.
    """

    base_url: str
    secret: bytes = field(repr=False)
    words: str = ""
    apihost: str = ""
    outside: str = ""
    auth: str = field(default="", repr=False)
    database_url: str = ""
    stats: Callable[[], HostStats] | None = None


def remote(settings: Settings, where: Where) -> Platform:
    """Return a real deployment.

    Raises:
        InputError: its URL or its secret is not set.
    """
    url = base_url(settings, where)
    if not settings.fed_secret:
        raise InputError("FED_SECRET: not set, expected the deployment's secret")
    return Platform(url, settings.fed_secret.encode())


def base_url(settings: Settings, where: Where) -> str:
    """Return where a real deployment's actions are.

    Raises:
        InputError: it is not set.
    """
    name = "BASE_URL_OW" if where is Where.OPENWHISK else "BASE_URL_AWS"
    found: str = getattr(settings, name.lower())
    if not found:
        raise InputError(f"{name}: not set, expected the URL of the actions")
    return found.rstrip("/")


def budget(settings: Settings, where: Where = Where.EMBEDDED) -> int:
    """Return the calls a minute that a deployment allows, as the settings say."""
    return settings.calls_per_minute or BUDGETS[where]


def first_calls_s(settings: Settings, where: Where, clients: int) -> float:
    """Return over how many seconds clients of one machine spread their first calls."""
    cold_s = 0.0 if where is Where.EMBEDDED else COLD_S
    return start_spread_s(clients, budget(settings, where), cold_s=cold_s)
