"""A client's transport that calls the handlers in this process: no platform, no HTTP.

What crosses it is what travels in JSON, so that a client and a server that disagree
about a field disagree here, too.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from fedclient.transport import Message, Reply
from fedcore.errors import FedError
from fedcore.handlers import (
    check_in,
    fedavg,
    get_model,
    select_clients,
    start_experiment,
    status,
    stop_experiment,
    submit_update,
    subscribe,
)
from fedcore.handlers.action import Action, Credentials
from fedcore.services import Services

WEB: dict[str, Action[Any]] = {
    module.ACTION.name: module.ACTION
    for module in (
        check_in,
        get_model,
        start_experiment,
        status,
        stop_experiment,
        submit_update,
        subscribe,
    )
}
SEQUENCE = "advance_round"
OWNER = Credentials(trusted=True)


class DirectTransport:
    """Answers a message by running its action, with the services of one deployment."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def send(self, message: Message) -> Reply:
        """Return what the action answers, refusals included."""
        try:
            answer = self._answer(message)
        except FedError as error:
            return Reply(error.status, json.dumps(error.body()).encode())
        return Reply(200, msgspec.json.encode(answer))

    def _answer(self, message: Message) -> msgspec.Struct:
        who = Credentials(message.headers.get("X-Fed-Token", ""))
        by_query = message.method == "GET"
        fields = dict(message.query) if by_query else json.loads(message.body)
        if message.action == SEQUENCE:
            return self.advance(fields, who)
        action = WEB[message.action]
        return action.run(fields, who, self.services, from_query=by_query)

    def advance(self, fields: dict[str, Any], who: Credentials) -> msgspec.Struct:
        """Run the sequence: the second step comes from the platform, not the caller."""
        handed_on = fedavg.ACTION.run(fields, who, self.services)
        fields = msgspec.to_builtins(handed_on)
        return select_clients.ACTION.run(fields, OWNER, self.services)
