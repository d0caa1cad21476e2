"""`fedwhisk up --database-host`: actions elsewhere use the embedded database."""

from __future__ import annotations

import signal

import pytest

from fedwhisk.local.database import answers, free_port
from tests.e2e.conftest import Machine
from tests.tools import interrupt, lines_until

pytestmark = pytest.mark.e2e


def test_up_tells_the_databases_url_and_that_it_has_no_password(machine: Machine):
    machine.environment["MONGODB_URL"] = "mongodb://127.0.0.1:9/"  # what actions use
    address = f"127.0.0.9:{free_port('127.0.0.9')}"
    up = machine.start("up", "--port", "0", "--database-host", address)
    said = dict(line.split(None, 1) for line in lines_until(up, "ready")[:-1])
    assert said["MONGODB_URL"] == f"mongodb://{address}/?directConnection=true"
    assert answers(said["MONGODB_URL"], timeout_s=5)
    _, err = interrupt(up, signal.SIGTERM)
    assert "warning: the database has no password" in err
    assert up.returncode == 0


@pytest.mark.parametrize("found", [":1", "h:x", "h:70000"])
def test_what_is_no_address_is_refused(machine: Machine, found: str) -> None:
    _, err = machine.call("up", "--database-host", found, code=2)
    assert f"--database-host: found '{found}'" in err
    assert not machine.home.exists()
