"""An operator's commands of this issue, on the whole embedded platform."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import requests

from fedcore.errors import Forbidden, TooManyEnrolments
from fedcore.store.mongo import MongoDatabase
from fedwhisk.local.database import EmbeddedDatabase
from tests.e2e.conftest import Machine
from tests.e2e.faults import addresses
from tests.fedcore.world import World, members_of, open_round_1

pytestmark = pytest.mark.e2e


def call(url: str, action: str, token: str, **fields: object) -> requests.Response:
    headers = {"X-Fed-Token": token}
    return requests.post(f"{url}/{action}", json=fields, headers=headers, timeout=60)


def test_named_tokens_enrol_and_one_client_is_revoked_and_let_in_again(
    machine: Machine,
) -> None:
    with machine.start("up", "--port", "0") as up:
        try:
            url = addresses(up)["actions"]
            config = machine.folder / "named.yaml"
            config.write_text("enrolment: named\nclients: 2\nper_round: 1\n")
            machine.call("start", "--experiment", "wards", "--config", str(config))

            open_token = machine.call("token", "enrol")[0].strip()
            own_token = machine.call("token", "enrol", "--name", "ward-1")[0].strip()
            brief = ("--name", "ward-1", "--hours", "0.0004")  # 1.44 s
            past = machine.call("token", "enrol", *brief)
            time.sleep(1.5)
            ask = {"name": "ward-1", "experiment": "wards"}
            assert call(url, "subscribe", open_token, **ask).status_code == 403
            assert call(url, "subscribe", past[0].strip(), **ask).status_code == 401
            place = call(url, "subscribe", own_token, **ask).json()
            assert place["index"] == 0

            said, _ = machine.call("clients", "revoke", "ward-1")
            assert said == "wards: client 0 (ward-1) is revoked\n"
            me = {"experiment": "wards", "client": 0}
            refused = call(url, "check_in", place["token"], **me)
            assert (refused.status_code, refused.json()["error"]["code"]) == (
                403,
                "forbidden",
            )
            assert call(url, "subscribe", own_token, **ask).status_code == 403
            machine.call("clients", "revoke", "ward-1", "--undo")
            assert call(url, "check_in", place["token"], **me).status_code == 200
            _, err = machine.call("clients", "revoke", "nobody", code=1)
            assert "no client of 'wards' is called 'nobody'" in err
        finally:
            up.terminate()


def test_a_whole_run_with_named_tokens_and_a_robust_rule(machine: Machine) -> None:
    config = machine.folder / "careful.yaml"
    config.write_text("enrolment: named\nstrategy: median\nmax_norm: 50\n")
    found = machine.run("--rounds", "1", "--clients", "2", "--config", str(config))
    assert (found["state"], found["rounds"]) == ("finished", 1)
    assert found["peak_rss"]["fedavg"] < 100e6
    folder = machine.folder / "runs" / found["experiment"]
    report = json.loads((folder / "experiment.json").read_text())["experiment"]
    assert len(report["rounds"][1]["distances"]) == 2


@pytest.fixture
def database(tmp_path) -> Iterator[MongoDatabase]:
    """A real database behind its wire protocol."""
    with EmbeddedDatabase(tmp_path / "data", tmp_path / "log") as running:
        opened = MongoDatabase(running.url, "security")
        yield opened
        opened.close()


def test_the_writes_of_revocation_and_enrolment_mean_the_same_in_a_database(
    database,
) -> None:
    world = World(database)
    world.start(clients=5, per_round=4)
    first, *others = members_of(world, open_round_1(world, 5))
    name = f"c{first.index}"
    first.submit(1, 1000.0, 1000.0)
    world.revoke(name)
    assert (world.live["accepted"], [*world.live["refused"]]) == ([], [name[1:]])
    with pytest.raises(Forbidden):
        first.check_in()
    for member in others:
        member.submit(1, 1.0, 1.0)
    world.advance()
    assert world.model(1) == [1.0, 1.0]
    world.revoke(name, undo=True)
    assert first.check_in()["kind"] in ("train", "wait")

    world.start("few", clients=5, per_round=2, enrolments_per_minute=2)
    for number in range(2):
        world.enrol(f"c{number}", "few")
    with pytest.raises(TooManyEnrolments):
        world.enrol("c2", "few")
    world.now += 60
    assert world.enrol("c2", "few").index == 2
