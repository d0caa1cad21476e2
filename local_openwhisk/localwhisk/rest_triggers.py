"""`/triggers`: written, read, deleted, fired."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from localwhisk.activations import SUCCESS, Activation, ended, new_id
from localwhisk.activations import Response as Outcome
from localwhisk.entities import Entities, now_ms
from localwhisk.errors import Refused
from localwhisk.http import (
    ACTIVATION_ID,
    authorize,
    json_answer,
    read_payload,
    services,
)
from localwhisk.invocation import Caller
from localwhisk.models import EntityBody, Parameter, Rule, Trigger
from localwhisk.paging import list_answer
from localwhisk.rest_entities import begin_writing, named


def action_path(namespace: str, name: str) -> dict[str, str]:
    """An action's name as rules show it: `path` with the package, and `name`."""
    package, _, own = name.rpartition("/")
    return {"path": f"{namespace}/{package}".rstrip("/"), "name": own}


def trigger_view(trigger: Trigger, rules: list[Rule]) -> dict[str, Any]:
    """A trigger as callers see it, with the rules that hang on it."""
    shown = msgspec.to_builtins(trigger)
    hanging = {
        f"{rule.namespace}/{rule.name}": {
            "action": action_path(rule.namespace, rule.action),
            "status": "active" if rule.active else "inactive",
        }
        for rule in rules
    }
    return {**shown, "limits": {}, "rules": hanging}


def trigger_summary(trigger: Trigger) -> dict[str, Any]:
    """A trigger in a list."""
    shown = msgspec.to_builtins(trigger)
    del shown["parameters"]
    return dict(shown)


def rules_of(entities: Entities, trigger: Trigger) -> list[Rule]:
    """The rules that a trigger fires, active or not."""
    return entities.rules.list(
        trigger.namespace, lambda rule: rule.trigger == trigger.name
    )


async def list_triggers(request: Request) -> Response:
    """The namespace's triggers."""
    caller = authorize(request)
    triggers = services(request).entities.triggers.list(caller.namespace)
    return list_answer(request, "triggers", triggers, trigger_summary)


async def get_trigger(request: Request) -> Response:
    """One trigger."""
    entities = services(request).entities
    trigger = named(request, entities.triggers)
    return json_answer(trigger_view(trigger, rules_of(entities, trigger)))


async def put_trigger(request: Request) -> Response:
    """Create or update a trigger."""
    entities = services(request).entities
    put = await begin_writing(request, entities.triggers, EntityBody)
    trigger = Trigger(namespace=put.namespace, name=put.name, **put.fields)
    entities.triggers.put(trigger)
    return json_answer(trigger_view(trigger, rules_of(entities, trigger)))


async def delete_trigger(request: Request) -> Response:
    """Delete a trigger; its rules stay, and never fire again."""
    triggers = services(request).entities.triggers
    trigger = named(request, triggers)
    triggers.delete(trigger)
    return json_answer(trigger_view(trigger, []))


async def fire_trigger(request: Request) -> Response:
    """Start the action of every active rule; 204 when there is none."""
    name = request.path_params["name"]
    caller = authorize(request, name)
    host = services(request)
    host.throttles.check_fire(caller.namespace)
    payload = await read_payload(request)
    trigger = host.entities.triggers.get(caller.namespace, name)
    rules = [rule for rule in rules_of(host.entities, trigger) if rule.active]
    if not rules:
        return Response(status_code=204)
    payload = {**{p.key: p.value for p in trigger.parameters}, **payload}
    record = trigger_record(trigger, caller, payload)
    logs = [start_rule(request, caller, rule, payload) for rule in rules]
    host.records.add(ended(record, record.response, logs))
    host.counters.activations[trigger.name] += 1
    return json_answer(
        {"activationId": record.activation_id},
        202,
        {ACTIVATION_ID: record.activation_id},
    )


def trigger_record(
    trigger: Trigger, caller: Caller, payload: dict[str, Any]
) -> Activation:
    """The activation record of a firing; its result is what the actions receive."""
    return Activation(
        namespace=caller.namespace,
        name=trigger.name,
        version=trigger.version,
        subject=caller.namespace,
        activation_id=new_id(),
        start=now_ms(),
        annotations=[
            Parameter(key="path", value=f"{trigger.namespace}/{trigger.name}"),
            Parameter(key="kind", value="trigger"),
        ],
        response=Outcome(status=SUCCESS, success=True, result=payload),
        logs=[],
    )


def start_rule(
    request: Request, caller: Caller, rule: Rule, payload: dict[str, Any]
) -> str:
    """Start a rule's action as a call of its own; returns the trigger's log line."""
    host = services(request)
    told = {"rule": f"{rule.namespace}/{rule.name}", "action": rule.action}
    try:
        host.throttles.check_invocation(caller.namespace)
        action, lent = host.entities.resolve_action(rule.namespace, rule.action)
    except Refused as refused:
        line = {"statusCode": 1, "success": False, **told, "error": refused.message}
        return msgspec.json.encode(line).decode()
    begun = host.invoker.begin(action, lent, payload, caller)
    line = {"statusCode": 0, "success": True, **told}
    return msgspec.json.encode({**line, "activationId": begun.activation_id}).decode()
