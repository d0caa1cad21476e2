"""A fresh host per module, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localwhisk import HostServer, HostSettings
from tests.openwhisk import OpenWhisk


@pytest.fixture(scope="module")
def host() -> Iterator[HostServer]:
    settings = HostSettings(port=0, invocations_per_minute=100_000)
    with HostServer(settings) as server:
        yield server


@pytest.fixture(scope="module")
def whisk(host: HostServer) -> OpenWhisk:
    return OpenWhisk(host.url, host.auth)
