"""The network between clients, host and database: cut, slow, away."""

import time

import pytest
import requests

from tests.e2e.faults import Deployment, federation

pytestmark = pytest.mark.e2e


def asked(deployment: Deployment) -> requests.Response:
    """The answer to somebody whom only the database could know."""
    url = f"{deployment.direct_url}/check_in"
    body = {"experiment": "any", "client": 0}
    headers = {"X-Fed-Token": "nobody's"}
    return requests.post(url, json=body, headers=headers, timeout=60)


def test_clients_that_are_cut_off_come_back(deployment) -> None:
    link = deployment.host_link
    with federation(deployment, "cut-off") as running:
        link.delay_s = 0.1
        with running.held():
            link.cut()
        time.sleep(3)  # all of them have something to say, and nobody hears it
        link.mend()
        running.wait_for_version(2)
        link.cut()
        link.mend()
        running.finish()


def test_an_answer_that_is_lost_on_its_way_changes_nothing(deployment) -> None:
    def cut(pid: int) -> None:
        link.cut()  # the message arrives all the same: only its answer does not
        link.mend()

    link = deployment.host_link
    with federation(deployment, "lost-answers") as running:
        lost = [
            link.trip(pattern, cut)
            for pattern in (
                rb'"round": 0, "upload"',
                rb'"round": 1, "upload"',
                rb"/advance_round ",
                rb"/check_in ",
            )
        ]
        running.finish()
        assert all(trip.sprung.is_set() for trip in lost)


def test_a_database_that_is_away_for_ten_seconds_is_waited_for(deployment) -> None:
    link = deployment.database_link
    with federation(deployment, "away") as running:
        link.delay_s = 0.02
        with running.held():
            link.cut()
        gone = time.monotonic()
        answer = asked(deployment)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "database_unavailable"
        assert answer.json()["error"]["retry_after"] > 0
        time.sleep(max(0.0, gone + 10 - time.monotonic()))
        link.mend()
        running.finish()
    assert asked(deployment).status_code == 401
