"""The client image and the compose file say what the project says."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
GROUP = PYPROJECT["dependency-groups"]["client"]
PACKAGES = {"PIL": "pillow"}
"""Where the name that is imported is not the package's."""


def imported(file: Path) -> set[str]:
    """The top-level modules that a file imports, at whatever place."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_the_image_installs_what_the_client_imports_and_no_more() -> None:
    client = (PROJECT / "client_image" / "fedclient").rglob("*.py")
    core = PROJECT / "actions" / "fedcore"
    shared = [core / f"{name}.py" for name in ("codec", "errors", "messages", "rules")]
    found = set().union(*map(imported, [*client, *shared]))
    found -= {*sys.stdlib_module_names, "fedclient", "fedcore"}
    assert {PACKAGES.get(name, name) for name in found} == {
        each.partition(">")[0] for each in GROUP
    }


def test_the_image_installs_the_versions_of_the_project() -> None:
    assert set(GROUP) <= set(PYPROJECT["project"]["dependencies"])


def test_chart_and_image_have_the_version_of_the_project() -> None:
    version = PYPROJECT["project"]["version"]
    chart = yaml.safe_load((PROJECT / "helm/fl-clients/Chart.yaml").read_text())
    assert chart["appVersion"] == version
    assert f"fl-client:{version}" in (PROJECT / "compose.yaml").read_text()


def test_compose_brings_up_twenty_clients_with_names_of_their_own() -> None:
    services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
    database = services.pop("mongodb")
    assert len(services) == 20
    assert {name: each["hostname"] for name, each in services.items()} == {
        name: name for name in services
    }
    for each in services.values():
        assert each["read_only"] is True
        assert each["cap_drop"] == ["ALL"]
        assert not set(each["networks"]) & set(database["networks"])


def test_the_containers_variables_are_known_to_the_client() -> None:
    from fedclient.environment import KNOWN

    services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
    names = set(services["client-01"]["environment"])
    assert {name for name in names if name.startswith("FED_")} <= KNOWN
