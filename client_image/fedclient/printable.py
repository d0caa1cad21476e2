"""Texts of others, as a terminal may be given them."""

from __future__ import annotations

import re
from typing import Any

CONTROLS = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
"""What moves a cursor, renames a window, turns a line around or cannot be written."""


def printable(text: str) -> str:
    """Return a text in one line, with escapes in the place of control characters."""
    if text.isascii() and text.isprintable():
        return text  # a model's base64 among them: a hundred times as fast
    return CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def all_printable(value: Any) -> Any:
    """Return plain values with all texts printable, `task_options` as they are."""
    match value:
        case str():
            return printable(value)
        case list():
            return [all_printable(each) for each in value]
        case dict():
            return {
                printable(name): each if name == "task_options" else all_printable(each)
                for name, each in value.items()
            }
    return value
