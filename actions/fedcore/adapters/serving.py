"""What all platforms share: whatever comes of a request has a status and a body."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fedcore.build_id import BUILD
from fedcore.errors import FedError, InvalidRequest
from fedcore.handlers.action import Credentials
from fedcore.messages import PAGE_POLICY, Page

LOG = logging.getLogger(__name__)

TOKEN_HEADER = "x-fed-token"  # noqa: S105 - a header's name
BUILD_HEADER = "x-fed-build"
JSON = "application/json"
PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
"""Answers hold tokens and models: no proxy and no browser keeps them."""

NO_FRAME = {"content-security-policy": f"{PAGE_POLICY}; frame-ancestors 'none'"}
"""Beside the page's own policy: only a header can keep a page out of another's."""


@dataclass(frozen=True)
class Call:
    """What an action is asked, and by whom.

    Attributes:
        fields: the request's own fields.
        credentials: what came along with them.
        from_query: whether they came as texts, in a query string.
    """

    fields: dict[str, Any]
    credentials: Credentials = field(repr=False)
    from_query: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a request: an answer with status 200, or our error's body."""

    status: int
    answer: msgspec.Struct | dict[str, object]

    @property
    def refused(self) -> bool:
        """Whether it is an error."""
        return self.status != 200

    @property
    def headers(self) -> dict[str, str]:
        """The body's media type, who made it, and what nobody on the way may do."""
        common = {BUILD_HEADER: BUILD, **PRIVATE}
        if isinstance(self.answer, Page):
            return {"content-type": "text/html; charset=utf-8", **common, **NO_FRAME}
        return {"content-type": JSON, **common}

    @property
    def body(self) -> str | dict[str, Any]:
        """A page's text, or else an object of plain values."""
        if isinstance(self.answer, Page):
            return self.answer.html
        plain: dict[str, Any] = msgspec.to_builtins(self.answer)
        return plain


def attempt(name: str, work: Callable[[], msgspec.Struct]) -> Outcome:
    """Do an action's work: every failure is an outcome, and none tells our insides."""
    try:
        return Outcome(200, work())
    except FedError as error:
        LOG.info("%s refused: %s %s", name, error.code, error.message)
        return Outcome(error.status, error.body())
    except Exception as error:  # noqa: BLE001 - the last line before the platform
        # The caller learns nothing of our insides; the platform's log does, without
        # the values that were at hand.
        _log_without_values(name, error)
        message = f"{name} failed: the platform's log of this call says where"
        return Outcome(500, FedError(message).body())


def web_credentials(headers: object) -> Credentials:
    """Return what a web request brings along; names of headers are in lower case."""
    token = headers.get(TOKEN_HEADER) if isinstance(headers, Mapping) else None
    return Credentials(token=token if isinstance(token, str) else "")


def not_an_object() -> InvalidRequest:
    """Return the refusal of a body that cannot be a request."""
    return InvalidRequest(
        f"body: found something else, expected one JSON object (content-type: {JSON})"
    )


def _log_without_values(name: str, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{each.name}:{each.lineno}" for each in reversed(frames[-6:]))
    LOG.error("%s failed: %s at %s", name, type(error).__name__, where)
