"""A deployment in memory behind the adapter that OpenWhisk calls."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from fedcore.adapters import deployment
from fedcore.services import Services
from tests.fedcore.world import SECRET, Member, World, open_round_1
from tests.gateway_events import JSON, format_2
from tests.security.declared import entry

BOUND = {
    "MONGODB_URL": "mongodb://nowhere.invalid/",
    "MONGODB_DATABASE": "fedwhisk",
    "FED_SECRET": SECRET.decode(),
    "FED_SECRET_PREVIOUS": "",
    "CALLS_PER_MINUTE": "6000",
}


def gateway_event(action: str, token: str, body: bytes) -> dict[str, Any]:
    """A POST of any bytes, as AWS hands them over when it takes them for binary."""
    headers = {**JSON, "x-fed-token": token}
    text = base64.b64encode(body).decode()
    return format_2("POST", f"/{action}", "", headers, text, encoded=True)


class Deployed:
    """Two experiments, in round 1, and the actions as the platform reaches them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.world = World()
        self.world.start("other")
        for number in range(3):
            self.world.enrol(f"c{number}", "other")
        self.world.start()
        self.members: list[Member] = open_round_1(self.world)
        self.services: Services = self.world.services
        patch.setattr(deployment, "services", lambda _: self.services)

    def call(
        self, action: str, sent: dict[str, Any], token: str | None, *, method="post"
    ) -> dict[str, Any]:
        """The HTTP answer to a web request; the first step of a sequence included."""
        headers = {"accept": "application/json"}
        if token is not None:
            headers["x-fed-token"] = token
        platform = {"__ow_method": method, "__ow_headers": headers, "__ow_path": ""}
        answer = entry(action)({**BOUND, **platform, **sent})
        if "statusCode" in answer:
            return answer
        refused = answer.get("error")
        return refused or {"statusCode": 200, "headers": {}, "body": answer}

    def stored(self) -> dict[str, Any]:
        """All that the database holds."""
        return copy.deepcopy(self.services.store.database.collections)
