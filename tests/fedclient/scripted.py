"""What the client's tests share: a scripted transport, answers as they travel."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fedclient.transport import Message, Reply
from fedcore import codec
from fedcore.messages import Chunk


@dataclass
class Server:
    """Answers each request as `answer` says, and keeps the requests."""

    url: str
    answer: Callable[[Message], Reply] = lambda message: Reply(404)
    requests: list[Message] = field(default_factory=list)


def ok(answer: msgspec.Struct) -> Reply:
    """An action's answer as it travels."""
    return Reply(200, msgspec.json.encode(answer))


def ours(status: int, code: str, **more: Any) -> Reply:
    """One of our errors as it travels."""
    error = {"code": code, "message": "because", **more}
    return Reply(status, json.dumps({"error": error}).encode())


def chunk(data: bytes, number: int = 0, of: int = 1) -> Chunk:
    """A chunk of a model as it travels."""
    return Chunk(number=number, of=of, data=codec.encode(data), hash=codec.sha256(data))


class Script:
    """A transport that plays replies, a list an action, and keeps the requests."""

    def __init__(self, **replies: list[msgspec.Struct | Reply]) -> None:
        self.sent: list[Message] = []
        self._replies = {
            action: [item if isinstance(item, Reply) else ok(item) for item in items]
            for action, items in replies.items()
        }

    def send(self, message: Message) -> Reply:
        self.sent.append(message)
        waiting = self._replies.get(message.action)
        assert waiting, f"{message.action} was not expected now: {message.body[:200]!r}"
        return waiting.pop(0)

    @property
    def actions(self) -> list[str]:
        return [message.action for message in self.sent]

    def bodies(self, action: str) -> list[dict[str, Any]]:
        return [json.loads(m.body) for m in self.sent if m.action == action]
