"""A client's place in an experiment, and the calls that it makes from there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import msgspec

from fedclient.api import Actions, Wire
from fedclient.learner import Learner
from fedcore.messages import Subscribed
from fedcore.settings import ExperimentSettings

MakeLearner = Callable[[ExperimentSettings, int], Learner]


class ClientError(Exception):
    """The client cannot go on; the message says why."""


class Membership:
    """What `subscribe` gave a client: an index, a token, the experiment's settings.

    Attributes:
        proven: whether any call with this token was answered. A token that is
            refused before that will not get better by enrolling again.
    """

    def __init__(
        self, actions: Actions, place: Subscribed, make_learner: MakeLearner
    ) -> None:
        self.experiment = place.experiment
        self.index = place.index
        self.settings = place.settings
        self.proven = False
        self._token = place.token
        self._actions = actions
        actions.back_off_s = place.back_off_s
        self._make_learner = make_learner

    @cached_property
    def learner(self) -> Learner:
        """The learner for this place; made when first needed, torch comes with it."""
        return self._make_learner(self.settings, self.index)

    def call(
        self,
        action: str,
        request: msgspec.Struct,
        answer_type: type[Wire],
        *,
        patience_s: float | None = None,
    ) -> Wire:
        """Call an action with this client's token (see `Actions.call`)."""
        answer = self._actions.call(
            action, request, answer_type, token=self._token, patience_s=patience_s
        )
        self.proven = True
        return answer
