"""Activations: the record of one run, and the rules that turn a result into one."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from localwhisk.entities import now_ms
from localwhisk.models import Parameter
from localwhisk.storage import Storage

SUCCESS = "success"
APPLICATION_ERROR = "application error"
DEVELOPER_ERROR = "action developer error"
INTERNAL_ERROR = "whisk internal error"
STATUS_CODES = {
    SUCCESS: 0,
    APPLICATION_ERROR: 1,
    DEVELOPER_ERROR: 2,
    INTERNAL_ERROR: 3,
}
COMMAND_EXITED = "command exited"
NOT_JSON = "The action did not return a dictionary or array."
NO_RESULT = "The action did not produce a valid JSON or JSON Array response: null"
PRUNE_EVERY = 100


class Response(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How an activation ended, and with what; `size` is the result's, in bytes."""

    status: str
    success: bool
    result: Any
    size: int | None = None


class Activation(msgspec.Struct, kw_only=True, rename="camel"):
    """The record of one run of an action, a sequence or a trigger."""

    namespace: str
    name: str
    version: str
    subject: str
    activation_id: str
    start: int
    end: int = 0
    duration: int = 0
    publish: bool = False
    annotations: list[Parameter]
    response: Response
    logs: list[str]
    cause: str | msgspec.UnsetType = msgspec.UNSET

    def summary(self, with_status: bool) -> dict[str, Any]:
        """The record as lists show it; a trigger's has no status code."""
        shown = msgspec.to_builtins(self)
        del shown["response"], shown["logs"]
        shown.pop("subject")
        if with_status:
            shown["statusCode"] = STATUS_CODES[self.response.status]
        return dict(shown)


def new_id() -> str:
    """A fresh id of 32 hexadecimal digits."""
    return uuid.uuid4().hex


def failed(status: str, message: str) -> Response:
    """A response that tells of an error."""
    return Response(status=status, success=False, result={"error": message})


def respond(line: bytes, size: int, allowed: int) -> Response:
    """Judge the line that an action's process wrote as its result.

    Args:
        line: the result as JSON, perhaps cut off after `allowed` bytes.
        size: its whole length in bytes.
        allowed: the largest length that may be passed on.
    """
    if size > allowed:
        return failed(
            APPLICATION_ERROR,
            "The action produced a response that exceeded the allowed length: "
            f"{size} > {allowed} bytes. The truncated response was: "
            f"{line[:allowed].decode(errors='ignore')}",
        )
    try:
        result = msgspec.json.decode(line)
    except msgspec.DecodeError:  # NaN and infinities: the encoder lets them through
        return failed(DEVELOPER_ERROR, NOT_JSON)
    if result is None:
        return failed(DEVELOPER_ERROR, NO_RESULT)
    if not isinstance(result, dict | list):
        return failed(DEVELOPER_ERROR, NOT_JSON)
    return judged(result, size)


def judged(result: dict[str, Any] | list[Any], size: int) -> Response:
    """A response for a valid result: an `error` in it makes it an application error."""
    if isinstance(result, dict) and "error" in result:
        return Response(
            status=APPLICATION_ERROR, success=False, result=result, size=size
        )
    return Response(status=SUCCESS, success=True, result=result, size=size)


class Records:
    """The last activations of a host."""

    def __init__(self, storage: Storage, count: int, size: int) -> None:
        self._storage = storage
        self._count, self._size = count, size
        self._added = 0

    def add(self, record: Activation) -> None:
        """Keep a record that has ended, and prune the oldest from time to time."""
        path = next((a.value for a in record.annotations if a.key == "path"), "")
        self._storage.put_activation(
            record.activation_id,
            record.namespace,
            record.name,
            str(path),
            record.start,
            msgspec.json.encode(record),
        )
        self._added += 1
        if self._added % PRUNE_EVERY == 0:
            self._storage.prune_activations(self._count, self._size)

    def get(self, namespace: str, identity: str) -> Activation | None:
        """One record, None where there is none."""
        body = self._storage.activation(namespace, identity)
        return msgspec.json.decode(body, type=Activation) if body else None

    def list(
        self, namespace: str, name: str, since: int, upto: int, limit: int, skip: int
    ) -> list[Activation]:
        """Records newest first."""
        bodies = self._storage.activations(namespace, name, since, upto, limit, skip)
        return [msgspec.json.decode(body, type=Activation) for body in bodies]

    def count(self, namespace: str, name: str, since: int, upto: int) -> int:
        """How many records `list` would show, unpaged."""
        return self._storage.count_activations(namespace, name, since, upto)


def ended(record: Activation, response: Response, logs: list[str]) -> Activation:
    """Complete a record with its outcome, now."""
    record.end = now_ms()
    record.duration = record.end - record.start
    record.response, record.logs = response, logs
    return record
