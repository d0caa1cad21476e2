"""What the embedded host may do: its address, its user, OpenWhisk's limits.

The defaults are those of a stock OpenWhisk standalone, so that what runs here
runs there; but for its key, which is the same in every install and published.
"""

from __future__ import annotations

import secrets
import string
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

MEBIBYTE = 1024 * 1024

KEY_LETTERS = string.ascii_letters + string.digits
KEY_LENGTH = 64
DEFAULT_KIND = f"python:{sys.version_info.major}.{sys.version_info.minor}"
# All of them run on the interpreter that runs the host.
KINDS = tuple(sorted({DEFAULT_KIND, "python:3.10", "python:3.11", "python:3.12"}))


def fresh_key() -> str:
    """Make a key of the form that OpenWhisk's have, `uuid:64 letters and digits`."""
    letters = (secrets.choice(KEY_LETTERS) for _ in range(KEY_LENGTH))
    return f"{uuid.uuid4()}:{''.join(letters)}"


@dataclass(frozen=True)
class HostSettings:
    """Settings of one host.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        auth: credentials of the namespace's owner, `uuid:key`; whoever has them runs
            any code as this user. A key of its own where none is given.
        namespace: the one namespace for user entities.
        home: folder of entities and activations; None keeps them for this run only.
        invocations_per_minute: calls a namespace may make in a wall-clock minute.
        concurrent_invocations: activations of a namespace in flight at once.
        fires_per_minute: triggers a namespace may fire in a wall-clock minute.
        max_processes: action processes alive at once; calls beyond them queue.
        max_processes_per_action: the same for one action.
        idle_s: seconds after which an unused action process ends.
        payload_bytes: largest request to an action, and largest result.
        body_s: seconds in which a request's body must have come.
        blocking_wait_s: seconds that a caller is kept waiting for a result.
        kept_activations: activation records kept, newest first.
        kept_activation_bytes: the same by their size.
    """

    host: str = "127.0.0.1"
    port: int = 3233
    auth: str = field(default_factory=fresh_key, repr=False)
    namespace: str = "guest"
    home: Path | None = None
    invocations_per_minute: int = 60
    concurrent_invocations: int = 30
    fires_per_minute: int = 60
    max_processes: int = 16
    max_processes_per_action: int = 4
    idle_s: float = 600.0
    payload_bytes: int = MEBIBYTE
    body_s: float = 60.0
    blocking_wait_s: float = 60.0
    kept_activations: int = 2000
    kept_activation_bytes: int = 256 * MEBIBYTE


@dataclass(frozen=True)
class Range:
    """The allowed values of one limit of an action, and what holds unsaid."""

    least: int
    most: int
    default: int


TIMEOUT_MS = Range(100, 300_000, 60_000)
MEMORY_MB = Range(128, 512, 256)
LOGS_MB = Range(0, 10, 10)
CONCURRENCY = Range(1, 1, 1)
SEQUENCE_LENGTH = 50
LIST_DEFAULT, LIST_MOST = 30, 200
CODE_BYTES = 48 * MEBIBYTE  # of the text as sent, so of base64 for a zip
PARAMETER_BYTES = MEBIBYTE
ENTITY_BYTES = 50 * MEBIBYTE
URI_BYTES = 8 * 1024
