"""What requests ask, remembered: each is run once for the answers that it was given.

A handler is a function of its answers (see `tape`), and in most of the states of a
small world a request stands where it has stood in another state before.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec

from fedclient.transport import Message, Reply
from tests.simulation.server import Server
from tests.simulation.tape import Paused, Tape, pause


class Line:
    """Where a request stands: after some answers, at a question or at its reply.

    Attributes:
        number: the same for the same request with the same answers, and for it alone.
        question: what it asks; None if it has come to its end.
        reply: what it answers there.
    """

    __slots__ = ("_after", "_given", "number", "question", "reply")

    def __init__(self, number: int, given: tuple[Any, ...]) -> None:
        self.number = number
        self.question: Any = None
        self.reply: Reply | None = None
        self._given = given
        self._after: dict[bytes, Line] = {}


class Scripts:
    """The lines of all requests to a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._first: dict[bytes, Line] = {}
        self._numbers = count()

    def begin(self, message: Message) -> Line:
        """Return where a request stands when it arrives."""
        key = encode(message)
        line = self._first.get(key)
        if line is None:
            line = self._first[key] = self._find_out(message, ())
        return line

    def go_on(self, message: Message, line: Line, answer: Any) -> Line:
        """Return where a request stands that was answered its question."""
        key = encode(answer)
        after = line._after.get(key)
        if after is None:
            after = self._find_out(message, (*line._given, answer))
            line._after[key] = after
        return after

    def _find_out(self, message: Message, given: tuple[Any, ...]) -> Line:
        line = Line(next(self._numbers), given)
        try:
            line.reply = self._server.run(message, Tape(given), pause)
        except Paused as paused:
            line.question = paused.question
        return line


def encode(value: Any) -> bytes:
    """Return the same bytes for equal values, and for equal values alone."""
    return msgspec.msgpack.encode(value, order="deterministic")
