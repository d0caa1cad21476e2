"""The life of a client: subscribe, do what the assignment says, ask again.

The loop keeps nothing that matters: the server knows what each client has to do, and
every step may be repeated. So a client that dies and comes back under its name is
given its unfinished assignment again. No torch here: the task brings it along.
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
from fedclient.api import Actions, Unreachable
from fedclient.client_task import ClientTask, MakeTask
from fedclient.environment import ClientConfig
from fedclient.replies import Refused
from fedclient.tasks import ClientContext, Update, Work
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
        config: the client's settings. While no client of its fleet has a place,
            nobody but `start_spread_s` tells it how many they are.
        make_task: returns the experiment's task.
        sleep: waits that number of seconds. It may raise, which ends the loop.
        clock: seconds, monotonic.
        between: called between batches (see `Work`).
        train_slot: entered while training, to bound how many train at once.
        on_enrolled: told True when enrolled, or welcome as soon as an experiment is
            open; False when there is no place.
    """

    def __init__(
        self,
        actions: Actions,
        config: ClientConfig,
        *,
        make_task: MakeTask,
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
        between: Callable[[], None] = lambda: None,
        train_slot: Callable[[], AbstractContextManager[Any]] = nullcontext,
        on_enrolled: Callable[[bool], None] = lambda enrolled: None,
    ) -> None:
        self.outcome = ""
        self._actions = actions
        self._config = config
        self._make_task = make_task
        self._sleep = sleep
        self._clock = clock
        self._between = between
        self._train_slot = train_slot
        self._on_enrolled = on_enrolled
        self._mine: ClientTask | None = None
        self._assignment: messages.Assignment | None = None
        self._evaluation: messages.Evaluation | None = None

    def run(self) -> str:
        """Follow assignments until one says stop; return its reason.

        Raises:
            Refused: the federation does not want this client.
            ClientError: the client cannot do what the assignment asks.
        """
        while (pause := self.step()) is not None:
            if pause > 0:
                self._sleep(pause)
        return self.outcome

    def step(self) -> float | None:
        """Do one thing; return the seconds to wait before the next, None at the end.

        A step enrols, or follows the current assignment, or asks for the next one. It
        raises what `run` raises.
        """
        try:
            if self._mine is None:
                return self._subscribe()
            return self._follow(self._mine)
        except Refused as refusal:
            return self._recover(refusal)

    def _subscribe(self) -> float:
        config, actions = self._config, self._actions
        request = messages.Subscribe(name=config.name, experiment=config.experiment)
        actions.use(config.enrolment_token)
        answer = actions.call("subscribe", request, messages.Subscribed)
        actions.use(answer.token)
        actions.back_off_s = answer.back_off_s
        context = ClientContext(answer.settings, answer.index, config.data_dir)
        self._mine = ClientTask(answer.experiment, context, self._make_task)
        self._assignment, self._evaluation = answer.assignment, None
        self._on_enrolled(True)
        log.info("enrolled in %s as client %d", answer.experiment, answer.index)
        return 0.0

    def _follow(self, mine: ClientTask) -> float | None:
        """Do what the assignment says; what comes next is its result, or asked for."""
        todo, self._assignment = self._assignment, None
        match todo:
            case None:
                self._assignment = self._check_in(mine)
            case messages.Wait(retry_after=seconds):
                return seconds
            case messages.Stop():
                return self._end(todo)
            case messages.Initialise():
                self._assignment = self._initialise(mine, todo)
            case messages.Train():
                self._assignment = self._train(mine, todo)
            case messages.Evaluate():
                self._evaluation = self._evaluate(mine, todo)
            case messages.Advance():
                self._advance(mine, todo)
        return 0.0

    def _check_in(self, mine: ClientTask) -> messages.Assignment:
        request = messages.CheckIn(
            experiment=mine.experiment,
            client=mine.context.index,
            evaluation=self._evaluation,
        )
        answer = self._actions.call("check_in", request, messages.CheckedIn)
        self._evaluation = None
        return answer.assignment

    def _initialise(
        self, mine: ClientTask, todo: messages.Initialise
    ) -> messages.Assignment | None:
        task, turns = mine.task, self._turns(todo.turns)
        model = task.initial_model(mine.context.settings.seed)
        update = Update(model, examples=1)
        return transfer.submit(
            self._actions, mine, todo.round, update, turns, task.layout
        )

    def _train(
        self, mine: ClientTask, todo: messages.Train
    ) -> messages.Assignment | None:
        turns = self._turns(todo.turns)
        model = transfer.fetch_model(self._actions, mine, todo, turns)
        with self._train_slot():
            log.info("round %d: training from version %d", todo.round, todo.version)
            work = Work(mine.context, todo.round, self._between)
            update = mine.task.train(model, mine.data, work)
        return transfer.submit(self._actions, mine, todo.round, update, turns)

    def _evaluate(
        self, mine: ClientTask, todo: messages.Evaluate
    ) -> messages.Evaluation:
        turns = self._turns(todo.turns)
        model = transfer.fetch_model(self._actions, mine, todo, turns)
        score = mine.task.evaluate(model, mine.context.data_dir, self._between)
        # JSON has no infinity: a loss that overflowed is reported as the largest.
        loss = score.loss if not math.isnan(score.loss) else messages.LARGEST
        return messages.Evaluation(
            version=todo.version,
            accuracy=score.accuracy,
            loss=messages.bounded(loss),
            examples=score.examples,
        )

    def _advance(self, mine: ClientTask, todo: messages.Advance) -> None:
        """Move the round on; if that fails, the next check-in says what to do."""
        request = messages.AdvanceRound(
            experiment=mine.experiment, client=mine.context.index
        )
        try:
            self._actions.call(
                "advance_round",
                request,
                messages.Advanced,
                patience_s=ADVANCE_PATIENCE_S,
            )
        except Unreachable as error:
            log.warning("round %d was not moved on: %s", todo.round, error)

    def _turns(self, given: messages.Turns) -> Turns:
        return Turns(given, self._clock, self._sleep)

    def _end(self, todo: messages.Stop) -> float | None:
        log.info("the experiment is over: %s", todo.reason)
        self.outcome, self._mine = todo.reason, None
        if not self._config.stay:
            return None
        return max(IDLE_S, todo.retry_after, self._config.start_spread_s)

    def _recover(self, refusal: Refused) -> float:
        """Return how long to wait after a refusal; raise it if it is the end."""
        enrolled, self._mine = self._mine is not None, None
        # A fresh token that is refused will not get better by enrolling again.
        served = enrolled and self._actions.token_accepted
        if refusal.code == "unauthenticated" and served:
            log.info("the token is no longer accepted: enrolling again")
            return 0.0
        if refusal.code == "federation_full":
            seconds = refusal.retry_after or FULL_S
        elif refusal.code == "unknown_experiment" and self._config.stay:
            seconds = refusal.retry_after or IDLE_S
        else:
            raise refusal
        seconds = max(seconds, self._config.start_spread_s)
        # Between experiments a client is as ready as it can be.
        self._on_enrolled(refusal.code == "unknown_experiment")
        log.info("%s; again in %.0f s", refusal, seconds)
        return seconds
