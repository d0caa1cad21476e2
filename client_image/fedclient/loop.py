"""The life of a client: subscribe, do what the assignment says, ask again.

The loop keeps nothing that matters: the server knows what each client has to do, and
every step may be repeated. So a client that dies and comes back under its name is
given its unfinished assignment again. No torch here: the learner is passed in.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fedclient import transfer
from fedclient.api import Actions, Refused, Unreachable
from fedclient.membership import ClientError, MakeLearner, Membership
from fedclient.tasks import Update
from fedclient.turns import Turns
from fedcore import messages

log = logging.getLogger(__name__)

FULL_S = 60.0
"""Wait for a place in a full federation, unless the answer names another time."""

IDLE_S = 120.0
"""How often a client that stays looks for the next experiment."""

ADVANCE_PATIENCE_S = 10.0
"""How long `advance_round` is tried before the server is asked what to do instead."""


GOLDEN = (math.sqrt(5) - 1) / 2


def start_delay(name: str, spread_s: float) -> float:
    """Return the first call's delay in [0, spread_s): the same for a name each time.

    Names that differ in a number at their end are spread evenly, however many there
    are (multiples of the golden ratio; Knuth, TAOCP 3, section 6.4); others by a hash.
    """
    stem = name.rstrip("0123456789")
    digest = hashlib.sha256(stem.encode()).digest()
    share = int.from_bytes(digest[:6], "big") / 2**48
    number = int(name[len(stem) :][-15:] or 0)
    return spread_s * ((share + number * GOLDEN) % 1.0)


class Loop:
    """One client's loop over assignments.

    Args:
        actions: the deployment's actions.
        name: the client's stable name.
        enrolment_token: lets it enrol.
        make_learner: builds the learner from the experiment's settings and the
            client's index.
        sleep: waits so many seconds. It may raise, which ends the loop.
        clock: seconds, monotonic.
        experiment: which experiment to join; None joins the open one.
        train_slot: entered while training, to bound how many train at once.
        stay: whether to wait for the next experiment after one has ended.
        fleet_s: seconds in which all clients of its fleet may call once. While none
            of them has a place, nobody else can tell it how many they are.
        on_enrolled: told True when enrolled, or welcome as soon as an experiment is
            open; False when there is no place.
    """

    def __init__(
        self,
        actions: Actions,
        *,
        name: str,
        enrolment_token: str,
        make_learner: MakeLearner,
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
        experiment: str | None = None,
        train_slot: Callable[[], AbstractContextManager[Any]] = nullcontext,
        stay: bool = False,
        fleet_s: float = 0.0,
        on_enrolled: Callable[[bool], None] = lambda enrolled: None,
    ) -> None:
        self.outcome = ""
        self._actions = actions
        self._name = name
        self._enrolment_token = enrolment_token
        self._make_learner = make_learner
        self._sleep = sleep
        self._clock = clock
        self._experiment = experiment
        self._train_slot = train_slot
        self._stay = stay
        self._fleet_s = fleet_s
        self._on_enrolled = on_enrolled
        self._here: Membership | None = None
        self._assignment: messages.Assignment | None = None
        self._evaluation: messages.Evaluation | None = None

    def run(self) -> str:
        """Follow assignments until one says stop; return its reason.

        Raises:
            Refused: the federation does not want this client.
            ClientError: the client cannot do what it is told.
        """
        while (pause := self.step()) is not None:
            if pause > 0:
                self._sleep(pause)
        return self.outcome

    def step(self) -> float | None:
        """Do one thing; return the seconds to wait before the next, None at the end.

        A step enrols, or follows the assignment at hand, or asks for the next one. It
        raises what `run` raises.
        """
        try:
            if self._here is None:
                return self._subscribe()
            return self._follow(self._here)
        except Refused as refusal:
            return self._recover(refusal)

    def _subscribe(self) -> float:
        request = messages.Subscribe(name=self._name, experiment=self._experiment)
        place = self._actions.call(
            "subscribe", request, messages.Subscribed, token=self._enrolment_token
        )
        self._here = Membership(self._actions, place, self._make_learner)
        self._assignment, self._evaluation = place.assignment, None
        self._on_enrolled(True)
        log.info("enrolled in %s as client %d", place.experiment, place.index)
        return 0.0

    def _follow(self, here: Membership) -> float | None:
        """Do what the assignment says; what comes next is its result, or asked for."""
        todo, self._assignment = self._assignment, None
        match todo:
            case None:
                self._assignment = self._check_in(here)
            case messages.Wait(retry_after=seconds):
                return seconds
            case messages.Stop():
                return self._end(todo)
            case messages.Initialise():
                self._assignment = self._initialise(here, todo)
            case messages.Train():
                self._assignment = self._train(here, todo)
            case messages.Evaluate():
                self._evaluation = self._evaluate(here, todo)
            case messages.Advance():
                self._advance(here, todo)
        return 0.0

    def _check_in(self, here: Membership) -> messages.Assignment:
        request = messages.CheckIn(
            experiment=here.experiment, client=here.index, evaluation=self._evaluation
        )
        answer = here.call("check_in", request, messages.CheckedIn)
        self._evaluation = None
        return answer.assignment

    def _initialise(
        self, here: Membership, todo: messages.Initialise
    ) -> messages.Assignment | None:
        turns = self._turns(todo.turns)
        update = Update(here.learner.initial_model(), examples=1)
        layout = here.learner.layout
        return transfer.submit(here, todo.round, update, turns, layout)

    def _train(
        self, here: Membership, todo: messages.Train
    ) -> messages.Assignment | None:
        turns = self._turns(todo.turns)
        model = transfer.fetch_model(here, todo, turns)
        with self._train_slot():
            log.info("round %d: training from version %d", todo.round, todo.version)
            update = here.learner.train(model, todo.round)
        return transfer.submit(here, todo.round, update, turns)

    def _evaluate(
        self, here: Membership, todo: messages.Evaluate
    ) -> messages.Evaluation:
        model = transfer.fetch_model(here, todo, self._turns(todo.turns))
        score = here.learner.evaluate(model)
        # JSON has no infinity: a loss that overflowed is reported as the largest.
        loss = score.loss if not math.isnan(score.loss) else messages.LARGEST
        return messages.Evaluation(
            version=todo.version,
            accuracy=score.accuracy,
            loss=messages.bounded(loss),
            examples=score.examples,
        )

    def _advance(self, here: Membership, todo: messages.Advance) -> None:
        """Move the round on; if that fails, the next check-in says what to do."""
        request = messages.AdvanceRound(experiment=here.experiment, client=here.index)
        patience = ADVANCE_PATIENCE_S
        try:
            here.call("advance_round", request, messages.Advanced, patience_s=patience)
        except Unreachable as error:
            log.warning("round %d was not moved on: %s", todo.round, error)

    def _turns(self, given: messages.Turns) -> Turns:
        return Turns(given, self._clock, self._sleep)

    def _end(self, todo: messages.Stop) -> float | None:
        log.info("the experiment is over: %s", todo.reason)
        self.outcome, self._here = todo.reason, None
        return max(IDLE_S, todo.retry_after, self._fleet_s) if self._stay else None

    def _recover(self, refusal: Refused) -> float:
        """Return how long to wait after a refusal; raise it if it is the end."""
        here, self._here = self._here, None
        if refusal.code == "unauthenticated" and here is not None and here.proven:
            log.info("the token is no longer accepted: enrolling again")
            return 0.0
        if refusal.code == "federation_full":
            seconds = refusal.retry_after or FULL_S
        elif refusal.code == "unknown_experiment" and self._stay:
            seconds = refusal.retry_after or IDLE_S
        else:
            raise refusal
        seconds = max(seconds, self._fleet_s)
        # Between experiments a client is as ready as it can be.
        self._on_enrolled(refusal.code == "unknown_experiment")
        log.info("%s; again in %.0f s", refusal, seconds)
        return seconds


__all__ = ["ClientError", "Loop", "start_delay"]
