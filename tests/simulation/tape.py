"""Runs that stop at a question and go on later, without threads.

A handler, or a step of a client, is a deterministic function of the answers that it
is given: by the database, by the clock, by the server. So a run that waits for an
answer is nothing but the list of its answers so far. To go on it is run anew: what
was answered is played back, until it asks something new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

Question = Any
Perform = Callable[[Question], Any]
"""Answers a new question, or raises Paused or Crashed."""


class Paused(BaseException):
    """The run stops here for now; its question has no answer yet."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


class Crashed(BaseException):
    """The run ends here for good, and nobody hears of it."""


class Fault(StrEnum):
    """An answer that is none."""

    AWAY = "the database is away"
    LOST = "no answer came"


class Ask(StrEnum):
    """Questions other than calls and messages."""

    TIME = "what time is it"
    ID = "a new id"


class Tape:
    """The answers that a run has been given, in order."""

    def __init__(self, answers: Iterable[Any] = ()) -> None:
        self.answers = list(answers)
        self._next = 0
        self._perform: Perform

    def rewind(self, perform: Perform) -> None:
        """Prepare to run (again): new questions go to `perform`."""
        self._next = 0
        self._perform = perform

    def ask(self, question: Question) -> Any:
        """Return the recorded answer, or get and record one."""
        if self._next == len(self.answers):
            self.answers.append(self._perform(question))
        self._next += 1
        return self.answers[self._next - 1]


def pause(question: Question) -> Any:
    """A `Perform` that answers nothing."""
    raise Paused(question)
