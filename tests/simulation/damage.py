"""Messages that arrive otherwise than they were sent: the updates of a client."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from fedclient.transport import Message
from fedcore import codec
from tests.simulation.invariants import Collections

STOLEN = 0
"""The client whose token others have, too."""


def damaged(message: Message) -> Message:
    """Return the message with one bit of its chunk changed, under the same hash."""
    return _with(message, data=codec.encode(_bent(message)))


def forged(message: Message, now: Collections) -> Iterator[Message]:
    """Yield what only the client itself could send in its place: with its token.

    Other bytes and their hash under the same upload, and the same bytes under the
    upload of another client, if one has arrived. Not in round 0: who has spoilt its
    initial model cannot send it again, and all of a small federation must.
    """
    said = msgspec.json.decode(message.body)
    if said["round"] == 0 or said["client"] != STOLEN:
        return
    bent = _bent(message)
    yield _with(message, data=codec.encode(bent), hash=codec.sha256(bent))
    others = {
        each["upload"]
        for each in now.get("update_chunks", {}).values()
        if each["round"] == said["round"] and each["client"] != said["client"]
    }
    for upload in sorted(others - {said["upload"]})[:1]:
        yield _with(message, upload=upload)


def _bent(message: Message) -> bytes:
    data = base64.b64decode(msgspec.json.decode(message.body)["data"])
    return bytes([data[0] ^ 1]) + data[1:]


def _with(message: Message, **fields: Any) -> Message:
    body = msgspec.json.decode(message.body) | fields
    return replace(message, body=msgspec.json.encode(body))
