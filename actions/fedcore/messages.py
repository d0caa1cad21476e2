"""Requests and answers of the actions, as they travel in JSON.

Unknown fields are refused, so a typo is an error and not a silent default. No field
shares a name with a parameter that the manifest binds (those are upper case).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from fedcore.documents import Capped
from fedcore.settings import ExperimentSettings

PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*\Z"
"""One line of whole characters: what can be logged, shown and stored as it is."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=PRINTABLE)]
Index = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Number = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
LARGEST = 1e9
"""The largest loss or metric, either way: what can still be drawn and summed up."""

MetricName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
Metrics = Annotated[dict[MetricName, float], msgspec.Meta(max_length=32)]


def bounded(value: float) -> float:
    """Return the nearest loss or metric that may be sent."""
    return min(max(value, -LARGEST), LARGEST)


LayoutEntry = tuple[
    Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)],
    Annotated[list[Number], msgspec.Meta(max_length=16)],
]
LayoutField = Annotated[list[LayoutEntry], msgspec.Meta(min_length=1, max_length=5000)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all requests: strict about fields."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all answers: a reader ignores fields that it does not know."""


# --- assignments: what a client is told to do now ---------------------------------


class Chunk(Answer, frozen=True):
    """One chunk of a model version. `data` is base64, `hash` its SHA-256."""

    number: int
    of: int
    data: str
    hash: str


class Turns(Answer, frozen=True):
    """When a client may make the further calls of its work.

    Its first such call comes no sooner than `first` seconds after the answer that
    holds this. Each later one waits for the next of the times `first`, `first + every`,
    `first + 2 every` …; with 0 for `every` it may come at any time.
    """

    first: float = 0.0
    every: float = 0.0


class Initialise(Answer, frozen=True, tag_field="kind", tag="initialise"):
    """Make the initial model from the experiment's seed; submit it for round 0.

    It is a vote: the model is taken that enough clients have sent.
    """

    round: int = 0
    turns: Turns = Turns()


class Train(Answer, frozen=True, tag_field="kind", tag="train"):
    """Train from `version` and submit the update for `round`.

    `model` is the version itself when it fits one answer; else fetch its `chunks`
    with `get_model`, in turn. `layout` is the `codec.layout_hash` of its tensors:
    a client whose task has others cannot train it.
    """

    round: int
    version: int
    chunks: int
    layout: str
    turns: Turns = Turns()
    model: Chunk | None = None


class Evaluate(Answer, frozen=True, tag_field="kind", tag="evaluate"):
    """Score `version` on the central test set; report it with the next check_in.

    The fields are those of `Train`.
    """

    version: int
    chunks: int
    layout: str
    turns: Turns = Turns()
    model: Chunk | None = None


class Advance(Answer, frozen=True, tag_field="kind", tag="advance"):
    """Call `advance_round` for the experiment, then check in again at once."""

    round: int


class Wait(Answer, frozen=True, tag_field="kind", tag="wait"):
    """Nothing to do: check in again in `retry_after` seconds."""

    retry_after: float
    reason: str = ""


class Stop(Answer, frozen=True, tag_field="kind", tag="stop"):
    """The experiment is over (`finished` or `stopped`): do not check in again.

    Who stays for the next one looks for it after `retry_after` seconds.
    """

    reason: str
    retry_after: float = 0.0


Assignment = Initialise | Train | Evaluate | Advance | Wait | Stop


# --- client actions ----------------------------------------------------------------


class Subscribe(Request, frozen=True):
    """Enrol `name`, with an enrolment token. No experiment: the open one.

    `dry_run` asks whether that would work, and takes no place.
    """

    name: Name
    experiment: Name | None = None
    dry_run: bool = False


class Subscribed(Answer, frozen=True):
    """A client's place: its index fixes its partition, its token lets it in.

    `back_off_s` bounds the pauses between attempts while the platform gives no answer.
    """

    experiment: str
    index: int
    token: str
    settings: ExperimentSettings
    assignment: Assignment
    back_off_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0


class Rehearsed(Answer, frozen=True):
    """The answer to a dry run: the client would be let in, and into what.

    It names neither the seed nor the next index: with these, one could wait for a place
    in a draw.
    """

    experiment: str
    task: str
    assignment: Assignment


class Evaluation(Request, frozen=True):
    """The score of a version on the central test set of `examples` examples."""

    version: Number
    accuracy: Annotated[float, msgspec.Meta(ge=0, le=1)]
    loss: Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
    examples: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class CheckIn(Request, frozen=True):
    """Ask for the assignment of client `client`; hand in a finished evaluation."""

    experiment: Name
    client: Index
    evaluation: Evaluation | None = None


class CheckedIn(Answer, frozen=True):
    """The answer to `CheckIn`."""

    assignment: Assignment


class SubmitUpdate(Request, frozen=True):
    """One chunk of an update; the fields besides it are the same in every chunk.

    `upload` is `codec.upload_id(round, hashes of all chunks)`, in round 0 with the
    `layout`, which is said there alone.
    """

    experiment: Name
    client: Index
    round: Number
    upload: Sha256
    chunk: Number
    chunks: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    hash: Sha256
    data: str
    examples: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
    metrics: Metrics = {}
    layout: LayoutField | None = None


class Submitted(Answer, frozen=True):
    """What became of an update.

    Attributes:
        accepted: None while chunks are missing, then whether the client's update
            counts in the round (in round 0: has been counted as its vote).
        upload: the id under which this client's update was accepted, if it was.
        missing: chunks that have not arrived (a first few of them).
        reason: why an update was not accepted.
        assignment: the next one, once `accepted` is known.
    """

    accepted: bool | None = None
    upload: str | None = None
    missing: list[int] = []
    reason: str | None = None
    assignment: Assignment | None = None


class GetModel(Request, frozen=True):
    """Ask for one chunk of a version; no version means the newest.

    `client` is the index whose token comes along; without it, an operator's.
    """

    experiment: Name
    version: Number | None = None
    chunk: Number = 0
    client: Index | None = None


class ModelChunk(Answer, frozen=True):
    """One chunk of a version, with the layout needed to use it."""

    experiment: str
    version: int
    chunk: Chunk
    layout: list[tuple[str, list[int]]]


# --- operator actions ----------------------------------------------------------------


class StartExperiment(Request, frozen=True):
    """Store an experiment. The same call twice is one experiment.

    `initial` pins the initial model, which `put_model` then brings: it is
    `codec.upload_id` of round 0, for the `layout` that comes along. Without them three
    clients must agree on one. `resume` takes a failed or stopped experiment up again.
    """

    experiment: Name
    settings: dict[str, Any] = {}
    initial: Sha256 | None = None
    layout: LayoutField | None = None
    resume: bool = False


class Started(Answer, frozen=True):
    """The experiment as it stands. `created` is False when it was there already.

    `awaits_model` is True until the initial model that it was started with is there.
    `notes` are sentences for its operator, about the settings.
    """

    experiment: str
    created: bool
    state: str
    settings: ExperimentSettings
    awaits_model: bool = False
    notes: list[str] = []


class PutModel(Request, frozen=True):
    """One chunk of the initial model that an experiment was started with.

    `hashes` are those of all its chunks, in order; they make its `initial`.
    """

    experiment: Name
    chunk: Number
    data: str
    hashes: Annotated[list[Sha256], msgspec.Meta(min_length=1, max_length=10_000)]


class Stored(Answer, frozen=True):
    """The answer to `PutModel`: the chunks that are missing (a first few of them)."""

    experiment: str
    missing: list[int]


class StopExperiment(Request, frozen=True):
    """End an experiment; what is trained stays."""

    experiment: Name


class Stopped(Answer, frozen=True):
    """The answer to `StopExperiment`."""

    experiment: str
    state: str


class RevokeClient(Request, frozen=True):
    """Shut the client of that name out of an experiment; `undo` lets it in again."""

    experiment: Name
    name: Name
    undo: bool = False


class Revoked(Answer, frozen=True):
    """The answer to `RevokeClient`: which client it is, and how it stands now."""

    experiment: str
    client: int
    name: str
    revoked: bool


class AdvanceRound(Request, frozen=True):
    """Move a round on; without an experiment, every overdue one."""

    experiment: Name | None = None
    client: Index | None = None


class Advanced(Answer, frozen=True):
    """What a step of the sequence hands on, as the next step's request."""

    experiment: str | None = None


class Status(Request, frozen=True):
    """Ask for an experiment's state; no experiment means the newest.

    An answer holds a part of what may be a long history, and says where the rest goes
    on.

    Attributes:
        client: the index whose token comes along, if a client asks.
        view: `list` answers with a line of the newest experiments, or of the one that
            is named; `page` with a page of HTML.
        since: the first round that is told; without it, the last ones are.
        limit: rounds, or lines of a list, at most; the answer may hold fewer.
        clients_from: the index of the first client that is told.
        clients_limit: clients at most.
    """

    experiment: Name | None = None
    view: Literal["json", "page", "list"] = "json"
    client: Index | None = None
    since: Number | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] | None = None
    clients_from: Index = 0
    clients_limit: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 20


class Counts(Answer, frozen=True):
    """How many clients of a round the lists of its report are about."""

    cohort: int = 0
    accepted: int = 0
    refused: int = 0
    late: int = 0


class LiveReport(Answer, frozen=True):
    """The live round, for `Report`. Times are seconds since the epoch.

    The lists name a first few clients, `counts` says how many there are. `told` and
    `advance_tries` as in `LiveRound`.
    """

    round: int
    state: str
    attempt: int
    counts: Counts
    cohort: list[int]
    target: int
    quorum: int
    accepted: list[int]
    refused: dict[str, str]
    late: list[int]
    opened: float
    deadline: float
    told: list[int] = []
    advance_tries: int = 0

    def advancing(self) -> str:
        """Return how often and to whom it was said in vain to move the round on.

        Empty where one client was told, as in every round.
        """
        if self.advance_tries < 2:
            return ""
        first = ", ".join(str(index) for index in self.told)
        return f"told {self.advance_tries} times to advance (clients {first} first)"


class RoundReport(Answer, frozen=True):
    """A closed round, for `Report`.

    The lists name a first few clients, `counts` says how many there are. `metrics` are
    means weighted by examples, `metrics_left_out` counts those that the experiment
    keeps none of; `examples` and `capped` are as in `RoundRecord`, `distances` as in
    `LiveRound`.
    """

    round: int
    opened: float
    closed: float
    seconds: float
    attempts: int
    counts: Counts
    cohort: list[int]
    updates: int
    examples: int
    metrics: dict[str, float]
    evaluation: dict[str, float] | None
    evaluation_tries: int
    late: list[int]
    refused: dict[str, str]
    distances: dict[str, float] = {}
    capped: dict[str, Capped] = {}
    metrics_left_out: int = 0


Part = Literal["", "drawn", "accepted", "refused"]
"""What a client has to do with the live round."""


class ClientReport(Answer, frozen=True):
    """A client, for `Report`.

    `due` is when it was told to come back, `part` how it stands in the live round.
    """

    index: int
    name: str
    last_seen: float
    due: float
    rounds: int
    train_s: float | None
    revoked: bool
    part: Part = ""


class Report(Answer, frozen=True):
    """How an experiment stands.

    Attributes:
        version: the newest model's, -1 for none.
        over: whether nothing more will happen: it has ended, and each version that can
            be has been scored.
        rounds: those that were asked for, in order; else the last ones.
        next_round: from which round on more are told; None after the last.
        clients: those that were asked for, by index.
        next_client: from which client on more are told; None after the last.
        metric_names: of which rounds have means.
        look_again_s: seconds, within the call budget, after which somebody who watches
            may look again.
    """

    experiment: str
    id: str
    state: str
    reason: str | None
    settings: ExperimentSettings
    parameters: int
    version: int
    enrolled: int
    live: LiveReport | None
    over: bool
    rounds: list[RoundReport]
    clients: list[ClientReport]
    created: float
    ended: float | None
    now: float
    next_round: int | None = None
    next_client: int | None = None
    metric_names: list[str] = []
    look_again_s: float = 1.0


class Outline(Answer, frozen=True):
    """An experiment in a line, for `Listing`.

    `round` is the live one's number, -1 before the first. `scored` is the newest
    version with a score among the last few, and `evaluation` that score.
    """

    experiment: str
    state: str
    reason: str | None
    task: str
    round: int
    rounds: int
    version: int
    scored: int | None
    evaluation: dict[str, float] | None
    created: float
    ended: float | None


class Listing(Answer, frozen=True):
    """The experiments, newest first. `total` counts those that are left out, too."""

    experiments: list[Outline]
    total: int
    now: float


PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""A page shows what clients have sent: should it ever hold a script, it won't run.

The policy stands in the page and in a header. OpenWhisk drops the headers of an action
where the URL ends in `.html`.
"""


class Page(Answer, frozen=True):
    """A page of HTML, sent as such."""

    html: str
