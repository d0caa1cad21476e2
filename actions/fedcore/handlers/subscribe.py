"""Enrol a client: the same name gets the same index for ever."""

from __future__ import annotations

import zlib

from fedcore import roster, tokens
from fedcore.documents import Client, Experiment, ExperimentState
from fedcore.errors import (
    FederationFull,
    Forbidden,
    TooManyEnrolments,
    UnknownExperiment,
)
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.assignment import ENDED, assign
from fedcore.handlers.waiting import pace
from fedcore.messages import Rehearsed, Stop, Subscribe, Subscribed, Wait
from fedcore.pace import LONGEST_WAIT_S, SHORTEST_WAIT_S
from fedcore.services import Services
from fedcore.tokens import Enrolment

MINUTE_S = 60


def handle(
    request: Subscribe, caller: Caller, services: Services
) -> Subscribed | Rehearsed:
    """Enrol by name, idempotently, and give the first assignment.

    Raises:
        UnknownExperiment: no experiment was named, and none is open.
        FederationFull: other names have all the places.
        Forbidden: the client has been revoked, or its token is not for its name
            alone where the experiment asks for that.
        TooManyEnrolments: others have enrolled just now; ask again.
    """
    experiment = caller.experiment or _open_experiment(request.name, caller, services)
    if not _is_good_for(caller, experiment):
        raise Forbidden(
            f"X-Fed-Token: enrols any name; {experiment.name!r} expects a token that "
            f"was made for {request.name!r}"
        )
    known = services.store.client_named(experiment, request.name)
    if known is not None and experiment.shuts_out(known.index):
        raise Forbidden(f"client {known.index} ({known.name}) has been revoked")
    if request.dry_run:
        return _rehearse(experiment, known, services)
    client = known or _enrol(request.name, experiment, services)
    return Subscribed(
        experiment=experiment.name,
        index=client.index,
        token=tokens.client_token(services.secrets[0], experiment.id, client.index),
        settings=experiment.settings,
        assignment=assign(experiment, client.index, services),
        back_off_s=pace(experiment, services).back_off_s,
    )


def _is_good_for(caller: Caller, experiment: Experiment) -> bool:
    """Tell whether the caller's token is of a kind that the experiment takes."""
    return (
        experiment.settings.enrolment == Enrolment.OPEN
        or caller.role is Role.NAMED_ENROLMENT
    )


def _rehearse(
    experiment: Experiment, known: Client | None, services: Services
) -> Rehearsed:
    """Say whether enrolling would work, and write nothing.

    Raises:
        FederationFull: other names have all the places.
    """
    if known is None:
        _free_index(experiment, services)
    over = experiment.state in ENDED
    return Rehearsed(
        experiment=experiment.name,
        task=experiment.settings.task,
        assignment=Stop(reason=experiment.state)
        if over
        else Wait(retry_after=SHORTEST_WAIT_S, reason="this was a dry run"),
    )


def _open_experiment(name: str, caller: Caller, services: Services) -> Experiment:
    """Return the open experiment that knows the client already, else the newest.

    Those that do not take the caller's kind of token do not count.

    A client that comes back has its unfinished work in the one that it left.
    """
    found = [
        each
        for each in services.store.experiments(
            ExperimentState.ENROLLING, ExperimentState.RUNNING
        )
        if _is_good_for(caller, each)
    ]
    if not found:
        latest = services.store.newest()
        raise UnknownExperiment(
            "experiment: found no name, and no experiment is open",
            # The clients of the last one are likely those who will ask again.
            retry_after=pace(latest, services).idle_s if latest else LONGEST_WAIT_S,
        )
    at_home = (each for each in found if services.store.client_named(each, name))
    return next(at_home, found[0])


def _enrol(name: str, experiment: Experiment, services: Services) -> Client:
    """Take the lowest free index, however many others do the same."""
    store = services.store
    admitted = False
    start: int | None = None
    while True:
        try:
            index = _free_index(experiment, services, start)
        except FederationFull:
            # The last place may have gone to a twin of this very request.
            twin = store.client_named(experiment, name)
            if twin is None:
                raise
            return twin
        if not admitted:
            _admit(name, experiment, services)
            admitted = True
        now = services.clock()
        client = Client(
            experiment=experiment.id,
            index=index,
            name=name,
            enrolled=now,
            last_seen=now,
        )
        if store.add_client(experiment, client):
            return client
        # The index was taken by another, or the name by a twin.
        twin = store.client_named(experiment, name)
        if twin is not None:
            return twin
        start = index + 1


def _admit(name: str, experiment: Experiment, services: Services) -> None:
    """Let one more client of this minute in, or say when to come back."""
    now = services.clock()
    minute = int(now // MINUTE_S)
    # The third: somebody else has begun the minute between the first and the second.
    for write in (roster.admit, roster.begin_minute, roster.admit):
        if services.store.apply(write(experiment, minute)) is not None:
            return
    # Spread by name, so that those who wait do not all come back at once.
    spread = zlib.crc32(name.encode()) / 2**32 * MINUTE_S / 2
    raise TooManyEnrolments(
        f"experiment {experiment.name!r}: {experiment.settings.enrolments_per_minute} "
        "clients have enrolled in this minute, as many as it takes",
        retry_after=round(MINUTE_S - now % MINUTE_S + spread, 3),
    )


def _free_index(
    experiment: Experiment, services: Services, start: int | None = None
) -> int:
    """Return the lowest free index; all before `start` are known to be taken."""
    store = services.store
    places = experiment.settings.clients
    index = (
        store.enrolled(experiment)
        if start is None
        else store.free_index(experiment, start)
    )
    if index < places:
        return index
    raise FederationFull(
        f"experiment {experiment.name!r}: all {places} places are taken",
        retry_after=pace(experiment, services).idle_s,
    )


ACTION = Action(
    name="subscribe",
    request=Subscribe,
    allowed=frozenset({Role.ENROLMENT, Role.NAMED_ENROLMENT}),
    handle=handle,
)
