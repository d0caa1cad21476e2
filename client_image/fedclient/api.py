"""Calls to the actions: how long to go on asking, how often, what it cost.

A failure that may pass is asked again, with capped exponential backoff and jitter.
Every action may be called twice without harm, so every call may be repeated.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from fedclient import replies
from fedclient.emulator import EmulatorTransport, is_invocation_url
from fedclient.replies import Passing, Wire
from fedclient.transport import HttpTransport, Message, NoAnswer, Reply, Transport

log = logging.getLogger(__name__)

READ_ONLY = frozenset({"get_model", "status"})
"""Actions that are asked by GET, their request in the query string."""

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
LONGEST_RETRY_AFTER_S = 600.0

REMIND_EVERY = 10
"""How often, in attempts, a failure that stays the same is explained again."""


def connect(base_url: str) -> HttpTransport | EmulatorTransport:
    """Return the way to the actions: HTTP, or a Lambda function's invocation URL."""
    if is_invocation_url(base_url):
        return EmulatorTransport(base_url)
    return HttpTransport(base_url)


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


class Actions:
    """The actions of one deployment, as typed calls.

    Attributes:
        traffic: what the calls came to.
        token_accepted: whether any call with the token in use was answered.
        back_off_s: bounds the pauses while the platform gives no answer. After a
            refusal for too many calls (429) they may grow to `LONGEST_DELAY_S`.

    Args:
        transport: carries the messages.
        token: goes into the header `X-Fed-Token` (see `use`).
        patience_s: how long a call goes on asking, in seconds by `clock`; None means
            without end. A call is always tried once. A platform that refuses calls
            for their number (429) is there: it is asked again without end.
        clock: seconds, monotonic.
        sleep: waits that number of seconds. It may raise, which ends the call.
        rng: the jitter of the delays.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        token: str | None = None,
        patience_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.traffic = Traffic()
        self.back_off_s = LONGEST_DELAY_S
        self.use(token)
        self._answered = False
        self._transport = transport
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret

    def use(self, token: str | None) -> None:
        """Make the further calls with this token."""
        self._token = token
        self.token_accepted = False

    def call(
        self,
        action: str,
        request: msgspec.Struct,
        answer_type: type[Wire],
        *,
        patience_s: float | None = None,
    ) -> Wire:
        """Return the action's answer, asking again until there is one.

        Args:
            action: the action's name.
            request: its request.
            answer_type: what the answer is read as.
            patience_s: overrides the patience of these actions for this call.

        Raises:
            Refused: the federation answered with a final error.
            Unreachable: patience ran out.
            ValueError: the request holds NaN or an infinity, which JSON cannot hold.
        """
        message = _message(action, request, self._token)
        patience = self._patience_s if patience_s is None else patience_s
        started, attempt, last = self._clock(), 0, ""
        while True:
            try:
                return self._ask(message, answer_type)
            except Passing as failure:
                delay = self._delay(attempt, failure)
                waited = self._clock() - started
                impatient = patience is not None and waited + delay > patience
                if impatient and not failure.throttled:
                    raise Unreachable(f"{action}: {failure}") from failure
                known = failure.reason == last and attempt % REMIND_EVERY != 0
                _report(action, failure, delay, known=known)
                last = failure.reason
            self._sleep(delay)
            attempt += 1
            self.traffic.retries += 1

    def _ask(self, message: Message, answer_type: type[Wire]) -> Wire:
        """Return the answer to one attempt; after the first, failures have no hint."""
        try:
            answer = replies.read(message.action, self._send(message), answer_type)
        except Passing as failure:
            if self._answered:
                failure.hint = ""  # the URL is right
            raise
        self._answered = self.token_accepted = True
        return answer

    def _send(self, message: Message) -> Reply:
        traffic = self.traffic
        traffic.calls[message.action] += 1
        traffic.bytes_out += len(message.body)
        try:
            reply = self._transport.send(message)
        except NoAnswer as error:
            raise replies.no_answer(error) from error
        traffic.bytes_in += len(reply.body)
        traffic.throttled += reply.status == 429
        return reply

    def _delay(self, attempt: int, failure: Passing) -> float:
        """Return 1, 2, 4 … s within bounds, less up to a half, or what it asked for."""
        longest = LONGEST_DELAY_S if failure.throttled else self.back_off_s
        backoff = min(longest, FIRST_DELAY_S * 2.0 ** min(attempt, 30))
        return max(
            backoff * self._rng.uniform(0.5, 1.0),
            min(failure.retry_after, LONGEST_RETRY_AFTER_S),
        )


def _report(action: str, failure: Passing, delay: float, *, known: bool) -> None:
    """Log why the action is asked again; with the hint unless that is known."""
    hint = f". {failure.hint}" if failure.hint and not known else ""
    log.warning("%s: %s; again in %.1f s%s", action, failure.reason, delay, hint)


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
