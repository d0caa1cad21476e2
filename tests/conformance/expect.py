"""What probes expect, in words."""

from __future__ import annotations

from typing import Any

import requests


def refused(answer: requests.Response, status: int, text: str = "") -> None:
    """An error answer of OpenWhisk's shape, with this text in it."""
    assert answer.status_code == status, answer.text
    content = answer.json()
    assert text in content["error"]
    assert content["code"]


def answered(answer: requests.Response, status: int = 200) -> Any:
    """The JSON of an answer with this status."""
    assert answer.status_code == status, answer.text
    return answer.json()
