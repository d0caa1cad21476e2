"""`/rules`: written, read, deleted, switched on and off."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from localwhisk.action_checks import full_path
from localwhisk.entities import Entities
from localwhisk.errors import Refused, malformed
from localwhisk.http import authorize, json_answer, read_entity, services
from localwhisk.models import Rule, RuleBody
from localwhisk.paging import list_answer
from localwhisk.rest_entities import begin_writing, named
from localwhisk.rest_triggers import action_path

STATUSES = {"active": True, "inactive": False}


def rule_summary(rule: Rule) -> dict[str, Any]:
    """A rule in a list."""
    shown = msgspec.to_builtins(rule)
    del shown["active"], shown["parameters"]
    return {
        **shown,
        "trigger": action_path(rule.namespace, rule.trigger),
        "action": action_path(rule.namespace, rule.action),
    }


def rule_view(rule: Rule) -> dict[str, Any]:
    """A rule as callers see it."""
    return {**rule_summary(rule), "status": "active" if rule.active else "inactive"}


async def list_rules(request: Request) -> Response:
    """The namespace's rules."""
    caller = authorize(request)
    rules = services(request).entities.rules.list(caller.namespace)
    return list_answer(request, "rules", rules, rule_summary)


async def get_rule(request: Request) -> Response:
    """One rule."""
    return json_answer(rule_view(named(request, services(request).entities.rules)))


async def put_rule(request: Request) -> Response:
    """Create or update a rule; a fresh one is active unless the body says otherwise."""
    entities = services(request).entities
    put = await begin_writing(request, entities.rules, RuleBody)
    trigger, action = checked_ends(entities, put.namespace, put.old, put.body)
    active = put.old.active if put.old else True
    rule = Rule(
        namespace=put.namespace,
        name=put.name,
        trigger=trigger,
        action=action,
        active=STATUSES.get(put.body.status or "", active),
        **put.fields,
    )
    entities.rules.put(rule)
    return json_answer(rule_view(rule))


def checked_ends(
    entities: Entities, namespace: str, old: Rule | None, body: RuleBody
) -> tuple[str, str]:
    """The names of a rule's trigger and action, which must both exist.

    Raises:
        Refused: 400, one isn't said or doesn't exist.
    """
    trigger = own_name(namespace, body.trigger) if body.trigger else ""
    action = own_name(namespace, body.action) if body.action else ""
    trigger = trigger or (old.trigger if old else "")
    action = action or (old.action if old else "")
    if not trigger or not action:
        raise malformed("a rule needs both a trigger and an action")
    if entities.triggers.find(namespace, trigger) is None:
        raise Refused(400, f"trigger {namespace}/{trigger} does not exist")
    try:
        entities.resolve_action(namespace, action)
    except Refused as error:
        raise Refused(400, f"action {namespace}/{action} does not exist") from error
    return trigger, action


def own_name(namespace: str, path: str) -> str:
    """The name inside the namespace of a path such as `/_/package/action`."""
    _, _, name = full_path(namespace, path).split("/", 2)
    return name


async def delete_rule(request: Request) -> Response:
    """Delete a rule."""
    rules = services(request).entities.rules
    rule = named(request, rules)
    rules.delete(rule)
    return json_answer(rule_view(rule))


class StatusBody(msgspec.Struct):
    """POST rules/{name}."""

    status: str


async def set_rule_status(request: Request) -> Response:
    """Switch a rule on or off; doing so twice changes nothing."""
    rules = services(request).entities.rules
    rule = named(request, rules)
    body = await read_entity(request, StatusBody)
    if body.status not in STATUSES:
        raise malformed(f"'{body.status}' is not a recognized rule state")
    rules.put(msgspec.structs.replace(rule, active=STATUSES[body.status]))
    return Response("OK", headers={"content-type": "text/plain; charset=UTF-8"})
