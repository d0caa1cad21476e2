"""The list of actions, and what has to agree with it by hand."""

from __future__ import annotations

import importlib
import re

import pytest

from actions.build import ACTIONS
from fedclient.api import READ_ONLY
from fedcore.adapters import routes
from fedcore.adapters.routes import ROUTES


def test_every_action_is_a_step_of_a_route_with_a_folder_and_a_handler() -> None:
    steps = [step for route in ROUTES.values() for step in route.steps]
    folders = [main.parent.name for main in ACTIONS.glob("*/__main__.py")]
    assert sorted(steps) == sorted(folders) == sorted(routes.ACTIONS)
    for step in steps:
        assert importlib.import_module(f"fedcore.handlers.{step}").ACTION.name == step


def test_the_table_in_the_readme_lists_every_route() -> None:
    text = (ACTIONS / "README.md").read_text()
    table = text[text.index("| action |") :].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(ROUTES)


def test_clients_ask_by_get_what_is_routed_so() -> None:
    assert {r.name for r in ROUTES.values() if r.method == "GET"} == READ_ONLY


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
