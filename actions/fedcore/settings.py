"""What an experiment is made of: its settings, checked once, then frozen.

Every setting has a default, so `ExperimentSettings()` is the standard experiment:
20 clients, 10 of them a round, 10 local epochs, 10 rounds of MNIST.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from fedcore.errors import InvalidSettings

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
PARTITION = re.compile(
    r"equal"
    r"|own"
    r"|dirichlet:(?=.*[1-9])\d{1,6}(\.\d{1,6})?"
    r"|shards:[1-9]\d{0,2}"
    r"|(?!dirichlet:|shards:)[A-Za-z_][\w.]*:[A-Za-z_]\w*",
    re.ASCII,
)

OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
MOST_OPTIONS = 64
LONGEST_TEXT = 1_000
LARGEST_INTEGER = 2**63 - 1
"""What a database keeps of a whole number."""


INITIAL_VOTES = 3
"""Clients that must send the same initial model; all of a smaller federation."""


class ExperimentSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The settings of one experiment.

    Attributes:
        task: the learning task that clients run, by name (`mnist`, `cifar10`, own).
        task_options: what a task of one's own wants to be told, by name: truth values,
            numbers, texts. Our tasks read none.
        clients: places in the federation; data is split into so many partitions.
        min_clients: enrolled clients that start the training; 0 means all places.
        per_round: updates that close a round at once (its target).
        over_select: clients drawn beyond `per_round`, against stragglers.
        rounds: rounds of training after round 0, which settles the initial model.
        epochs: passes over its training split that a client makes in a round.
        batch_size: examples in a step of SGD.
        lr: learning rate of SGD.
        momentum: momentum of SGD, in [0, 1).
        seed: fixes the initial model, the draws, the shuffles and the dropouts.
        proximal_mu: weight of FedProx's pull towards the received model (Li et al.
            2020); 0 is plain FedAvg.
        partition: how the data is split over the clients: `equal`, `dirichlet:ALPHA`,
            `shards:N` or `module:function`; `own` where each has data of its own and
            takes all of it (see `fedclient.partitions`).
        deadline_s: seconds that a round may last before it closes with its quorum.
        deadline_factor: a round may last at most so many times as long as the slowest
            of the last rounds took for its quorum; 0 leaves it at `deadline_s`.
        quorum: share of the target with which a round may close at its deadline.
        attempts: deadlines a round may miss, each with more clients, before it fails.
        claim_s: seconds without a sign of an aggregation after which another may take
            it over.
        max_parameters: largest model accepted, in values.
        max_examples: largest number of training examples one update may claim.
        max_weight: an update's examples count at most this many times the median of
            its round's claims; 0 means no bound.
        max_norm: largest L2 distance of an update from the version that it was
            trained from; 0 means no bound.
        norm_action: what becomes of a larger one: `refuse` it, or `clip` it to the
            bound.
        strategy: how updates become a version (`fedavg`, `median`, `trimmed_mean`,
            `krum`; see `fedcore.aggregation`).
        trim: share of the updates that `trimmed_mean` leaves out at either end.
        byzantine: hostile updates in a round that `krum` has to withstand.
        krum_keep: updates that `krum` keeps and averages.
        enrolment: whether the token for any name enrols (`open`), or only a token
            for the client's own name does (`named`).
        enrolments_per_minute: new clients that may enrol in a minute.
        evaluate: whether each version is scored on the central test set.
        public_status: whether `status` answers without a token.
    """

    task: str = "mnist"
    task_options: dict[str, bool | int | float | str] = {}  # each has its own: msgspec
    clients: int = 20
    min_clients: int = 0
    per_round: int = 10
    over_select: int = 0
    rounds: int = 10
    epochs: int = 10
    batch_size: int = 50
    lr: float = 0.01
    momentum: float = 0.5
    proximal_mu: float = 0.0
    seed: int = 0
    partition: str = "equal"
    deadline_s: float = 600.0
    deadline_factor: float = 0.0
    quorum: float = 0.8
    attempts: int = 3
    claim_s: float = 60.0
    max_parameters: int = 20_000_000
    max_examples: int = 10_000_000
    max_weight: float = 3.0
    max_norm: float = 0.0
    norm_action: str = "refuse"
    strategy: str = "fedavg"
    trim: float = 0.2
    byzantine: int = 1
    krum_keep: int = 1
    enrolment: str = "open"
    enrolments_per_minute: int = 1000
    evaluate: bool = True
    public_status: bool = False

    @property
    def measures(self) -> bool:
        """Whether the strategy measures all updates before it combines any."""
        return self.strategy == "krum"

    @property
    def starts_with(self) -> int:
        """The number of enrolled clients at which training starts."""
        return self.min_clients or self.clients

    def target_of(self, number: int, cohort: int) -> int:
        """Return the number of updates that closes round `number` at once.

        Round 0 wants this number of equal initial models; others want `per_round`
        updates, or the cohort's if it is smaller. At least 1: a cohort may grow.
        """
        wanted = INITIAL_VOTES if number == 0 else self.per_round
        return max(1, min(wanted, cohort))

    def quorum_of(self, target: int) -> int:
        """Return the smallest number of updates that may close a round of `target`."""
        # Rounded first: 0.8 x 10 must be 8, not the ceiling of 8.000000000000002.
        return max(1, math.ceil(round(self.quorum * target, 9)))


_BOUNDS: dict[str, tuple[float, float]] = {
    "clients": (1, 100_000),
    "min_clients": (0, 100_000),
    "per_round": (1, 10_000),
    "over_select": (0, 10_000),
    "rounds": (1, 1_000_000),
    "epochs": (1, 100_000),
    "batch_size": (1, 1_000_000),
    "lr": (0, 1_000),
    "proximal_mu": (0, 1_000),
    "seed": (0, 2**63 - 1),
    "deadline_s": (1, 86_400 * 30),
    "deadline_factor": (0, 1_000),
    "attempts": (1, 100),
    "claim_s": (1, 3_600),
    "max_parameters": (1, 1_000_000_000),
    "max_examples": (1, 10**12),
    "max_weight": (0, 1_000_000),
    "max_norm": (0, 1e30),
    "byzantine": (0, 10_000),
    "krum_keep": (1, 10_000),
    "enrolments_per_minute": (1, 1_000_000),
}

_CHOICES: dict[str, tuple[str, ...]] = {
    "norm_action": ("refuse", "clip"),
    "strategy": ("fedavg", "median", "trimmed_mean", "krum"),
    "enrolment": ("open", "named"),
}


def parse(raw: Any) -> ExperimentSettings:
    """Return checked settings from plain JSON or YAML values.

    Raises:
        InvalidSettings: names the field, what was found and what was expected.
    """
    try:
        settings = msgspec.convert(raw, ExperimentSettings)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        # msgspec meets the second, too: it encodes texts that it looks up or shows.
        raise InvalidSettings(f"settings: {error}") from None
    check(settings)
    return settings


def check(settings: ExperimentSettings) -> None:
    """Refuse settings that break a rule (see `parse`)."""
    for name, (low, high) in _BOUNDS.items():
        found = getattr(settings, name)
        if not low <= found <= high:  # also refuses NaN
            raise InvalidSettings(
                f"settings.{name}: found {found}, expected {_figure(low)} to "
                f"{_figure(high)}"
            )
    _check_shares(settings)
    _check_words(settings)
    _check_options(settings.task_options)
    _check_counts(settings)
    if settings.strategy == "krum":
        _check_krum(settings)


def _figure(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def _check_shares(settings: ExperimentSettings) -> None:
    if not settings.lr > 0:
        raise InvalidSettings(f"settings.lr: found {settings.lr}, expected above 0")
    if not 0 <= settings.momentum < 1:
        raise InvalidSettings(
            f"settings.momentum: found {settings.momentum}, expected 0 to below 1"
        )
    if not 0 < settings.quorum <= 1:
        raise InvalidSettings(
            f"settings.quorum: found {settings.quorum}, expected above 0, at most 1"
        )
    if 0 < settings.max_weight < 1:
        raise InvalidSettings(
            f"settings.max_weight: found {settings.max_weight}, expected 0 (no bound), "
            "or at least 1"
        )
    if not 0 <= settings.trim < 0.5:
        raise InvalidSettings(
            f"settings.trim: found {settings.trim}, expected 0 to below 0.5"
        )


def _check_words(settings: ExperimentSettings) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,100}", settings.task):
        raise InvalidSettings(
            f"settings.task: found {settings.task!r}, expected 1 to 100 letters, "
            "digits or _ . : -"
        )
    if len(settings.partition) > 100 or not PARTITION.fullmatch(settings.partition):
        raise InvalidSettings(
            f"settings.partition: found {settings.partition!r}, expected equal, "
            "own, dirichlet:ALPHA (above 0), shards:N (1 to 999) or module:function"
        )
    for name, choices in _CHOICES.items():
        found = getattr(settings, name)
        if found not in choices:
            raise InvalidSettings(
                f"settings.{name}: found {found!r}, expected {' or '.join(choices)}"
            )


def _check_options(options: Mapping[str, object]) -> None:
    if len(options) > MOST_OPTIONS:
        raise InvalidSettings(
            f"settings.task_options: found {len(options)} entries, expected at most "
            f"{MOST_OPTIONS}"
        )
    for name, value in options.items():
        if not OPTION.fullmatch(name):
            raise InvalidSettings(
                f"settings.task_options: found the name {name[:80]!r}, expected 1 to "
                "64 letters, digits or _, and no digit first"
            )
        wanted = _wanted(value)
        if wanted:
            raise InvalidSettings(
                f"settings.task_options.{name}: found {value!r:.80}, expected {wanted}"
            )


def _wanted(value: object) -> str:
    """Return what an option's value should have been; empty if it may stay as it is."""
    match value:
        case float() if not math.isfinite(value):
            return "a finite number"
        case int() if abs(value) > LARGEST_INTEGER:
            return f"-{LARGEST_INTEGER} to {LARGEST_INTEGER}"
        case str() if len(value) > LONGEST_TEXT:
            return f"at most {LONGEST_TEXT} characters"
        case str() if not _is_unicode(value):
            return "a text without lone surrogates"
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_counts(settings: ExperimentSettings) -> None:
    drawn = settings.per_round + settings.over_select
    if drawn > settings.starts_with:
        # Mostly it is the default of per_round, which nobody has said.
        fits = settings.starts_with - settings.over_select
        advice = f"; say --per-round {fits} (per_round: {fits})" if fits > 0 else ""
        raise InvalidSettings(
            f"settings.per_round + over_select: found {drawn}, expected at most "
            f"{settings.starts_with}, the clients that start the training{advice}"
        )
    if settings.min_clients > settings.clients:
        raise InvalidSettings(
            f"settings.min_clients: found {settings.min_clients}, expected at most "
            f"clients = {settings.clients}"
        )


MOST_COMPARED = 1_000
"""Updates that Krum compares pair by pair: their distances fill 4 MB a chunk."""


def _check_krum(settings: ExperimentSettings) -> None:
    """Krum withstands f hostile updates among at least 2 f + 3."""
    if settings.per_round > MOST_COMPARED:
        raise InvalidSettings(
            f"settings.per_round: found {settings.per_round}, expected at most "
            f"{MOST_COMPARED} with krum, which compares all pairs"
        )
    fewest = settings.quorum_of(settings.per_round)
    needed = 2 * settings.byzantine + 3
    if fewest < needed:
        raise InvalidSettings(
            f"settings.byzantine: found {settings.byzantine}, which needs {needed} "
            f"updates, but a round may close with {fewest} (its quorum)"
        )
    most = fewest - settings.byzantine
    if settings.krum_keep > most:
        raise InvalidSettings(
            f"settings.krum_keep: found {settings.krum_keep}, expected at most {most}, "
            "the quorum without the hostile"
        )


def check_name(name: str) -> str:
    """Return an experiment's name if it is a slug that also fits DNS labels."""
    if not SLUG.fullmatch(name):
        raise InvalidSettings(
            f"experiment: found {name[:80]!r}, expected 1 to 63 lower-case letters, "
            "digits or inner hyphens"
        )
    return name


def default_name(settings: ExperimentSettings) -> str:
    """Name an experiment by its task and a short hash of what is not the default.

    Of that alone, so that a setting which comes with a new release renames nothing.
    """
    usual = msgspec.to_builtins(ExperimentSettings())
    own = {
        name: value
        for name, value in msgspec.to_builtins(settings).items()
        if value != usual[name]
    }
    text = msgspec.json.encode(own, order="sorted")
    task = re.sub(r"[^a-z0-9]+", "-", settings.task.lower()).strip("-") or "task"
    return f"{task[:50]}-{hashlib.sha256(text).hexdigest()[:8]}"
