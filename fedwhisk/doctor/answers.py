"""Answers of the actions to the doctor's probes, and what a platform's own mean."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from fedclient.replies import our_error
from fedclient.transport import Message, NoAnswer, Transport
from fedcore.adapters.routes import ActionSpec
from fedcore.adapters.serving import JSON

DEPLOY = "`make deploy` (on AWS `make deploy-aws`)"
NO_ANSWER = 0
"""Stands for the status of an answer that never came."""


@dataclass(frozen=True)
class Error:
    """The content of an error of our actions."""

    code: str
    message: str


@dataclass(frozen=True)
class ProbeAnswer:
    """The answer to one call.

    Attributes:
        status: the HTTP status, or NO_ANSWER.
        error: our error; None if the answer is no error of ours.
        why: why there was no answer.
        headers: by their names in lower case.
        sent: when the call was made, in seconds since the epoch.
        seconds: how long it took.
    """

    status: int
    error: Error | None = None
    why: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: float = 0.0
    seconds: float = 0.0

    @property
    def is_ours(self) -> bool:
        """True if an action of ours answered, not the platform."""
        return self.status == 200 or self.error is not None

    @property
    def code(self) -> str:
        """The code of our error; empty if there is no error."""
        return self.error.code if self.error else ""


def probe(transport: Transport, route: ActionSpec) -> ProbeAnswer:
    """Call an action without a token and with an unknown field: it must refuse."""
    if route.method == "GET":
        return ask(transport, Message(route.name, "GET", query={"probe": "true"}))
    headers = {"content-type": JSON}
    body = b'{"probe": true}'
    return ask(transport, Message(route.name, "POST", body=body, headers=headers))


def ask(transport: Transport, message: Message) -> ProbeAnswer:
    """Make one call and return its answer, also if none came."""
    sent = time.time()
    try:
        reply = transport.send(message)
    except NoAnswer as error:
        return ProbeAnswer(NO_ANSWER, why=_innermost(error), sent=sent)
    return ProbeAnswer(
        status=reply.status,
        error=_our_error(reply.body),
        headers=reply.headers,
        sent=sent,
        seconds=time.time() - sent,
    )


def _innermost(error: BaseException) -> str:
    """Return the original error of a chain."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}"


def _our_error(body: bytes) -> Error | None:
    found = our_error(body)
    return Error(found["code"], found["message"]) if found else None


def explain(action: str, answer: ProbeAnswer) -> tuple[str, str]:
    """Return what the platform's own answer means, and what to do about it."""
    activation = answer.headers.get("x-openwhisk-activation-id", "")
    look = f"`wsk activation get {activation}`" if activation else "the platform's logs"
    meanings = {
        NO_ANSWER: (answer.why, "check the way to the host"),
        202: ("no answer within 60 s", f"look at {look}"),
        404: ("not deployed", f"{DEPLOY}; see that BASE_URL fits"),
        413: ("too large for the platform", "check the gateway's limits"),
        429: (
            "the namespace's calls of this minute are spent",
            "wait a minute; if it stays so, raise the platform's calls a minute",
        ),
    }
    crashed = (f"crashed or timed out (HTTP {answer.status})", f"look at {look}")
    found, advice = meanings.get(answer.status, crashed)
    return f"{action}: {found}", advice
