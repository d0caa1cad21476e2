"""From an action to its process: what the runtime contract wants to know and to see."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

import msgspec

from localwhisk.code import CodeFolders, environment_text
from localwhisk.entities import now_ms
from localwhisk.models import Action
from localwhisk.processes import ActionProcess, Program
from localwhisk.settings import MEBIBYTE
from localwhisk.storage import Storage

EXECUTION_ENV = (
    f"openwhisk/action-python-v{sys.version_info.major}.{sys.version_info.minor}"
)


@dataclass(frozen=True)
class RunContext:
    """Who runs an activation, and under which ids."""

    namespace: str
    activation_id: str
    transaction_id: str
    api_key: str


def run_extras(action: Action, context: RunContext) -> dict[str, str]:
    """What `/run` tells an action beside its parameters: every value is text."""
    extras = {
        "namespace": context.namespace,
        "action_name": f"/{action.path}",
        "action_version": action.version,
        "activation_id": context.activation_id,
        "transaction_id": context.transaction_id,
        "deadline": str(now_ms() + action.limits.timeout),
    }
    if action.annotation("provide-api-key"):
        extras["api_key"] = context.api_key
    return extras


def run_request(action: Action, context: RunContext, args: dict[str, Any]) -> bytes:
    """The request line for one run."""
    return msgspec.json.encode({"value": args, **run_extras(action, context)})


def environment(
    action: Action, context: RunContext, folder: str, api_host: str
) -> dict[str, str]:
    """All that a fresh process has in its environment: no PATH and no HOME."""
    lent = {p.key: environment_text(p.value) for p in action.parameters if p.init}
    runs = {f"__OW_{k.upper()}": v for k, v in run_extras(action, context).items()}
    return {
        **lent,
        **runs,
        "__OW_API_HOST": api_host,
        "__OW_EXECUTION_ENV": EXECUTION_ENV,
        "__OW_WAIT_FOR_ACK": "1",
        "PWD": folder,
        "OLDPWD": folder,
        "SHLVL": "1",
        "PYTHONIOENCODING": "UTF-8",
        "LC_CTYPE": "C.UTF-8",
    }


class Runtime:
    """Starts processes for actions."""

    def __init__(self, storage: Storage, folders: CodeFolders) -> None:
        self._storage = storage
        self._folders = folders
        self.api_host = ""

    async def start(self, action: Action, context: RunContext) -> ActionProcess:
        """A fresh process; its import of the action's code is still under way."""
        digest = action.exec.digest or ""
        folder = self._folders.folder(digest)
        if not folder.exists():
            code = self._storage.code(digest)
            await asyncio.to_thread(
                self._folders.unpack, digest, code, bool(action.exec.binary)
            )
        return await ActionProcess.start(
            Program(
                folder=folder,
                main=action.exec.main or "main",
                environment=environment(action, context, str(folder), self.api_host),
                memory_mb=action.limits.memory,
                log_bytes=action.limits.logs * MEBIBYTE,
            )
        )
