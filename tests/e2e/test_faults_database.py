"""The database's disk, and what an acknowledged update is worth."""

import os
import subprocess

import msgspec
import pytest

from fedclient.api import Actions
from fedclient.tasks import ClientContext, Work
from fedclient.transport import HttpTransport
from fedcore import messages, tokens
from fedcore.documents import RoundState
from fedcore.store.mongo import MongoDatabase
from fedcore.store.store import Place as ChunkPlace
from tests.e2e import walk
from tests.e2e.faults import SECRET, WALK, Deployment, federation
from tests.fedcore.world import update_requests
from tests.tools import missing, wait_until

pytestmark = pytest.mark.e2e

DISK = 48 * 2**20


class Alone:
    """A client in this process, that knows when it has been answered."""

    def __init__(self, deployment: Deployment, experiment: str) -> None:
        self._transport = HttpTransport(deployment.base_url)
        token = tokens.enrolment_token(SECRET)
        self._actions = Actions(self._transport, token=token, patience_s=60)
        request = messages.Subscribe(name="alone", experiment=experiment)
        self._here = self._actions.call("subscribe", request, messages.Subscribed)
        self._actions.use(self._here.token)
        mine = self._here
        self._context = ClientContext(mine.settings, mine.index)

    def update(self, number: int, model: bytes) -> None:
        """Send an update, and return as soon as it is acknowledged."""
        update = walk.SMALL.train(model, None, Work(self._context, number))
        layout, examples = walk.SMALL.layout, update.examples
        (fields,) = update_requests(number, update.model, layout, examples)
        here = {"experiment": self._here.experiment, "client": self._here.index}
        request = msgspec.convert(here | fields, messages.SubmitUpdate)
        answer = self._actions.call("submit_update", request, messages.Submitted)
        assert answer.accepted

    def close(self) -> None:
        self._transport.close()


def test_an_acknowledged_update_survives_the_databases_kill_9(deployment) -> None:
    settings = {"task": f"{WALK}:SMALL", "clients": 1, "per_round": 1, "rounds": 5}
    name = "acknowledged"
    with deployment.operator() as operator:
        operator.start(name, settings | {"evaluate": False})
    client = Alone(deployment, name)
    start = walk.SMALL.initial_model(0)
    for number in range(4):
        with deployment.operator() as operator:
            operator.advance()  # opens the round, once its predecessor is closed
        client.update(number, start)
        deployment.kill_database()
        deployment.start_database()
        with deployment.store() as store:
            experiment = store.experiment(name)
            live = experiment.live
            assert (live.number, live.state) == (number, RoundState.FROZEN)
            chunk = ChunkPlace(number, 0, live.accepted["0"])
            assert store.update_chunk(experiment, chunk) is not None
            assert [each.client for each in store.accepted_updates(experiment)] == [0]
    client.close()
    with deployment.operator() as operator:
        operator.stop(name)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own for a database; making one needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options]).returncode != 0:
        missing("a small disk is mounted by root alone")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_halts_a_run_and_a_freed_one_lets_it_go_on(
    small_disk, tmp_path
) -> None:
    ballast = small_disk / "ballast"
    with (
        Deployment(tmp_path, small_disk / "data") as deployment,
        federation(deployment, "full", "CHUNKS_3", rounds=2) as running,
    ):
        with running.held():
            fill(ballast)
        wait_until(lambda: "database" in trouble(running.folder), "trouble")
        ballast.unlink()
        deployment.kill_database()  # it may have ended by itself
        deployment.start_database()
        running.finish()


def fill(ballast) -> None:
    """Leave not a byte on the disk where this file is."""
    with ballast.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


def trouble(folder) -> str:
    """What the clients complain of."""
    return "".join(
        line
        for log in (folder / "logs").glob("client-*.log")
        for line in log.read_text().splitlines()
        if "again in" in line
    )


SET = {"$set": {"any": 1}}
MAJORITY_AND_JOURNAL = rb"writeConcern\0(?=.{0,30}majority)(?=.{0,30}\x08j\0\x01)"


@pytest.mark.parametrize(
    ("command", "write"),
    [
        (b"insert", lambda database: database.insert("rounds", {"_id": "any"})),
        (b"findAndModify", lambda database: database.update("rounds", {}, SET)),
        (b"update", lambda database: database.change("rounds", {}, SET)),
        (b"delete", lambda database: database.delete("rounds", {"_id": "any"})),
    ],
    ids=["insert", "update", "change", "delete"],
)
def test_every_write_asks_for_a_majority_and_the_journal(
    deployment, command, write
) -> None:
    link = deployment.database_link
    url = f"mongodb://127.0.0.1:{link.port}/?directConnection=true"
    database = MongoDatabase(url, "any")
    seen = link.trip(command + rb"\0.*" + MAJORITY_AND_JOURNAL, lambda pid: None)
    write(database)
    database.close()
    assert seen.sprung.is_set()
