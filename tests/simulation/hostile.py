"""Clients with their own token that do not do what they are told.

A hostile client is a real client whose messages pass through `act`: some go on, some
go nowhere, and some are replaced by junk whose answers it does not care for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from fedclient.transport import Message, Reply
from fedcore import codec
from tests.fedcore.world import vector


class Guise(StrEnum):
    """What a hostile client does."""

    IDLE = "never advances"
    SILENT = "never scores"
    FAILING = "never trains to the end"
    JUNK = "sends junk, and late"


@dataclass(frozen=True)
class Deed:
    """What becomes of a message.

    Attributes:
        letters: go out instead, at any time; nobody waits for their answers.
        message: goes out in its place; None if none does.
        reply: what the client believes to have heard; None if it waits for an answer.
    """

    letters: tuple[Message, ...] = ()
    message: Message | None = None
    reply: Reply | None = None


def act(guise: Guise | None, message: Message) -> Deed:
    """Return what a client of that guise (or an honest one) makes of its message."""
    match guise, message.action:
        case Guise.IDLE, "advance_round":
            return Deed(reply=Reply(200, b"{}"))
        case Guise.SILENT, "check_in":
            return Deed(message=_with(message, evaluation=None))
        case Guise.FAILING, "submit_update":
            return Deed(reply=_LATER)
        case Guise.JUNK, "submit_update":
            return Deed(letters=junk(message), reply=_LATER)
    return Deed(message=message)


RESTS_S = 20.0
"""How long one that has not trained lies still."""

_LATER = Reply(
    200,
    msgspec.json.encode(
        {
            "accepted": False,
            "assignment": {"kind": "wait", "retry_after": RESTS_S, "reason": "idle"},
        }
    ),
)


def junk(message: Message) -> tuple[Message, ...]:
    """Return what might be sent in the place of an update, each wrong in one way."""
    other = codec.sha256(b"another client's")
    sick = vector(float("nan"), 1.0)
    lies: list[Mapping[str, Any]] = [
        {"hash": other},
        _chunk(vector(1.0, 2.0, 3.0)),
        _chunk(sick),
        {"layout": [["w", [7]]]},
        {"upload": other},
    ]
    return tuple(_with(message, **lie) for lie in lies)


def _chunk(data: bytes) -> Mapping[str, Any]:
    return {"data": codec.encode(data), "hash": codec.sha256(data)}


def _with(message: Message, **fields: Any) -> Message:
    body = msgspec.json.decode(message.body) | fields
    return replace(message, body=msgspec.json.encode(body))
