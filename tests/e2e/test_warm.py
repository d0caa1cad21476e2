"""A warm action process keeps its database connection, and outlives its death."""

from __future__ import annotations

import pytest
import requests

from fedcore import tokens
from tests.e2e.faults import SECRET, Deployment

pytestmark = pytest.mark.e2e


def ask(deployment: Deployment) -> None:
    """Call an action that reads from the database."""
    answer = requests.get(
        f"{deployment.base_url}/status",
        params={"experiment": "nobody-s"},
        headers={"X-Fed-Token": tokens.operator_token(SECRET)},
        timeout=90,
    )
    assert answer.json()["error"]["code"] == "unknown_experiment", answer.text


def test_a_warm_process_outlives_its_connections(deployment):
    ask(deployment)
    processes = deployment.action_processes("status")
    assert processes
    for _ in range(3):
        deployment.database_link.cut()
        deployment.database_link.mend()
        ask(deployment)
    assert deployment.action_processes("status") == processes


def test_a_warm_process_outlives_its_database(deployment):
    ask(deployment)
    processes = deployment.action_processes("status")
    for _ in range(2):
        deployment.kill_database()
        deployment.start_database()
        ask(deployment)
    assert deployment.action_processes("status") == processes
