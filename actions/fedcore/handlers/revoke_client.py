"""Shut one client out of an experiment, or let it in again."""

from __future__ import annotations

from fedcore import roster
from fedcore.errors import UnknownClient
from fedcore.handlers.action import Action, Caller, Role
from fedcore.messages import RevokeClient, Revoked
from fedcore.services import Services


def handle(request: RevokeClient, caller: Caller, services: Services) -> Revoked:
    """Revoke the client, or undo that. Safe to run twice.

    From then on its calls are refused and it is not drawn; its name and its index
    stay its own, so that nobody takes its place. An update of it goes from a round
    that is still training, and stays in one that is frozen.

    Raises:
        UnknownClient: nobody has enrolled under that name.
    """
    experiment = caller.named_experiment
    client = services.store.client_named(experiment, request.name)
    if client is None:
        raise UnknownClient(
            f"name: no client of {experiment.name!r} is called {request.name!r}"
        )
    while experiment.shuts_out(client.index) is request.undo:
        # The round may change under our hands: then decide again on the new one.
        write = (
            roster.reinstate(experiment, client.index)
            if request.undo
            else roster.revoke(experiment, client.index, services.clock())
        )
        after = services.store.apply(write)
        experiment = after or services.store.reread(experiment)
    return Revoked(
        experiment=experiment.name,
        client=client.index,
        name=client.name,
        revoked=not request.undo,
    )


ACTION = Action(
    name="revoke_client",
    request=RevokeClient,
    allowed=frozenset({Role.OPERATOR, Role.OWNER}),
    handle=handle,
)
