"""The host under test: `APIHOST` and `AUTH`, or else a fresh embedded host.

Against a real OpenWhisk: make conformance APIHOST=http://127.0.0.1:3233 AUTH=uuid:key.
Every probe works in a package of its own, which is deleted at the end. A throttled host
is waited for, so on stock limits the suite takes some minutes.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from localwhisk import HostServer, HostSettings
from tests.openwhisk import (
    BIG,
    BOOM,
    COUNT,
    ECHO,
    NONE,
    RESP,
    SLOW,
    OpenWhisk,
)


class Patient(requests.Session):
    """Waits for the next minute when the host's calls for this one are spent."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", 100)
        answer = super().request(*args, **kwargs)
        while answer.status_code == 429:
            time.sleep(61 - time.time() % 60)
            answer = super().request(*args, **kwargs)
        return answer


class Probed(OpenWhisk):
    """A host under test: its own package, with the fixture actions of the probes."""

    def __init__(self, apihost: str, auth: str) -> None:
        super().__init__(apihost, auth)
        user, _, key = auth.partition(":")
        self.session = Patient()
        self.session.auth = (user, key)
        self.anybody = Patient()
        self.package = f"conformance-{uuid.uuid4().hex[:8]}"

    def path(self, name: str) -> str:
        """An action's full name."""
        return f"{self.package}/{name}"

    def url(self, tail: str) -> str:
        """The URL of a web action, with what follows its name."""
        return f"{self.web}/{self.package}/{tail}"

    def responds(self, result: Any, extension: str = "") -> requests.Response:
        """What a web action that returns this result is answered with."""
        return self.anybody.post(self.url(f"resp{extension}"), json={"r": result})

    def install(self) -> None:
        """Write the package and the fixture actions, all of them on the web."""
        assert self.put(f"packages/{self.package}", {}).status_code == 200
        bound = [{"key": "bound", "value": 1}]
        for name, code, notes, body in (
            ("echo", ECHO, {}, {}),
            ("final", ECHO, {"final": True}, {"parameters": bound}),
            ("raw", ECHO, {"raw-http": True}, {}),
            ("boom", BOOM, {}, {}),
            ("none", NONE, {}, {}),
            ("slow", SLOW, {}, {"limits": {"timeout": 1000}}),
            ("sleepy", SLOW, {}, {}),
            ("big", BIG, {}, {}),
            ("count", COUNT, {}, {}),
            ("resp", RESP, {}, {}),
            ("options", RESP, {"web-custom-options": True}, {}),
            ("secret", ECHO, {"require-whisk-auth": "secret"}, {}),
            ("private", ECHO, {"require-whisk-auth": True}, {}),
        ):
            written = self.web_action(self.path(name), code, notes, **body)
            assert written.status_code == 200, written.text
        assert self.action(self.path("inner"), ECHO).status_code == 200


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, str]]:
    """The address of the host under test, and the credentials of a namespace."""
    if "APIHOST" in os.environ:
        yield os.environ["APIHOST"], os.environ["AUTH"]
        return
    settings = HostSettings(port=0, invocations_per_minute=100_000)
    with HostServer(settings) as host:
        yield host.url, host.auth


@pytest.fixture(scope="session")
def probed(server: tuple[str, str]) -> Iterator[Probed]:
    """The host under test, with the fixture actions."""
    found = Probed(*server)
    found.install()
    yield found
    found.delete(f"packages/{found.package}", force="true")


@pytest.fixture
def fresh(probed: Probed) -> Iterator[str]:
    """The name of a package of one test's own."""
    name = f"{probed.package}-{uuid.uuid4().hex[:6]}"
    assert probed.put(f"packages/{name}", {}).status_code == 200
    yield name
    probed.delete(f"packages/{name}", force="true")
