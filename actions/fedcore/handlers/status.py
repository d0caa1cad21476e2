"""Tell how an experiment stands, as JSON or as a page. Reads only."""

from __future__ import annotations

import msgspec

from fedcore.documents import Client, Experiment, LiveRound, RoundRecord
from fedcore.errors import UnknownExperiment
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.page import render
from fedcore.handlers.waiting import pace
from fedcore.messages import (
    ClientReport,
    Listing,
    LiveReport,
    Outline,
    Page,
    Report,
    RoundReport,
    Status,
)
from fedcore.services import Services

LISTED = 100
"""Experiments that a list holds: each takes a look at its last rounds."""

LOOKED_AT = 3
"""Last rounds among which a version's score is looked for: it comes a little later."""


def handle(request: Status, caller: Caller, services: Services) -> msgspec.Struct:
    """Report on the experiment that is named, or on the newest one; or list them.

    Raises:
        UnknownExperiment: there is none.
    """
    if request.view == "list":
        return _list(caller.experiment, services)
    experiment = caller.experiment or _newest(services)
    report = _report(experiment, services)
    return Page(html=render(report)) if request.view == "page" else report


def _newest(services: Services) -> Experiment:
    found = services.store.experiments()
    if not found:
        raise UnknownExperiment("experiment: found no name, and there is none yet")
    return found[0]


def _list(named: Experiment | None, services: Services) -> Listing:
    """List the experiments; for one that is named, which others may see, that alone."""
    found = services.store.experiments() if named is None else [named]
    return Listing(
        experiments=[_outline(each, services) for each in found[:LISTED]],
        total=len(found),
        now=services.clock(),
    )


def _outline(experiment: Experiment, services: Services) -> Outline:
    last = services.store.last_rounds(experiment, LOOKED_AT)
    scored = [each for each in last if each.evaluation.result is not None][-1:]
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


def _report(experiment: Experiment, services: Services) -> Report:
    clients = services.store.clients(experiment)
    return Report(
        experiment=experiment.name,
        id=experiment.id,
        state=experiment.state,
        reason=experiment.reason,
        settings=experiment.settings,
        parameters=experiment.parameters,
        version=experiment.version,
        enrolled=len(clients),
        live=_live(experiment.live) if experiment.live.number >= 0 else None,
        rounds=[_round(record) for record in services.store.rounds(experiment)],
        clients=[_client(experiment, client) for client in clients],
        created=experiment.created,
        ended=experiment.ended,
        now=services.clock(),
        look_again_s=pace(experiment, services).look_s,
    )


def _live(live: LiveRound) -> LiveReport:
    return LiveReport(
        round=live.number,
        state=live.state,
        attempt=live.attempt,
        cohort=live.cohort,
        target=live.target,
        quorum=live.quorum,
        accepted=sorted(int(index) for index in live.accepted or live.votes),
        refused=live.refused,
        late=live.late,
        opened=live.opened,
        deadline=live.deadline,
        told=live.told,
        advance_tries=live.advance_tries,
    )


def _round(record: RoundRecord) -> RoundReport:
    return RoundReport(
        round=record.number,
        opened=record.opened,
        closed=record.closed,
        seconds=record.closed - record.opened,
        attempts=record.attempts,
        cohort=record.cohort,
        updates=len(record.accepted),
        examples=record.examples,
        metrics=record.metrics,
        evaluation=record.evaluation.result,
        evaluation_tries=record.evaluation.attempts,
        late=record.late,
        refused=record.refused,
        distances=record.distances,
        capped=record.capped,
    )


def _client(experiment: Experiment, client: Client) -> ClientReport:
    return ClientReport(
        index=client.index,
        name=client.name,
        last_seen=client.last_seen,
        due=client.due,
        rounds=client.rounds,
        train_s=client.train_s,
        revoked=experiment.shuts_out(client.index),
    )


ACTION = Action(
    name="status",
    request=Status,
    allowed=frozenset({Role.PUBLIC, Role.CLIENT, Role.OPERATOR, Role.OWNER}),
    handle=handle,
    reads_only=True,
)
