"""Draw cohorts (second step of advance_round): nobody else opens, grows or ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fedcore import rules, selection
from fedcore.documents import (
    Client,
    Experiment,
    ExperimentState,
    LiveRound,
    RoundRecord,
    RoundState,
    Update,
)
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.advancing import serve_each
from fedcore.handlers.waiting import pace, salt
from fedcore.messages import LARGEST, Advanced, AdvanceRound
from fedcore.pace import Pace
from fedcore.rules import Event
from fedcore.services import Services
from fedcore.settings import ExperimentSettings
from fedcore.store.store import RECENT_ROUNDS
from fedcore.weights import capped, counted

METRICS_KEPT = 32
"""Metrics of which an experiment keeps means, of all its rounds and clients together.

Clients name them as they like: without a bound, its history would grow with each name.
"""


def handle(request: AdvanceRound, caller: Caller, services: Services) -> Advanced:
    """Open the next round, grow an overdue one, or end the experiment.

    Safe to run twice, or twice at once: the first of each kind of write wins.
    """
    return serve_each(move_on, request, caller, services)


def move_on(experiment: Experiment, services: Services) -> None:
    """Take the step that is due in one experiment, if any."""
    if experiment.state is ExperimentState.FINISHED:
        # A late writer may have died before it removed its own.
        services.store.drop_uploads_through(experiment, experiment.live.number)
    if experiment.state is not ExperimentState.RUNNING:
        return
    if experiment.live.state is RoundState.CLOSED:
        _succeed(experiment, services)
        return
    now = services.clock()
    match rules.due_event(experiment, now):
        case Event.DEADLINE_BELOW_QUORUM | Event.ALL_ANSWERED_AT_ODDS:
            _grow(experiment, now, services)
        case Event.ATTEMPTS_SPENT:
            services.store.apply(rules.fail(experiment, now))


def _succeed(experiment: Experiment, services: Services) -> None:
    """Write the closed round down, then open its successor or finish."""
    now = services.clock()
    live = experiment.live
    if live.number >= 0:
        _write_down(experiment, now, services)
    if live.number >= experiment.settings.rounds:
        services.store.apply(rules.finish(experiment, now))
        services.store.drop_uploads_through(experiment, live.number)
        return
    candidates = _candidates(experiment, now, services)
    number = live.number + 1
    cohort = candidates.draw(number)
    deadline = candidates.deadline(cohort)
    likely = candidates.draw(number + 1)
    services.store.apply(rules.open_next(experiment, cohort, now, deadline, likely))


def _write_down(experiment: Experiment, now: float, services: Services) -> None:
    updates = services.store.accepted_updates(experiment)
    # An initial model has been trained on nothing: what its few makers name takes no
    # place from what the others measure.
    trained = updates if experiment.live.number > 0 else []
    names = known_metrics(experiment.metric_names, trained)
    if names != experiment.metric_names:
        # First: a record must not have a mean whose name the experiment does not know.
        services.store.apply(rules.learn_metrics(experiment, names))
    record = _record(experiment, updates, names, now)
    services.store.add_round(experiment, record)


def _grow(experiment: Experiment, now: float, services: Services) -> None:
    live = experiment.live
    candidates = _candidates(experiment, now, services)
    cohort = candidates.draw(live.number, attempt=live.attempt + 1, present=live.cohort)
    services.store.apply(rules.grow(experiment, cohort, candidates.deadline(cohort)))


@dataclass(frozen=True)
class Candidates:
    """Who may be drawn now, how the last rounds went, and the pace of the next."""

    settings: ExperimentSettings
    clients: Sequence[Client]
    history: Sequence[RoundRecord]
    now: float
    pace: Pace
    salt: str

    def draw(
        self, number: int, *, attempt: int = 1, present: Sequence[int] = ()
    ) -> list[int]:
        """Return the cohort of a round; none after the last."""
        if number > self.settings.rounds:
            return []
        return selection.draw(
            self.settings,
            number,
            [client.index for client in self.clients],
            attempt=attempt,
            present=present,
            reluctance=selection.reluctances(
                self.clients,
                self.history,
                self.settings,
                number,
                self.now,
                urgent=attempt > 1,
            ),
            salt=self.salt if number == 0 else "",
        )

    def deadline(self, cohort: Sequence[int]) -> float:
        """Count from the latest promised return: a sleeper burns no attempt.

        Nor does a cohort whose calls alone take longer, as they wait for their turns.
        """
        of = len(cohort)
        turns_end = self.pace.earliest_end(self.now, of, of)
        start = selection.all_back(self.clients, cohort, turns_end)
        recent = self.history[-RECENT_ROUNDS:]
        lately = [record.quorum_s for record in recent if record.number > 0]
        seconds = selection.deadline_s(self.settings, lately)
        return start + seconds


def _candidates(experiment: Experiment, now: float, services: Services) -> Candidates:
    clients = services.store.clients(experiment)
    return Candidates(
        settings=experiment.settings,
        clients=[each for each in clients if not experiment.shuts_out(each.index)],
        history=services.store.last_rounds(experiment, selection.HISTORY),
        now=now,
        pace=pace(experiment, services),
        salt=salt(experiment, services),
    )


def _record(
    experiment: Experiment,
    updates: Sequence[Update],
    metric_names: Sequence[str],
    now: float,
) -> RoundRecord:
    live = experiment.live
    settings = experiment.settings
    counts = counted(settings, updates)
    seconds, quorum_s = now - live.opened, _quorum_s(live, updates)
    reported = {name for update in updates for name in update.metrics}
    return RoundRecord(
        number=live.number,
        opened=live.opened,
        closed=now,
        attempts=live.attempt,
        cohort=live.cohort,
        accepted=live.accepted,
        refused=live.refused,
        late=live.late,
        distances=live.distances,
        examples=sum(counts),
        capped=capped(settings, updates),
        metrics=mean_metrics(updates, counts, metric_names),
        metrics_left_out=len(reported.difference(metric_names)),
        quorum_s=quorum_s,
        # Of a round that closed at its deadline, whatever kept it waiting, the time
        # until its quorum was in tells how long it would have taken.
        usual_s=seconds
        if len(live.accepted) >= settings.per_round
        else quorum_s / settings.quorum,
    )


def _quorum_s(live: LiveRound, updates: Sequence[Update]) -> float:
    received = sorted(update.received for update in updates)
    enough = received[: live.quorum]
    return enough[-1] - live.opened if enough else 0.0


def known_metrics(before: Sequence[str], updates: Sequence[Update]) -> list[str]:
    """Return the metrics of which an experiment keeps means, after one more round.

    Those that most clients report come first, so that one client's inventions do not
    take the places of what all measure.
    """
    reporters = Counter(name for update in updates for name in update.metrics)
    new = sorted(
        reporters.keys() - set(before), key=lambda name: (-reporters[name], name)
    )
    return [*before, *new][:METRICS_KEPT]


def mean_metrics(
    updates: Sequence[Update], counts: Sequence[int], names: Iterable[str]
) -> dict[str, float]:
    """Average these metrics over the updates that report them, weighted by `counts`.

    Updates that an earlier release took may claim more than `LARGEST`.
    """
    means = {}
    for name in sorted(names):
        reporting = [
            (update.metrics[name], count)
            for update, count in zip(updates, counts, strict=True)
            if name in update.metrics
        ]
        if not reporting:
            continue
        weight = sum(count for _, count in reporting)
        # Shares first: a product of two large claims would overflow, a mean does not.
        mean = sum(value * (count / weight) for value, count in reporting)
        means[name] = min(max(mean, -LARGEST), LARGEST)
    return means


ACTION = Action(
    name="select_clients",
    request=AdvanceRound,
    allowed=frozenset({Role.OWNER}),
    handle=handle,
)
