"""Clients as processes: they wait, are killed, and come back under their names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fedclient.replies import Refused
from fedclient.transport import Message, Reply
from fedcore.errors import UploadMismatch
from tests.simulation.client import Client, School, Sleep, Wire
from tests.simulation.hostile import Guise, act
from tests.simulation.requests import Requests
from tests.simulation.tape import Ask, Fault, Paused, pause
from tests.simulation.timeline import Timeline

TIMEOUT_S = 75.0
"""How long a client waits for an answer."""

SWALLOWED_S = 0.1
"""How soon a hostile client goes on that did not do what it was told."""

LATEST_S = 300.0
"""How late junk may come."""


class Person:
    """A client's name, and the process that bears it at present.

    A hostile one has a guise, and asks more often than it is told to.
    """

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        requests: Requests,
        wire: Wire,
        school: School,
        guise: Guise | None = None,
        advance_at: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self.is_there = True
        self._guise = guise
        self._advance_at = advance_at
        self._timeline = timeline
        self._requests = requests
        self._born: Callable[[], Client] = lambda: Client(name, wire, school)
        self._client = self._born()
        self._epoch = 0  # events of an earlier one are void

    @property
    def name(self) -> str:
        return self._client.name

    @property
    def knows_the_end(self) -> bool:
        return self._client.outcome == "finished"

    def start(self, seconds: float) -> None:
        """Begin, or begin again, in so many seconds."""
        self._epoch += 1
        self._client = self._born()
        self._timeline.later(seconds, self._step, self._epoch)

    def reform(self) -> None:
        """Be honest from now on."""
        self._guise = None

    def come_back(self) -> None:
        """Begin if the client was not there."""
        if not self.is_there:
            self._timeline.say(self.name, "comes back")
            self.is_there = True
            self.start(1.0)

    def _step(self, epoch: int) -> None:
        """Do what can be done without waiting."""
        if epoch != self._epoch or not self.is_there:
            return
        try:
            while (seconds := self._client.step(self._look_up)) <= 0:
                pass
        except Paused as paused:
            self._wait_for(paused.question)
            return
        except Refused as refusal:
            if refusal.code == UploadMismatch.code:
                self._die(epoch)  # its upload cannot become whole
            else:
                self._turned_away(refusal)
            return
        if self._guise:
            seconds = self._sooner(seconds)
        self._timeline.say(self.name, f"waits {seconds:.1f} s")
        self._timeline.later(seconds, self._step, epoch)

    def _sooner(self, seconds: float) -> float:
        """Return when a hostile client asks: if it can, when somebody is to be told."""
        due = self._advance_at() - self._timeline.now
        if 0 < due < seconds:
            return due
        return self._timeline.rng.uniform(0.5, max(0.5, seconds))

    def _look_up(self, question: Any) -> Any:
        return self._timeline.now if question is Ask.TIME else pause(question)

    def _wait_for(self, question: Message | Sleep) -> None:
        self._epoch += 1
        if isinstance(question, Sleep):
            self._timeline.later(question.seconds, self._hear, self._epoch, None)
            return
        deed = act(self._guise, question)
        for letter in deed.letters:
            self._timeline.say(self.name, "sends junk")
            late = self._timeline.rng.uniform(0.0, LATEST_S)
            self._requests.send(letter, lambda reply: None, late)
        if deed.message is None:
            self._timeline.later(SWALLOWED_S, self._hear, self._epoch, deed.reply)
        else:
            self._send(deed.message)

    def _send(self, message: Message) -> None:
        epoch = self._epoch
        self._timeline.say(self.name, "sends", message.action)
        self._requests.send(message, lambda reply: self._come(epoch, reply))
        self._timeline.later(TIMEOUT_S, self._hear, epoch, Fault.LOST)
        if self._timeline.luck("kill"):
            soon = self._timeline.rng.uniform(0.0, 3.0)
            self._timeline.later(soon, self._die, epoch)

    def _come(self, epoch: int, reply: Reply) -> None:
        """Let an answer travel back."""
        if epoch != self._epoch or self._timeline.luck("drop"):
            return
        if b'"kind":"advance"' in reply.body and self._timeline.luck("orphan"):
            self._die(epoch)
            return
        self._timeline.later(self._requests.travel_s(), self._hear, epoch, reply)

    def _hear(self, epoch: int, answer: Reply | Fault | None) -> None:
        if epoch != self._epoch:
            return
        self._epoch += 1
        self._client = self._client.fork(answer)
        self._step(self._epoch)

    def _turned_away(self, refusal: Refused) -> None:
        """End the process of a client that is revoked; its platform starts another."""
        if refusal.code != "forbidden":
            raise refusal
        self._timeline.say(self.name, "is turned away")
        self.start(self._timeline.rng.uniform(1.0, 100.0))

    def _die(self, epoch: int) -> None:
        """End the process in mid-call; another takes its name after a while."""
        if epoch == self._epoch:
            self._timeline.say(self.name, "is killed")
            self.start(self._timeline.rng.uniform(1.0, 100.0))
