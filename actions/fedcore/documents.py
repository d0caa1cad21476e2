"""What the database holds, as typed values.

An experiment's document carries its live round, because every race between requests
is decided by one conditional write on that document.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from fedcore.settings import ExperimentSettings

Document = dict[str, Any]

Where = dict[str, Any]
"""Dotted path -> value, or -> {"$lt" | "$lte" | "$gt" | "$gte" | "$ne" | "$in" |
"$exists": operand}. A value also matches a list that holds it. None matches absence."""

Change = dict[str, dict[str, Any]]
"""{"$set" | "$unset" | "$inc" | "$addToSet": {dotted path: operand}}."""


class ExperimentState(StrEnum):
    """Where an experiment stands."""

    ENROLLING = "enrolling"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


AT_REST = (ExperimentState.FINISHED, ExperimentState.FAILED, ExperimentState.STOPPED)
"""The states in which nothing moves, until an operator resumes the experiment."""


class RoundState(StrEnum):
    """Where the live round stands."""

    TRAINING = "training"
    FROZEN = "frozen"
    CLOSED = "closed"


class LiveRound(msgspec.Struct, frozen=True, kw_only=True):
    """The round that an experiment is in.

    Attributes:
        number: 0 settles the initial model; -1 stands for "none yet" and is closed.
        cohort: indexes of the clients that may contribute, in the order drawn.
        attempt: from 1; one more after each deadline missed below the quorum. 0 where
            it was resumed without a client that may take part: others are drawn.
        deadline: server time after which the quorum suffices.
        accepted: upload id by client index (as text, since keys are text).
        votes: round 0's: the id of the initial model that a client has sent, likewise.
        voted: how many votes have ever been counted; a revoked client's stays in it.
        refused: reason by client index.
        late: indexes whose update came when the round was no longer training.
        advance_at: server time from which a client is told to advance the round.
        told: the first clients that were told so in this state of the round.
        advance_tries: how often any client was told so in this state.
        claim_until: server time until which an aggregation is under way.
        likely_next: who would be in the next round, if it were drawn when this one
            was opened; they wait for it more closely than others.
        distances: L2 distance of the farthest updates from the version that they
            became part of, by client index; set when the round closes.
    """

    number: int
    state: RoundState
    cohort: list[int] = []
    target: int = 0
    quorum: int = 0
    attempt: int = 1
    opened: float = 0.0
    deadline: float = 0.0
    accepted: dict[str, str] = {}
    accepted_count: int = 0
    votes: dict[str, str] = {}
    voted: int = 0
    refused: dict[str, str] = {}
    late: list[int] = []
    advance_at: float = 0.0
    told: list[int] = []
    advance_tries: int = 0
    claim_until: float = 0.0
    likely_next: list[int] = []
    distances: dict[str, float] = {}

    def awaits(self, index: int) -> bool:
        """Tell whether the round still wants that client's update."""
        return (
            self.state is RoundState.TRAINING
            and index in self.cohort
            and str(index) not in self.accepted
            and str(index) not in self.votes
            and str(index) not in self.refused
        )


NO_ROUND = LiveRound(number=-1, state=RoundState.CLOSED)
"""The closed predecessor of round 0."""


class Enrolments(msgspec.Struct, frozen=True, kw_only=True):
    """How many clients have been let in: in a minute of the server's time, and ever.

    `total` may count one twice, where its request died or had a twin.
    """

    minute: int = -1
    count: int = 0
    total: int = 0


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment and its live round. `version` is the newest published model.

    Attributes:
        initial: the id of the initial model that an operator brings; None: clients
            make it.
        revoked: when a client was shut out, by its index as text.
        unscored_from: the oldest version that may still wait for a score.
        metric_names: the metrics of which rounds keep a mean, in the order met.
    """

    id: str = msgspec.field(name="_id")
    name: str
    created: float
    state: ExperimentState
    settings: ExperimentSettings
    live: LiveRound = NO_ROUND
    version: int = -1
    initial: str | None = None
    layout: list[tuple[str, list[int]]] | None = None
    parameters: int = 0
    reason: str | None = None
    ended: float | None = None
    revoked: dict[str, float] = {}
    enrolments: Enrolments = Enrolments()
    unscored_from: int = 0
    metric_names: list[str] = []

    @property
    def awaits_model(self) -> bool:
        """Whether an operator has still to bring the initial model."""
        return self.initial is not None and self.version < 0

    def shuts_out(self, index: int) -> bool:
        """Tell whether that client has been revoked."""
        return str(index) in self.revoked

    def living(self, indexes: Iterable[int]) -> list[int]:
        """Return those of the clients that have not been revoked."""
        return [index for index in indexes if not self.shuts_out(index)]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """An enrolled client.

    `due` is when it was told to come back. `told` names the state of a live round that
    it was told to advance more than once, or after three others; `told_until` is the
    server time from which it may be told so again.
    """

    experiment: str
    index: int
    name: str
    enrolled: float
    last_seen: float
    due: float = 0.0
    told: str = ""
    told_until: float = 0.0
    rounds: int = 0
    train_s: float | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """A complete upload of one client for one round; its chunks lie apart.

    `norm` is its L2 distance from the version that it was trained from, where the
    experiment bounds that; else 0. `layout` is an initial model's.
    """

    client: int
    upload: str
    examples: int
    metrics: dict[str, float]
    norm: float
    received: float
    layout: list[tuple[str, list[int]]] | None = None


class Capped(msgspec.Struct, frozen=True, kw_only=True):
    """An update that counts less than the examples that it claims (`max_weight`)."""

    claimed: int
    counted: int


class EvaluationState(msgspec.Struct, frozen=True, kw_only=True):
    """The scoring of a version: tried up to three times, the first result stays.

    `asked` are the clients whose result counts; `client` is at it until `until`.
    """

    attempts: int = 0
    client: int | None = None
    until: float = 0.0
    asked: list[int] = []
    result: dict[str, float] | None = None

    def is_with(self, index: int, now: float) -> bool:
        """Tell whether that client is at it."""
        return self.result is None and self.client == index and self.until > now


class Scoring(msgspec.Struct, frozen=True, kw_only=True):
    """How the scoring of a version stands, and when its round closed."""

    number: int
    closed: float
    evaluation: EvaluationState = EvaluationState()


class RoundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The history of a closed round.

    Attributes:
        examples: how many its updates count, all together.
        capped: the updates that claimed more than they count, by client index.
        quorum_s: seconds until its quorum was in.
        usual_s: seconds that it would have taken if nobody had kept it waiting.
        metrics_left_out: reported metrics that the experiment keeps no mean of.
    """

    number: int
    opened: float
    closed: float
    attempts: int
    cohort: list[int]
    accepted: dict[str, str]
    refused: dict[str, str] = {}
    late: list[int] = []
    examples: int = 0
    capped: dict[str, Capped] = {}
    metrics: dict[str, float] = {}
    distances: dict[str, float] = {}
    quorum_s: float = 0.0
    usual_s: float = 0.0
    metrics_left_out: int = 0
    evaluation: EvaluationState = EvaluationState()


def to_document(value: msgspec.Struct) -> Document:
    """Return a value as the plain dictionary that databases store."""
    document: Document = msgspec.to_builtins(value, builtin_types=(bytes,))
    return document
