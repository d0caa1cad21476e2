"""What the wheel brings along beside its packages: all that is built and deployed."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DEPLOYED = ("actions", "aws", "wsk_manifests", "pyproject.toml", "uv.lock")


class Deployed(BuildHookInterface[Any]):
    """Puts it into `fedwhisk/project` (see fedwhisk/project.py)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add it to a wheel; an editable one has its checkout."""
        if version != "editable":
            places = {each: f"fedwhisk/project/{each}" for each in DEPLOYED}
            build_data["force_include"].update(places)
