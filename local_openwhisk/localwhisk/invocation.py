"""What is to run and for whom, and the record that an activation begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from localwhisk.activations import INTERNAL_ERROR, Activation, failed
from localwhisk.entities import now_ms
from localwhisk.errors import INTERNAL
from localwhisk.models import Action, Parameter


@dataclass(frozen=True)
class Caller:
    """On whose behalf an action runs: the namespace that owns the call and its key."""

    namespace: str
    auth: str
    transaction_id: str


@dataclass(frozen=True)
class Invocation:
    """What is to run: an action, the parameters its package lends, and a payload.

    `cause` is the activation id of the sequence that runs it.
    """

    action: Action
    lent: list[Parameter]
    payload: dict[str, Any]
    caller: Caller
    activation_id: str
    cause: str | None = None

    @property
    def args(self) -> dict[str, Any]:
        """Package's parameters under the action's under the payload."""
        bound = {p.key: p.value for p in [*self.lent, *self.action.parameters]}
        return {**bound, **self.payload}


def fresh_record(invocation: Invocation) -> Activation:
    """The record of an activation that begins now."""
    action = invocation.action
    annotations = {
        "path": action.path,
        "kind": action.exec.kind,
        "limits": msgspec.to_builtins(action.limits),
        "timeout": False,
    }
    if invocation.cause:
        annotations["causedBy"] = "sequence"
    elif action.exec.components:
        annotations["topmost"] = True
    return Activation(
        namespace=invocation.caller.namespace,
        name=action.own_name,
        version=action.version,
        subject=invocation.caller.namespace,
        activation_id=invocation.activation_id,
        start=now_ms(),
        annotations=[Parameter(key=k, value=v) for k, v in annotations.items()],
        response=failed(INTERNAL_ERROR, INTERNAL),
        logs=[],
        cause=invocation.cause or msgspec.UNSET,
    )


def note(record: Activation, key: str, value: Any) -> None:
    """Set an annotation of a record."""
    record.annotations = [a for a in record.annotations if a.key != key]
    record.annotations.append(Parameter(key=key, value=value))


def init_problem(line: bytes) -> str | None:
    """Why the action's code can't run, None where it can."""
    problem: str | None = msgspec.json.decode(line).get("error")
    return problem
