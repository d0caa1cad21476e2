"""What kills action processes on purpose, and what a caller sees of it."""

import math

import pytest
import requests

from localwhisk import HostServer, HostSettings
from tests.openwhisk import OpenWhisk

WRITES = """
def main(args):
    with open(args["file"], "a") as file:
        file.write("x")
    return {"body": "written"}
"""


@pytest.fixture
def fates() -> list[float]:
    """Seconds after which the next activations' processes are killed, one each."""
    return []


@pytest.fixture
def call(fates, tmp_path):
    """Call an action that writes; return the status and what was written so far."""
    settings = HostSettings(port=0)
    with HostServer(settings, lambda: fates.pop() if fates else None) as host:
        whisk = OpenWhisk(host.url, host.auth)
        whisk.put("packages/p", {})
        whisk.web_action("p/writes", WRITES)
        written = tmp_path / "written"

        def call() -> tuple[int, str]:
            body = {"file": str(written)}
            answer = requests.post(f"{whisk.web}/p/writes", json=body, timeout=60)
            return answer.status_code, written.read_text() if written.exists() else ""

        yield call


def test_a_process_killed_before_its_work_has_done_nothing(call, fates) -> None:
    fates.append(0.0)
    assert call() == (400, "")
    assert call() == (200, "x")


def test_one_killed_after_its_work_has_done_it_and_answers_nothing(call, fates) -> None:
    fates.append(math.inf)
    assert call() == (400, "x")
    assert call() == (200, "xx")
