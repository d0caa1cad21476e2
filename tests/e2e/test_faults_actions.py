"""Actions that die at the worst moment, take too long, or are broken; and big ones."""

import base64
import struct

import pytest
import requests

from fedcore import tokens
from fedwhisk.project import PROJECT
from localwhisk.settings import MEBIBYTE
from tests.e2e.faults import SECRET, federation, kill, stop
from tests.tools import wait_until

pytestmark = pytest.mark.e2e


def into(collection: str) -> bytes:
    """How an insert into a collection begins on the wire."""
    text = collection.encode() + b"\0"
    return rb"insert\0" + struct.pack("<i", len(text)) + text


MOMENTS = {
    "an update's chunk is stored": into("update_chunks"),
    "an update is noted": into("updates"),
    "an update is accepted": rb"\$inc.{0,20}live\.accepted_count",
    "a version's chunk is published": into("model_chunks"),
    "a round is closed": rb"\$set\0.{4}\x02live\.state\0.{4}closed",
    "a round's history is written": into("rounds"),
    "the next round is opened": rb"\x03live\0",
}


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
def test_an_action_killed_at_any_write_is_made_good_by_the_next(
    deployment, written
) -> None:
    name = f"killed-{'after' if written else 'before'}"
    with federation(deployment, name, clients=3) as running:
        trips = [
            deployment.database_link.trip(pattern, kill, deliver=written)
            for pattern in MOMENTS.values()
        ]
        running.finish()
        assert [trip.pattern for trip in trips if not trip.sprung.is_set()] == []


def test_an_action_past_its_timeout_costs_time_alone(deployment) -> None:
    limits = {"timeout": 60_000, "memory": 128, "logs": 1}
    name = "actions/fedwhisk/submit_update"
    short = {"limits": limits | {"timeout": 4_000}}
    assert deployment.whisk.put(name, short).status_code == 200
    with federation(deployment, "timeout") as running:
        deployment.database_link.trip(MOMENTS["an update is accepted"], stop).wait()
        wait_until(lambda: timed_out(deployment), "the timeout")
        assert deployment.whisk.put(name, {"limits": limits}).status_code == 200
        running.finish()


def timed_out(deployment) -> list[dict]:
    """The records of uploads that took too long."""
    found = deployment.whisk.get("activations", name="submit_update", limit=200).json()
    records = [
        deployment.whisk.record(each["activationId"])
        for each in found
        if each["statusCode"] != 0
    ]
    return [each for each in records if "exceeded its time limits" in str(each)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("check_in", "def main(args):\n    raise ValueError('a bad day')\n"),
        ("fedavg", "import nothing_of_that_name\n"),
    ],
    ids=["raises", "cannot-be-imported"],
)
def test_a_broken_action_is_waited_for_until_it_is_mended(
    deployment, name, code
) -> None:
    path = f"actions/fedwhisk/{name}"
    whole = deployment.whisk.get(path, code="false").json()["exec"]
    with federation(deployment, f"broken-{name.replace('_', '-')}") as running:
        with running.held():
            broken = {"exec": {"kind": whole["kind"], "code": code}}
            assert deployment.whisk.put(path, broken).status_code == 200
        wait_until(lambda: failures(deployment, name), f"a failure of {name}")
        zipped = (PROJECT / "build" / "actions" / "local" / f"{name}.zip").read_bytes()
        mended = {**whole, "code": base64.b64encode(zipped).decode(), "binary": True}
        assert deployment.whisk.put(path, {"exec": mended}).status_code == 200
        running.finish()


def failures(deployment, name: str) -> list[dict]:
    found = deployment.whisk.get("activations", name=name, limit=200).json()
    return [each for each in found if each["version"] != "0.1.0" and each["statusCode"]]


def test_a_model_of_several_chunks_travels_both_ways(deployment) -> None:
    with federation(deployment, "chunks", "CHUNKS_3", evaluate=True) as running:
        report = running.finish()
        assert report.parameters == 300_300
        with deployment.operator() as operator:
            assert len(operator.model("chunks").vector) == 4 * 300_300


def test_a_model_as_big_as_one_answer_can_be_fits_both_ways(deployment) -> None:
    with federation(deployment, "wide", "WIDE", rounds=1) as running:
        running.finish()
    answer = requests.get(
        f"{deployment.base_url}/get_model",
        params={"experiment": "wide"},
        headers={"X-Fed-Token": tokens.operator_token(SECRET)},
        timeout=60,
    )
    assert answer.status_code == 200
    assert 0.9 * MEBIBYTE < len(answer.content) < MEBIBYTE
