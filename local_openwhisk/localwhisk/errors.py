"""Refusals: the answers OpenWhisk gives instead of a result, one exception for all."""

from __future__ import annotations

from collections.abc import Mapping

NO_RESOURCE = "The requested resource does not exist."
NO_SUCH_PATH = "The requested resource could not be found."
MALFORMED = "The request content was malformed:\n"
INTERNAL = "There was an internal server error."


class Refused(Exception):
    """A request that is answered with `{"error": message, "code": transaction id}`."""

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def not_found() -> Refused:
    """The answer for an entity that isn't there, or isn't shown to this caller."""
    return Refused(404, NO_RESOURCE)


def malformed(detail: object) -> Refused:
    """The answer to a body that can't be read as what was expected."""
    return Refused(400, f"{MALFORMED}{detail}")
