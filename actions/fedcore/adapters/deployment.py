"""The settings that a deployment binds to its actions, and the world made of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from fedcore.errors import FedError
from fedcore.services import Services
from fedcore.store.mongo import MongoDatabase
from fedcore.store.store import Store
from fedcore.tokens import secret_fault


class Misconfigured(FedError):
    """The deployment lacks a setting, or one makes no sense."""

    code, status = "misconfigured", 500


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that every platform binds; no request field has such a name."""

    MONGODB_URL: str
    MONGODB_DATABASE: str = "fedwhisk"
    FED_SECRET: str
    FED_SECRET_PREVIOUS: str = ""
    CALLS_PER_MINUTE: str


BOUND = Deployment.__struct_fields__
"""The names of the bound parameters."""

OPENWHISK_CALLS_PER_MINUTE = 60


def read(
    parameters: Mapping[str, object],
    *,
    calls_per_minute: int = OPENWHISK_CALLS_PER_MINUTE,
) -> Deployment:
    """Return a deployment's checked settings.

    Args:
        parameters: the settings, perhaps among other things. An empty one is unset.
        calls_per_minute: the platform's own budget, where none is set (or 0 is).

    Raises:
        Misconfigured: names the setting; its value is not told.
    """
    bound = {
        name: str(parameters[name])
        for name in BOUND
        if parameters.get(name) not in (None, "")
    }
    if bound.get("CALLS_PER_MINUTE", "0") == "0":
        bound["CALLS_PER_MINUTE"] = str(calls_per_minute)
    for name in ("MONGODB_URL", "FED_SECRET"):
        if name not in bound:
            raise Misconfigured(f"{name}: not set in this deployment")
    for name in ("FED_SECRET", "FED_SECRET_PREVIOUS"):
        if name in bound and (fault := secret_fault(bound[name])):
            raise Misconfigured(f"{name}: {fault}")
    deployment = Deployment(**bound)
    _calls_per_minute(deployment)
    return deployment


@lru_cache(maxsize=2)
def services(deployment: Deployment) -> Services:
    """Return the world of a deployment; a warm process keeps its connections."""
    given = (deployment.FED_SECRET, deployment.FED_SECRET_PREVIOUS)
    return Services(
        store=Store(MongoDatabase(deployment.MONGODB_URL, deployment.MONGODB_DATABASE)),
        clock=time.time,
        new_id=lambda: secrets.token_hex(8),
        secrets=tuple(secret.encode() for secret in given if secret),
        calls_per_minute=_calls_per_minute(deployment),
    )


def _calls_per_minute(deployment: Deployment) -> float:
    text = deployment.CALLS_PER_MINUTE
    if not text.isdigit() or not 1 <= int(text) <= 10_000_000:
        raise Misconfigured(
            f"CALLS_PER_MINUTE: found {text!r}, expected a whole number of at least 1"
        )
    return float(text)
