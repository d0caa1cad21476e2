"""A deployment as its callers see it: a URL, tokens, and what they get for them."""

from __future__ import annotations

import json
import secrets
from typing import Any

from fedclient.api import connect
from fedclient.transport import Message, Reply
from fedcore import tokens
from tests.fedcore.world import update_requests, vector

SECRET = "a secret of at least thirty-two bytes"
OPERATOR = tokens.operator_token(SECRET.encode())
ENROLMENT = tokens.enrolment_token(SECRET.encode())
JSON = "application/json"

Fields = dict[str, Any]


class Platform:
    """Any platform that the actions are deployed on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._transport = connect(url)

    def send(self, action: str, body: bytes, **headers: str) -> Reply:
        """The reply to a POST of any bytes."""
        return self._transport.send(Message(action, "POST", body=body, headers=headers))

    def get(self, action: str, token: str = "", **query: str) -> Reply:
        """The reply to a GET."""
        headers = {"X-Fed-Token": token} if token else {}
        return self._transport.send(Message(action, "GET", query, headers=headers))

    def post(self, action: str, fields: Fields, token: str = "") -> Reply:
        """The reply to a POST of JSON."""
        headers = {"Content-Type": JSON} | ({"X-Fed-Token": token} if token else {})
        return self.send(action, json.dumps(fields).encode(), **headers)

    def ask(self, action: str, fields: Fields, token: str) -> Fields:
        """The answer to a POST that must succeed."""
        reply = self.post(action, fields, token)
        assert reply.status == 200, reply.body
        answer: Fields = json.loads(reply.body)
        return answer

    def start(self, **settings: Any) -> str:
        """Start an experiment of two clients, and return its name."""
        name = f"e-{secrets.token_hex(4)}"
        defaults = {"clients": 2, "per_round": 2, "rounds": 2, "evaluate": False}
        fields = {"experiment": name, "settings": defaults | settings}
        self.ask("start_experiment", fields, OPERATOR)
        return name

    def enrol(self, experiment: str, name: str) -> Member:
        """Enrol a client."""
        fields = {"experiment": experiment, "name": name}
        return Member(self, self.ask("subscribe", fields, ENROLMENT))

    def advance(self, experiment: str) -> Fields:
        """Move the experiment on, as an operator."""
        return self.ask("advance_round", {"experiment": experiment}, OPERATOR)


class Member:
    """An enrolled client."""

    def __init__(self, platform: Platform, place: Fields) -> None:
        self.platform = platform
        self.token: str = place["token"]
        self.fields = {"experiment": place["experiment"], "client": place["index"]}

    def check_in(self) -> Fields:
        """The assignment that it is given."""
        answer = self.platform.ask("check_in", self.fields, self.token)
        assignment: Fields = answer["assignment"]
        return assignment

    def chunks(self, number: int, values: list[float], **more: Any) -> list[Fields]:
        """The requests that submit a model for a round, one a chunk."""
        requests = update_requests(number, vector(*values))
        return [self.fields | request | more for request in requests]

    def send(self, chunk: Fields) -> Fields:
        """The answer to one chunk."""
        return self.platform.ask("submit_update", chunk, self.token)

    def submit(self, number: int, *values: float) -> Fields:
        """The answer to the last chunk of a model."""
        return [self.send(each) for each in self.chunks(number, [*values])][-1]


def opened(platform: Platform, *values: float, **settings: Any) -> list[Member]:
    """Two clients in round 1 of an experiment whose initial model has these values."""
    name = platform.start(**settings)
    members = [platform.enrol(name, "a"), platform.enrol(name, "b")]
    platform.advance(name)
    for member in members:
        if member.check_in()["kind"] == "initialise":
            member.submit(0, *values)
    platform.advance(name)
    return members


def refusal(reply: Reply) -> tuple[int, str]:
    """The status and the code of a refusal of ours."""
    error = json.loads(reply.body)["error"]
    assert set(error) <= {"code", "message", "retry_after"}
    return reply.status, error["code"]
