"""The pages that say what this host is and what it allows."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from localwhisk.http import authenticate, authorize, json_answer, services
from localwhisk.settings import (
    CONCURRENCY,
    DEFAULT_KIND,
    KINDS,
    LOGS_MB,
    MEBIBYTE,
    MEMORY_MB,
    SEQUENCE_LENGTH,
    TIMEOUT_MS,
    HostSettings,
    Range,
)

REPOSITORY = "https://github.com/apache/openwhisk"


def runtimes() -> list[dict[str, Any]]:
    """The kinds of actions that this host runs."""
    return [
        {
            "kind": kind,
            "image": f"openwhisk/action-{kind.replace(':', '-v')}",
            "default": kind == DEFAULT_KIND,
            "deprecated": False,
            "attached": True,
            "requireMain": False,
        }
        for kind in KINDS
    ]


def range_of(name: str, allowed: Range, unit: int = 1) -> dict[str, int]:
    """One limit's three figures."""
    return {
        f"default_{name}": allowed.default * unit,
        f"min_{name}": allowed.least * unit,
        f"max_{name}": allowed.most * unit,
    }


async def get_root(request: Request) -> Response:
    """What wskdeploy and wsk ask first: runtimes and limits."""
    settings = services(request).settings
    return json_answer(
        {
            "description": "OpenWhisk",
            "support": {
                "github": f"{REPOSITORY}/issues",
                "slack": "http://slack.openwhisk.org",
            },
            "api_paths": ["/api/v1"],
            "runtimes": {"python": runtimes()},
            "limits": {
                "actions_per_minute": settings.invocations_per_minute,
                "triggers_per_minute": settings.fires_per_minute,
                "concurrent_actions": settings.concurrent_invocations,
                "sequence_length": SEQUENCE_LENGTH,
                **range_of("action_duration", TIMEOUT_MS),
                **range_of("action_memory", MEMORY_MB, MEBIBYTE),
                **range_of("action_logs", LOGS_MB, MEBIBYTE),
            },
        }
    )


async def get_api(_: Request) -> Response:
    """The API's version and the host's."""
    version = metadata.version("fedwhisk")
    return json_answer(
        {
            "description": "OpenWhisk API",
            "api_version": "1.0.0",
            "api_version_path": "v1",
            "build": f"fedwhisk {version}",
            "buildno": version,
            "swagger_paths": {},
        }
    )


async def ping(_: Request) -> Response:
    """Whether the host answers."""
    return PlainTextResponse("pong")


async def list_namespaces(request: Request) -> Response:
    """The caller's one namespace."""
    return json_answer([authenticate(request).namespace])


def namespace_limits(settings: HostSettings) -> dict[str, Any]:
    """What a namespace may do."""
    return {
        "invocationsPerMinute": settings.invocations_per_minute,
        "concurrentInvocations": settings.concurrent_invocations,
        "firesPerMinute": settings.fires_per_minute,
        "allowedKinds": list(KINDS),
        "storeActivations": True,
        "minActionMemory": MEMORY_MB.least,
        "maxActionMemory": MEMORY_MB.most,
        "minActionLogs": LOGS_MB.least,
        "maxActionLogs": LOGS_MB.most,
        "minActionTimeout": TIMEOUT_MS.least,
        "maxActionTimeout": TIMEOUT_MS.most,
        "minActionConcurrency": CONCURRENCY.least,
        "maxActionConcurrency": CONCURRENCY.most,
        "maxParameterSize": MEBIBYTE,
        "maxPayloadSize": settings.payload_bytes,
        "truncationSize": settings.payload_bytes,
    }


async def get_limits(request: Request) -> Response:
    """The limits that hold for the caller's namespace."""
    authorize(request)
    return json_answer(namespace_limits(services(request).settings))
