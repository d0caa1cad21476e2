"""The variables of a wskdeploy manifest, and the parameters that it makes of inputs.

As wskdeploy fills them in, save that an unset one is told (wskdeploy deploys an empty
text).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

VARIABLE = re.compile(
    r"\$\$\{(?P<escaped>\w+)\}|\$\{(?P<braced>\w+)\}|^\$(?P<whole>\w+)$"
)
TYPE_DEFAULTS: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "float": 0.0,
    "boolean": False,
    "json": {},
}


class Filler:
    """Fills in variables, and remembers those that aren't set."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.unset: set[str] = set()

    def text(self, text: str) -> str:
        """A text with its variables filled in; `$${NAME}` stands for `${NAME}`."""

        def value(found: re.Match[str]) -> str:
            if found["escaped"]:
                return f"${{{found['escaped']}}}"
            name = found["braced"] or found["whole"]
            if name not in self._environment:
                self.unset.add(name)
            return self._environment.get(name, "")

        return VARIABLE.sub(value, text)

    def value(self, value: Any) -> Any:
        """A value with the variables in all of its texts filled in."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        return value

    def parameters(self, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """Inputs as parameters: a value, or `{type, value, default, description}`."""
        return pairs({key: self.input(value) for key, value in inputs.items()})

    def input(self, value: Any) -> Any:
        """One input's value; the name of a type stands for that type's default."""
        if isinstance(value, dict) and value.keys() & {"value", "type", "default"}:
            given = value.get("value", value.get("default"))
            if given is None:
                return TYPE_DEFAULTS.get(value.get("type", "string"), "")
            return self.value(given)
        if isinstance(value, str) and value in TYPE_DEFAULTS:
            return TYPE_DEFAULTS[value]
        return self.value(value)


def pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """OpenWhisk's form of a mapping: a list of keys and values."""
    return [{"key": key, "value": value} for key, value in values.items()]
