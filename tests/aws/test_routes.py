"""One table of actions, and everything that has to agree with it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.build import action_names
from fedclient.api import READ_ONLY
from fedcore.adapters import routes
from fedcore.adapters.routes import ROUTES

PROJECT = Path(__file__).parents[2]
MANIFESTS = ("manifest.yaml", "apis.yaml", "image.yaml")
OPERATIONS = {(route.method, route.action) for route in ROUTES.values()}


def package(manifest: str) -> dict[str, Any]:
    """What a manifest for OpenWhisk deploys."""
    text = (PROJECT / "wsk_manifests" / manifest).read_text()
    found: dict[str, Any] = yaml.safe_load(text)["packages"]["fedwhisk"]
    return found


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_openwhisk_has_every_route_on_the_web_and_nothing_else(manifest) -> None:
    found = package(manifest)
    entities = found["actions"] | found["sequences"]
    public = {name for name, each in entities.items() if each.get("web")}
    assert public == set(ROUTES)


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_openwhisk_runs_the_same_steps_in_the_same_order(manifest) -> None:
    found = package(manifest)
    steps = {
        name: tuple(re.split(r",\s*", each["actions"]))
        for name, each in found["sequences"].items()
    } | {name: (name,) for name, each in found["actions"].items() if each.get("web")}
    assert steps == {name: route.steps for name, route in ROUTES.items()}


def test_openwhisks_gateway_has_every_operation() -> None:
    (paths,) = package("apis.yaml")["apis"]["fedwhisk"].values()
    assert {
        (operation["method"].upper(), action)
        for path, operations in paths.items()
        for action, operation in operations.items()
        if path == f"/{action}"
    } == OPERATIONS


def test_lambdas_gateway_has_every_operation() -> None:
    text = (PROJECT / "aws" / "serverless.yml").read_text()
    events = yaml.safe_load(text)["functions"]["actions"]["events"]
    found = [event["httpApi"] for event in events if "httpApi" in event]
    assert sorted(found) == sorted(f"{method} /{name}" for method, name in OPERATIONS)


def test_every_step_is_an_action_with_a_folder_and_a_handler() -> None:
    steps = [step for route in ROUTES.values() for step in route.steps]
    assert sorted(steps) == action_names()
    for step in steps:
        assert importlib.import_module(f"fedcore.handlers.{step}").ACTION.name == step


def test_the_table_in_the_readme_lists_every_route() -> None:
    text = (PROJECT / "actions" / "README.md").read_text()
    table = text[text.index("| action |") :].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(ROUTES)


def test_clients_ask_by_get_what_is_routed_so() -> None:
    assert {name for method, name in OPERATIONS if method == "GET"} == READ_ONLY


@pytest.mark.parametrize(
    "path", ["/status", "/prod/status", "/a/b/status", "status", "/status/"]
)
def test_a_route_is_found_behind_any_prefix(path) -> None:
    assert routes.find("get", path) is ROUTES["status"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/status"),
        ("GET", "/check_in"),
        ("POST", "/fedavg"),
        ("GET", "/status/x"),
        ("GET", "/"),
        ("GET", ""),
    ],
)
def test_what_is_no_route_is_none(method, path) -> None:
    assert routes.find(method, path) is None
