"""YAML as people write it: `lr: 1e-2` is a number, as in YAML 1.2 and in JSON."""

from __future__ import annotations

import re
from typing import Any

import yaml

EXPONENT = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$")
"""Numbers that YAML 1.1 reads as text: without a point or an exponent's sign."""


class Loader(yaml.SafeLoader):
    """The safe loader, which knows every number with an exponent."""


Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


def read(text: str) -> Any:
    """Return what a YAML document holds.

    Raises:
        yaml.YAMLError: it is none.
    """
    return yaml.load(text, Loader)  # noqa: S506 - a safe loader
