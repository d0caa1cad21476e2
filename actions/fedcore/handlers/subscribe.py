"""Enrol a client: the same name gets the same index for ever."""

from __future__ import annotations

from fedcore import tokens
from fedcore.documents import Client, Experiment, ExperimentState
from fedcore.errors import FederationFull, Forbidden, UnknownExperiment
from fedcore.handlers.action import Action, Caller, Role
from fedcore.handlers.assignment import ENDED, assign
from fedcore.messages import Stop, Subscribe, Subscribed, Wait
from fedcore.pace import LONGEST_WAIT_S, SHORTEST_WAIT_S
from fedcore.services import Services


def handle(request: Subscribe, caller: Caller, services: Services) -> Subscribed:
    """Enrol by name, idempotently, and give the first assignment.

    Raises:
        UnknownExperiment: no experiment was named, and none is open.
        FederationFull: other names have all the places.
        Forbidden: the client has been revoked.
    """
    experiment = caller.experiment or _open_experiment(request.name, services)
    known = services.store.client_named(experiment, request.name)
    if known is not None and known.revoked:
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
    )


def _rehearse(
    experiment: Experiment, known: Client | None, services: Services
) -> Subscribed:
    """Say what enrolling would answer, and write nothing."""
    over = experiment.state in ENDED
    return Subscribed(
        experiment=experiment.name,
        index=known.index if known else _free_index(experiment, services),
        token="",
        settings=experiment.settings,
        assignment=Stop(reason=experiment.state)
        if over
        else Wait(retry_after=SHORTEST_WAIT_S, reason="this was a dry run"),
    )


def _open_experiment(name: str, services: Services) -> Experiment:
    """Return the open experiment that knows the client already, else the newest.

    A client that comes back has its unfinished work in the one that it left.
    """
    found = services.store.experiments(
        ExperimentState.ENROLLING, ExperimentState.RUNNING
    )
    if not found:
        raise UnknownExperiment(
            "experiment: found no name, and no experiment is open",
            retry_after=LONGEST_WAIT_S,
        )
    at_home = (each for each in found if services.store.client_named(each, name))
    return next(at_home, found[0])


def _enrol(name: str, experiment: Experiment, services: Services) -> Client:
    """Take the lowest free index, however many others do the same."""
    store = services.store
    while True:
        try:
            index = _free_index(experiment, services)
        except FederationFull:
            # The last place may have gone to a twin of this very request.
            twin = store.client_named(experiment, name)
            if twin is None:
                raise
            return twin
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


def _free_index(experiment: Experiment, services: Services) -> int:
    places = experiment.settings.clients
    taken = set(services.store.taken_indexes(experiment))
    for index in range(places):
        if index not in taken:
            return index
    raise FederationFull(
        f"experiment {experiment.name!r}: all {places} places are taken",
        retry_after=LONGEST_WAIT_S,
    )


ACTION = Action(
    name="subscribe",
    request=Subscribe,
    allowed=frozenset({Role.ENROLMENT}),
    handle=handle,
)
