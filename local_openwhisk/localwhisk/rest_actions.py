"""`/actions`: written, read, deleted, invoked."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from localwhisk.action_checks import (
    check_code_size,
    check_components,
    check_kind,
    checked_limits,
)
from localwhisk.activations import INTERNAL_ERROR, Activation
from localwhisk.code import is_binary
from localwhisk.entities import merged
from localwhisk.errors import Refused, malformed
from localwhisk.http import (
    ACTIVATION_ID,
    authorize,
    flag,
    json_answer,
    read_payload,
    services,
)
from localwhisk.models import Action, ActionBody, Exec, Parameter
from localwhisk.paging import list_answer
from localwhisk.rest_entities import Writing, begin_writing, named
from localwhisk.web_request import NOT_ALLOWED, immutable

SEQUENCE = "sequence"


def full_namespace(action: Action) -> str:
    """The namespace as it is shown, with the action's package."""
    return f"{action.namespace}/{action.package}".rstrip("/")


def action_view(action: Action, code: str | None = None) -> dict[str, Any]:
    """An action as callers see it, with or without its code."""
    shown: dict[str, Any] = msgspec.to_builtins(action)
    del shown["revision"]
    shown["exec"].pop("digest", None)
    if code is not None:
        shown["exec"]["code"] = code
    return {**shown, "namespace": full_namespace(action), "name": action.own_name}


def action_summary(action: Action) -> dict[str, Any]:
    """An action in a list."""
    shown = action_view(action)
    del shown["parameters"]
    return {**shown, "exec": {"binary": bool(action.exec.binary)}}


async def list_actions(request: Request) -> Response:
    """The namespace's actions, or those of a package when the name ends in a slash."""
    caller = authorize(request)
    entities = services(request).entities
    name = request.path_params.get("name", "").rstrip("/")
    if not name:
        actions = entities.actions.list(caller.namespace)
    else:
        package = entities.packages.get(caller.namespace, name)
        actions = entities.package_actions(package)
    return list_answer(request, "actions", actions, action_summary)


async def get_action(request: Request) -> Response:
    """One action, with its package's parameters; `code=false` leaves the code out."""
    if request.path_params["name"].endswith("/"):
        return await list_actions(request)
    caller = authorize(request, request.path_params["name"])
    host = services(request)
    action, lent = host.entities.resolve_action(
        caller.namespace, request.path_params["name"]
    )
    with_code = request.query_params.get("code", "true").lower() != "false"
    code = None
    if action.exec.digest and with_code:
        code = host.storage.code(action.exec.digest)
    shown = msgspec.structs.replace(action, parameters=merged(lent, action.parameters))
    return json_answer(action_view(shown, code))


async def put_action(request: Request) -> Response:
    """Create or update an action or a sequence."""
    host = services(request)
    put = await begin_writing(request, host.entities.actions, ActionBody)
    package, _, _ = put.name.rpartition("/")
    if package and host.entities.packages.get(put.namespace, package).binding.name:
        raise Refused(400, "Operation not permitted on package binding.")
    action = written_action(request, put)
    host.entities.actions.put(action)
    if put.old:
        host.invoker.pool.retire(put.old.revision)
    code = host.storage.code(action.exec.digest) if action.exec.digest else None
    return json_answer(action_view(action, code))


def written_action(request: Request, put: Writing[Action, ActionBody]) -> Action:
    """The action that a PUT makes of the old one and the body."""
    fields, old, body = put.fields, put.old, put.body
    if body.exec is not None:
        kept = kept_exec(request, put.namespace, put.name, body.exec)
    elif old is not None:
        kept = old.exec
    else:
        raise malformed("exec undefined")
    fields["annotations"] = written_annotations(old, body, kept.kind)
    if kept.components:
        components = Parameter(key="_actions", value=kept.components)
        bound = [p for p in fields["parameters"] if p.key != "_actions"]
        fields["parameters"] = [*bound, components]
    return Action(
        namespace=put.namespace,
        name=put.name,
        exec=kept,
        limits=checked_limits(old.limits if old else None, body.limits),
        revision=uuid.uuid4().hex,
        **fields,
    )


def kept_exec(request: Request, namespace: str, name: str, given: Exec) -> Exec:
    """What is kept of a PUT's exec: code goes under its digest.

    Raises:
        Refused: an unknown kind, no or too much code, a wrong sequence.
    """
    if given.kind == SEQUENCE:
        entities = services(request).entities
        components = check_components(entities, namespace, name, given.components)
        return Exec(kind=SEQUENCE, components=components)
    kind = check_kind(given.kind)
    code = given.code or ""
    check_code_size(code)
    digest = services(request).storage.put_code(code)
    return Exec(
        kind=kind,
        main=given.main,
        image=given.image,
        binary=is_binary(code),
        digest=digest,
    )


def written_annotations(
    old: Action | None, body: ActionBody, kind: str
) -> list[Parameter]:
    """Annotations are merged, not replaced; two of them are the host's own."""
    base = [Parameter(key="provide-api-key", value=False)]
    kept = merged(old.annotations if old else base, body.annotations or [])
    kept = [a for a in kept if a.key not in body.del_annotations]
    return merged(kept, [Parameter(key="exec", value=kind)])


async def delete_action(request: Request) -> Response:
    """Delete an action; its processes end."""
    host = services(request)
    action = named(request, host.entities.actions)
    host.entities.actions.delete(action)
    host.invoker.pool.retire(action.revision)
    return json_answer(action_view(action))


async def invoke_action(request: Request) -> Response:
    """Run an action; `blocking`, `result` and `timeout` (ms) as in OpenWhisk."""
    name = request.path_params["name"]
    caller = authorize(request, name)
    host = services(request)
    host.throttles.check_invocation(caller.namespace)
    payload = await read_payload(request)
    action, lent = host.entities.resolve_action(caller.namespace, name)
    if payload.keys() & immutable(action, lent):
        raise Refused(400, NOT_ALLOWED)
    wait_s = blocking_wait(request)
    begun = host.invoker.begin(action, lent, payload, caller)
    record = await host.invoker.wait(begun, wait_s) if wait_s else None
    headers = {ACTIVATION_ID: begun.activation_id}
    if record is None:
        return json_answer({"activationId": begun.activation_id}, 202, headers)
    return record_answer(request, record, headers)


def blocking_wait(request: Request) -> float:
    """Seconds that the caller wants to wait; 0 for a call that doesn't.

    Raises:
        Refused: 400, the wanted time is no number, or longer than a caller may wait.
    """
    most = services(request).settings.blocking_wait_s
    if not flag(request, "blocking"):
        return 0.0
    text = request.query_params.get("timeout")
    if text is None:
        return most
    if not text.isdecimal() or not 0 < int(text) <= most * 1000:
        raise malformed(
            f"Timeout must be number of milliseconds up to {int(most * 1000)}."
        )
    return int(text) / 1000


def record_answer(
    request: Request, record: Activation, headers: dict[str, str]
) -> Response:
    """A blocking call's answer: the record, or its result alone."""
    response = record.response
    status = 200
    if not response.success:
        status = 500 if response.status == INTERNAL_ERROR else 502
    if flag(request, "result") or isinstance(response.result, list):
        return json_answer(response.result, status, headers)
    # Logs are collected after the answer: only the stored record has them.
    return json_answer(msgspec.structs.replace(record, logs=[]), status, headers)
