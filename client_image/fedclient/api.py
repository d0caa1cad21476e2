"""Calls to the actions: who answered, when to ask again, what it cost.

An error answer with our error object is the federation's word and is final, save for
503. Everything else that is not an answer (a crashed action, a throttle, a missing
deployment, a broken connection) is the platform's and passes: it is asked again,
with capped exponential backoff and jitter. Every action may be called twice without
harm, so every call may be repeated.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from fedclient.printable import all_printable, printable
from fedclient.transport import Message, NoAnswer, Reply, Transport
from fedcore.messages import ModelChunk

log = logging.getLogger(__name__)

Wire = TypeVar("Wire", bound=msgspec.Struct)

READ_ONLY = frozenset({"get_model", "status"})
"""Actions that are asked by GET, their request in the query string."""

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
LONGEST_RETRY_AFTER_S = 600.0

REMIND_EVERY = 10
"""How often, in attempts, a failure that stays the same is explained again."""

RIGHT = "is BASE_URL_OW (or BASE_URL_AWS) right?"
NO_ACTION = frozenset({200, 204, 301, 302, 303, 307, 308, 404, 405})
"""Statuses that, without an answer of ours, another server's pages have, too."""


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


class Unreachable(Exception):
    """The platform gave no proper answer for as long as the caller would wait."""


@dataclass
class Traffic:
    """What a client's calls came to. Bytes are of bodies, without headers."""

    calls: Counter[str] = field(default_factory=Counter)
    bytes_out: int = 0
    bytes_in: int = 0
    throttled: int = 0
    retries: int = 0


class _Passing(Exception):
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


class Actions:
    """The actions of one deployment, as typed calls.

    Attributes:
        traffic: what the calls came to.
        back_off_s: bounds the pauses while the platform gives no answer. After a
            refusal for too many calls (429) they may grow to `LONGEST_DELAY_S`.

    Args:
        transport: carries the messages.
        patience_s: how long a call goes on asking, in seconds by `clock`; None means
            without end. A call is always tried once. A platform that refuses calls
            for their number (429) is there: it is asked again without end.
        clock: seconds, monotonic.
        sleep: waits so many seconds. It may raise, which ends the call.
        rng: the jitter of the delays.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        patience_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.traffic = Traffic()
        self.back_off_s = LONGEST_DELAY_S
        self._answered = False
        self._transport = transport
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret

    def call(
        self,
        action: str,
        request: msgspec.Struct,
        answer_type: type[Wire],
        *,
        token: str | None = None,
        patience_s: float | None = None,
    ) -> Wire:
        """Return the action's answer, asking again until there is one.

        Args:
            action: the action's name.
            request: its request.
            answer_type: what the answer is read as.
            token: goes into the header `X-Fed-Token`.
            patience_s: overrides the patience of these actions for this call.

        Raises:
            Refused: the federation answered with a final error.
            Unreachable: patience ran out.
            ValueError: the request holds NaN or an infinity, which JSON has not.
        """
        message = _message(action, request, token)
        patience = self._patience_s if patience_s is None else patience_s
        started, attempt, last = self._clock(), 0, ""
        while True:
            try:
                answer = _read(action, self._send(message), answer_type)
                self._answered = True
                return answer
            except _Passing as failure:
                if self._answered:
                    failure.hint = ""  # the URL is right
                delay = self._delay(attempt, failure)
                waited = self._clock() - started
                impatient = patience is not None and waited + delay > patience
                if impatient and not failure.throttled:
                    raise Unreachable(f"{action}: {failure}") from failure
                known = failure.reason == last and attempt % REMIND_EVERY
                hint = f". {failure.hint}" if failure.hint and not known else ""
                words = (action, failure.reason, delay, hint)
                log.warning("%s: %s; again in %.1f s%s", *words)
                last = failure.reason
            self._sleep(delay)
            attempt += 1
            self.traffic.retries += 1

    def _send(self, message: Message) -> Reply:
        traffic = self.traffic
        traffic.calls[message.action] += 1
        traffic.bytes_out += len(message.body)
        try:
            reply = self._transport.send(message)
        except NoAnswer as error:
            there = error.unreached
            hint = f"Nothing is to be reached at {there}: {RIGHT}" if there else ""
            raise _Passing(f"no answer ({error})", hint=hint) from error
        traffic.bytes_in += len(reply.body)
        traffic.throttled += reply.status == 429
        return reply

    def _delay(self, attempt: int, failure: _Passing) -> float:
        """Return 1, 2, 4 … s within bounds, less up to a half, or what it asked for."""
        longest = LONGEST_DELAY_S if failure.throttled else self.back_off_s
        backoff = min(longest, FIRST_DELAY_S * 2.0 ** min(attempt, 30))
        return max(
            backoff * self._rng.uniform(0.5, 1.0),
            min(failure.retry_after, LONGEST_RETRY_AFTER_S),
        )


def _message(action: str, request: msgspec.Struct, token: str | None) -> Message:
    headers = {"Accept": "application/json"}
    if token is not None:
        headers["X-Fed-Token"] = token
    fields = msgspec.to_builtins(request)
    if action in READ_ONLY:
        query = {k: str(v) for k, v in fields.items() if v is not None}
        return Message(action, "GET", query=query, headers=headers)
    # msgspec would write NaN as null; the standard library can refuse it.
    body = json.dumps(fields, allow_nan=False).encode()
    headers["Content-Type"] = "application/json"
    return Message(action, "POST", body=body, headers=headers)


def _read(action: str, reply: Reply, answer_type: type[Wire]) -> Wire:
    """Return the answer, its texts printable, or raise what the reply means."""
    content = _json_object(reply.body)
    if answer_type is not ModelChunk:
        content = all_printable(content)  # a tensor's name must stay as it is
    if reply.status in (200, 201) and content is not None and "error" not in content:
        try:
            return msgspec.convert(content, answer_type)
        except msgspec.ValidationError as error:
            raise _Passing(f"not an answer of ours ({error})") from error
    ours = _our_error(content)
    if ours is None or 200 <= reply.status < 300:
        wait = _retry_after(reply.headers)
        raise _Passing(
            f"HTTP {reply.status}",
            wait,
            _no_action(reply),
            throttled=reply.status == 429,
        )
    if reply.status == 429 or reply.status >= 500:
        wait = ours["retry_after"] or _retry_after(reply.headers)
        reason = f"{ours['code']}: {ours['message']}"
        raise _Passing(reason, wait, throttled=reply.status == 429)
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
