"""Write the manifests from the list of actions: `python -m actions.manifests`.

The list is `fedcore.adapters.routes`. Each file keeps the comments before its first
key; `aws/serverless.yml` keeps everything but its routes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from fedcore.adapters.deployment import BOUND
from fedcore.adapters.routes import (
    ACTIONS,
    GATEWAY_BASE,
    KIND,
    PACKAGE,
    ROUTES,
    SEQUENCES,
    ActionSpec,
)

PROJECT = Path(__file__).resolve().parents[1]
MANIFESTS = PROJECT / "wsk_manifests"
SERVERLESS = PROJECT / "aws" / "serverless.yml"

FIRST_KEY = "packages:\n"
HTTP_API_LINES = re.compile(r"(?:^ *- httpApi: .*\n)+", re.MULTILINE)


def generated() -> Iterator[tuple[Path, str]]:
    """Yield each file with the content that it should have."""
    yield from (
        _with_packages(MANIFESTS / "manifest.yaml", _package(_zip)),
        _with_packages(MANIFESTS / "apis.yaml", _package(_zip) + _gateway_paths()),
        _with_packages(MANIFESTS / "image.yaml", _package(_on_image)),
    )
    routes = "".join(f"      - httpApi: {_route(each)}\n" for each in ROUTES.values())
    yield SERVERLESS, HTTP_API_LINES.sub(routes, SERVERLESS.read_text())


def _with_packages(path: Path, package: str) -> tuple[Path, str]:
    comments = path.read_text().partition(FIRST_KEY)[0]
    return path, comments + FIRST_KEY + package


def _package(code: Callable[[str], str]) -> str:
    """Return the package; `code` says where the code of an action is."""
    bound = "".join(f"      {name}: ${name}\n" for name in BOUND)
    public = "".join(_action(each, code) for each in ACTIONS.values() if each.method)
    inner = "".join(_action(each, code) for each in ACTIONS.values() if not each.method)
    return f"""\
  {PACKAGE}:
    version: {_version()}
    license: Apache-2.0
    inputs:
{bound}    actions:
{public}\
      # Only the sequence calls these two, so they are no web actions.
{inner}    sequences:
{"".join(map(_sequence, SEQUENCES.values()))}"""


def _version() -> str:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def _action(action: ActionSpec, code: Callable[[str], str]) -> str:
    limits = f"timeout: {action.timeout_ms}, memorySize: {action.memory_mb}, logSize: 1"
    web = "        web: true\n" if action.method else ""
    return f"""\
      {action.name}:
{code(action.name)}{web}\
        limits: {{{limits}}}
"""


def _zip(action: str) -> str:
    return f"""\
        function: ../build/actions/${{ACTIONS_TARGET}}/{action}.zip
        runtime: {KIND}
"""


def _on_image(action: str) -> str:
    return f"""\
        function: ../actions/{action}/__main__.py
        docker: ${{ACTIONS_IMAGE}}
"""


def _sequence(sequence: ActionSpec) -> str:
    return f"""\
      {sequence.name}:
        actions: {", ".join(sequence.sequence)}
        web: true
"""


def _gateway_paths() -> str:
    paths = "".join(
        f"          /{name}:\n"
        f"            {name}: {{method: {each.method.lower()}, response: http}}\n"
        for name, each in ROUTES.items()
    )
    return f"    apis:\n      {PACKAGE}:\n        {GATEWAY_BASE}:\n{paths}"


def _route(action: ActionSpec) -> str:
    return f"{action.method} /{action.name}"


if __name__ == "__main__":
    for path, content in generated():
        path.write_text(content)
