"""Tell how an experiment stands, as JSON or as a page. Reads only.

However long a history is, an answer is a bounded part of it, and a bounded part of the
database is read for it: a platform carries 1 MiB, and cuts off what is longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import TypeVar

import msgspec

from fedcore import scoring
from fedcore.documents import (
    AT_REST,
    Client,
    Experiment,
    LiveRound,
    RoundRecord,
)
from fedcore.errors import UnknownExperiment
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.page import render
from fedcore.handlers.waiting import pace
from fedcore.messages import (
    ClientReport,
    Counts,
    Listing,
    LiveReport,
    Outline,
    Page,
    Part,
    Report,
    RoundReport,
    Status,
)
from fedcore.services import Services

LISTED = 100
"""Experiments that a list holds at most: each takes a look at its last versions."""

LOOKED_AT = 3
"""Last versions among which a score is looked for: it comes a little later."""

LAST_ROUNDS = 20
"""Rounds that are told where none is asked for: the last ones."""

NAMED = 100
"""Clients of a round that each list of its report names at most."""

ROUNDS_BYTES, CLIENTS_BYTES = 256 * 1024, 128 * 1024
"""What the rounds and the clients of one answer may take, as JSON."""

READ_AT_ONCE = 10_000
"""Clients in the cohorts of those rounds that are read in one look, about."""

T = TypeVar("T", bound=msgspec.Struct)


def handle(request: Status, caller: Caller, services: Services) -> msgspec.Struct:
    """Report on the experiment that is named, or on the newest one; or list them.

    Raises:
        UnknownExperiment: there is none.
    """
    if request.view == "list":
        return _list(caller.experiment, request.limit or LISTED, services)
    experiment = caller.experiment or services.store.newest()
    if experiment is None:
        raise UnknownExperiment("experiment: found no name, and there is none yet")
    report = _report(experiment, request, services)
    return Page(html=render(report)) if request.view == "page" else report


def _list(named: Experiment | None, limit: int, services: Services) -> Listing:
    """List the experiments; for one that is named, which others may see, that alone."""
    store = services.store
    found = [named] if named else store.outlines(min(limit, LISTED))
    return Listing(
        experiments=[_outline(each, services) for each in found],
        total=1 if named else store.all_experiments(),
        now=services.clock(),
    )


def _outline(experiment: Experiment, services: Services) -> Outline:
    last = experiment.version
    versions = range(max(0, last - LOOKED_AT + 1), last + 1)
    found = services.store.scorings(experiment, versions)
    scored = [each for each in found if each.evaluation.result is not None][-1:]
    return Outline(
        experiment=experiment.name,
        state=experiment.state,
        reason=experiment.reason,
        task=experiment.settings.task,
        round=experiment.live.number,
        rounds=experiment.settings.rounds,
        version=experiment.version,
        scored=scored[0].number if scored else None,
        evaluation=scored[0].evaluation.result if scored else None,
        created=experiment.created,
        ended=experiment.ended,
    )


def _report(experiment: Experiment, request: Status, services: Services) -> Report:
    enrolled = services.store.enrolled(experiment)
    rounds, next_round = _rounds(experiment, request, services)
    clients = _clients(experiment, request, services)
    next_client = request.clients_from + len(clients)
    return Report(
        experiment=experiment.name,
        id=experiment.id,
        state=experiment.state,
        reason=experiment.reason,
        settings=experiment.settings,
        parameters=experiment.parameters,
        version=experiment.version,
        enrolled=enrolled,
        live=_live(experiment.live) if experiment.live.number >= 0 else None,
        over=_is_over(experiment, enrolled, services),
        rounds=rounds,
        clients=clients,
        created=experiment.created,
        ended=experiment.ended,
        now=services.clock(),
        next_round=next_round,
        next_client=next_client if next_client < enrolled else None,
        metric_names=experiment.metric_names,
        look_again_s=pace(experiment, services).look_s,
    )


def _is_over(experiment: Experiment, enrolled: int, services: Services) -> bool:
    if experiment.state not in AT_REST:
        return False
    if len(experiment.revoked) >= enrolled:
        return True  # nobody is left who could score a version
    seen = services.store.scorings(experiment, scoring.window(experiment))
    found = [scoring.without_revoked(experiment, each) for each in seen]
    return scoring.is_over(experiment, found, services.clock())


def _rounds(
    experiment: Experiment, request: Status, services: Services
) -> tuple[list[RoundReport], int | None]:
    """Return the rounds that are asked for, and where more go on."""
    limit = request.limit or LAST_ROUNDS
    end = experiment.live.number + 1
    if request.since is None:
        # One more, as the live round is in the history once it has closed.
        newest_first = range(max(0, end - limit - 1), end)[::-1]
        read = islice(_read(experiment, newest_first, services), limit)
        return _fitting(read, ROUNDS_BYTES)[::-1], None
    numbers = range(request.since, min(end, request.since + limit))
    told = _fitting(_read(experiment, numbers, services), ROUNDS_BYTES)
    after = told[-1].round + 1 if told else end
    return told, after if after < end else None


def _read(
    experiment: Experiment, numbers: range, services: Services
) -> Iterator[RoundReport]:
    """Yield these rounds in this order, reading no more at once than fits a memory."""
    drawn = experiment.settings.per_round + experiment.settings.over_select
    at_once = max(1, READ_AT_ONCE // drawn)
    for first in range(0, len(numbers), at_once):
        part = numbers[first : first + at_once]
        in_order = range(min(part), max(part) + 1)
        read = services.store.rounds(experiment, in_order)
        found = {each.number: each for each in read}
        yield from (_round(found[number]) for number in part if number in found)


def _clients(
    experiment: Experiment, request: Status, services: Services
) -> list[ClientReport]:
    found = services.store.clients_from(
        experiment, request.clients_from, request.clients_limit
    )
    drawn = frozenset(experiment.live.cohort)
    told = (_client(experiment, drawn, each) for each in found)
    return _fitting(told, CLIENTS_BYTES)


def _fitting(reports: Iterable[T], size: int) -> list[T]:
    """Return the first reports that fit into this many bytes; at least one."""
    fitting: list[T] = []
    for report in reports:
        size -= len(msgspec.json.encode(report)) + 1
        if size < 0 and fitting:
            break
        fitting.append(report)
    return fitting


def _live(live: LiveRound) -> LiveReport:
    return LiveReport(
        round=live.number,
        state=live.state,
        attempt=live.attempt,
        counts=_counts(live, live.accepted or live.votes),
        cohort=live.cohort[:NAMED],
        target=live.target,
        quorum=live.quorum,
        accepted=sorted(int(index) for index in live.accepted or live.votes)[:NAMED],
        refused=_named(live.refused),
        late=live.late[:NAMED],
        opened=live.opened,
        deadline=live.deadline,
        told=live.told,
        advance_tries=live.advance_tries,
    )


def _counts(of: LiveRound | RoundRecord, sent: Mapping[str, str]) -> Counts:
    return Counts(
        cohort=len(of.cohort),
        accepted=len(sent),
        refused=len(of.refused),
        late=len(of.late),
    )


def _named(reasons: Mapping[str, str]) -> dict[str, str]:
    """Return the first few clients' reasons."""
    return dict(sorted(reasons.items(), key=lambda each: int(each[0]))[:NAMED])


def _round(record: RoundRecord) -> RoundReport:
    return RoundReport(
        round=record.number,
        opened=record.opened,
        closed=record.closed,
        seconds=record.closed - record.opened,
        attempts=record.attempts,
        counts=_counts(record, record.accepted),
        cohort=record.cohort[:NAMED],
        updates=len(record.accepted),
        examples=record.examples,
        metrics=record.metrics,
        metrics_left_out=record.metrics_left_out,
        evaluation=record.evaluation.result,
        evaluation_tries=record.evaluation.attempts,
        late=record.late[:NAMED],
        refused=_named(record.refused),
        distances=record.distances,
        capped=record.capped,
    )


def _client(experiment: Experiment, drawn: Set[int], client: Client) -> ClientReport:
    return ClientReport(
        index=client.index,
        name=client.name,
        last_seen=client.last_seen,
        due=client.due,
        rounds=client.rounds,
        train_s=client.train_s,
        revoked=experiment.shuts_out(client.index),
        part=_part(experiment.live, drawn, client.index),
    )


def _part(live: LiveRound, drawn: Set[int], index: int) -> Part:
    """Return how a client stands in the live round, whose cohort is `drawn`."""
    if index not in drawn:
        return ""
    key = str(index)
    if key in live.refused:
        return "refused"
    return "accepted" if key in live.accepted else "drawn"


ACTION = Action(
    name="status",
    request=Status,
    allowed=frozenset({Role.PUBLIC, Role.CLIENT, Role.OPERATOR, Role.OWNER}),
    handle=handle,
    reads_only=True,
)
