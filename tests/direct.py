"""A client's transport that calls the handlers in this process: no platform, no HTTP.

What crosses it is what travels in JSON, so that a client and a server that disagree
about a field disagree here, too.
"""

from __future__ import annotations

import json

import msgspec

from fedclient.transport import Message, Reply
from fedcore.adapters.aws_lambda import run_steps
from fedcore.adapters.routes import ROUTES
from fedcore.adapters.serving import Call
from fedcore.errors import FedError
from fedcore.handlers.action import Credentials
from fedcore.services import Services


class DirectTransport:
    """Answers a message by running its action, with the services of one deployment."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def send(self, message: Message) -> Reply:
        """Return what the action answers, refusals included."""
        try:
            answer = run_steps(ROUTES[message.action], _call(message), self.services)
        except FedError as error:
            return Reply(error.status, json.dumps(error.body()).encode())
        return Reply(200, msgspec.json.encode(answer))


def _call(message: Message) -> Call:
    by_query = message.method == "GET"
    fields = dict(message.query) if by_query else json.loads(message.body)
    who = Credentials(message.headers.get("X-Fed-Token", ""))
    return Call(fields, who, from_query=by_query)
