"""What a reply means: an answer, a refusal, or a failure that may pass.

An error answer with our error object is the federation's word and is final, save for
429 and 503. Everything else that is not an answer (a crashed action, a throttle, a
missing deployment, a broken connection) is the platform's and passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from fedclient.printable import all_printable, printable
from fedclient.transport import NoAnswer, Reply
from fedcore.messages import ModelChunk

Wire = TypeVar("Wire", bound=msgspec.Struct)

RIGHT = "is BASE_URL_OW (or BASE_URL_AWS) right?"
NO_ACTION = frozenset({200, 204, 301, 302, 303, 307, 308, 404, 405})
"""Statuses that, without an answer of ours, another server's pages have as well."""


class Refused(Exception):
    """The federation said no, and would say it again.

    Attributes:
        code: the error's stable code, such as `federation_full`.
        retry_after: seconds after which asking again may make sense, if it said so.
    """

    def __init__(
        self,
        action: str,
        status: int,
        code: str,
        message: str,
        retry_after: float | None,
    ) -> None:
        super().__init__(f"{action}: {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class Passing(Exception):
    """A failure that may pass.

    Attributes:
        reason: what it is, in a few words.
        retry_after: the least delay it asked for.
        hint: a sentence on what else it may mean; else empty.
        throttled: whether the platform is there, and has had too many calls.
    """

    def __init__(
        self,
        reason: str,
        retry_after: float = 0.0,
        hint: str = "",
        *,
        throttled: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.hint = hint
        self.throttled = throttled

    def __str__(self) -> str:
        return f"{self.reason}. {self.hint}" if self.hint else self.reason


def no_answer(error: NoAnswer) -> Passing:
    """Return what a call without an answer means."""
    there = error.unreached
    hint = f"Nothing is to be reached at {there}: {RIGHT}" if there else ""
    return Passing(f"no answer ({error})", hint=hint)


def read(action: str, reply: Reply, answer_type: type[Wire]) -> Wire:
    """Return the answer, its texts printable, or raise what the reply means."""
    content = _json_object(reply.body)
    if answer_type is not ModelChunk:
        content = all_printable(content)  # a tensor's name must stay as it is
    if reply.status in (200, 201) and content is not None and "error" not in content:
        try:
            return msgspec.convert(content, answer_type)
        except msgspec.ValidationError as error:
            raise Passing(f"not an answer of ours ({error})") from error
    ours = _our_error(content)
    if ours is None or 200 <= reply.status < 300:
        wait = _retry_after(reply.headers)
        raise Passing(
            f"HTTP {reply.status}",
            wait,
            _no_action(reply),
            throttled=reply.status == 429,
        )
    if reply.status == 429 or reply.status >= 500:
        wait = ours["retry_after"] or _retry_after(reply.headers)
        reason = f"{ours['code']}: {ours['message']}"
        raise Passing(reason, wait, throttled=reply.status == 429)
    raise Refused(action, reply.status, **ours)


def _no_action(reply: Reply) -> str:
    """Return a sentence if such an answer may come from where there is no action."""
    if reply.status in NO_ACTION and reply.url:
        return f"There is no action at {reply.url}: {RIGHT}"
    return ""


def our_error(body: bytes) -> dict[str, Any] | None:
    """Return code, message and retry_after if a body is our error; else None."""
    return _our_error(_json_object(body))


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _our_error(content: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return code, message and retry_after if this is our error object."""
    error = content.get("error") if content else None
    if not isinstance(error, dict):
        return None
    code, message = error.get("code"), error.get("message")
    if not (isinstance(code, str) and isinstance(message, str)):
        return None
    wait = error.get("retry_after")
    wait = float(wait) if isinstance(wait, int | float) else None
    return {
        "code": printable(code),
        "message": printable(message),
        "retry_after": wait,
    }


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the header's seconds; its other form, a date, needs clocks that agree."""
    text = headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0
